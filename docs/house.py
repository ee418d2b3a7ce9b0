"""Draw the house: the rooms, the rooms within them, and who imports whom, from the code itself.

Run ``python docs/house.py`` in the repository: it prints modules and lines of every room and writes
``docs/house.png``, which CONTRIBUTING.md shows.
"""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from transferz.tables.files import save_png

ROOT = Path(__file__).parents[1]
OUT = ROOT / "docs/house.png"

PLACES = {
    "cli": (0.2, 9.1, 11.6, 0.6),
    "baselines": (6.3, 5.55, 5.5, 2.75),
    "loaders": (6.3, 4.15, 5.5, 0.6),
    "dataset": (0.2, 4.15, 5.5, 4.15),
    "tables": (2.0, 2.75, 9.8, 0.6),
    "photometry": (0.2, 0.2, 5.5, 0.6),
    "schemas": (6.3, 0.2, 5.5, 1.25),
}
"""Left, bottom, width and height of a room; what it imports lies below it."""

LANES = {("dataset", "photometry"): 1.1}  # beside tables/, not through it

SENTENCES = {
    "cli": "the transferz command: all parsers",
    "baselines": "the measuring",
    "loaders": "the using: import transferz",
    "dataset": "the making",
    "tables": "reading and writing tables of any format",
    "photometry": "the physics",
    "schemas": "the words",
}
COLOURS = {
    "cli": "#666666",
    "baselines": "#0072B2",
    "loaders": "#CC79A7",
    "dataset": "#009E73",
    "tables": "#56B4E9",
    "photometry": "#E69F00",
    "schemas": "#D55E00",
}
STAGES = ("survey", "fetch", "ingest", "select", "match", "split", "release", "card")


def modules(room: str) -> list[Path]:
    """Return the Python files of a room, as paths from the root."""
    return sorted(path.relative_to(ROOT) for path in (ROOT / room).rglob("*.py"))


def inner_rooms(room: str) -> list[str]:
    """Return the names of the folders of code in a room."""
    return sorted({path.parts[1] for path in modules(room) if len(path.parts) > 2})


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the other rooms that a module imports, and which room within, per statement."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("transferz"):
            names = [*f"{node.module}.{node.names[0].name}".split(".")[1:], ""]
            room = names[0] if names[0] in PLACES else "loaders"
            if room != path.parts[0]:
                yield room, names[1] if names[1] in inner_rooms(room) else ""


def nearest(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Leave out the arrows that others already imply: a room may import all that lies below."""
    return {
        (start, end)
        for start, end in arrows
        if not any((start, between) in arrows and (between, end) in arrows for between in PLACES)
    }


def draw_room(axes: Axes, room: str, shared: set[str]) -> None:
    """Draw a room, its sentence and the rooms within it; those that others use are filled."""
    left, bottom, width, height = PLACES[room]
    style, colour = "round,pad=0,rounding_size=0.1", COLOURS[room]
    axes.add_patch(
        FancyBboxPatch((left, bottom), width, height, style, fc=f"{colour}1c", ec=colour, lw=1.6)
    )
    top = bottom + height - 0.3
    axes.text(left + 0.2, top, f"{room}/", weight="bold", size=11, va="center")
    axes.text(left + 1.9, top, SENTENCES[room], size=9.5, va="center", color="#333333")
    for number, name in enumerate(inner_rooms(room)):
        row, column = divmod(number, 3)
        x, y = left + 0.2 + 1.74 * column, top - 0.82 - 0.6 * row
        fill = f"{colour}55" if name in shared else "white"
        axes.add_patch(FancyBboxPatch((x, y), 1.62, 0.42, style, fc=fill, ec=colour))
        axes.text(x + 0.81, y + 0.2, f"{name}/", size=8.5, ha="center", va="center")
    if room == "dataset":
        axes.text(left + 0.2, bottom + 0.62, "a module per stage:", size=8.5, va="center")
        axes.text(left + 0.2, bottom + 0.3, " → ".join(STAGES), size=8, va="center")


def draw_arrow(axes: Axes, start: str, end: str) -> None:
    """Draw an arrow from a room to one that it imports, straight down where it can be."""
    (x, y, width, _), (to_x, to_y, to_width, to_height) = PLACES[start], PLACES[end]
    middle = LANES.get((start, end), (max(x, to_x) + min(x + width, to_x + to_width)) / 2)
    tail, head = (middle, y), (middle, to_y + to_height)
    if {start, end} == {"baselines", "dataset"}:  # side by side
        tail, head = (x, y + 1.6), (to_x + to_width, y + 1.6)
    style = "--" if tail[1] == head[1] else "-"
    arrow = FancyArrowPatch(tail, head, arrowstyle="-|>", mutation_scale=16, shrinkA=0, shrinkB=0)
    arrow.set(color=COLOURS[start], lw=1.8, linestyle=style)
    axes.add_patch(arrow)


def main() -> None:
    """Print the size of every room, and draw the house."""
    found = {room: [one for path in modules(room) for one in imports(path)] for room in PLACES}
    arrows = {(room, end) for room, ends in found.items() for end, _ in ends}
    shared = {inner for end, inner in found["baselines"] if end == "dataset"}
    total = Counter[str]()
    for room in PLACES:
        files = modules(room)
        lines = sum(len((ROOT / one).read_text(encoding="utf-8").splitlines()) for one in files)
        total.update(modules=len(files), lines=lines)
        ends = ", ".join(end for end in PLACES if (room, end) in arrows)
        sys.stdout.write(f"{room:<11}{len(files):>4} modules{lines:>7} lines   imports {ends}\n")
    sys.stdout.write(f"{'all':<11}{total['modules']:>4} modules{total['lines']:>7} lines\n")
    figure = Figure(figsize=(9.6, 8.0), dpi=110)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, 12), ylim=(0, 10.0))
    axes.axis("off")
    for room in PLACES:
        draw_room(axes, room, shared)
    for start, end in sorted(nearest(arrows)):
        draw_arrow(axes, start, end)
    note = "A room imports what its arrows lead to;\nbaselines of dataset/ only the filled rooms."
    axes.text(1.5, 1.75, note, size=9, va="center", color="#333333")
    save_png(figure, OUT)


if __name__ == "__main__":
    main()
