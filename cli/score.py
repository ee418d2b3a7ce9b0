"""``transferz score``: score forecasts that somebody already has."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.own_tables import NO_I_BAND
from transferz.baselines.benchmark.scoring import score_set, scores_text
from transferz.baselines.benchmark.tables import scored_configs
from transferz.baselines.forecasts.columns import DistributionColumns, NamedColumns
from transferz.baselines.forecasts.files import (
    FileForecasts,
    read_grid,
    read_predictions,
    read_truth,
)
from transferz.baselines.forecasts.scoring import (
    find_configs,
    join_labels,
    join_truth,
    use_own_labels,
)
from transferz.cli.options import (
    add_columns_option,
    add_release_option,
    column_names,
    command_parser,
)
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import rounded
from transferz.schemas.benchmark.scores import EntryScores, label_first
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.quantities import FORECAST, LABEL, MAGNITUDE
from transferz.tables.printing import counted, printable, printable_lines

DESCRIPTION = """\
Score forecasts in a table (csv, text, parquet, FITS, HDF5 ...) or a qp file, with error bars.

By id, against a release:   transferz score forecasts.csv --id object_id
Truth in the file:          transferz score forecasts.csv --true z_spec --pred z_phot
With widths:                transferz score f.parquet --quantiles q05=0.05,q50=0.5,q95=0.95
                            transferz score f.parquet --samples 's_*'
                            transferz score f.parquet --pdf 'p_*' --grid 0:6:601
                            transferz score what_predict_--pdf_wrote.parquet
