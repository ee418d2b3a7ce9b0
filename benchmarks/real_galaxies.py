"""The photometry network beside scikit-learn's regressors, on tables of real galaxies.

No benchmark of speed: it prints a Markdown table of scores. All methods learn from the same
training part, choose what there is to choose on the same validation part by the same loss
(Tanaka et al. 2018), and forecast the same test part, which nothing is chosen on:

- NN-Spec, the photometry network: each seed's forecasts, and their mean over seeds;
- scikit-learn's ``HistGradientBoostingRegressor`` on magnitudes and colours; its loss and its
  number of trees are chosen;
- k-nearest neighbours on the same, standardised; k and the weights are chosen;
- the median redshift of the training part: what a forecast without photometry gives.

Run as ``python benchmarks/real_galaxies.py --data DIR [--quick]``; in DIR it expects
``egs_ugrizy_redshift.csv.gz``, ``SDSS_MGS.train`` and ``SDSS_MGS.test``. It needs scikit-learn.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from transferz.baselines.benchmark.own_tables import FRACTIONS, OwnTable, split_sample
from transferz.baselines.benchmark.tables import Sample
from transferz.baselines.methods import METHODS
from transferz.baselines.networks.environment import default_threads, epoch_line, find_device
from transferz.baselines.networks.training import Schedule, train
from transferz.baselines.scores.bootstrap import Draws, Replicates, difference_error, replicate
from transferz.baselines.scores.metrics import in_cosmological_range, loss, normalised_error
from transferz.tables.reading import open_table

EGS, SDSS = "egs_ugrizy_redshift.csv.gz", "SDSS_MGS"
SDSS_SHARES = (0.9, 0.1, 0.0, 0.0)  # of its training file; it has a test file of its own
COMPARED = ("scatter", "outlier_rate", "rmse")
SHOWN = ("scatter", "outlier_rate", "bias", "rmse")
NETWORK, ENSEMBLE = METHODS["nn_spec"].title, f"{METHODS['nn_spec'].title}, mean over seeds"
TREES, NEIGHBOURS, MEDIAN = "gradient-boosted trees", "k-nearest neighbours", "training median"

SEEDS, RESAMPLES = 20, 1000
QUICK = Schedule(max_epochs=20, learning_rate=2e-3)
MAX_TREES, RATE = 1000, 0.05
NEIGHBOUR_COUNTS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Settings:
    """How much to do.

    Attributes
    ----------
    seeds, resamples : int
        Networks, and resamples of the bootstrap over galaxies.
    schedule : Schedule
        Of the network.
    trees : int
        At most.
    device : torch.device
        Where the network is trained.
    quiet : bool
        No live line.
    """

    seeds: int
    resamples: int
    schedule: Schedule
    trees: int
    device: torch.device
    quiet: bool


@dataclass(frozen=True, slots=True)
class Forecasts:
    """What a method says of the test part.

    Attributes
    ----------
    method : str
        Its name.
    redshift : ndarray, shape (S, N)
        A row per seed, or one.
    choice : str
        What was chosen on the validation part.
    """

    method: str
    redshift: Floats
    choice: str = ""


def experiments(folder: Path) -> Iterator[tuple[str, dict[str, Sample], Sample]]:
    """Split the tables; yield each one's name, parts, and the part that is scored."""
    egs = OwnTable(folder / EGS, tuple("grizy"), "redshift")
    parts = split_sample(egs.read(drop_missing=True), egs, FRACTIONS)
    yield "EGS, grizy", parts, parts["test"]
    names = open_table(folder / f"{SDSS}.test").names  # the training file's header lacks one
    sdss = OwnTable(folder / f"{SDSS}.train", tuple("ugriz"), "zs", names=names)
    parts = split_sample(sdss.read(), sdss, SDSS_SHARES)
    test = OwnTable(folder / f"{SDSS}.test", tuple("ugriz"), "zs").read()
    yield "SDSS MGS, ugriz", parts, test


