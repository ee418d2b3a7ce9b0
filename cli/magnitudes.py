"""Commands about fluxes and magnitudes."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from transferz.photometry.flux_table import FluxCounts

DESCRIPTION = """\
AB magnitudes and errors of a table's fluxes, and what the table holds, band by band. Fluxes are
found by the names of their columns, with their errors': f_X and ferr_X, X_FLUX and X_FLUXERR (also
X_FLUX_AUTO and the like), or X and X_err. A flux that is missing (NaN, empty, -99), zero or
negative has no magnitude, nor has an upper limit (negative error); the fluxes stay as they are.
"""
UNITS = ("ujy", "mjy", "cgs")
DECIMALS = 4

HEADINGS = {
    "rows": "rows",
    "measured": "measured",
    "negative": "negative",
    "zero": "zero",
    "not_a_number": "NaN",
    "empty": "empty",
    "sentinel": "-99",
    "error_not_positive": "error<=0",
    "no_error": "no error",
}
"""Field of `FluxCounts` to the heading of its column."""


def magnitudes(argv: Sequence[str]) -> int:
    """Count a table's fluxes and turn them into magnitudes."""
    parser = argparse.ArgumentParser(prog="transferz magnitudes", description=DESCRIPTION)
    parser.add_argument("table", type=Path, help="a .csv, .fits (either may be .gz) or .parquet")
    parser.add_argument(
        "--unit", required=True, choices=UNITS, help="of its fluxes; cgs is erg/s/cm2/Hz"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the table here with columns X_mag and X_magerr for every flux column X "
        "(.csv, .csv.gz or .parquet)",
    )
    arguments = parser.parse_args(argv)
    counts = convert(arguments.table, arguments.unit, arguments.out)
    sys.stdout.write(format_counts(counts))
    return 0


def convert(table: Path, unit: str, out: Path | None = None) -> dict[str, "FluxCounts"]:
    """Count a table's fluxes and write their magnitudes.

    Parameters
    ----------
    table : Path
        The table.
    unit : str
        One of `UNITS`.
    out : Path, optional
        Where to write the table with magnitudes (AB, rounded to 1e-4) and errors; null where
        there is none.

    Returns
    -------
    dict of str to FluxCounts
        Flux column to what it holds.

    Raises
    ------
    InputError
        If the table can't be read, holds no fluxes, already has a column of a name to be made,
        or `out` can't be written.
    """
    from transferz.cli.flux_files import read_chunks, require_fluxes, written_whole
    from transferz.photometry.flux_table import FluxCounts
    from transferz.schemas.errors import InputError

    if out is not None and out.exists() and out.samefile(table):
        raise InputError(f"{out} is the table itself; give --out another name")
    counts: dict[str, FluxCounts] = {}
    with contextlib.ExitStack() as stack:
        write: Callable[[pa.Table], None] | None = (
            stack.enter_context(written_whole(out)) if out else None
        )
        for chunk in read_chunks(table):
            pairs = require_fluxes(chunk.column_names, table)
            for flux, error in pairs.items():
                counts[flux] = counts.get(flux, FluxCounts()) + _count(chunk, flux, error)
            if write:
                write(_with_magnitudes(chunk, pairs, unit, table))
    return counts


def _count(chunk: "pa.Table", flux: str, error: str) -> "FluxCounts":
    from transferz.photometry.flux_table import count_fluxes

    empty = chunk[flux].is_null().to_numpy()
    return count_fluxes(chunk[flux].to_numpy(), chunk[error].to_numpy(), empty)


def _with_magnitudes(
    chunk: "pa.Table", pairs: Mapping[str, str], unit: str, path: Path
) -> "pa.Table":
    import pyarrow as pa

    from transferz.photometry.flux_table import measured_magnitude
    from transferz.schemas.errors import InputError

    for flux, error in pairs.items():
        values = measured_magnitude(chunk[flux].to_numpy(), chunk[error].to_numpy(), unit)
        for name, column in zip((f"{flux}_mag", f"{flux}_magerr"), values, strict=True):
            if name in chunk.column_names:
                raise InputError(f"{path} already has a column '{name}'; rename it")
            rounded = pa.array(column.round(DECIMALS), from_pandas=True)
            chunk = chunk.append_column(name, rounded)
    return chunk


def format_counts(counts: Mapping[str, "FluxCounts"]) -> str:
    """Lay out counts as a text table: a line per flux column, and their sum."""
    from transferz.photometry.flux_table import FluxCounts

    total = sum(counts.values(), FluxCounts())
    lines = [["flux", *HEADINGS.values()]] + [
        [name, *(f"{getattr(one, field):,}" for field in HEADINGS)]
        for name, one in (*counts.items(), ("all", total))
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "".join(
        "  ".join([name.ljust(widths[0]), *map(str.rjust, rest, widths[1:])]) + "\n"
        for name, *rest in lines
    )
