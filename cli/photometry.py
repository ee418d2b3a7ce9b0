"""Commands on photometry: fluxes turned into magnitudes, and templates fitted to fluxes."""

import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.cli.options import add_columns_option, command_parser
from transferz.photometry.flux import (
    UJY_PER,
    FluxCounts,
    count_fluxes,
    flux_columns,
    measured_magnitude,
)
from transferz.schemas.errors import InputError
from transferz.schemas.survey.quantities import FLUX
from transferz.tables.cells import as_numbers
from transferz.tables.files import replace_file
from transferz.tables.printing import aligned, printable
from transferz.tables.reading import open_table
from transferz.tables.table import CHUNK_ROWS, TableFile, require_columns
from transferz.tables.writing import check_place, open_writer

MAGNITUDES = """\
Turn a table's fluxes into AB magnitudes with errors, and say what the table holds, band by band.
Fluxes and their errors are found by their columns' names: f_X and ferr_X, X_FLUX and X_FLUXERR
(also X_FLUX_AUTO and the like), or X and X_err if X is a filter's name or the file says its unit.
A flux that is missing (NaN, empty, -99 ...), zero or negative gets no magnitude, nor does an upper
limit (negative error). The fluxes stay as they are.
"""

FIT_TEMPLATES = """\
Fit galaxy templates to real COSMOS2020 photometry, or to the spectroscopic test galaxies of a
release in the bands whose filter curves it names, and score the redshifts against spectroscopic
ones: as they are, and with per-band offsets fitted by 5-fold cross-validation.
"""

UNITS = tuple(UJY_PER)
DECIMALS = 4

HEADINGS = {
    "rows": "rows",
    "measured": "measured",
    "negative": "negative",
    "zero": "zero",
    "not_a_number": "NaN",
    "empty": "empty",
    "sentinel": "sentinel",
    "error_not_positive": "error<=0",
    "no_error": "no error",
}
"""Field of `FluxCounts` to the heading of its column."""


def magnitudes(argv: Sequence[str]) -> int:
    """Count a table's fluxes and turn them into magnitudes."""
    parser = command_parser("magnitudes", MAGNITUDES)
    parser.add_argument(
        "table", type=Path, metavar="TABLE", help="FITS, parquet, HDF5, VOTable, ECSV, CSV or text"
    )
    parser.add_argument(
        "--unit", required=True, choices=UNITS, help="of its fluxes; cgs is erg/s/cm2/Hz"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the table here with columns X_mag and X_magerr for every flux column X "
        "(.csv, .csv.gz, .parquet or .fits)",
    )
    add_columns_option(parser)
    arguments = parser.parse_args(argv)
    counts = convert(arguments.table, arguments.unit, arguments.out, arguments.columns)
    sys.stdout.write(format_counts(counts))
    return 0


def convert(
    table: Path, unit: str, out: Path | None = None, names: Sequence[str] | None = None
) -> dict[str, FluxCounts]:
    """Count what each flux column of a table holds; write the table with magnitudes to `out`.

    `unit` is one of `UNITS`, `names` are a text table's columns. Magnitudes are AB, rounded to
    1e-4, and null where there is none.
    Raises an InputError if the table can't be read, holds no fluxes, already has a column of a name
    to be made, or `out` can't be written; nothing is left behind then.
    """
    if out is not None:
        check_place(out, table)
    # of several tables in a file, the one with most fluxes
    file = open_table(table, names, choose=lambda names: 1.0 - 1.0 / (1 + len(flux_columns(names))))
    pairs = _require_fluxes(file)
    added = pa.schema(
        [(f"{flux}_{what}", pa.float64()) for flux in pairs for what in ("mag", "magerr")]
    )
    needed = tuple(dict.fromkeys([*pairs, *pairs.values()]))
    counts = dict.fromkeys(pairs, FluxCounts())
    with contextlib.ExitStack() as stack:
        kept: tuple[str, ...] = ()
        write: Callable[[pa.Table, pa.Table], None] | None = None
        if out is not None:
            beside = stack.enter_context(replace_file(out))
            note = f"X_mag, X_magerr: AB magnitudes of the fluxes X in {unit}, transferz"
            kept, write = stack.enter_context(
                open_writer(beside, out, file, added, note, CHUNK_ROWS)
            )
        for chunk in file.chunks(tuple(dict.fromkeys((*kept, *needed))), CHUNK_ROWS):
            columns = {name: as_numbers(chunk, name, table) for name in needed}
            raw = {name: column.to_numpy() for name, column in columns.items()}
            values = {name: FLUX.without_missing(numbers) for name, numbers in raw.items()}
            made: list[np.ndarray] = []
            for flux, error in pairs.items():
                empty = columns[flux].is_null().to_numpy()
                sentinel = FLUX.is_sentinel(raw[flux])
                counts[flux] += count_fluxes(values[flux], values[error], empty, sentinel)
                if write:
                    made += measured_magnitude(values[flux], values[error], unit)
            if write:
                arrays = [pa.array(column.round(DECIMALS), from_pandas=True) for column in made]
                write(chunk.select(kept), pa.table(arrays, schema=added))
    chosen = ", ".join(f"{flux} ({error})" for flux, error in pairs.items())
    sys.stderr.write(f"fluxes (and their errors): {printable(chosen)}\n")
    return counts


def _require_fluxes(file: TableFile) -> dict[str, str]:
    """Return each flux column with its error column; refuse names that leave doubt."""
    require_columns(file.path, file.names, file.names)
    pairs = flux_columns(file.names, file.units)
    if not pairs:
        raise InputError(
            f"{file.path} holds no fluxes with errors: expected columns such as f_X and ferr_X, "
            "X_FLUX and X_FLUXERR, or X and X_err where X is a filter's name, such as HSC_g; found "
            f"{', '.join(file.names[:10])}"
        )
    for name in (f"{flux}_{what}" for flux in pairs for what in ("mag", "magerr")):
        if name in file.names:
            raise InputError(f"{file.path} already has a column '{name}'; rename it")
    return pairs


def format_counts(counts: Mapping[str, FluxCounts]) -> str:
    """Lay out counts as a text table: a line per flux column, and their sum."""
    total = sum(counts.values(), FluxCounts())
    lines = [["flux", *HEADINGS.values()]] + [
        [printable(name), *(f"{getattr(count, field):,}" for field in HEADINGS)]
        for name, count in (*counts.items(), ("all", total))
    ]
    return "\n".join(aligned(lines, right=True)) + "\n"


def fit_templates(argv: Sequence[str]) -> int:
    """Score the template fit on each file."""
    parser = command_parser("fit-templates", FIT_TEMPLATES)
    parser.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="a table of fluxes, or a release"
    )
    files: list[Path] = parser.parse_args(argv).files

    from transferz.baselines.methods.template_study import evaluate, format_table

    for path in files:
        sys.stdout.write(f"{printable(path.name)}\n{format_table(evaluate(path))}\n")
        sys.stdout.flush()
    return 0