def forecasts(parts: dict[str, Sample], test: Sample, settings: Settings) -> Iterator[Forecasts]:
    """Train every method and forecast the redshifts of a sample."""
    training, validation = parts["train"], parts["validation"]
    with epoch_line(NETWORK, quiet=settings.quiet) as progress:
        ensemble = train(
            training,
            validation,
            seeds=range(settings.seeds),
            schedule=settings.schedule,
            device=settings.device,
            progress=progress,
        )
    each = ensemble.predict(test.magnitudes)
    yield Forecasts(NETWORK, each, f"{settings.seeds} seeds")
    yield Forecasts(ENSEMBLE, each.mean(axis=0, keepdims=True))
    yield boosted_trees(training, validation, test, settings.trees)
    yield neighbours(training, validation, test)
    yield Forecasts(MEDIAN, np.full((1, len(test)), np.median(training.redshift)))


def features(sample: Sample) -> Floats:
    """Magnitudes, and the colours of neighbouring bands, shape (N, 2 B - 1)."""
    return np.column_stack([sample.magnitudes, -np.diff(sample.magnitudes, axis=1)])


def validation_loss(predicted: Floats, validation: Sample) -> float:
    """What decides between settings: the network's own loss."""
    return float(loss(normalised_error(predicted, validation.redshift)))


def boosted_trees(training: Sample, validation: Sample, test: Sample, trees: int) -> Forecasts:
    """Gradient-boosted trees; their loss and number are those best on the validation part."""
    best: tuple[float, str, int] = (np.inf, "", 0)
    for kind in ("squared_error", "absolute_error"):
        model = _trees(kind, trees).fit(features(training), training.redshift)
        stages = model.staged_predict(features(validation))
        losses = [validation_loss(predicted, validation) for predicted in stages]
        best = min(best, (min(losses), kind, int(np.argmin(losses)) + 1))
    _, kind, count = best
    model = _trees(kind, count).fit(features(training), training.redshift)
    choice = f"{kind.replace('_', ' ')}, {count} trees"
    return Forecasts(TREES, model.predict(features(test))[None], choice)


def _trees(kind: str, count: int) -> HistGradientBoostingRegressor:
    return HistGradientBoostingRegressor(
        loss=kind, learning_rate=RATE, max_iter=count, early_stopping=False, random_state=0
    )


def neighbours(training: Sample, validation: Sample, test: Sample) -> Forecasts:
    """k-nearest neighbours; k and the weights are those best on the validation part."""

    def fitted(count: int, weights: str) -> Callable[[Floats], Floats]:
        regressor = KNeighborsRegressor(count, weights=weights)
        return (
            make_pipeline(StandardScaler(), regressor)
            .fit(features(training), training.redshift)
            .predict
        )

    choices = [
        (validation_loss(fitted(count, weights)(features(validation)), validation), count, weights)
        for count in NEIGHBOUR_COUNTS
        if count <= len(training)
        for weights in ("uniform", "distance")
    ]
    _, count, weights = min(choices)
    predicted = fitted(count, weights)(features(test))
    return Forecasts(NEIGHBOURS, predicted[None], f"k = {count}, {weights} weights")


def ranges(redshift: Floats) -> dict[str, npt.NDArray[np.bool_]]:
    """All galaxies, and those of the cosmological range where not all are outside."""
    inside = in_cosmological_range(redshift)
    whole = {"all z": np.ones(redshift.shape, dtype=bool)}
    return whole | ({"0.3 < z ≤ 1.5": inside} if inside.any() else {})


def scored(found: list[Forecasts], test: Sample, resamples: int) -> dict[str, list[Replicates]]:
    """Scores of each method and of resamples of the galaxies, the same for all, by range."""
    return {
        name: [
            replicate(one.redshift[:, kept], test.redshift[kept], SHOWN, draws=Draws(resamples))
            for one in found
        ]
        for name, kept in ranges(test.redshift).items()
    }


