"""``transferz predict``: redshifts of a table's galaxies, by a trained model.

Runs on a bare machine too, with numpy, pyarrow, torch and safetensors alone (FITS needs astropy):
``python -m transferz.cli predict --model DIR TABLE --out FILE``.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from transferz.baselines.forecasts.compact import FEWEST, MOST
from transferz.cli.options import add_columns_option, add_machine_options, column_names, positive
from transferz.schemas.errors import ParameterError
from transferz.tables.printing import printable
from transferz.tables.reading import open_table
from transferz.tables.table import CHUNK_ROWS, naming, require_package
from transferz.tables.writing import SUFFIXES, check_place

DESCRIPTION = """\
Apply a model that transferz train wrote to a table of any size: FITS, parquet, HDF5, VOTable, ECSV,
CSV or text with columns parted by blanks. The output holds all of its columns and redshift_pred,
the mean over the model's seeds; with --pdf compact:40, a column of densities of 40 bytes each too.
"""


def predict(argv: Sequence[str]) -> int:
    """Forecast the redshifts of a table."""
    args = _parser().parse_args(argv)
    check_place(args.out, args.table)
    if args.pdf and not args.out.name.lower().endswith(".parquet"):
        raise ParameterError(f"--pdf: a column of bytes needs --out FILE.parquet, found {args.out}")

    import torch  # seconds: the arguments are fine by now

    from transferz.baselines.networks.ensemble import load_ensemble
    from transferz.baselines.networks.environment import find_device, row_line
    from transferz.baselines.networks.forecasting import Forecaster, predict_table

    torch.set_num_threads(args.threads)
    model = load_ensemble(args.model)
    if model.ensemble.has_densities:
        require_package(args.model, "scipy", "a mixture")
    table = open_table(args.table, args.columns, choose=naming(args.bands or model.bands))
    device = find_device(args.device)
    forecaster = Forecaster.of(model, args.bands, device, args.each_seed, args.pdf)
    forecaster.require(table)
    if note := forecaster.mock_note:
        sys.stderr.write(f"{note}\n")
    with row_line(table.rows, quiet=args.quiet) as progress:
        tally = predict_table(
            forecaster,
            table,
            args.out,
            drop_missing=args.drop_missing,
            rows=args.chunk_rows,
            progress=progress,
        )
    sys.stderr.writelines(f"{printable(line)}\n" for line in tally.remarks())
    return 0


def _bytes_of_pdf(text: str) -> int:
    """Read ``compact:N``."""
    kind, _, count = text.partition(":")
    if kind != "compact" or not count.isdecimal() or not FEWEST <= int(count) <= MOST:
        raise argparse.ArgumentTypeError(
            f"expected compact:N, N from {FEWEST} to {MOST} bytes, such as compact:40; "
            f"found '{text[:60]}'"
        )
    return int(count)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="transferz predict", description=DESCRIPTION)
    parser.add_argument("table", type=Path, metavar="TABLE", help="the table")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="what transferz train --out made"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"what to write; its ending says how: {', '.join(SUFFIXES)}",
    )
    parser.add_argument(
        "--bands",
        type=column_names,
        help="the table's magnitude columns, in the model's order (default: named as the model's)",
    )
    add_columns_option(parser)
    parser.add_argument(
        "--each-seed",
        action="store_true",
        help="write a column redshift_pred_seed_<k> for every seed too",
    )
    parser.add_argument(
        "--pdf",
        type=_bytes_of_pdf,
        default=0,
        metavar="compact:N",
        help="write the density too, in N bytes, where the model forecasts one (docs/pdfs.md)",
    )
    parser.add_argument(
        "--drop-missing",
        action="store_true",
        help="leave out rows that lack a magnitude, and count them",
    )
    parser.add_argument(
        "--chunk-rows",
        type=positive,
        default=CHUNK_ROWS,
        metavar="N",
        help="rows to hold in memory at a time (default: %(default)s)",
    )
    add_machine_options(parser)
    parser.add_argument("--quiet", action="store_true", help="no live line on the terminal")
    return parser
