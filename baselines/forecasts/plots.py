"""Figures of forecasts: against the truth, their errors, and how honest their widths are."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.paper.figures import GREY, WIDTH, paper_style, put_title
from transferz.baselines.scores.metrics import OUTLIER_LIMIT, normalised_error
from transferz.baselines.scores.probability import pit_histogram
from transferz.schemas.survey.described import LABEL
from transferz.tables.files import COLOURS, made_folder, replace_file, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ENDS = (0.5, 99.5)
"""Percentiles of the redshifts that are shown (our choice)."""

BINS = 12
"""Of redshift or magnitude, with equal numbers of galaxies (our choice)."""

COLOUR = COLOURS[LABEL]

Array = npt.NDArray[np.float64]


def draw(forecasts: SetForecasts, folder: Path, title: str) -> list[str]:
    """Draw all figures that the forecasts allow into a folder, and return the files' names.

    All seeds are drawn together; galaxies without a forecast are left out. Files of these names are
    replaced, all or none; a folder that is missing is made. Lines of the `title` that are too long
    are cut in their middle.
    """
    scored = forecasts.take(forecasts.scored)
    seeds = len(scored.point)
    true = np.tile(scored.redshift.astype(np.float64), seeds)
    predicted = scored.point.astype(np.float64).ravel()
    i_mag = np.tile(scored.i_mag.astype(np.float64), seeds)
    with paper_style():
        figures = {
            "redshift": _redshift(predicted, true),
            "residuals": _residuals(predicted, true, i_mag),
        }
        pit = scored.columns.get("pit", np.empty(0))
        if (finite := np.isfinite(pit)).any():
            values = pit[finite].astype(np.float64)
            figures |= {"pit": _pit(values, scored.redshift.size), "qq": _qq(values)}
        with made_folder(folder), contextlib.ExitStack() as stack:
            for name, figure in figures.items():
                put_title(figure, title, x=0.02, ha="left")
                save_png(figure, stack.enter_context(replace_file(folder / f"{name}.png")))
    return [f"{name}.png" for name in figures]


def _new(rows: int = 1, height: float = WIDTH) -> "tuple[Figure, list[Axes]]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, 1, squeeze=False)
    return figure, list(axes[:, 0])


def _redshift(predicted: Array, true: Array) -> "Figure":
    """How many forecasts are where, with the limits of outliers."""
    figure, (axes,) = _new(height=0.88 * WIDTH)  # the colour bar takes the rest of the width
    points = np.stack([true, predicted])
    top = float(np.percentile(points, ENDS[1])) * 1.05
    line = np.array([0.0, top])
    image = axes.hexbin(
        true,
        predicted,
        gridsize=60,
        extent=(0.0, top, 0.0, top),
        bins="log",
        mincnt=1,
        cmap="viridis",
        linewidths=0.0,
    )
    axes.plot(line, line, color="black", linewidth=0.7)
    for sign in (-1.0, 1.0):
        limit = line + sign * OUTLIER_LIMIT * (1.0 + line)
        axes.plot(line, limit, color="black", linewidth=0.7, linestyle=":")
    axes.set(
        xlim=line, ylim=line, xlabel="true redshift", ylabel="predicted redshift", aspect="equal"
    )
    beyond = float(np.mean(((points < 0.0) | (points > top)).any(axis=0)))
    note = f"dotted: |dz| = {OUTLIER_LIMIT}"
    if beyond:
        note += f"; {100 * beyond:.1f} % lie beyond the axes"
    axes.set_title(note, loc="left")
    figure.colorbar(image, ax=axes, label="forecasts", shrink=0.8)
    return figure


def _residuals(predicted: Array, true: Array, i_mag: Array) -> "Figure":
    """Draw dz against redshift and, where there is one, magnitude: median, 68 and 95 %."""
    against = {"true redshift": true}
    if not np.isnan(i_mag).any():
        against["i magnitude (AB)"] = i_mag
    dz = normalised_error(predicted, true)
    figure, panels = _new(len(against), 1.7 * len(against) + 0.2)
    for axes, (label, values) in zip(panels, against.items(), strict=True):
        _running(axes, values, dz)
        axes.set(xlabel=label, ylabel="dz")
    panels[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, borderaxespad=0.2)
    return figure


def _running(axes: "Axes", values: Array, dz: Array) -> None:
    edges = np.unique(np.quantile(values, np.linspace(0.0, 1.0, BINS + 1)))
    place = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, max(edges.size - 2, 0))
    bins = [place == k for k in range(max(edges.size - 1, 1)) if np.any(place == k)]
    middle = [float(np.median(values[rows])) for rows in bins]
    spread = np.array([np.percentile(dz[rows], [2.5, 16.0, 50.0, 84.0, 97.5]) for rows in bins])
    for low, high, alpha, share in ((0, 4, 0.2, "95 %"), (1, 3, 0.4, "68 %")):
        ends = spread[:, low], spread[:, high]
        axes.fill_between(middle, *ends, color=COLOUR, alpha=alpha, lw=0, label=share)
    axes.plot(middle, spread[:, 2], color=COLOUR, marker="o", markersize=2.0, label="median")
    axes.axhline(0.0, color="black", linewidth=0.5)
    for limit in (-OUTLIER_LIMIT, OUTLIER_LIMIT):
        axes.axhline(limit, color="black", linewidth=0.5, linestyle=":")
    axes.set_xlim(min(middle), max(middle))
    reach = max(1.3 * OUTLIER_LIMIT, 1.1 * float(np.abs(spread[:, [1, 3]]).max()))
    axes.set_ylim(-reach, reach)


def _pit(pit: Array, galaxies: int) -> "Figure":
    """Histogram of the PIT; flat within the band, which is for so many galaxies, if honest."""
    figure, (axes,) = _new(height=2.2)
    shares = pit_histogram(pit)
    bins = shares.size
    error = np.sqrt((1.0 / bins) * (1.0 - 1.0 / bins) / galaxies)
    axes.axhspan(1.0 - 2.0 * error * bins, 1.0 + 2.0 * error * bins, color=GREY, label="flat ± 2 σ")
    axes.stairs(shares * bins, np.linspace(0.0, 1.0, bins + 1), color=COLOUR, label="forecasts")
    axes.set(xlim=(0, 1), ylim=(0, None), xlabel="PIT", ylabel="density")
    axes.legend(loc="lower center", ncols=2)
    return figure


def _qq(pit: Array) -> "Figure":
    """Quantiles of the PIT against those of a flat one, and their difference."""
    figure, (upper, lower) = _new(2, 3.6)
    levels = np.linspace(0.0, 1.0, 201)
    quantiles = np.quantile(pit, levels)
    upper.plot(levels, levels, color="black", linewidth=0.5)
    upper.plot(levels, quantiles, color=COLOUR)
    upper.set(xlim=(0, 1), ylim=(0, 1), ylabel="quantile of the PIT")
    lower.axhline(0.0, color="black", linewidth=0.5)
    lower.plot(levels, quantiles - levels, color=COLOUR)
    lower.set(xlim=(0, 1), xlabel="quantile of a flat PIT", ylabel="difference")
    return figure
