"""The figure of what a release's galaxies are."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from transferz.schemas import magnitude_name
from transferz.tables.pictures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES = {name: f"figures/{name}.png" for name in ("distributions", "flow")}
"""The figures that every card shows: where they lie, relative to it."""

NAMES = {"transferz": "TransferZ (photo-z)", "galaxiesml": "GalaxiesML (spec-z)"}
PANELS = {
    "redshift": np.arange(0.0, 4.05, 0.1),
    "i cModel magnitude": np.arange(16.0, 27.05, 0.25),
    "g − r": np.arange(-0.5, 2.55, 0.075),
}
"""Label and bins of each panel of `distributions`."""


def distributions(tables: dict[str, pd.DataFrame], title: str) -> "Figure":
    """Draw redshift, i magnitude and colour of the two samples (Soriano et al. 2024, figure 1).

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Released rows of ``transferz`` and ``galaxiesml``, all splits.
    title : str
        Says which release this is, and that a mock is one.

    Returns
    -------
    matplotlib.figure.Figure
        Three panels, each histogram normalised to unit area.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8.0, 3.0), dpi=150, layout="constrained")
    for axes, (label, bins) in zip(figure.subplots(1, len(PANELS)), PANELS.items(), strict=True):
        for name, rows in tables.items():
            values, colour = quantities(rows)[label], COLOURS[name]
            axes.hist(values, bins, density=True, alpha=0.25, color=colour)
            outline = {"histtype": "step", "linewidth": 1.5, "color": colour, "label": NAMES[name]}
            axes.hist(values, bins, density=True, **outline)
        axes.set(xlabel=label, yticks=[], xlim=(bins[0], bins[-1]))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.spines[["top", "right", "left"]].set_visible(False)
    figure.axes[0].set_ylabel("share of galaxies")
    figure.axes[0].legend(frameon=False, fontsize="medium", handlelength=1.2)
    figure.suptitle(title, fontsize="medium")
    return figure


def quantities(rows: pd.DataFrame) -> dict[str, pd.Series]:
    """Return what each panel of `distributions` shows of released rows, by its label."""
    g, r, i = (rows[magnitude_name(band)] for band in "gri")
    return dict(zip(PANELS, (rows["redshift"], i, g - r), strict=True))
