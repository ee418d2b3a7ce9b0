"""How the paper's figures look: as wide as a journal's column, in colours for everyone's eyes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from transferz.tables.files import COLOURS, save_png

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        "nn_base": {"color": COLOURS["transferz"], "marker": "o", "linestyle": "-"},
        "nn_tl": {"color": "#CC79A7", "marker": "s", "linestyle": "--"},
        "nn_combo": {"color": COLOURS["combo"], "marker": "D", "linestyle": "-."},
        "nn_spec": {"color": COLOURS["galaxiesml"], "marker": "^", "linestyle": ":"},
    }
)
"""Of the baselines: the colour of the config that they learn from (NN-TL, which learns from two,
has Okabe-Ito's purple), and a marker and a line that tell them apart without it."""

GREY = "#D9D9D9"
"""Of bands in the background."""


@contextmanager
def paper_style() -> Iterator[None]:
    """Draw and save in the style of the paper's figures."""
    import matplotlib as mpl

    with mpl.rc_context(dict(STYLE)):
        yield


def save_figure(figure: "Figure", folder: Path, name: str) -> None:
    """Write a figure as PNG and, for papers, as PDF; within `paper_style`.

    The bytes of the PNG repeat on any machine, those of the PDF on one with the same zlib.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        What to draw.
    folder : Path
        Where to.
    name : str
        Without ending.
    """
    save_png(figure, folder / f"{name}.png")
    figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None})