Truth in another file:      transferz score rail.hdf5 --truth test.hdf5 --in-order
"""


def score(argv: Sequence[str]) -> int:
    """Score the forecasts in a file."""
    args = _parser().parse_args(argv)
    given = read_predictions(args.predictions, named_columns(args))
    name, facts, forecasts = put_to_truth(args, given)
    if not forecasts.scored.any():
        raise InputError(f"{args.predictions}: all forecasts are missing ({FORECAST})")
    facts["left_out"] |= {"forecast": int(np.count_nonzero(~forecasts.scored))}
    facts["remarks"] += given.distribution.remarks() if given.distribution else []
    if args.plot:
        _require_place(args.plot)
    scores = score_set(forecasts)
    if args.plot:
        from transferz.baselines.forecasts.plots import draw  # takes matplotlib

        mock = "\nMOCK galaxies, not real ones" if facts.get("mock") else ""
        drawn = draw(forecasts, args.plot, f"{printable(args.predictions.name)}{mock}")
        sys.stderr.write(f"{printable(str(args.plot))}: {', '.join(drawn)}\n")
    if args.json:
        sys.stdout.write(json.dumps(facts | {"scores": scores}, allow_nan=False) + "\n")
        return 0
    entry = EntryScores.model_validate_json(json.dumps(rounded(scores)))
    sys.stdout.write(f"{printable_lines(_headline(facts))}\n\n{scores_text({name: entry})}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("score", DESCRIPTION)
    parser.add_argument("predictions", type=Path, metavar="PREDICTIONS", help="the file")
    add_forecast_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object, and no table")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw figures there")
    return parser


def add_forecast_options(parser: argparse.ArgumentParser) -> None:
    """Add options for what a file of forecasts holds, and where the truth is."""
    group = parser.add_argument_group("its columns (those with well-known names are found)")
    group.add_argument(
        "--pred", type=column_names, metavar="COLUMN", help="forecasts; several are seeds"
    )
    group.add_argument("--true", metavar="COLUMN", help="true redshifts")
    group.add_argument("--id", metavar="COLUMN", help="ids of a release's galaxies")
    group.add_argument("--magnitude", metavar="COLUMN", help="i magnitudes, for LSST's range")
    group.add_argument(
        "--flag", metavar="COLUMN", help="how little a forecast is trusted: the larger, the less"
    )
    add_columns_option(group)
    group = parser.add_argument_group("distributions, in columns or in one column of lists")
    form = group.add_mutually_exclusive_group()
    form.add_argument("--samples", metavar="PATTERN", help="samples, such as 's_*'")
    form.add_argument("--quantiles", metavar="COLUMN=LEVEL,...", help="quantiles")
    form.add_argument(
        "--pdf",
        metavar="PATTERN",
        help="values of a PDF at redshifts that their names tell, or --grid; or a column of bytes",
    )
    group.add_argument(
        "--grid", metavar="FROM:TO:COUNT|FILE", help="redshifts of --pdf, even or in a file"
    )
    group = parser.add_argument_group("the truth, of a release or in another file, by id")
    group.add_argument(
        "--truth", type=Path, metavar="FILE", help="a table with --true, --magnitude and --id"
    )
    group.add_argument(
        "--in-order",
        action="store_true",
        help="no ids: its rows, or those of the test split of --config, are in the same order",
    )
    add_release_option(group)
    group.add_argument(
        "--config", metavar="NAME", help="of a release (default: the one with those galaxies)"
    )
    parser.add_argument("--allow-missing", action="store_true", help="score those that are there")


def named_columns(args: argparse.Namespace) -> NamedColumns:
    """Return what the options say of a file; a ParameterError where they contradict each other."""
    if args.grid and not args.pdf:
        raise ParameterError("--grid is about --pdf: give its columns")
    if args.true and args.id and not args.truth:
        raise ParameterError("--true and --id: the truth is in the file or in a release, not both")
    distribution = DistributionColumns(
        args.samples,
        parse_quantiles(args.quantiles) if args.quantiles else None,
        args.pdf,
        parse_grid(args.grid) if args.grid else None,
    )
    if args.in_order and (args.id or not (args.truth or args.config)):
        raise ParameterError(
            "--in-order: whose order is it? Give --truth FILE --in-order where the true redshifts "
            "are in another file, or --config CONFIG --in-order for a release's test split; and no "
            "--id"
        )
    if args.truth and (args.release or args.config):
        raise ParameterError("--truth: the truth is in that file or in a release, not both")
    own = not (args.truth or args.in_order)  # whether the file itself tells the truth
    return NamedColumns(
        true=args.true if own else None,
        points=args.pred,
        identifier=args.id,
        magnitude=args.magnitude if own else None,
        distribution=distribution,
        names=args.columns,
        labelled=own,
        flag=args.flag,
    )


def parse_quantiles(text: str) -> dict[str, float]:
    """Read columns with their levels, between 0 and 1, in order of these: ``q05=0.05,q50=0.5``."""
    pairs = [part.rsplit("=", 1) for part in text.split(",")]
    try:
        levels = {float(level): name.strip() for name, level in pairs}
    except ValueError:
        raise ParameterError(
            f"--quantiles: expected COLUMN=LEVEL parted by commas, found '{text}'"
        ) from None
    if not len(set(levels.values())) == len(levels) == len(pairs):
        raise ParameterError(f"--quantiles: a column or a level is named twice in '{text}'")
    if not all(0.0 < level < 1.0 for level in levels):
        raise ParameterError(f"--quantiles: expected levels in (0, 1), found {[*levels]}")
    return {levels[level]: level for level in sorted(levels)}


def parse_grid(text: str) -> npt.NDArray[np.float64]:
    """Read evenly spaced redshifts from ``FROM:TO:COUNT``, or any from a file of that name."""
    if Path(text).is_file():
        return read_grid(Path(text))
    try:
        low, high, count = text.split(":")
        grid = np.linspace(float(low), float(high), int(count))
    except ValueError:
        grid = np.empty(0)
    if grid.size < 2 or not grid[0] < grid[-1]:
        raise ParameterError(
            f"--grid: expected FROM:TO:COUNT such as 0:6:601 or a file of redshifts, found '{text}'"
        )
    return grid


def put_to_truth(
    args: argparse.Namespace, given: FileForecasts
) -> tuple[Any, dict[str, Any], SetForecasts]:
    """Return the name of the test set, what there is to say of it, and the forecasts for it."""
    facts = {
        "file": str(args.predictions),
        "seeds": len(given.point),
        "columns": {"forecast": "the median"} | given.columns,
        "left_out": {},
        "remarks": [],
    }
    missing = args.allow_missing
    if args.truth:
        named = NamedColumns(args.true, identifier=args.id, magnitude=args.magnitude)
        truth = read_truth(args.truth, named, in_order=args.in_order)
        facts |= {"truth": str(args.truth), "truth_columns": truth.columns}
        facts["left_out"] = _left_out(truth.redshift, truth.i_mag)
        if args.in_order:
            given = replace(given, object_id=None)
        return "table", facts, join_truth(given, truth, allow_missing=missing)
    if given.true is not None:
        facts |= {"truth": "the file", "left_out": _left_out(given.true, given.i_mag)}
        return "table", facts, use_own_labels(given, allow_missing=missing)
    if args.magnitude:
        raise ParameterError("--magnitude: the release has it; give it where the truth is --true")
    release = find_release(args.release)
    config, tested = args.config or find_configs(given, release)[0], scored_configs(release)
    if config not in tested:
        other = release.elsewhere(lambda other: config in scored_configs(other))
        raise ParameterError(
            f"--config: expected one of {', '.join(label_first(tested))}, "
            f"which {release.path} has, found '{config}'{other}",
            path="--release",
        )
    if args.in_order:
        given = replace(given, object_id=None)
    facts |= {"truth": str(release), "config": config, "mock": release.mock}
    joined = join_labels(given, release, config, allow_missing=missing)
    if np.isnan(joined.i_mag).all():
        facts["remarks"] = [NO_I_BAND]
    return config, facts, joined


def _left_out(true: npt.NDArray[Any], i_mag: npt.NDArray[Any] | None) -> dict[str, int]:
    """Count galaxies that are not scored, or not in LSST's range, as a value of theirs is none."""
    counts = {"true redshift": int(np.count_nonzero(LABEL.is_missing(true)))}
    if i_mag is not None:
        counts["magnitude"] = int(np.count_nonzero(MAGNITUDE.is_missing(i_mag)))
    return counts


def _require_place(folder: Path) -> None:
    """Refuse a place where no folder for figures can be made, before anything is computed."""
    place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not place.is_dir():
        raise InputError(f"--plot {folder}: {place} is a file, not a folder; name another place")
    if not os.access(place, os.W_OK | os.X_OK):
        raise InputError(
            f"--plot {folder}: {place} can't be written; change its permissions or name another "
            "place"
        )


def _headline(facts: dict[str, Any]) -> str:
    """Say what was scored, against what, by which columns, and how many galaxies lack something."""
    mock = ", MOCK galaxies, not real ones" if facts.get("mock") else ""
    where = f"{facts['config']}'s test split of " if "config" in facts else ""
    said = f"{facts['file']}: {counted(facts['seeds'], 'seed')}; truth: {where}{facts['truth']}"
    chosen = "; ".join(f"{what}: {name}" for what, name in facts["columns"].items())
    lines = [said.replace(" (MOCK galaxies, not real ones)", mock), f"columns: {chosen}"]
    if "truth_columns" in facts:
        chosen = "; ".join(f"{what}: {name}" for what, name in facts["truth_columns"].items())
        lines.append(f"columns of {facts['truth']}: {chosen}")
    lacking = (
        f"{count:,} galaxies have no {what}" for what, count in facts["left_out"].items() if count
    )
    return "\n".join([*lines, *lacking, *facts["remarks"]])
