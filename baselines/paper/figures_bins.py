"""Bias and scatter of every baseline by true and by predicted redshift."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transferz.baselines.paper.figures_style import GREY, LOOKS, WIDTH
from transferz.baselines.paper.report_input import Evaluation
from transferz.baselines.scores.binning import REDSHIFT_EDGES
from transferz.baselines.scores.requirements import LIMITS
from transferz.schemas.benchmark.scores import SETS, Bin, Binning, Config, Metric, minus

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROWS: tuple[Metric, ...] = ("bias", "scatter")
COLUMNS: dict[Binning, str] = {
    "true_redshift": "true redshift (label)",
    "predicted_redshift": "predicted redshift",
}
HEIGHT = 3.5
"""Inches."""

DODGE = 0.025
"""In redshift, between the points of baselines in the same bin."""

LINEAR = 0.01
"""Below, the axis of the bias is linear, and logarithmic beyond."""

BIAS_TICKS = (-0.1, -0.01, 0.0, 0.01, 0.1)
SCATTER_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)


def bins(evaluations: Sequence[Evaluation], title: str, config: Config = "galaxiesml") -> "Figure":
    """Draw bias and scatter in bins of redshift.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        The baselines.
    title : str
        Says which release this is, and that a mock is one.
    config : str
        Whose test split.

    Returns
    -------
    matplotlib.figure.Figure
        Rows are metrics, columns what the bins are of. Error bars join the spread over seeds and
        the bootstrap error over galaxies; a bin of too few galaxies has no point.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for panels, metric in zip(axes, ROWS, strict=True):
        for panel, by in zip(panels, COLUMNS, strict=True):
            _draw_panel(panel, evaluations, config, metric, by)
        panels[0].set_ylabel(metric)
    for panel, name in zip(axes[-1], COLUMNS.values(), strict=True):
        panel.set_xlabel(name)
    band, *handles = axes[0, 0].get_legend_handles_labels()[0]
    figure.legend(handles=[*handles, band], loc="outside lower center", ncols=3, columnspacing=1.2)
    figure.suptitle(f"{title}\n{SETS[config]} test split", linespacing=1.3)
    return figure


def _draw_panel(
    panel: "Axes", evaluations: Sequence[Evaluation], config: Config, metric: Metric, by: Binning
) -> None:
    limit = LIMITS[metric]
    low = -limit if metric == "bias" else 0.0
    panel.axhspan(low, limit, color=GREY, lw=0, zorder=0, label="LSST requirement")
    for number, one in enumerate(evaluations):
        shift = DODGE * (number - (len(evaluations) - 1) / 2.0)
        points = [point for each in one.sets[config].bins[by] for point in _points(each, metric)]
        places, values, errors = zip(*points, strict=True) if points else ((), (), ())
        moved = [place + shift for place in places]
        panel.errorbar(moved, values, errors, label=one.title, elinewidth=0.7, **LOOKS[one.method])
    if metric == "bias":
        panel.axhline(0.0, color="black", lw=0.5, zorder=1)
        panel.set_yscale("symlog", linthresh=LINEAR)
        panel.set_yticks(BIAS_TICKS, [minus(f"{tick:g}") for tick in BIAS_TICKS])
    else:
        panel.set_yscale("log")
        panel.set_yticks(SCATTER_TICKS, [f"{tick:g}" for tick in SCATTER_TICKS])
    panel.set_yticks([], minor=True)


def _points(one: Bin, metric: Metric) -> list[tuple[float, float, float]]:
    """Place, value and error; nothing where there is no number."""
    summary = (one.metrics or {}).get(metric)
    if summary is None or summary.mean is None:
        return []
    error = ((summary.spread or 0.0) ** 2 + (summary.error or 0.0) ** 2) ** 0.5
    return [(_place(one), summary.mean, error)]


def _place(one: Bin) -> float:
    """Where a bin's point is drawn: at its galaxies' median, else amid its ends."""
    if one.middle is not None:
        return one.middle
    low = 0.0 if one.low is None else one.low
    return (low + (REDSHIFT_EDGES[-1] if one.high is None else one.high)) / 2.0
