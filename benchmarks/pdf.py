"""Compact densities: what is lost at how many bytes, and how fast they are read beside qp.

The densities are the real HSC-SSP ones of 701 points in the folder that TRANSFERZ_REAL_DATA names
(``hsc_photoz_pdfs_1000.fits.gz``), where it is there, and those that the project's own methods
forecast for the mock's galaxies. The truth of none of them is known or needed: it is drawn from
each density itself, 200 times, so that the density as it was has the least mean CRPS there can be,
and what another has above that is lost. Beside ours stand other ways to use 40 bytes.

Reading is timed from a file to densities at 701 redshifts: ours from parquet, qp's from the file
that its own quantiles are written to, with as many levels. One thread each.

Run as ``python benchmarks/pdf.py [--quick] [--figure FILE]``.
"""

import argparse
import json
import logging
import os
import resource
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
import pyarrow as pa  # noqa: E402
import pyarrow.parquet as pq  # noqa: E402
import qp  # noqa: E402

from transferz.baselines.benchmark.loading import load_method  # noqa: E402
from transferz.baselines.benchmark.tables import band_columns, photometry  # noqa: E402
from transferz.baselines.benchmark.task import from_release  # noqa: E402
from transferz.baselines.forecasts import decode_pdfs, encode_pdfs, write_qp  # noqa: E402
from transferz.baselines.forecasts.compact import pdf_field  # noqa: E402
from transferz.baselines.scores.probability import (  # noqa: E402
    Distribution,
    GaussianMixture,
    GridPDF,
    Quantiles,
    Samples,
)
from transferz.releases import find_release  # noqa: E402

SIZES = (8, 10, 12, 16, 24, 40, 64)
SIZE = 40
REAL = "hsc_photoz_pdfs_1000.fits.gz"
RELEASE = Path(__file__).parents[1] / "data/mock/release/transferz"
METHODS, QUICK = ("template_fit", "quantile_trees", "nearest"), ("nearest",)
GALAXIES, TRUTHS, QUICK_TRUTHS = 1_000, 200, 40
READ, REPEATS = 5_000, 9
GRID = np.linspace(0.0, 7.0, 701)
SEED = 11
MB = 1024**2
GAUSSIANS, STEPS = 3, 200
CELLS = np.linspace(0.0, 7.0, 141)
HEADINGS = ("CRPS, %", "99 % below, %", "worst, %", "PIT", "mean z", "moved, %")
"""The change of the mean CRPS and of single galaxies'; the mean changes of the PIT and of the mean
redshift; the share of probability that is in another cell of 0.05."""

Array = npt.NDArray[np.float64]


def real_densities() -> GridPDF | str:
    """Read the real densities, or say why they are not there."""
    folder = os.environ.get("TRANSFERZ_REAL_DATA")
    if not folder:
        return "TRANSFERZ_REAL_DATA is unset: no real densities"
    path = Path(folder) / REAL
    if not path.is_file():
        return f"{path} is not there: no real densities"
    from astropy.io import fits

    with fits.open(path) as file:
        head, heights = file[1].header, np.array(file[1].data["PDF"], np.float64)
    return GridPDF(head["Z_MIN"] + head["DELTA_Z"] * np.arange(heights.shape[1]), heights)


def mock_densities(methods: tuple[str, ...]) -> Iterator[tuple[str, Distribution]]:
    """Forecast galaxies of the mock, simulated ones, by some of the project's methods."""
    if not RELEASE.is_dir():
        print(f"{RELEASE} is not there (make repro): no densities of the mock")
        return
    for name in methods:
        method = load_method(name)
        task = from_release(find_release(RELEASE), method.train, require_test=False)
        fitted = method.make().fit(task.training, task.validation, seed=0)
        asked = task.validation.head(GALAXIES)
        forecast = fitted.predict(photometry(asked, band_columns(asked))).distribution
        yield f"{method.name}, MOCK", forecast


