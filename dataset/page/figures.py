"""The figures of every card: what a release's galaxies are, and how its rows came about."""

import functools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from transferz.dataset.page.subject import Subject, reference_band, subject_of
from transferz.schemas.survey.described import LABEL, SPECTROSCOPIC
from transferz.schemas.survey.files import file_digest
from transferz.tables.files import COLOURS, save_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FIGURES = {name: f"figures/{name}.png" for name in ("distributions", "flow")}
"""The figures that every card shows: where they lie, relative to it."""

KINDS = {LABEL: "photo-z", SPECTROSCOPIC: "spec-z"}
"""The redshifts of the samples that are drawn, by role."""

SHARES = (0.005, 0.995)
"""Quantiles between which a histogram reaches (our choice)."""


def draw(tables: Mapping[str, pd.DataFrame], manifest: Mapping[str, Any], release: Path) -> None:
    """Draw a release's figures, from the released rows of its configs and its manifest."""
    subject = subject_of(manifest)
    (release / FIGURES["flow"]).parent.mkdir(exist_ok=True)
    samples = {role: tables[config] for role, config in subject.samples.items()}
    title = f"{subject.name} {manifest['version']}"
    save_png(distributions(samples, subject, title), release / FIGURES["distributions"])
    save_png(flow_chart(manifest), release / FIGURES["flow"])


@functools.cache
def drawing_digest() -> str:
    """Return the sha256 (hexadecimal) of a figure of made-up rows: how this machine draws.

    Where another one draws it alike, its matplotlib, fonts and settings draw a release's figures
    alike as well, and these can be compared byte for byte.
    """
    steps = np.linspace(0.0, 4.0, 101)
    subject = subject_of({"survey": "mock", "mock": True})
    names = [band.magnitude for band in subject.bands]
    rows = pd.DataFrame({"redshift": steps} | dict.fromkeys(names, 20 + steps))
    tables = {role: rows.iloc[::step] for step, role in enumerate(KINDS, 1)}
    with tempfile.TemporaryDirectory() as folder:
        save_png(distributions(tables, subject, "TransferZ 0123456789"), Path(folder) / "a.png")
        return file_digest(Path(folder) / "a.png")["sha256"]


def distributions(tables: Mapping[str, pd.DataFrame], subject: Subject, title: str) -> "Figure":
    """Draw redshift, magnitude and colour of the samples (Soriano et al. 2024, figure 1).

    `tables` has the released rows of the samples that are there, by role, all splits. The magnitude
    is that in the `reference_band`, the colour that of the two bluest bands. `title` says which
    release this is, and that a mock is one. Heights are shares of all galaxies of a sample.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    reference, bands = reference_band(subject.bands), subject.bands
    panels: dict[str, tuple[float, list[pd.Series]]] = {
        "redshift": (0.1, [rows["redshift"] for rows in tables.values()]),
        f"{reference.name} {subject.words.magnitude}": (
            0.25,
            [rows[reference.magnitude] for rows in tables.values()],
        ),
    }
    if len(bands) > 1:
        panels[f"{bands[0].name} − {bands[1].name}"] = (
            0.075,
            [rows[bands[0].magnitude] - rows[bands[1].magnitude] for rows in tables.values()],
        )
    figure = Figure(figsize=(8.0, 3.0), dpi=150, layout="constrained")
    row = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (label, (step, samples)) in zip(row, panels.items(), strict=True):
        bins = _bins(samples, step)
        for role, values in zip(tables, samples, strict=True):
            share = np.full(len(values), 100.0 / len(values))
            style = {"weights": share, "color": COLOURS[role]}
            axes.hist(values, bins, alpha=0.25, **style)
            name = f"{subject.called(role)} ({KINDS[role]})"
            axes.hist(values, bins, histtype="step", linewidth=1.5, label=name, **style)
        axes.set(xlabel=f"{label}, in bins of {step:g}", xlim=(bins[0], bins[-1]))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel("galaxies in a bin (%)")
    figure.axes[0].legend(frameon=False, fontsize="medium", handlelength=1.2)
    figure.suptitle(title, fontsize="medium")
    return figure


def _bins(samples: Sequence[pd.Series], step: float) -> Any:
    """Edges at whole multiples of a step, over the values of all samples but the most extreme."""
    ends = [values.astype("float64").quantile(list(SHARES)) for values in samples]
    low = min(end.iloc[0] for end in ends)
    high = max(end.iloc[-1] for end in ends)
    return step * np.arange(np.floor(low / step), np.ceil(high / step) + 1.5)


WIDTH = 8.0  # inches, as are all lengths here: a card's column, at a font that can be read there
LINE = 0.185
PAD = 0.08
GAP = 0.14
DROP = 0.38  # of an arrow
INNER = 2.45  # the widest that a box's text gets
FONT = 9

PHOTOMETRIC, SPECTRAL, PLAIN = COLOURS[LABEL], COLOURS[SPECTROSCOPIC], "#555555"
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

    First come the upstream catalogues, the spectroscopic one last, then where labels and spectra
    are put together, None where there are no labels, then what is released. ``shared`` says how
    many galaxies both samples hold, and how many of them under one id, empty where that is not
    known.
    """

    catalogues: list[Box]
    match: Box | None
    split: Box
    configs: list[Box]
    shared: str

    @property
    def height(self) -> float:
        """In inches."""
        rows = [self.catalogues, [self.match] if self.match else [], [self.split], self.configs]
        heights = [max(box.height for box in row) for row in rows if row]
        return sum(heights) + (len(heights) - 1) * DROP + 2 * PAD


