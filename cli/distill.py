"""``transferz distill``: one network that forecasts what an ensemble of them does."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.baselines.benchmark.benchmarking import held_folder
from transferz.baselines.networks import MODEL_FILE
from transferz.cli.options import (
    add_columns_option,
    add_machine_options,
    column_names,
    positive,
)
from transferz.releases import find_release
from transferz.schemas.benchmark.scores import METRIC_TITLES, value_parts
from transferz.schemas.errors import ParameterError
from transferz.tables.files import replace_directory
from transferz.tables.printing import aligned, printable_lines
from transferz.tables.reading import open_table
from transferz.tables.table import naming

if TYPE_CHECKING:
    from transferz.baselines.benchmark.task import TestSet

DESCRIPTION = """\
Train one network on the mean forecasts of a model's seeds for the rows of a catalogue, whose
redshifts need not be known. transferz predict applies it as any model, some ten times faster for
ten seeds. What it loses is printed and kept in the model: how far it is from the ensemble on rows
that it did not learn from and, with --release, the scores of both on that release's test galaxies.
"""


def distill(argv: Sequence[str]) -> int:
    """Distil a model."""
    args = _parser().parse_args(argv)
    with held_folder(args.out, replace=args.replace):
        said = _distill(args)
    sys.stdout.write(f"{printable_lines(said)}\n")
    return 0


def _distill(args: argparse.Namespace) -> str:
    import torch  # seconds: the arguments are fine by now

    from transferz.baselines.catalogues.distilling import distil, read_magnitudes, score_tests
    from transferz.baselines.networks.ensemble import ensemble_bytes, load_ensemble
    from transferz.baselines.networks.environment import epoch_line, find_device
    from transferz.baselines.networks.forecasting import Forecaster, require
    from transferz.baselines.networks.training import Schedule

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
        scored += [(who, name, score_tests(one, test)) for name, test in tests.items()]
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

    task = from_release(find_release(place), "")
    if tuple(task.columns) != tuple(bands):
        raise ParameterError(
            f"--release {place}: expected the model's bands {', '.join(bands)}, found "
            f"{', '.join(task.columns)}; leave --release away, or give the release it is of"
        )
    return task.tests


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="transferz distill", description=DESCRIPTION)
    parser.add_argument("table", type=Path, metavar="TABLE", help="the catalogue, in any format")
    parser.add_argument(
        "--model", type=Path, required=True, metavar="DIR", help="what transferz train --out made"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="where the student goes"
    )
    parser.add_argument("--replace", action="store_true", help="replace an older run there")
    parser.add_argument(
        "--bands",
        type=column_names,
        help="the table's magnitude columns, in the model's order (default: named as the model's)",
    )
    add_columns_option(parser)
    parser.add_argument(
        "--release", type=Path, metavar="DIR", help="score both on this release's test galaxies"
    )
    parser.add_argument(
        "--epochs", type=positive, default=100, metavar="N", help="at most (default: %(default)s)"
    )
    add_machine_options(parser)
    parser.add_argument("--quiet", action="store_true", help="no live line on the terminal")
    return parser
