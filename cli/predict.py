"""``transferz predict``: redshifts of a table's or a catalogue's galaxies, by a trained model.

``transferz distill`` makes such a model of many seeds one network.

Runs on a bare machine too, with numpy, pyarrow, torch and safetensors alone (FITS needs astropy,
catalogues need lsdb): ``python -m transferz.cli predict --model DIR TABLE --out FILE``.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz.baselines.catalogues.collection import is_catalogue, open_collection
from transferz.baselines.forecasts.compact import FEWEST, MOST
from transferz.cli.options import (
    add_columns_option,
    add_machine_options,
    add_setting_option,
    column_names,
    command_parser,
    positive,
    require_given,
    settings,
)
from transferz.schemas.errors import ParameterError
from transferz.tables.printing import aligned, printable, printable_lines
from transferz.tables.reading import open_table
from transferz.tables.table import CHUNK_ROWS, naming, require_package
from transferz.tables.writing import SUFFIXES, check_place

if TYPE_CHECKING:
    from transferz.baselines.benchmark.task import TestSet
    from transferz.baselines.networks.forecasting import RowCounts

DESCRIPTION = """\
Apply a model that transferz train wrote to a table of any size (FITS, parquet, HDF5, VOTable, ECSV,
CSV or text with columns parted by blanks), or to a HATS catalogue, which becomes another one, or a
file where --out names one. The output holds all of its
columns and redshift_pred, the mean over the model's seeds; with --pdf compact:40, densities too.

  A table:                transferz predict --model DIR TABLE --out FILE
  A HATS catalogue:       transferz predict --model DIR CATALOGUE --out NEW_FOLDER --workers 8
  A benchmark's method:   transferz predict --method NAME --train RELEASE_OR_TABLE TABLE --out FILE