class Losses:
    """What is lost of some densities, by truths drawn from them."""

    def __init__(self, densities: Distribution, truths: int) -> None:
        known = ~densities.missing
        self.densities = densities.take(known)
        rng = np.random.default_rng(SEED)
        levels = (np.arange(truths) + rng.random(truths)) / truths
        if isinstance(self.densities, Samples):  # the truth is one of them
            self.truths = self.densities.values.T[
                (levels * self.densities.values.shape[1]).astype(int)
            ]
        else:
            self.truths = self.densities.quantiles(levels).T
        self.middles = (np.arange(500) + 0.5) / 500.0
        self.before = self._scores(self.densities)

    def _scores(self, forecast: Distribution) -> dict[str, Array]:
        """Each galaxy's mean CRPS, PITs, mean redshift, and probability in cells of 0.05."""
        return {
            "crps": np.mean([forecast.crps(true) for true in self.truths], axis=0),
            "pit": np.stack([forecast.cdf(true) for true in self.truths]),
            "mean": forecast.quantiles(self.middles).mean(axis=1),
            "cells": np.diff([forecast.cdf(edge) for edge in CELLS], axis=0),
        }

    def of(self, other: Distribution) -> dict[str, float]:
        """Compare what came back, by `HEADINGS`."""
        before, after = self.before, self._scores(other)
        more = after["crps"] - before["crps"]
        each = 100.0 * more / np.maximum(before["crps"], 1e-9)
        found = (
            100.0 * more.sum() / before["crps"].sum(),
            float(np.quantile(each, 0.99)),
            float(each.max()),
            float(np.abs(after["pit"] - before["pit"]).mean()),
            float(np.abs(after["mean"] - before["mean"]).mean()),
            float(50.0 * np.abs(after["cells"] - before["cells"]).sum(axis=0).mean()),
        )
        return dict(zip(HEADINGS, found, strict=True))


def compact(densities: Distribution, size: int) -> Quantiles:
    """Encode and decode."""
    return decode_pdfs(encode_pdfs(densities, size))


def others(densities: Distribution) -> Iterator[tuple[str, Distribution]]:
    """Other ways to use 40 bytes or nearly so, as plain as they are usually used."""
    levels = (np.arange(10) + 0.5) / 10.0
    yield "10 quantiles, 32 bits each", Quantiles(levels, densities.quantiles(levels))
    levels = (np.arange(20) + 0.5) / 20.0
    units = np.rint(np.clip(densities.quantiles(levels) / 7.0, 0.0, 1.0) * 65535)
    yield "20 quantiles, 16 bits each", Quantiles(levels, units / 65535 * 7.0)
    if isinstance(densities, GridPDF):
        grid = np.linspace(0.0, 7.0, SIZE)
        heights = np.stack([np.interp(grid, densities.grid, row) for row in densities.values])
        peak = np.maximum(heights.max(axis=1, keepdims=True), 1e-30)
        heights = np.where(heights.max(axis=1, keepdims=True) > 0.0, heights, 1.0)
        yield "40 densities, 8 bits each", GridPDF(grid, np.rint(heights / peak * 255).clip(0, 255))
        yield "3 Gaussians, 9 numbers of 32 bits", mixtures_of(densities)


