"""The figures of every card: what a release's galaxies are, and how its rows came about."""

import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from transferz.dataset.page.citation import pretty_name
from transferz.schemas import magnitude_name
from transferz.schemas.survey.files import file_digest
from transferz.tables.files import COLOURS, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FIGURES = {name: f"figures/{name}.png" for name in ("distributions", "flow")}
"""The figures that every card shows: where they lie, relative to it."""

SAMPLE_NAMES = {"transferz": "TransferZ (photo-z)", "galaxiesml": "GalaxiesML (spec-z)"}
PANELS = {
    "redshift": np.arange(0.0, 4.05, 0.1),
    "i cModel magnitude": np.arange(16.0, 27.05, 0.25),
    "g − r": np.arange(-0.5, 2.55, 0.075),
}
"""Label and bins of each panel of `distributions`."""


def draw(tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any], release: Path) -> None:
    """Draw a release's figures, from the released rows of its configs and its manifest."""
    (release / FIGURES["flow"]).parent.mkdir(exist_ok=True)
    samples = {name: tables[name] for name in SAMPLE_NAMES}
    title = f"{pretty_name(manifest)} {manifest['version']}"
    save_png(distributions(samples, title), release / FIGURES["distributions"])
    save_png(flow_chart(manifest), release / FIGURES["flow"])


@functools.cache
def drawing_digest() -> str:
    """Return the sha256 (hexadecimal) of a figure of made-up rows: how this machine draws.

    Where another one draws it alike, its matplotlib, fonts and settings draw a release's figures
    alike as well, and these can be compared byte for byte.
    """
    steps = np.linspace(0.0, 4.0, 101)
    rows = pd.DataFrame({"redshift": steps} | {magnitude_name(b): 20 + steps for b in "gri"})
    tables = {name: rows.iloc[::step] for step, name in enumerate(SAMPLE_NAMES, 1)}
    with tempfile.TemporaryDirectory() as folder:
        save_png(distributions(tables, "TransferZ 0123456789"), Path(folder) / "figure.png")
        return file_digest(Path(folder) / "figure.png")["sha256"]


def distributions(tables: dict[str, pd.DataFrame], title: str) -> "Figure":
    """Draw redshift, i magnitude and colour of the two samples (Soriano et al. 2024, figure 1).

    `tables` has the released rows of ``transferz`` and ``galaxiesml``, all splits; `title` says
    which release this is, and that a mock is one. Each histogram is normalised to unit area.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8.0, 3.0), dpi=150, layout="constrained")
    panels = figure.subplots(1, len(PANELS))
    for axes, (label, bins) in zip(panels, PANELS.items(), strict=True):
        for name, rows in tables.items():
            g, r, i = (rows[magnitude_name(band)] for band in "gri")
            values = dict(zip(PANELS, (rows["redshift"], i, g - r), strict=True))[label]
            style = {"density": True, "color": COLOURS[name]}
            axes.hist(values, bins, alpha=0.25, **style)
            outline = {"histtype": "step", "linewidth": 1.5, "label": SAMPLE_NAMES[name]}
            axes.hist(values, bins, **style, **outline)
        axes.set(xlabel=label, yticks=[], xlim=(bins[0], bins[-1]))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.axes[0].set_ylabel("share of galaxies")
    figure.axes[0].legend(frameon=False, fontsize="medium", handlelength=1.2)
    figure.suptitle(title, fontsize="medium")
    return figure


WIDTH = 8.0  # inches, as are all lengths here: a card's column, at a font that can be read there
LINE = 0.185
PAD = 0.08
GAP = 0.14
DROP = 0.38  # of an arrow
INNER = 2.45  # the widest that a box's text gets
FONT = 9

CATALOGUE_NAMES = {
    "cosmos2020": "COSMOS2020",
    "hsc": "HSC-SSP",
    "galaxiesml": "GalaxiesML",
    "transferz": "TransferZ, as released",
}
PHOTOMETRIC, SPECTROSCOPIC, PLAIN = COLOURS["transferz"], COLOURS["galaxiesml"], "#555555"
ARROW = {"arrowstyle": "-|>", "color": PLAIN, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 1}

Column = tuple[float, float]
"""Left and right edge of a box."""


@dataclass(frozen=True, slots=True)
class Box:
    """A step: what comes in, what each cut removes and, set off as ``total``, what is left.

    Each line has what is said at the left, and the number at the right.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    total: tuple[str, str]
    colour: str

    @property
    def height(self) -> float:
        """In inches."""
        return LINE * (len(self.lines) + 2) + 4 * PAD


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart's boxes by row.

    First come the upstream catalogues, the spectroscopic one last, then where the samples are put
    together, then what is released. ``shared`` says how many galaxies both samples hold.
    """

    catalogues: list[Box]
    match: Box
    split: Box
    configs: list[Box]
    shared: str

    @property
    def height(self) -> float:
        """In inches."""
        rows = (self.catalogues, [self.match], [self.split], self.configs)
        return sum(max(box.height for box in row) for row in rows) + 3 * DROP + 2 * PAD


def read_chart(manifest: Mapping[str, Any]) -> Chart:
    """Return the flow of rows through the pipeline, from a manifest's ``counts``."""
    counts, sources = manifest["counts"], manifest["sources"]
    catalogues = []
    for name in sorted(sources, key="galaxiesml".__eq__):
        title = ("Mock " if manifest["mock"] else "") + CATALOGUE_NAMES[name]
        colour = SPECTROSCOPIC if name == "galaxiesml" else PHOTOMETRIC
        catalogues.append(_step(title, counts[f"select@{name}"], "rows", "left", colour))
    radius = manifest["parameters"]["match"]["radius_arcsec"]
    on_sky = f"Match on the sky within {radius:g}″"
    matching = on_sky if "cosmos2020" in sources else "Match by HSC id"
    splitting = "Split, both samples together"
    configs = []
    for name, splits in counts["release"]["rows_out"].items():
        lines = tuple((split, f"{rows:,}") for split, rows in splits.items())
        total = ("rows", f"{sum(splits.values()):,}")
        configs.append(Box(name, lines, total, COLOURS.get(name, PLAIN)))
    return Chart(
        catalogues,
        _step(matching, counts["match"], "labelled galaxies", "left: TransferZ", PHOTOMETRIC),
        _step(splitting, counts["split"], "objects", "left: released", PLAIN),
        configs,
        shared=f"{sum(counts['match']['shared'].values()):,} in both",
    )


