"""The paper's figures about forecasts: redshifts (its figure 2), scores (figure 3), and bins.

They are as wide as a journal's column, in colours for everyone's eyes.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.leaderboard.entries import Run
from transferz.baselines.paper.tables import SPREAD, over_seeds, tested_on
from transferz.baselines.scores.binning import REDSHIFT_EDGES
from transferz.baselines.scores.metrics import OUTLIER_LIMIT
from transferz.baselines.scores.requirements import LIMITS
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    PERCENT,
    RANGES,
    Binning,
    Config,
    EntryBin,
    Metric,
    Summary,
    config_title,
    minus,
    number_text,
)
from transferz.schemas.survey.described import LABEL, SPECTROSCOPIC, UNION
from transferz.tables.files import COLOURS, save_png
from transferz.tables.printing import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.figure import Figure

Floats = npt.NDArray[np.floating[Any]]

# --- how all of them look

WIDTH = 3.35
"""Inches: a column of the field's journals, 85 mm."""

STYLE: MappingProxyType[str, Any] = MappingProxyType(
    {
        "font.size": 7.5,
        "axes.titlesize": 7.5,
        "axes.labelsize": 7.5,
        "figure.titlesize": 7.5,
        "xtick.labelsize": 7.0,
        "ytick.labelsize": 7.0,
        "legend.fontsize": 7.0,
        "legend.frameon": False,
        "legend.handlelength": 1.6,
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "lines.linewidth": 1.0,
        "lines.markersize": 3.5,
        "figure.dpi": 300,
        "savefig.dpi": 300,
        "pdf.fonttype": 42,  # TrueType: text that can be searched and edited
    }
)

LOOKS: MappingProxyType[str, dict[str, Any]] = MappingProxyType(
    {
        "nn_base": {"color": COLOURS[LABEL], "marker": "o", "linestyle": "-"},
        "nn_tl": {"color": "#CC79A7", "marker": "s", "linestyle": "--"},
        "nn_combo": {"color": COLOURS[UNION], "marker": "D", "linestyle": "-."},
        "nn_spec": {"color": COLOURS[SPECTROSCOPIC], "marker": "^", "linestyle": ":"},
    }
)
"""Of the baselines: the colour of the config that they learn from (NN-TL, which learns from two,
has Okabe-Ito's purple), and a marker and a line that tell them apart without it."""

GREY = "#D9D9D9"
"""Of bands in the background."""

TITLE_ROOM, SHORTEST = 0.96, 8
"""Of a figure's width, and the letters that a title keeps at least (our choice)."""


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw and save in the style of the paper's figures."""
    import matplotlib as mpl

    with mpl.rc_context(dict(STYLE)):
        yield


def put_title(figure: "Figure", text: str, **style: Any) -> None:
    """Write a figure's title; a line that is wider than the figure is cut in its middle.

    Names in it are other people's: a dollar sign is one.
    """
    title = figure.suptitle("", linespacing=1.3, parse_math=False, **style)
    lines = []
    for line in text.split("\n"):
        most = len(line)
        title.set_text(line)
        while most > SHORTEST and title.get_window_extent().width > TITLE_ROOM * figure.bbox.width:
            most -= 1
            title.set_text(shortened(line, most))
        lines.append(title.get_text())
    title.set_text("\n".join(lines))


def save_figure(figure: "Figure", folder: Path, name: str) -> None:
    """Write a figure as PNG and, for papers, as PDF; within `paper_style`.

    The bytes of the PNG repeat on any machine, those of the PDF on one with the same zlib.
    """
    save_png(figure, folder / f"{name}.png")
    figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})


# --- figure 2: predicted against true redshift

REDSHIFT_MAX = 4.0
CELLS = 80
"""Along each axis (our choice)."""

ANNOTATED: dict[Metric, str] = {
    "bias": "bias {}",
    "scatter": "scatter {}",
    "outlier_rate": "outliers {} %",
}
"""The scores that each panel gives, means over seeds."""

SCORED = f"Scores at {RANGES[COSMOLOGICAL]}"

ROW_HEIGHT, TITLE_HEIGHT, LEGEND_HEIGHT = 1.75, 0.4, 0.75
"""Inches."""

_LINES = ("predicted = true", f"|Δz| = {OUTLIER_LIMIT:g} (1 + z)")