def mixtures_of(densities: GridPDF) -> GaussianMixture:
    """Fit three Gaussians to each density by expectation maximisation."""
    shares = densities.normalised * np.gradient(densities.grid)
    shares /= shares.sum(axis=1, keepdims=True)
    grid = densities.grid
    means = densities.quantiles((np.arange(GAUSSIANS) + 0.5) / GAUSSIANS)
    low, high = densities.quantiles([0.16, 0.84]).T
    sigmas = np.repeat(np.maximum((high - low) / 6.0, 0.005)[:, None], GAUSSIANS, axis=1)
    weights = np.full(means.shape, 1.0 / GAUSSIANS)
    for _ in range(STEPS):
        pull = (grid - means[:, :, None]) / sigmas[:, :, None]
        parts = (weights / sigmas)[:, :, None] * np.exp(-0.5 * pull**2) + 1e-300
        parts *= (shares / parts.sum(axis=1))[:, None]
        total = parts.sum(axis=2) + 1e-12
        means = parts @ grid / total
        sigmas = np.sqrt(np.maximum(parts @ grid**2 / total - means**2, 1e-6))
        weights = total / total.sum(axis=1, keepdims=True)
    return GaussianMixture(weights, means, sigmas)


def kinds_of(densities: GridPDF) -> dict[str, GridPDF]:
    """Return hard cases: narrow densities, those of several peaks, and all, cut off."""
    heights = densities.normalised
    low, middle, high = densities.quantiles([0.16, 0.5, 0.84]).T
    step, tall = densities.grid[1] - densities.grid[0], heights.max(axis=1, keepdims=True)
    above = heights > 0.2 * tall  # stretches of it that fall to a fifth of the peak between
    stretches = np.count_nonzero(np.diff(above.astype(int), axis=1, prepend=0) > 0, axis=1)
    kept = np.where(densities.grid <= middle[:, None] + step, heights, 0.0)
    return {
        "narrower than the grid": densities.take(high - low < step),
        "several peaks": densities.take(stretches > 1),
        "all, cut off at their medians": GridPDF(densities.grid, kept),
    }


def least_of(repeats: int, run: Callable[[], Any]) -> float:
    """Least wall time in seconds: that of a run that nothing else disturbed."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def time_reading() -> dict[str, float]:
    """Time from file to densities on a grid: ours, and qp's quantiles."""
    rng = np.random.default_rng(SEED)
    means = rng.uniform(0.2, 3.0, (READ, 2))
    forecast = GaussianMixture(rng.random((READ, 2)), means, rng.uniform(0.02, 0.3, (READ, 2)))
    column = encode_pdfs(forecast, SIZE)
    schema = pa.schema([pdf_field("mock", SIZE)])
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = Path(folder) / "o.parquet", Path(folder) / "o.hdf5"
        pq.write_table(pa.table([column], schema=schema), ours)
        write_qp(theirs, decode_pdfs(column))

        def read() -> Array:
            return decode_pdfs(pq.read_table(ours)["mock_quant"]).on_grid(GRID)

        def qps() -> Array:
            return np.asarray(qp.read(str(theirs)).pdf(GRID))

        read(), qps()  # warm
        found = {"ours_s": least_of(REPEATS, read), "reference_s": least_of(3, qps)}
    found["decode_s"] = least_of(REPEATS, lambda: decode_pdfs(column))
    found["encode_s"] = least_of(3, lambda: encode_pdfs(forecast, SIZE))
    return found


