"""``transferz score``: score forecasts that somebody already has."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.scoring import score_set, scores_text
from transferz.baselines.forecasts.files import (
    DistributionColumns,
    FileForecasts,
    NamedColumns,
    read_predictions,
)
from transferz.baselines.forecasts.scoring import find_config, join_labels, use_own_labels
from transferz.cli.options import column_names
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import rounded
from transferz.schemas.benchmark.scores import TESTED, EntryScores
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.quantities import FORECAST, LABEL, MAGNITUDE
from transferz.tables.printing import printable

DESCRIPTION = """\
Score forecasts in a table (csv, text, parquet, FITS, HDF5 ...) or a qp file, with error bars.

By id, against a release:   transferz score forecasts.csv --id object_id
Truth in the file:          transferz score forecasts.csv --true z_spec --pred z_phot
With widths:                transferz score f.parquet --quantiles q05=0.05,q50=0.5,q95=0.95
                            transferz score f.parquet --samples 's_*'
                            transferz score f.parquet --pdf 'p_*' --grid 0:6:601
"""


def score(argv: Sequence[str]) -> int:
    """Score the forecasts in a file."""
    args = _parser().parse_args(argv)
    given = read_predictions(args.predictions, _named_columns(args))
    name, facts, forecasts = _label(args, given)
    if not forecasts.scored.any():
        raise InputError(f"{args.predictions}: all forecasts are missing ({FORECAST})")
    facts["left_out"] = _left_out(given, forecasts)
    if args.plot:
        _require_place(args.plot)
    scores = score_set(forecasts)
    if args.plot:
        from transferz.baselines.forecasts.plots import draw  # takes matplotlib

        mock = "; MOCK galaxies, not real ones" if facts.get("mock") else ""
        drawn = draw(forecasts, args.plot, f"{args.predictions.name}{mock}")
        sys.stderr.write(f"{printable(str(args.plot))}: {', '.join(drawn)}\n")
    if args.json:
        sys.stdout.write(json.dumps(facts | {"scores": scores}, allow_nan=False) + "\n")
        return 0
    entry = EntryScores.model_validate_json(json.dumps(rounded(scores)))
    sys.stdout.write(f"{printable(_headline(facts))}\n\n{scores_text({name: entry})}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="transferz score",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("predictions", type=Path, metavar="PREDICTIONS", help="the file")
    group = parser.add_argument_group("its columns (those with well-known names are found)")
    group.add_argument(
        "--pred", type=column_names, metavar="COLUMN", help="forecasts; several are seeds"
    )
    group.add_argument("--true", metavar="COLUMN", help="true redshifts")
    group.add_argument("--id", metavar="COLUMN", help="ids of a release's galaxies")
    group.add_argument("--magnitude", metavar="COLUMN", help="i magnitudes, for LSST's range")
    group.add_argument("--columns", type=column_names, help="all columns, for text without them")
    group = parser.add_argument_group("distributions, in columns or in one column of lists")
    form = group.add_mutually_exclusive_group()
    form.add_argument("--samples", metavar="PATTERN", help="samples, such as 's_*'")
    form.add_argument("--quantiles", metavar="COLUMN=LEVEL,...", help="quantiles")
    form.add_argument("--pdf", metavar="PATTERN", help="values of a PDF on --grid")
    group.add_argument("--grid", metavar="FROM:TO:COUNT", help="redshifts of --pdf")
    group = parser.add_argument_group("the truth, by id")
    group.add_argument("--release", type=Path, metavar="DIR", help="(default: the one found)")
    group.add_argument("--config", choices=TESTED, help="(default: the one with those galaxies)")
    parser.add_argument("--allow-missing", action="store_true", help="score those that are there")
    parser.add_argument("--json", action="store_true", help="print one JSON object, and no table")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw figures there")
    return parser


def _named_columns(args: argparse.Namespace) -> NamedColumns:
    if bool(args.pdf) != bool(args.grid):
        raise ParameterError("--pdf and --grid go together")
    if args.true and args.id:
        raise ParameterError("--true and --id: the truth is in the file or in a release, not both")
    distribution = DistributionColumns(
        args.samples,
        parse_quantiles(args.quantiles) if args.quantiles else None,
        args.pdf,
        parse_grid(args.grid) if args.grid else None,
    )
    return NamedColumns(args.true, args.pred, args.id, args.magnitude, distribution, args.columns)


def parse_quantiles(text: str) -> dict[str, float]:
    """Read columns with their levels, which ascend from 0 to 1: ``q05=0.05,q50=0.5``."""
    pairs = [part.split("=") for part in text.split(",")]
    try:
        columns = {name.strip(): float(level) for name, level in pairs}
    except ValueError:
        raise ParameterError(
            f"--quantiles: expected COLUMN=LEVEL parted by commas, found '{text}'"
        ) from None
    levels = list(columns.values())
    if sorted(set(levels)) != levels or not all(0.0 < level < 1.0 for level in levels):
        raise ParameterError(f"--quantiles: expected levels that ascend in (0, 1), found {levels}")
    return columns


def parse_grid(text: str) -> npt.NDArray[np.float64]:
    """Read evenly spaced redshifts from ``FROM:TO:COUNT``."""
    try:
        low, high, count = text.split(":")
        grid = np.linspace(float(low), float(high), int(count))
    except ValueError:
        grid = np.empty(0)
    if grid.size < 2 or not grid[0] < grid[-1]:
        raise ParameterError(f"--grid: expected FROM:TO:COUNT such as 0:6:601, found '{text}'")
    return grid


def _label(
    args: argparse.Namespace, given: FileForecasts
) -> tuple[Any, dict[str, Any], SetForecasts]:
    """Name of the test set, what there is to say of it, and the forecasts for it."""
    facts = {"file": str(args.predictions), "seeds": len(given.point)}
    if given.object_id is None:
        own = use_own_labels(given, allow_missing=args.allow_missing)
        return "table", facts | {"truth": "the file"}, own
    if args.magnitude:
        raise ParameterError("--magnitude: the release has it; give it where the truth is --true")
    release = find_release(args.release)
    config = args.config or find_config(given, release)
    facts |= {"truth": str(release), "config": config, "mock": release.mock}
    return config, facts, join_labels(given, release, config, allow_missing=args.allow_missing)


def _left_out(given: FileForecasts, forecasts: SetForecasts) -> dict[str, int]:
    """Count the galaxies that have no value of each kind.

    Those without a forecast or a truth are not scored, those without a magnitude are not in LSST's
    range.
    """
    counts = {"forecast": int(np.count_nonzero(~forecasts.scored))}
    if given.object_id is None and given.true is not None:
        counts["true redshift"] = int(np.count_nonzero(LABEL.is_missing(given.true)))
    if given.i_mag is not None:
        counts["magnitude"] = int(np.count_nonzero(MAGNITUDE.is_missing(given.i_mag)))
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
    """Say what was scored, against what, and how many galaxies lack something."""
    mock = ", MOCK galaxies, not real ones" if facts.get("mock") else ""
    where = f"{facts['config']}'s test split of " if "config" in facts else ""
    said = f"{facts['file']}: {facts['seeds']} seed(s); truth: {where}{facts['truth']}".replace(
        " (MOCK galaxies, not real ones)", mock
    )
    lacking = (
        f"{count:,} galaxies have no {what}" for what, count in facts["left_out"].items() if count
    )
    return "\n".join([said, *lacking])
