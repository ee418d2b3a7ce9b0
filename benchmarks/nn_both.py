"""Measure what each part of NN-Both does: all of it, and without one part after the other.

No benchmark of speed: it prints Markdown. Every variant is a subclass that replaces one method,
runs as any method of the benchmark does, with the same seeds on the same galaxies, and is compared
with the whole by paired tests. Runs that are finished are kept in ``--out`` and not done again.

Run as ``python benchmarks/nn_both.py [--release DIR] [--seeds 20] [--quick] [--out RUNS]``.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy.spatial import KDTree
from sklearn.preprocessing import MinMaxScaler
from torch import Tensor

from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.forecasts import FLAG
from transferz.baselines.leaderboard import Board, read_board, write_comparisons
from transferz.baselines.leaderboard.words import set_title, value_text
from transferz.baselines.methods import nn_both
from transferz.baselines.methods.common import Floats, labels
from transferz.baselines.methods.nn_both import BATCH, Labels, NNBoth
from transferz.baselines.scores import metrics
from transferz.baselines.scores.flags import RISKS
from transferz.baselines.scores.metrics import normalised_error
from transferz.baselines.scores.paired import SIGNIFICANCE, holm
from transferz.baselines.scores.probability import GaussianMixture
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.entries import ENTRY_FILE
from transferz.schemas.benchmark.scores import COSMOLOGICAL, METRIC_TITLES, RANGES, value_parts
from transferz.schemas.survey.described import LABEL, SPECTROSCOPIC

SHOWN = ("scatter", "outlier_rate", "rmse", "crps")
COMPARED = 20
"""Galaxies around a training galaxy among which test galaxies are counted (our choice)."""

HEAVIEST = 10.0
"""A training galaxy's largest weight, in units of the mean (our choice)."""


class WithoutColours(NNBoth):
    """The paper's input: magnitudes alone, each scaled by its range in the training set."""

    name = "magnitudes scaled by range"

    def values(self, table: pd.DataFrame) -> Floats:
        """Return magnitudes, shape (N, B)."""
        return super().values(table)[:, : len(self.bands)]

    def learn_features(self, train: pd.DataFrame) -> None:
        """Learn each magnitude's range."""
        super().learn_features(train)
        self.ranks = MinMaxScaler().fit(self.values(train))


class WithoutKinds(NNBoth):
    """Every label is the truth."""

    name = "all labels are the truth"

    def known(self, table: pd.DataFrame) -> Labels:
        """Return labels without errors."""
        redshift = torch.from_numpy(labels(table)).float()
        return Labels(redshift, torch.zeros_like(redshift), torch.zeros_like(redshift))


class MedianPoint(NNBoth):
    """The median as the point."""

    name = "the median as point"

    def best_points(self, mixture: GaussianMixture) -> tuple[Floats, Floats]:
        """Return medians and their expected errors."""
        return mixture.quantiles([0.5])[:, 0], super().best_points(mixture)[1]


class Weighted(NNBoth):
    """Galaxies are drawn as often as the test galaxies lie where they lie.

    The weight is the ratio of densities, of both kinds in equal shares over the training set, from
    the counts within the distance of the 20th neighbour (Lima et al. 2008, MNRAS 390, 118). The
    validation set stands for the test galaxies, whose redshifts are not needed.
    """

    name = "weighted by where both test sets lie"

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> NNBoth:
        """Compute the weights when the features are known, then train."""
        self.like_tests = validation
        return super().fit(train, validation, seed=seed)

    def learn_features(self, train: pd.DataFrame) -> None:
        """Count test galaxies around each training galaxy."""
        super().learn_features(train)
        own = self.inputs(train).numpy()
        reach = KDTree(own).query(own, k=[COMPARED + 1])[0][:, 0]
        weights = np.zeros(len(own))
        for _, kind in self.like_tests.groupby("redshift_kind", observed=True):
            around = KDTree(self.inputs(kind).numpy())
            weights += around.query_ball_point(own, reach, return_length=True) / len(kind)
        self.weights = torch.from_numpy(np.minimum(weights / weights.mean(), HEAVIEST))

    def batches(self, train: pd.DataFrame, done: float) -> Sequence[Tensor]:
        """Draw galaxies by their weights."""
        return torch.multinomial(self.weights, len(train), replacement=True).split(BATCH)