def score_rows(
    found: list[Forecasts], test: Sample, scores: dict[str, list[Replicates]]
) -> Iterator[list[str]]:
    """Lay out scores, a row per range and method."""
    for part, kept in ranges(test.redshift).items():
        for one, replicates in zip(found, scores[part], strict=True):
            cells = [cell(replicates, metric) for metric in SHOWN]
            yield [part, f"{np.count_nonzero(kept):,}", one.method, *cells]


def cell(replicates: Replicates, metric: str) -> str:
    """Mean over seeds ± bootstrap error over galaxies, in brackets the spread over seeds."""
    values = replicates.scores[metric]
    percent = metric.endswith("rate")
    spread = f" [{number(values.std(ddof=1), percent)}]" if values.size > 1 else ""
    mean, error = number(values.mean(), percent), number(replicates.error(metric), percent)
    return f"{mean} ± {error}{spread}{' %' if percent else ''}"


def number(value: float, percent: bool) -> str:
    """A rate as percentage, other numbers with four decimals."""
    return f"{100 * value:.1f}" if percent else f"{value:.4f}"


def difference_rows(
    found: list[Forecasts], scores: dict[str, list[Replicates]]
) -> Iterator[list[str]]:
    """What each other method's score is above the network's, with its paired error."""
    for part, replicates in scores.items():
        network = replicates[0]
        for one, other in zip(found[2:4], replicates[2:4], strict=True):
            cells = [difference_cell(other, network, metric) for metric in COMPARED]
            yield [part, f"{one.method} − {NETWORK}", *cells]


def difference_cell(above: Replicates, below: Replicates, metric: str) -> str:
    """The difference of two methods' means over seeds, and its error on the same resamples."""
    percent = metric.endswith("rate")
    mean = above.scores[metric].mean() - below.scores[metric].mean()
    error = number(difference_error(above, below, metric), percent)
    sign = "+" if mean >= 0 else "−"
    return f"{sign}{number(abs(mean), percent)} ± {error}{' %' if percent else ''}"


def markdown(head: list[str], rows: Iterable[list[str]]) -> str:
    """A table."""
    lines = [[name.replace("_", " ") for name in head], ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line).replace('-0.', '−0.')} |\n" for line in lines)


def main(argv: list[str] | None = None) -> int:
    """Print the tables."""
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    schedule = QUICK if args.quick else Schedule()
    settings = Settings(
        seeds=min(args.seeds, 2) if args.quick else args.seeds,
        resamples=50 if args.quick else RESAMPLES,
        schedule=schedule,
        trees=60 if args.quick else MAX_TREES,
        device=find_device(args.device),
        quiet=args.quiet,
    )
    for name, parts, test in experiments(args.data):
        with threadpool_limits(args.threads):  # of scikit-learn
            found = list(forecasts(parts, test, settings))
        scores = scored(found, test, settings.resamples)
        print(f"{note(name, parts, found)}\n")
        print(markdown(["range", "galaxies", "method", *SHOWN], score_rows(found, test, scores)))
        print(markdown(["range", "difference", *COMPARED], difference_rows(found, scores)))
    return 0


def note(name: str, parts: dict[str, Sample], found: list[Forecasts]) -> str:
    """How many galaxies there were to learn from, and what was chosen."""
    sizes = " + ".join(f"{len(parts[part]):,}" for part in ("train", "validation"))
    choices = "; ".join(f"{one.method}: {one.choice}" for one in found if one.choice)
    return f"{name}; {sizes} galaxies for training and validation; {choices}:"


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="the real tables")
    parser.add_argument("--quick", action="store_true", help="2 seeds, 20 epochs, 60 trees")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="default: %(default)s")
    parser.add_argument("--device", default="auto", help="default: a GPU where there is one")
    parser.add_argument("--threads", type=int, default=default_threads(), help="CPU threads")
    parser.add_argument("--quiet", action="store_true", help="no live line on the terminal")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