def read_chart(manifest: Mapping[str, Any]) -> Chart:
    """Return the flow of rows through the pipeline, from a manifest's ``counts``."""
    subject, counts = subject_of(manifest), manifest["counts"]
    catalogues = []
    for name in sorted(manifest["sources"], key=subject.spectroscopic.__eq__):
        title = ("Mock " if subject.mock else "") + subject.title(name)
        colour = SPECTRAL if name == subject.spectroscopic else PHOTOMETRIC
        step = counts[f"select@{name}"]
        if match := counts.get(f"match@{name}"):  # spectra that are joined to photometry here
            step = match | {
                "rows_in": step["rows_in"],
                "removed": step["removed"] | match["removed"],
            }
        catalogues.append(_step(title, step, "rows", "left", colour))
    labels, shared = None, ""
    if subject.survey.match:
        radius = manifest["parameters"]["match"]["radius_arcsec"]
        ways = {
            "sky": f"Match on the sky within {radius:g}″",
            "id": f"Match by {subject.words.identifier}",
            "photometry": "Labels, with photometry of their own",
        }
        left = f"left: {subject.called(LABEL)}"
        way = ways[subject.survey.match]
        labels = _step(way, counts["match"], "labelled galaxies", left, PHOTOMETRIC)
        if subject.tells_shared:
            both = sum(counts["match"]["shared"].values())
            shared = f"{both:,} in both,\n{counts['match']['shared']['by_id']:,} by id"
    roles = {config: role for role, config in subject.configs.items()}
    configs = []
    for name, splits in counts["release"]["rows_out"].items():
        lines = tuple((split, f"{rows:,}") for split, rows in splits.items())
        total = ("rows", f"{sum(splits.values()):,}")
        configs.append(Box(name, lines, total, COLOURS.get(roles.get(name, ""), PLAIN)))
    split = _step("Split", counts["split"], "objects", "left: released", PLAIN)
    if labels:
        rows = counts["match"]["rows_out"], step["rows_out"]
        held = dict(zip(map(subject.called, (LABEL, SPECTROSCOPIC)), rows, strict=True))
        split = _both_samples(split, held, counts["split"]["rows_in"])
    return Chart(catalogues, labels, split, configs, shared)


def _both_samples(split: Box, held: dict[str, int], objects: int) -> Box:
    """Say of a split how its objects come of two samples: one that both hold by id counts once."""
    held = held | {"the same id in both": objects - sum(held.values())}
    parts = ((what, f"{rows:,}".replace("-", "−")) for what, rows in held.items())
    return replace(split, title="Split, both samples together", lines=(*parts, *split.lines[1:]))


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
    if chart.match is None:
        split_top = min(bottoms) - DROP
        for column, bottom in zip(columns, bottoms, strict=True):
            _arrow(axes, column, bottom, split_top)
    else:
        split_top = _draw_match(axes, chart.match, chart.shared, columns, bottoms)
    split_bottom = _draw(axes, chart.split, PAD, WIDTH - PAD, split_top)
    for box, column in zip(chart.configs, _columns(len(chart.configs)), strict=True):
        _arrow(axes, column, split_bottom, split_bottom - DROP)
        _draw(axes, box, *column, split_bottom - DROP)


def _draw_match(
    axes: "Axes", match: Box, shared: str, columns: list[Column], bottoms: list[float]
) -> float:
    """Draw how labels and spectra come together; return where the next box begins."""
    # The photometric catalogues flow into the match below them, the spectroscopic one past it.
    match_top, match_column = min(bottoms) - DROP, (PAD, columns[-2][1])
    for column, bottom in zip(columns[:-1], bottoms[:-1], strict=True):
        _arrow(axes, column, bottom, match_top)
    match_bottom = _draw(axes, match, *match_column, match_top)
    split_top = match_bottom - DROP
    _arrow(axes, match_column, match_bottom, split_top)
    _arrow(axes, columns[-1], bottoms[-1], split_top)
    if not shared:
        return split_top
    # The spectroscopic one is looked through for objects of the other sample: dashed, sideways.
    start, end = sum(columns[-1]) / 2, match_column[1]
    height = match_top - match.height / 2
    axes.annotate("", (end, height), (start, height), arrowprops=ARROW | {"linestyle": "--"})
    label = {"ha": "center", "va": "bottom", "fontsize": FONT}
    axes.text((start + end) / 2, height + PAD / 2, shared, **label)
    return split_top


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