def print_rows(rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    head, *lines = rows
    for line in (head, ["---"] * len(head), *lines):
        print(f"| {' | '.join(line)} |")
    print()


def cells_of(found: dict[str, float]) -> list[str]:
    """Write a row's numbers."""
    return [f"{value:.2g}" for value in found.values()]


def judge(title: str, densities: Distribution, truths: int) -> dict[int, float]:
    """Print what is lost of some densities; returns the change of the mean CRPS by bytes."""
    losses, rows = Losses(densities, truths), [["Bytes", *HEADINGS]]
    kept, lost = losses.densities, {}
    print(f"{title}: {len(kept):,} galaxies, mean CRPS {losses.before['crps'].mean():.4f}\n")
    for size in SIZES:
        found = losses.of(compact(kept, size))
        lost[size] = found[HEADINGS[0]]
        rows.append([str(size), *cells_of(found)])
    for name, other in others(kept) if title.startswith("HSC") else ():
        rows.append([name, *cells_of(losses.of(other))])
    print_rows(rows)
    return lost


def judge_kinds(densities: GridPDF, truths: int) -> None:
    """Print what is lost of hard cases."""
    rows = [["Hard cases", "galaxies", *(f"{size} bytes: CRPS, worst, %" for size in (16, SIZE))]]
    for name, chosen in kinds_of(densities).items():
        losses = Losses(chosen, truths)
        each = [losses.of(compact(losses.densities, size)) for size in (16, SIZE)]
        shown = [f"{one[HEADINGS[0]]:.2g}, {one['worst, %']:.2g}" for one in each]
        rows.append([name, str(len(chosen)), *shown])
    print_rows(rows)


def draw(densities: GridPDF, lost: dict[int, float], path: Path) -> None:
    """Draw bytes against loss, and one density of each hard kind as it comes back."""
    import matplotlib.pyplot as plt

    from transferz.baselines.paper.figures import paper_style

    with paper_style():
        figure, axes = plt.subplots(1, 4, figsize=(12.0, 2.9), layout="constrained")
        axes[0].loglog(lost.keys(), lost.values(), "o-")
        axes[0].set(xlabel="bytes a galaxy", ylabel="change of the mean CRPS, %")
        axes[0].set_xticks(SIZES, map(str, SIZES), minor=False)
        axes[0].set_xticks([], minor=True)
        for axis, (kind, chosen) in zip(axes[1:], kinds_of(densities).items(), strict=True):
            one = chosen.take(slice(len(chosen) // 2, len(chosen) // 2 + 1))
            ends = one.quantiles([0.002, 0.998])[0] + np.array([-0.02, 0.02])
            grid = np.linspace(*ends, 1500)
            axis.plot(one.grid, one.normalised[0], color="0.6", lw=2.5, label="701 points")
            for size in (16, SIZE):
                label = f"{size} bytes"
                axis.plot(grid, compact(one, size).on_grid(grid)[0], lw=0.9, label=label)
            axis.set(title=kind.removeprefix("all, "), xlabel="redshift", xlim=ends)
        axes[1].set_ylabel("probability density")
        axes[-1].legend()
        figure.savefig(path, dpi=110)


def main() -> None:
    """Print the tables and, as the last line, the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer truths, one method")
    parser.add_argument("--figure", type=Path, metavar="FILE", help="draw the real densities' loss")
    args = parser.parse_args()
    logging.disable(logging.WARNING)  # qp reports every default it takes
    warnings.simplefilter("ignore")
    truths = QUICK_TRUTHS if args.quick else TRUTHS
    real, lost = real_densities(), {}
    if isinstance(real, GridPDF):
        lost["HSC"] = judge("HSC-SSP's densities (Mizuki), real", real, truths)
        judge_kinds(real, truths)
        if args.figure:
            draw(real, lost["HSC"], args.figure)
    else:
        print(real)
    for name, densities in mock_densities(QUICK if args.quick else METHODS):
        lost[name] = judge(name, densities, truths)
    spent = time_reading()
    ratio = spent["reference_s"] / spent["ours_s"]
    micro = {name: 1e6 * value / READ for name, value in spent.items()}
    print(f"to densities at {GRID.size} redshifts, microseconds a galaxy, one thread:")
    print(f"ours {micro['ours_s']:.1f}, qp {micro['reference_s']:.0f}: {ratio:.0f} times faster")
    print(f"encoding {micro['encode_s']:.1f}; decoding alone {micro['decode_s']:.2f}")
    figures = {
        "name": "pdf",
        "ours_s": round(spent["ours_s"], 5),
        "reference": "qp: quantiles from HDF5, densities on the grid",
        "reference_s": round(spent["reference_s"], 4),
        "ratio": round(ratio, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "galaxies": READ,
        "crps_change_percent": {
            name: {str(size): float(f"{value:.3g}") for size, value in each.items()}
            for name, each in lost.items()
        },
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