class InTurn(NNBoth):
    """First photometric redshifts, then, fine-tuning, spectroscopic ones, as NN-TL does."""

    name = "photometric labels first, then spectroscopic"

    def batches(self, train: pd.DataFrame, done: float) -> Sequence[Tensor]:
        """Draw from one kind in the first half of the epochs, from the other in the second."""
        photometric = torch.tensor((train["redshift_kind"] == "photometric").to_numpy())
        rows = torch.nonzero(photometric if done < 0.5 else ~photometric)[:, 0]
        return rows[torch.randperm(len(rows))].split(BATCH)


VARIANTS: dict[str, type[NNBoth]] = {
    "whole": NNBoth,
    "without_colours": WithoutColours,
    "without_kinds": WithoutKinds,
    "in_turn": InTurn,
    "weighted": Weighted,
    "median_point": MedianPoint,
}

QUICK = ("whole", "without_colours")


def run(release: Release, keys: Sequence[str], seeds: int, out: Path) -> Board:
    """Run the variants that are not there, and compare them."""
    for key, kind in ((key, VARIANTS[key]) for key in keys):
        if not (out / key / ENTRY_FILE).is_file():
            sys.stderr.write(f"{key}\n")
            outcome = benchmark(kind, release, seeds=seeds, key=key, out=out / key)
            outcome.write(out / key)
    write_comparisons(out, out=out, replace=True)
    return read_board(out, release)


def rows(board: Board, config: str) -> Iterator[list[str]]:
    """Lay out the variants: the whole's scores, and by how much the others' are worse."""
    by_key = {row.key: row for row in board.rows}
    whole = by_key["whole"]
    others = [by_key[key] for key in VARIANTS if key in by_key and key != "whole"]
    cells = {row.key: [row.entry.method.name] for row in (whole, *others)}
    for metric in SHOWN:
        cells["whole"].append(value_text(metric, whole.summary(config, COSMOLOGICAL, metric)))
        pairs = [board.pair(row, whole, config, COSMOLOGICAL, metric) for row in others]
        for row, pair, p in zip(others, pairs, holm([pair.p for pair in pairs]), strict=True):
            worse, half, _ = value_parts(metric, pair.difference, pair.half, None)
            cells[row.key].append(
                f"**{worse} ± {half}**" if p < SIGNIFICANCE else f"{worse} ± {half}"
            )
    yield from cells.values()


def strangers(release: Release) -> Iterator[list[str]]:
    """Learn from one kind alone, one seed, and score the other by whether flags say unlike."""
    roles = release.configs()
    pairs = (roles[SPECTROSCOPIC], roles[LABEL]), (roles[LABEL], roles[SPECTROSCOPIC])
    for learned, tested in pairs:
        sys.stderr.write(f"{learned} alone\n")
        forecasts = benchmark(NNBoth, release, train=learned, seeds=1).forecasts[tested]
        dz = normalised_error(forecasts.point, forecasts.redshift)
        flag = forecasts.columns[FLAG]
        for title, chosen in (("unlike", flag >= 1.0), ("the others", flag < 1.0)):
            share = f"{100.0 * chosen.mean():.1f} %"
            scores = (value_parts(n, getattr(metrics, n)(dz[chosen]), None)[0] for n in RISKS)
            yield [set_title(learned), set_title(tested), title, share, *scores]


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table in Markdown."""
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *lines))


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--release", type=Path, metavar="DIR", help="default: the one found")
    parser.add_argument("--seeds", type=int, default=20, help="of each variant (default: 20)")
    parser.add_argument("--quick", action="store_true", help="2 variants, 2 seeds of an epoch")
    parser.add_argument("--out", type=Path, help="keep the runs there (default: nowhere)")
    args = parser.parse_args()
    if args.quick:
        nn_both.EPOCHS = nn_both.STEPS = 1
    release, seeds = find_release(args.release), 2 if args.quick else args.seeds
    titles = [METRIC_TITLES[metric] for metric in SHOWN]
    with tempfile.TemporaryDirectory() as folder:
        keys = QUICK if args.quick else tuple(VARIANTS)
        board = run(release, keys, seeds, args.out or Path(folder))
        for config in board.configs:
            print(f"**{set_title(config)}, {RANGES[COSMOLOGICAL]}, {seeds} seeds**\n")
            print(table(["NN-Both", *titles], rows(board, config)))
    print("Below the whole, by how much a variant is worse, with the half of its 95 % interval;")
    print("bold where the two differ (p < 0.05, corrected for the number of variants).\n")
    if args.quick:
        return 0
    head = ["learned from", "tested on", "galaxies", "share", *(METRIC_TITLES[n] for n in RISKS)]
    print(table(head, strangers(release)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