def forecasts(
    runs: Sequence[Run],
    title: str,
    config: Config | None = None,
) -> "Figure":
    """Draw predicted against true redshift on a test split (after Soriano et al. 2024, figure 2).

    The test split is by default that of the first config, spectroscopic where there is such. The
    mean over seeds is drawn, a panel per run, two a row, the number of galaxies per cell as colour,
    on a log scale. What lies beyond the axes is drawn in their outermost cells. `title` says which
    release this is, and that a mock is one.
    """
    from matplotlib.figure import Figure

    config = config or tested_on(runs)[0]
    rows, spare = (len(runs) + 1) // 2, len(runs) % 2 == 1
    height = ROW_HEIGHT * rows + (TITLE_HEIGHT if spare else TITLE_HEIGHT + LEGEND_HEIGHT)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
    images = _draw_forecast_panels(axes, runs, config)
    _label(axes, len(runs))
    split = f"{config_title(config)} test split, {over_seeds('mean', runs)}"
    put_title(figure, f"{title}\n{split}")
    _explain(figure, axes, images[-1], spare=spare)
    return figure


def density(true: Floats, predicted: Floats) -> npt.NDArray[np.float64]:
    """Count galaxies in cells of true (columns) and predicted (rows) redshift.

    The result has shape (CELLS, CELLS). Those beyond the axes count in the outermost cells.
    """
    edges = np.linspace(0.0, REDSHIFT_MAX, CELLS + 1)
    rows, columns = (np.clip(values, 0.0, REDSHIFT_MAX) for values in (predicted, true))
    return np.histogram2d(rows, columns, bins=(edges, edges))[0]


