"""The paper's figure 2: predicted against true redshift, with a panel per baseline."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from transferz.baselines.paper.figures_style import WIDTH
from transferz.baselines.paper.report_input import Evaluation, over_seeds
from transferz.baselines.scores.metrics import OUTLIER_LIMIT
from transferz.schemas.benchmark.scores import SETS, Config, Metric, number_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

PANELS = ("nn_base", "nn_tl", "nn_combo")
"""The baselines of the paper's figure."""

REDSHIFT_MAX = 4.0
CELLS = 80
"""Along each axis (our choice)."""

ANNOTATED: dict[Metric, str] = {
    "bias": "bias {}",
    "scatter": "scatter {}",
    "outlier_rate": "outliers {} %",
}
"""The scores that each panel gives, means over seeds."""

SCORED = "Scores at 0.3 < z ≤ 1.5"

ROW_HEIGHT, TITLE_HEIGHT, LEGEND_HEIGHT = 1.75, 0.4, 0.75
"""Inches."""

_LINES = ("predicted = true", f"|Δz| = {OUTLIER_LIMIT:g} (1 + z)")


def forecasts(
    evaluations: Sequence[Evaluation],
    title: str,
    config: Config = "galaxiesml",
    methods: Sequence[str] = PANELS,
) -> "Figure":
    """Draw predicted against true redshift on a test split (Soriano et al. 2024, figure 2).

    Parameters
    ----------
    evaluations : sequence of Evaluation
        What was forecast; the mean over seeds is drawn.
    title : str
        Says which release this is, and that a mock is one.
    config : str
        Whose test split.
    methods : sequence of str
        The baselines to draw, in this order, as far as they are there.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels a row, the number of galaxies per cell as colour, on a log scale; what lies
        beyond the axes is drawn in their outermost cells.
    """
    from matplotlib.figure import Figure

    known = {one.method: one for one in evaluations}
    drawn = [known[method] for method in methods if method in known]
    rows, spare = (len(drawn) + 1) // 2, len(drawn) % 2 == 1
    height = ROW_HEIGHT * rows + (TITLE_HEIGHT if spare else TITLE_HEIGHT + LEGEND_HEIGHT)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel()
    images = _draw_panels(axes, drawn, config)
    _label(axes, len(drawn))
    split = f"{SETS[config]} test split, {over_seeds('mean', drawn)}"
    figure.suptitle(f"{title}\n{split}", linespacing=1.3)
    _explain(figure, axes, images[-1], spare=spare)
    return figure


def density(
    true: npt.NDArray[np.float64], predicted: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Count galaxies in cells of true and predicted redshift.

    Parameters
    ----------
    true, predicted : ndarray, shape (N,)
        Redshifts; those beyond the axes count in the outermost cells.

    Returns
    -------
    ndarray, shape (CELLS, CELLS)
        Rows are predicted, columns true redshift; sums to N.
    """
    edges = np.linspace(0.0, REDSHIFT_MAX, CELLS + 1)
    rows, columns = (np.clip(values, 0.0, REDSHIFT_MAX) for values in (predicted, true))
    return np.histogram2d(rows, columns, bins=(edges, edges))[0]


def _draw_panels(
    axes: npt.NDArray[np.object_], drawn: Sequence[Evaluation], config: Config
) -> "list[QuadMesh]":
    """All panels on one scale of colours."""
    from matplotlib.colors import LogNorm

    tested = [one.forecasts[config] for one in drawn]
    counts = [density(one.redshift, one.predicted.mean(axis=0)) for one in tested]
    norm = LogNorm(1.0, max(10.0, *(float(one.max()) for one in counts)))
    edges = np.linspace(0.0, REDSHIFT_MAX, CELLS + 1)
    images = []
    for panel, one, cells in zip(axes, drawn, counts, strict=False):
        shown = np.ma.masked_equal(cells, 0.0)
        images.append(panel.pcolormesh(edges, edges, shown, cmap=_colours(), norm=norm))
        images[-1].set_rasterized(True)
        _draw_lines(panel)
        _annotate(panel, one, config)
    return images


def _colours() -> "Colormap":
    """From a green that one galaxy can be seen by to a blue that is nearly black."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["YlGnBu"](np.linspace(0.35, 1.0, 64)))


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


def _annotate(panel: "Axes", one: Evaluation, config: Config) -> None:
    """Name the baseline, and its scores, where few galaxies are."""
    metrics = one.sets[config].cosmological.metrics
    lines = [
        name.format(number_text(metric, metrics[metric].mean, None))
        for metric, name in ANNOTATED.items()
    ]
    panel.set_title(one.title, fontweight="bold", pad=2.5)
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
