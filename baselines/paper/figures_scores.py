"""The paper's figure 3: every baseline's scores on both test sets, and LSST's requirements."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from transferz.baselines.paper.figures_style import GREY, WIDTH
from transferz.baselines.paper.report_input import SPREAD, Evaluation, over_seeds
from transferz.baselines.scores.requirements import LIMITS
from transferz.schemas.benchmark.scores import PERCENT, SETS, TESTED, Config, Metric
from transferz.tables.pictures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PANELS: MappingProxyType[Metric, str] = MappingProxyType(
    {
        "bias": "bias",
        "scatter": "scatter",
        "outlier_rate": "outlier rate (%)",
        "outlier_rate_3sigma": "3σ outlier rate (%)",
        "rmse": "RMS",
    }
)
"""Metric of each panel: those of the paper, and those that LSST has a requirement on."""

MARKERS: dict[Config, str] = {"galaxiesml": "s", "transferz": "o"}
SHIFT = 0.16
"""Of a test set's points from the middle of a baseline's row, which is 1 high."""

ROW_HEIGHT, REST_HEIGHT = 0.16, 0.47
"""Inches of a panel: per baseline, and besides."""


def scores(evaluations: Sequence[Evaluation], title: str) -> "Figure":
    """Draw the scores at 0.3 < z <= 1.5 (Soriano et al. 2024, figure 3).

    Parameters
    ----------
    evaluations : sequence of Evaluation
        The baselines, from the top down.
    title : str
        Says which release this is, and that a mock is one.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per metric; means with the spread over seeds as error bars, and grey where a
        requirement of LSST's is met.
    """
    from matplotlib.figure import Figure

    height = 3 * (ROW_HEIGHT * len(evaluations) + REST_HEIGHT) + 0.4
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(3, 2, sharey=True).ravel()
    for panel, metric in zip(axes, PANELS, strict=False):
        _draw_panel(panel, metric, evaluations)
    handles, labels = axes[0].get_legend_handles_labels()
    axes[-1].set_axis_off()
    axes[-1].legend(handles, labels, loc="center left", borderaxespad=0.0)
    seeds = over_seeds(SPREAD, evaluations)
    figure.suptitle(f"{title}\n0.3 < z ≤ 1.5, {seeds}", linespacing=1.3)
    return figure


def _draw_panel(panel: "Axes", metric: Metric, evaluations: Sequence[Evaluation]) -> None:
    scale = 100.0 if metric in PERCENT else 1.0
    for config in TESTED:
        _draw_set(panel, metric, config, evaluations, scale)
    if metric in LIMITS:
        limit = scale * LIMITS[metric]
        low = -limit if metric == "bias" else 0.0
        panel.axvspan(low, limit, color=GREY, lw=0, zorder=0, label="LSST requirement")
    panel.margins(x=0.12)
    if metric == "bias":
        panel.axvline(0.0, color="black", lw=0.6, zorder=1)
    else:
        panel.set_xlim(left=0.0)
    panel.set(xlabel=PANELS[metric], ylim=(len(evaluations) - 0.5, -0.5))
    panel.set_yticks(range(len(evaluations)), [one.title for one in evaluations])
    panel.tick_params(axis="y", length=0)
    panel.locator_params(axis="x", nbins=4)


def _draw_set(
    panel: "Axes", metric: Metric, config: Config, evaluations: Sequence[Evaluation], scale: float
) -> None:
    found = [one.sets[config].cosmological.metrics[metric] for one in evaluations]
    shift = SHIFT * (-1.0 if config == TESTED[0] else 1.0)
    rows = [
        (scale * one.mean, row + shift, scale * (one.spread or 0.0))
        for row, one in enumerate(found)
        if one.mean is not None
    ]
    values, places, spreads = zip(*rows, strict=True) if rows else ((), (), ())
    panel.errorbar(
        values,
        places,
        xerr=spreads,
        fmt=MARKERS[config],
        color=COLOURS[config],
        elinewidth=0.9,
        capsize=1.5,
        markersize=2.6,
        label=f"{SETS[config]} test",
    )