def _draw_forecast_panels(
    axes: npt.NDArray[np.object_], drawn: Sequence[Run], config: Config
) -> "list[QuadMesh]":
    """All panels on one scale of colours."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap, LogNorm

    tested = [run.forecasts[config] for run in drawn]
    counts = [density(test.redshift, test.point.mean(axis=0, dtype=np.float64)) for test in tested]
    norm = LogNorm(1.0, max(10.0, *(float(cells.max()) for cells in counts)))
    edges = np.linspace(0.0, REDSHIFT_MAX, CELLS + 1)
    # From a green that one galaxy can be seen by to a blue that is nearly black.
    colours = ListedColormap(mpl.colormaps["YlGnBu"](np.linspace(0.35, 1.0, 64)))
    images = []
    for panel, run, cells in zip(axes, drawn, counts, strict=False):
        shown = np.ma.masked_equal(cells, 0.0)
        images.append(panel.pcolormesh(edges, edges, shown, cmap=colours, norm=norm))
        images[-1].set_rasterized(True)
        _draw_lines(panel)
        _annotate(panel, run, config)
    return images


def _draw_lines(panel: "Axes") -> None:
    """One to one, and the limits of outliers."""
    equal, outlier = _LINES
    panel.axline((0.0, 0.0), slope=1.0, color="#D55E00", lw=0.7, label=equal)
    for sign in (1.0, -1.0):
        shift = sign * OUTLIER_LIMIT
        panel.axline((0.0, shift), slope=1.0 + shift, color="black", lw=0.6, ls=":", label=outlier)
    ticks = np.arange(0.0, REDSHIFT_MAX + 0.5, 1.0)
    ends = (0.0, REDSHIFT_MAX)
    panel.set(xlim=ends, ylim=ends, aspect="equal", xticks=ticks, yticks=ticks)


def _annotate(panel: "Axes", run: Run, config: Config) -> None:
    """Name the baseline, and its scores, where few galaxies are."""
    metrics = run.entry.scores[config].cosmological.metrics
    lines = [
        name.format(number_text(metric, metrics[metric].mean, None))
        for metric, name in ANNOTATED.items()
    ]
    panel.set_title(run.entry.method.name, fontweight="bold", pad=2.5)
    panel.annotate(
        "\n".join(lines),
        (0.04, 0.97),
        xycoords="axes fraction",
        va="top",
        fontsize="small",
        linespacing=1.25,
        bbox={"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 1.0},
    )


def _label(axes: npt.NDArray[np.object_], drawn: int) -> None:
    """Name the outer axes; a panel above none is one of the lowest."""
    for number, panel in enumerate(axes[:drawn]):
        if number % 2 == 0:
            panel.set_ylabel("predicted redshift")
        if number + 2 >= drawn:
            panel.set_xlabel("true redshift (label)")
            panel.tick_params(labelbottom=True)


def _explain(
    figure: "Figure", axes: npt.NDArray[np.object_], image: "QuadMesh", *, spare: bool
) -> None:
    """Explain lines and colours: in the panel that is left over, or below all."""
    named = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    legend = {"handles": list(named.values()), "labels": list(named), "title": SCORED}
    legend["title_fontsize"] = "medium"
    scale = {"orientation": "horizontal", "label": "galaxies per cell"}
    if spare:
        axes[-1].set_axis_off()
        axes[-1].legend(**legend, loc="upper left", borderaxespad=0.0, alignment="left")
        figure.colorbar(image, cax=axes[-1].inset_axes((0.06, 0.26, 0.88, 0.06)), **scale)
    else:
        figure.legend(**legend, loc="outside lower center", ncols=2)
        figure.colorbar(image, ax=list(axes), aspect=35, shrink=0.8, pad=0.03, **scale)


# --- figure 3: scores on both test sets

SCORE_PANELS: MappingProxyType[Metric, str] = MappingProxyType(
    {
        "bias": "bias",
        "scatter": "scatter",
        "outlier_rate": "outlier rate (%)",
        "outlier_rate_3sigma": "3σ outlier rate (%)",
        "rmse": "RMS",
    }
)
"""Metric of each panel: those of the paper, and those that LSST has a requirement on."""

SET_LOOKS = (("s", COLOURS[SPECTROSCOPIC]), ("o", COLOURS[LABEL]))
"""Marker and colour of the first test set, spectroscopic where there is such, and the second."""

SHIFT = 0.16
"""Of a test set's points from the middle of a baseline's row, which is 1 high."""

SCORE_ROW_HEIGHT, SCORE_REST_HEIGHT = 0.16, 0.47
"""Inches of a panel: per baseline, and besides."""


def scores(runs: Sequence[Run], title: str) -> "Figure":
    """Draw the scores at 0.3 < z <= 1.5 (Soriano et al. 2024, figure 3).

    Baselines come from the top down. A panel per metric has means with the spread over seeds as
    error bars, and grey where a requirement of LSST's is met. `title` says which release this is,
    and that a mock is one.
    """
    drawn = {
        run.entry.method.name: {
            config: run.entry.scores[config].cosmological.metrics for config in tested_on(runs)
        }
        for run in runs
    }
    return draw_scores(drawn, f"{title}\n{RANGES[COSMOLOGICAL]}, {over_seeds(SPREAD, runs)}")


def draw_scores(
    drawn: Mapping[str, Mapping[Config, Mapping[Any, Summary]]],
    title: str,
    panels: Sequence[Metric] = tuple(SCORE_PANELS),
) -> "Figure":
    """Draw the scores of baselines, by their names, on test sets: means, and spreads as bars.

    `drawn` has the same test sets for each, and the metrics of the `panels`, five at most.
    """
    from matplotlib.figure import Figure

    height = 3 * (SCORE_ROW_HEIGHT * len(drawn) + SCORE_REST_HEIGHT) + 0.4
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(3, 2, sharey=True).ravel()
    for panel, metric in zip(axes, panels, strict=False):
        _draw_score_panel(panel, metric, drawn)
    handles, labels = axes[0].get_legend_handles_labels()
    for panel in axes[len(panels) :]:
        panel.set_axis_off()
    axes[len(panels)].legend(handles, labels, loc="center left", borderaxespad=0.0)
    put_title(figure, title)
    return figure


def _draw_score_panel(
    panel: "Axes", metric: Metric, drawn: Mapping[str, Mapping[Config, Mapping[Any, Summary]]]
) -> None:
    scale = 100.0 if metric in PERCENT else 1.0
    for number, config in enumerate(next(iter(drawn.values()))):
        summaries = [sets[config][metric] for sets in drawn.values()]
        _draw_score_set(panel, config, summaries, scale, number)
    if metric in LIMITS:
        limit = scale * LIMITS[metric]
        low = -limit if metric == "bias" else 0.0
        panel.axvspan(low, limit, color=GREY, lw=0, zorder=0, label="LSST requirement")
    panel.margins(x=0.12)
    if metric == "bias":
        panel.axvline(0.0, color="black", lw=0.6, zorder=1)
    else:
        panel.set_xlim(left=0.0)
    panel.set(xlabel=SCORE_PANELS[metric], ylim=(len(drawn) - 0.5, -0.5))
    panel.set_yticks(range(len(drawn)), list(drawn))
    panel.tick_params(axis="y", length=0)
    panel.locator_params(axis="x", nbins=4)


def _draw_score_set(
    panel: "Axes", config: Config, summaries: Sequence[Summary], scale: float, number: int
) -> None:
    shift, (marker, colour) = SHIFT * (1.0 if number else -1.0), SET_LOOKS[number]
    rows = [
        (scale * summary.mean, row + shift, scale * (summary.spread or 0.0))
        for row, summary in enumerate(summaries)
        if summary.mean is not None
    ]
    values, places, spreads = zip(*rows, strict=True) if rows else ((), (), ())
    panel.errorbar(
        values,
        places,
        xerr=spreads,
        fmt=marker,
        color=colour,
        elinewidth=0.9,
        capsize=1.5,
        markersize=2.6,
        label=f"{config_title(config)} test",
    )


# --- bias and scatter by true and by predicted redshift

BIN_ROWS: tuple[Metric, ...] = ("bias", "scatter")
BIN_COLUMNS: dict[Binning, str] = {
    "true_redshift": "true redshift (label)",
    "predicted_redshift": "predicted redshift",
}
BINS_HEIGHT = 3.5
"""Inches."""

DODGE = 0.025
"""In redshift, between the points of baselines in the same bin."""

LINEAR = 0.01
"""Below, the axis of the bias is linear, and logarithmic beyond."""

BIAS_TICKS = (-0.1, -0.01, 0.0, 0.01, 0.1)
SCATTER_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def bins(runs: Sequence[Run], title: str, config: Config | None = None) -> "Figure":
    """Draw bias and scatter in bins of redshift: rows are metrics, columns what the bins are of.

    Error bars join the spread over seeds and the bootstrap error over galaxies; a bin of too few
    galaxies has no point. `title` says which release this is, and that a mock is one.
    """
    from matplotlib.figure import Figure

    config = config or tested_on(runs)[0]
    figure = Figure(figsize=(WIDTH, BINS_HEIGHT), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for panels, metric in zip(axes, BIN_ROWS, strict=True):
        for panel, by in zip(panels, BIN_COLUMNS, strict=True):
            _draw_bin_panel(panel, runs, config, metric, by)
        panels[0].set_ylabel(metric)
    for panel, name in zip(axes[-1], BIN_COLUMNS.values(), strict=True):
        panel.set_xlabel(name)
    band, *handles = axes[0, 0].get_legend_handles_labels()[0]
    figure.legend(handles=[*handles, band], loc="outside lower center", ncols=3, columnspacing=1.2)
    put_title(figure, f"{title}\n{config_title(config)} test split")
    return figure


def _draw_bin_panel(
    panel: "Axes", runs: Sequence[Run], config: Config, metric: Metric, by: Binning
) -> None:
    limit = LIMITS[metric]
    low = -limit if metric == "bias" else 0.0
    panel.axhspan(low, limit, color=GREY, lw=0, zorder=0, label="LSST requirement")
    for number, run in enumerate(runs):
        shift = DODGE * (number - (len(runs) - 1) / 2.0)
        bins = (run.entry.scores[config].bins or {}).get(by, ())
        points = [point for one in bins for point in _points(one, metric)]
        places, values, errors = zip(*points, strict=True) if points else ((), (), ())
        moved = [place + shift for place in places]
        title = run.entry.method.name
        panel.errorbar(moved, values, errors, label=title, elinewidth=0.7, **LOOKS[run.key])
    if metric == "bias":
        panel.axhline(0.0, color="black", lw=0.5, zorder=1)
        panel.set_yscale("symlog", linthresh=LINEAR)
        panel.set_yticks(BIAS_TICKS, [minus(f"{tick:g}") for tick in BIAS_TICKS])
    else:
        panel.set_yscale("log")
        panel.set_yticks(SCATTER_TICKS, [f"{tick:g}" for tick in SCATTER_TICKS])
    panel.set_yticks([], minor=True)


def _points(one: EntryBin, metric: Metric) -> list[tuple[float, float, float]]:
    """Place (its galaxies' median, else amid its ends), value and error; nothing of no number."""
    summary = (one.metrics or {}).get(metric)
    if summary is None or summary.mean is None:
        return []
    low = 0.0 if one.low is None else one.low
    amid = (low + (REDSHIFT_EDGES[-1] if one.high is None else one.high)) / 2.0
    error = ((summary.spread or 0.0) ** 2 + (summary.error or 0.0) ** 2) ** 0.5
    return [(amid if one.middle is None else one.middle, summary.mean, error)]
