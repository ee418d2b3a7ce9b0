"""The flow chart of a release: from upstream rows to released ones, by the pipeline's counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from transferz.tables.pictures import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 8.0  # inches, as are all lengths here: a card's column, at a font that can be read there
LINE = 0.185
PAD = 0.08
GAP = 0.14
DROP = 0.38  # of an arrow
INNER = 2.45  # the widest that a box's text gets
FONT = 9

NAMES = {
    "cosmos2020": "COSMOS2020",
    "hsc": "HSC-SSP",
    "galaxiesml": "GalaxiesML",
    "transferz": "TransferZ, as released",
}
PHOTOMETRIC, SPECTROSCOPIC, PLAIN = COLOURS["transferz"], COLOURS["galaxiesml"], "#555555"


@dataclass(frozen=True, slots=True)
class Box:
    """A step: what comes in, what each cut removes, what is left.

    Attributes
    ----------
    title : str
        Its name.
    lines : tuple of (str, str)
        What is said at the left, and the number at the right.
    total : tuple of (str, str)
        The last line, set off from the others.
    colour : str
        Of frame and title.
    """

    title: str
    lines: tuple[tuple[str, str], ...]
    total: tuple[str, str]
    colour: str = PLAIN

    @property
    def height(self) -> float:
        """In inches."""
        return LINE * (len(self.lines) + 2) + 4 * PAD


@dataclass(slots=True)
class Chart:
    """A chart's boxes by row.

    Attributes
    ----------
    catalogues : list of Box
        Upstream catalogues with their cuts, the spectroscopic one last.
    match, split : Box
        Where the samples are put together.
    configs : list of Box
        What is released.
    shared : str
        How many galaxies both samples hold.
    """

    catalogues: list[Box] = field(default_factory=list)
    match: Box = field(kw_only=True)
    split: Box = field(kw_only=True)
    configs: list[Box] = field(default_factory=list)
    shared: str = ""

    @property
    def height(self) -> float:
        """In inches."""
        rows = (self.catalogues, [self.match], [self.split], self.configs)
        return sum(max(box.height for box in row) for row in rows) + 3 * DROP + 2 * PAD


def read_chart(manifest: dict[str, Any]) -> Chart:
    """Return the flow of rows through the pipeline.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it; all numbers are its ``counts``.
    """
    counts = manifest["counts"]
    names = sorted(manifest["sources"], key="galaxiesml".__eq__)
    return Chart(
        [_catalogue(name, counts, mock=manifest["mock"]) for name in names],
        match=_match(manifest),
        split=_split(counts["split"]),
        configs=[_config(name, rows) for name, rows in counts["release"]["rows_out"].items()],
        shared=f"{sum(counts['match']['shared'].values()):,} in both",
    )


def _catalogue(name: str, counts: dict[str, Any], *, mock: bool) -> Box:
    facts = counts[f"select@{name}"]
    title = ("Mock " if mock else "") + NAMES[name]
    colour = SPECTROSCOPIC if name == "galaxiesml" else PHOTOMETRIC
    return Box(title, _removed(facts, "rows"), ("left", f"{facts['rows_out']:,}"), colour)


def _removed(facts: dict[str, Any], what: str) -> tuple[tuple[str, str], ...]:
    """The rows that come in, and those that each cut removes."""
    cuts = [(cut.replace("_", " "), _minus(rows)) for cut, rows in facts["removed"].items()]
    return ((what, f"{facts['rows_in']:,}"), *cuts)


def _minus(rows: int) -> str:
    return f"−{rows:,}" if rows else "0"


def _match(manifest: dict[str, Any]) -> Box:
    facts, published = manifest["counts"]["match"], "cosmos2020" not in manifest["sources"]
    radius = manifest["parameters"]["match"]["radius_arcsec"]
    title = "Match by HSC id" if published else f"Match on the sky within {radius:g}″"
    return Box(
        title,
        _removed(facts, "labelled galaxies"),
        ("left: TransferZ", f"{facts['rows_out']:,}"),
        PHOTOMETRIC,
    )


def _split(facts: dict[str, Any]) -> Box:
    return Box(
        "Split, both samples together",
        _removed(facts, "objects"),
        ("left: released", f"{facts['rows_out']:,}"),
    )


def _config(name: str, splits: dict[str, int]) -> Box:
    lines = tuple((split, f"{rows:,}") for split, rows in splits.items())
    colour = COLOURS.get(name, PLAIN)
    return Box(name, lines, ("rows", f"{sum(splits.values()):,}"), colour)


def flow_chart(manifest: dict[str, Any]) -> "Figure":
    """Draw how a release came about, from upstream rows to configs.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.

    Returns
    -------
    matplotlib.figure.Figure
        One axes, whose unit is the inch.
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
    """Row by row from the top; all arrows go straight down."""
    top = chart.height - PAD
    columns = _columns(len(chart.catalogues))
    bottoms = [
        _draw(axes, box, *at, top) for box, at in zip(chart.catalogues, columns, strict=True)
    ]
    match_top = min(bottoms) - DROP
    match_end = columns[-2][1]
    _arrows(axes, columns[:-1], bottoms[:-1], match_top)
    split_top = _draw(axes, chart.match, PAD, match_end, match_top) - DROP
    _arrows(axes, [(PAD, match_end)], [split_top + DROP], split_top)
    _arrows(axes, columns[-1:], bottoms[-1:], split_top)
    _look_up(axes, columns[-1], match_end, match_top - chart.match.height / 2, chart.shared)
    configs_top = _draw(axes, chart.split, PAD, WIDTH - PAD, split_top) - DROP
    places = _columns(len(chart.configs))
    _arrows(axes, places, [configs_top + DROP] * len(places), configs_top)
    for box, place in zip(chart.configs, places, strict=True):
        _draw(axes, box, *place, configs_top)


def _columns(number: int) -> list[tuple[float, float]]:
    """Left and right edge of each of some boxes side by side."""
    width = (WIDTH - 2 * PAD - (number - 1) * GAP) / number
    lefts = [PAD + place * (width + GAP) for place in range(number)]
    return [(left, left + width) for left in lefts]


def _arrows(
    axes: "Axes", columns: Sequence[tuple[float, float]], starts: Sequence[float], end: float
) -> None:
    for (left, right), start in zip(columns, starts, strict=True):
        _arrow(axes, ((left + right) / 2, start), ((left + right) / 2, end))


def _arrow(
    axes: "Axes", start: tuple[float, float], end: tuple[float, float], **style: Any
) -> None:
    look = {"arrowstyle": "-|>", "color": PLAIN, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 1}
    axes.annotate("", end, start, arrowprops=look | style)


def _look_up(
    axes: "Axes", column: tuple[float, float], end: float, height: float, text: str
) -> None:
    """GalaxiesML is looked through for objects of the other sample."""
    middle = (end + sum(column) / 2) / 2
    axes.text(middle, height + LINE / 2, text, ha="center", va="center", fontsize=FONT)
    _arrow(axes, (sum(column) / 2, height), (end, height), linestyle="--")


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
    for line in box.lines:
        y -= LINE
        _line(axes, line, edges, y)
    axes.plot(edges, [y - LINE / 2 - PAD / 2] * 2, color=box.colour, linewidth=0.6)
    _line(axes, box.total, edges, y - LINE - PAD, fontweight="bold")
    return bottom


def _line(
    axes: "Axes", line: tuple[str, str], edges: tuple[float, float], y: float, **style: Any
) -> None:
    for text, x, side in zip(line, edges, ("left", "right"), strict=True):
        axes.text(x, y, text, ha=side, va="center", fontsize=FONT, **style)