def _step(title: str, counts: Mapping[str, Any], what: str, left: str, colour: str) -> Box:
    """The box of a stage: rows that come in, those that each cut removes, those that are left."""
    cuts = (
        (cut.replace("_", " "), f"−{rows:,}" if rows else "0")
        for cut, rows in counts["removed"].items()
    )
    lines = ((what, f"{counts['rows_in']:,}"), *cuts)
    return Box(title, lines, (left, f"{counts['rows_out']:,}"), colour)


def flow_chart(manifest: Mapping[str, Any]) -> "Figure":
    """Draw how a release came about, from upstream rows to configs.

    The figure has one axes, whose unit is the inch.
    """
    from matplotlib.figure import Figure

    chart = read_chart(manifest)
    figure = Figure(figsize=(WIDTH, chart.height), dpi=150)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set(xlim=(0, WIDTH), ylim=(0, chart.height))
    axes.set_axis_off()
    _draw_chart(axes, chart)
    return figure


def _draw_chart(axes: "Axes", chart: Chart) -> None:
    """Draw row by row from the top."""
    columns = _columns(len(chart.catalogues))
    bottoms = [
        _draw(axes, box, *column, chart.height - PAD)
        for box, column in zip(chart.catalogues, columns, strict=True)
    ]
    # The photometric catalogues flow into the match below them, the spectroscopic one past it.
    match_top, match_column = min(bottoms) - DROP, (PAD, columns[-2][1])
    for column, bottom in zip(columns[:-1], bottoms[:-1], strict=True):
        _arrow(axes, column, bottom, match_top)
    match_bottom = _draw(axes, chart.match, *match_column, match_top)
    split_top = match_bottom - DROP
    _arrow(axes, match_column, match_bottom, split_top)
    _arrow(axes, columns[-1], bottoms[-1], split_top)
    # The spectroscopic one is looked through for objects of the other sample: dashed, sideways.
    start, end = sum(columns[-1]) / 2, match_column[1]
    height = match_top - chart.match.height / 2
    axes.annotate("", (end, height), (start, height), arrowprops=ARROW | {"linestyle": "--"})
    label = {"ha": "center", "va": "center", "fontsize": FONT}
    axes.text((start + end) / 2, height + LINE / 2, chart.shared, **label)
    split_bottom = _draw(axes, chart.split, PAD, WIDTH - PAD, split_top)
    for box, column in zip(chart.configs, _columns(len(chart.configs)), strict=True):
        _arrow(axes, column, split_bottom, split_bottom - DROP)
        _draw(axes, box, *column, split_bottom - DROP)


def _columns(number: int) -> list[Column]:
    """Left and right edge of each of some boxes side by side."""
    width = (WIDTH - 2 * PAD - (number - 1) * GAP) / number
    lefts = [PAD + place * (width + GAP) for place in range(number)]
    return [(left, left + width) for left in lefts]


def _arrow(axes: "Axes", column: Column, start: float, end: float) -> None:
    """Draw an arrow straight down the middle of a column."""
    middle = sum(column) / 2
    axes.annotate("", (middle, end), (middle, start), arrowprops=ARROW)


def _draw(axes: "Axes", box: Box, left: float, right: float, top: float) -> float:
    """Draw a box and return where it ends below."""
    from matplotlib.patches import FancyBboxPatch

    bottom = top - box.height
    corners = {"boxstyle": "round,pad=0,rounding_size=0.06", "linewidth": 1.4}
    frame = FancyBboxPatch((left, bottom), right - left, box.height, **corners)
    frame.set(facecolor="white", edgecolor=box.colour)
    axes.add_patch(frame)
    middle, inner = (left + right) / 2, min(right - left - 2 * PAD, INNER)
    edges = (middle - inner / 2, middle + inner / 2)
    y = top - PAD - LINE / 2
    heading = {"fontsize": FONT + 1, "fontweight": "bold", "color": box.colour}
    axes.text(middle, y, box.title, ha="center", va="center", **heading)
    y -= PAD
    for line in (*box.lines, box.total):
        y -= LINE
        weight = "normal"
        if line is box.total:
            axes.plot(edges, [y + LINE / 2 - PAD / 2] * 2, color=box.colour, linewidth=0.6)
            y, weight = y - PAD, "bold"
        for text, x, side in zip(line, edges, ("left", "right"), strict=True):
            axes.text(x, y, text, ha=side, va="center", fontsize=FONT, fontweight=weight)
    return bottom