A catalogue is a folder or an address (hf://, s3://, https://). A run that ended goes on where it
was: give the same command again. --method runs that method's code: use only what you trust.
"""

DISTILLING = """\
Train one network on the mean forecasts of a model's seeds for the rows of a catalogue, whose
redshifts need not be known. transferz predict applies it as any model, some ten times faster for
ten seeds. What it loses is printed and kept in the model: how far it is from the ensemble on rows
that it did not learn from and, with --release, the scores of both on that release's test galaxies.
"""

ENSEMBLE = ".hdf5"
"""How the name of a qp ensemble ends."""

OF_METHOD = ("train", "redshift", "errors", "set")
OF_CATALOGUE = ("workers", "scheduler")


def predict(argv: Sequence[str]) -> int:
    """Forecast the redshifts of a table, or of a catalogue."""
    args = _parser().parse_args(argv)
    require_given(args, OF_METHOD, args.method, "--method")
    ensemble, endings = args.out.name.lower().endswith(ENSEMBLE), (*SUFFIXES, ENSEMBLE)
    as_file = args.out.name.lower().endswith(endings)
    catalogue = is_catalogue(args.table) and not as_file
    if as_file and "://" in args.table:
        raise ParameterError(
            f"--out {args.out}: a catalogue at an address becomes a HATS catalogue: name a folder"
        )
    if not catalogue:
        require_given(args, OF_CATALOGUE, None, "HATS catalogue")
        check_place(args.out, Path(args.table), endings=endings)
        if args.each_seed and ensemble:
            raise ParameterError(f"--each-seed: an ensemble has one point, found {args.out}")
        if args.pdf and not args.out.name.lower().endswith((".parquet", ENSEMBLE)):
            raise ParameterError(f"--pdf: bytes need --out FILE.parquet, found {args.out}")
    if ensemble:
        args.pdf = args.pdf or MOST
    if args.workers and args.scheduler:
        raise ParameterError(
            "--workers starts processes here, --scheduler names a cluster: give one"
        )
    tally = _predict_catalogue(args) if catalogue else _predict_table(args)
    sys.stderr.writelines(f"{printable(line)}\n" for line in tally.remarks())
    return 0


def _predict_table(args: argparse.Namespace) -> "RowCounts":
    wanted: Sequence[str] = args.bands or ()
    if args.model:
        from transferz.baselines.networks.ensemble import load_ensemble

        model = load_ensemble(args.model)
        wanted = wanted or model.bands
        table = open_table(Path(args.table), args.columns, choose=naming(wanted))
        applied = _forecaster(args, model)
    else:
        table = open_table(Path(args.table), args.columns, choose=naming(wanted))
        applied = _fitted(args, table.names)
    from transferz.baselines.networks.environment import row_line
    from transferz.baselines.networks.forecasting import require

    if args.out.name.lower().endswith(ENSEMBLE):
        from transferz.baselines.forecasts.submitting import predict_ensemble as write
    else:
        from transferz.baselines.networks.forecasting import predict_table as write
    require(applied, table.names, table.path)
    _announce(applied)
    with row_line(table.rows, quiet=args.quiet) as progress:
        return write(
            applied,
            table,
            args.out,
            drop_missing=args.drop_missing,
            rows=args.chunk_rows,
            progress=progress,
        )


def _predict_catalogue(args: argparse.Namespace) -> "RowCounts":
    from transferz.baselines.catalogues.job import check_new  # seconds: torch

    check_new(args.out)
    place = args.table if "://" in args.table else str(Path(args.table).absolute())
    collection = open_collection(place)
    if args.model:
        from transferz.baselines.networks.ensemble import load_ensemble

        applied = _forecaster(args, load_ensemble(args.model))
    else:
        applied = _fitted(args, collection.parts[0].schema.names)
    from transferz.baselines.catalogues.running import Cluster, predict_catalogue
    from transferz.baselines.networks.environment import row_line

    _announce(applied)
    return predict_catalogue(
        applied,
        collection,
        args.out.absolute(),
        drop_missing=args.drop_missing,
        cluster=Cluster(args.workers or 0, args.scheduler or ""),
        watch=lambda rows: row_line(rows or None, quiet=args.quiet),
    )


def _forecaster(args: argparse.Namespace, model: Any) -> Any:
    """Return a model with its networks where they compute; in a cluster each worker decides."""
    import torch  # seconds: the arguments are fine by now

    from transferz.baselines.networks.environment import find_device
    from transferz.baselines.networks.forecasting import Forecaster

    if model.ensemble.has_densities:
        require_package(args.model, "scipy", "a mixture")
    torch.set_num_threads(args.threads)
    apart = args.workers or args.scheduler
    device = torch.device("cpu") if apart else find_device(args.device)
    return Forecaster.of(model, args.bands, device, args.each_seed, args.device, args.pdf)


def _fitted(args: argparse.Namespace, names: Sequence[str]) -> Any:
    """Return a method of the benchmark, fitted here and now."""
    from transferz.baselines.benchmark.applying import FittedMethod, read_training
    from transferz.baselines.benchmark.loading import load_method

    if args.each_seed:
        raise ParameterError("--each-seed is about a --model; a --method is fitted with one seed")
    method, errors = load_method(args.method, settings(args.set)), args.errors or ()
    redshift = args.redshift or "redshift"
    task = read_training(
        method, args.train, args.bands, errors, redshift, drop_missing=args.drop_missing
    )
    return FittedMethod.fit(method, task, args.bands, errors, names, args.pdf)


def _announce(applied: Any) -> None:
    if note := applied.mock_note:
        sys.stderr.write(f"{note}\n")


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
    parser = command_parser("predict", DESCRIPTION)
    parser.add_argument("table", metavar="TABLE", help="the table, or the HATS catalogue")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", type=Path, metavar="DIR", help="what transferz train --out made")
    what.add_argument(
        "--method", help="an installed method of the benchmark, or package.module:Class"
    )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="FILE",
        help=f"what to write; its ending says how: {', '.join(SUFFIXES)}; {ENSEMBLE} for densities "
        "as a qp ensemble; a new folder for a catalogue",
    )
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
        help="rows of a table to forecast at a time (default: %(default)s)",
    )
    _add_table_options(parser)
    _add_method_options(parser)
    _add_catalogue_options(parser)
    return parser


def _add_table_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of what reads a table of galaxies and computes with networks."""
    parser.add_argument(
        "--bands",
        type=column_names,
        help="the table's magnitude columns, in the model's order (default: named as the model's)",
    )
    add_columns_option(parser)
    add_machine_options(parser)
    parser.add_argument("--quiet", action="store_true", help="no live line on the terminal")


def _add_method_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of a --method")
    group.add_argument(
        "--train",
        type=Path,
        metavar="PATH",
        help="what it learns from: a release, or a table with --bands, --errors and --redshift "
        "(default: the release found)",
    )
    group.add_argument(
        "--redshift", metavar="COLUMN", help="of a --train table (default: redshift)"
    )
    group.add_argument("--errors", type=column_names, help="errors of --bands, in that order")
    add_setting_option(group)


def _add_catalogue_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("of a HATS catalogue")
    group.add_argument(
        "--workers", type=positive, metavar="N", help="processes to start (default: this one alone)"
    )
    group.add_argument(
        "--scheduler", metavar="ADDRESS", help="the Dask scheduler of a cluster, such as tcp://..."
    )


def distill(argv: Sequence[str]) -> int:
    """Distil a model."""
    args = _distill_parser().parse_args(argv)

    from transferz.baselines.benchmark.benchmarking import held_folder

    with held_folder(args.out, replace=args.replace):
        said = _distill(args)
    sys.stdout.write(f"{printable_lines(said)}\n")
    return 0


def _distill(args: argparse.Namespace) -> str:
    import torch  # seconds: the arguments are fine by now

    from transferz.baselines.catalogues.distilling import distil, read_magnitudes, score_tests
    from transferz.baselines.networks import MODEL_FILE
    from transferz.baselines.networks.ensemble import ensemble_bytes, load_ensemble
    from transferz.baselines.networks.environment import epoch_line, find_device
    from transferz.baselines.networks.forecasting import Forecaster, require
    from transferz.baselines.networks.training import Schedule
    from transferz.schemas.benchmark.scores import METRIC_TITLES, label_first, value_parts
    from transferz.tables.files import replace_directory

    torch.set_num_threads(args.threads)
    model, device = load_ensemble(args.model), find_device(args.device)
    table = open_table(args.table, args.columns, choose=naming(args.bands or model.bands))
    teacher = Forecaster.of(model, args.bands, device, each_seed=False)
    require(teacher, table.names, table.path)
    tests = _tests(args.release, model.bands) if args.release else {}
    with epoch_line("student", quiet=args.quiet) as progress:
        student = distil(
            teacher.ensemble,
            read_magnitudes(table, teacher.bands),
            schedule=Schedule(max_epochs=args.epochs),
            device=device,
            progress=progress,
        )
    provenance = student.provenance(model, args.table.name)
    with replace_directory(args.out) as beside:
        (beside / MODEL_FILE).write_bytes(ensemble_bytes(student.ensemble, model.bands, provenance))
    rows = [["forecasts of", "beside", *(METRIC_TITLES[name] for name in student.loss)]]
    scored = [
        ("the student", "the ensemble", student.loss),
        ("its first seed alone", "the ensemble", student.alone),
    ]
    for who, one in (("the ensemble", model.ensemble), ("the student", student.ensemble)):
        scored += [(who, name, score_tests(one, tests[name])) for name in label_first(tests)]
    for who, beside_what, scores in scored:
        values = (value_parts(name, value, None)[0] for name, value in scores.items())
        rows.append([who, beside_what, *values])
    title = (
        f"{args.out}: one network in place of {len(model.ensemble)}; it learned from "
        f"{student.rows:,} rows and is held against {student.held_out:,} others"
    )
    return "\n".join([title, "", *aligned(rows)])


def _tests(place: Path, bands: Sequence[str]) -> "Mapping[str, TestSet]":
    """Read the test splits of a release, whose bands must be the model's."""
    from transferz.baselines.benchmark.task import from_release
    from transferz.releases import find_release

    task = from_release(find_release(place), "")
    if tuple(task.columns) != tuple(bands):
        raise ParameterError(
            f"--release {place}: expected the model's bands {', '.join(bands)}, found "
            f"{', '.join(task.columns)}; leave --release away, or give the release it is of"
        )
    return task.tests


def _distill_parser() -> argparse.ArgumentParser:
    parser = command_parser("distill", DISTILLING)
    parser.add_argument("table", type=Path, metavar="TABLE", help="the catalogue, in any format")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="what transferz train --out made"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the student goes"
    )
    parser.add_argument("--replace", action="store_true", help="replace an older run there")
    parser.add_argument(
        "--release", type=Path, metavar="DIR", help="score both on this release's test galaxies"
    )
    parser.add_argument(
        "--epochs", type=positive, default=100, metavar="N", help="at most (default: %(default)s)"
    )
    _add_table_options(parser)
    return parser
