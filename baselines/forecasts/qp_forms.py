"""Our forms of forecasts as qp's, and the reverse.

============================  ==================  ================================================
ours                          qp's                kept
============================  ==================  ================================================
`GridPDF`                     ``interp``          every value
`Quantiles`                   ``quant``           every value; qp's CDF is a parabola between levels
`GaussianMixture`             ``mixmod``          every value
`Samples`                     ``quant``           its quantiles at 1 %, 2 % ... (qp has no samples)
`GaussianMixture`, of one     ``norm``, read only every value
`GridPDF`, with steps         ``hist``, read only every value
`GridPDF`, from 0 to 6        any other,          densities at 0, 0.005 ... 6, which qp computes
                              read only
============================  ==================  ================================================
"""

import contextlib
import io
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability import (
    Distribution,
    GaussianMixture,
    GridPDF,
    Quantiles,
    Samples,
)

GRID_END, GRID_STEPS = 6.0, 1200
"""Other forms are evaluated from redshift 0 to 6, every 0.005 (our choice)."""

LOST = 0.01
"""Most of a forecast's probability that may be missed on that grid (our choice)."""

EDGE = 1e-6
"""Width of a histogram's steps in its narrowest bin (our choice)."""

PERCENTILES = np.arange(1, 100) / 100.0
"""Levels that stand for samples (our choice)."""

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class QpArrays:
    """What a qp file holds.

    Attributes
    ----------
    form : str
        qp's name of the form, such as ``interp``.
    meta : dict
        What all galaxies share, by name.
    data : dict
        Arrays of one row per galaxy, by name.
    ancil : dict
        Columns of one value per galaxy, by name.
    version : int
        Of the form.
    """

    form: str
    meta: Arrays
    data: Arrays
    ancil: Arrays = field(default_factory=dict)
    version: int = 0


def to_qp(distribution: Distribution) -> QpArrays:
    """Return the form of qp that holds distributions.

    Raises
    ------
    ValueError
        Where qp has no such form, or it can't hold a forecast.
    """
    if isinstance(distribution, GridPDF):
        return QpArrays("interp", {"xvals": distribution.grid}, {"yvals": distribution.values})
    if isinstance(distribution, GaussianMixture):
        names = {"means": distribution.means, "stds": distribution.sigmas}
        return QpArrays("mixmod", {}, names | {"weights": distribution.weights})
    if isinstance(distribution, Quantiles):
        levels, values = distribution.levels, distribution.values
    elif isinstance(distribution, Samples):
        levels, values = PERCENTILES, distribution.quantiles(PERCENTILES)
    else:
        raise ValueError(
            "expected a GridPDF, Quantiles, GaussianMixture or Samples; found a "
            f"{type(distribution).__name__}, which has no form in qp"
        )
    missing = np.isnan(values[:, 0])
    if missing.any():
        raise ValueError(
            f"row {int(np.argmax(missing))} is a missing forecast (NaN), which qp's quantiles "
            "can't hold; leave such galaxies out"
        )
    # qp pads to levels 0 and 1 (ensure_extent), as our form does: linearly.
    padding = {
        "ensure_extent": np.array(True),
        "pdf_constructor_name": np.array(b"piecewise_linear"),
    }
    return QpArrays("quant", {"quants": levels} | padding, {"locs": values})


def from_qp(arrays: QpArrays) -> Distribution:
    """Return the form that holds a qp file's distributions.

    Raises
    ------
    KeyError
        Where an array of the form is not there.
    ValueError
        Where values are not those of a distribution, or qp does not know or can't evaluate it.
    """
    meta, data = arrays.meta, arrays.data
    match arrays.form:
        case "interp":
            return GridPDF(meta["xvals"], data["yvals"])
        case "quant":
            return Quantiles(meta["quants"], data["locs"])
        case "mixmod":
            weights, means, sigmas = (data[name] for name in ("weights", "means", "stds"))
            if weights.shape == sigmas.shape:  # qp fills up with components of no weight or width
                sigmas = np.where((weights == 0.0) & (sigmas == 0.0), 1.0, sigmas)
            return GaussianMixture(weights, means, sigmas)
        case "norm":
            means, sigmas = (np.atleast_1d(data[name]) for name in ("loc", "scale"))
            means, sigmas = means.reshape(len(means), -1), sigmas.reshape(len(sigmas), -1)
            return GaussianMixture(np.ones(means.shape), means, sigmas)
        case "hist":
            return _from_histogram(np.asarray(meta["bins"], np.float64), data["pdfs"])
    return _evaluated(arrays)


def _from_histogram(edges: Array, heights: npt.NDArray[Any]) -> Distribution:
    """Each inner edge twice, a tiny step apart."""
    if edges.ndim != 1 or heights.ndim != 2 or edges.size != heights.shape[1] + 1:
        raise ValueError(f"{edges.shape} bin edges for densities of shape {heights.shape}")
    half = EDGE * np.diff(edges).min() / 2.0
    grid = np.repeat(edges, 2)[1:-1]
    grid[1:-1] += np.tile([-half, half], edges.size - 2)
    return GridPDF(grid, np.repeat(heights, 2, axis=1))


def _evaluated(arrays: QpArrays) -> Distribution:
    """Any other form, by qp itself; raise where the grid misses much of it."""
    grid = np.linspace(0.0, GRID_END, GRID_STEPS + 1)
    density = _qp_density(arrays, grid)
    distribution = GridPDF(grid, np.where(density < 0.0, 0.0, density))
    bad = np.abs(distribution.norm - 1.0) > LOST
    if bad.any():
        row = int(np.argmax(bad))
        held = distribution.norm[row]
        raise ValueError(
            f"row {row} of form '{arrays.form}' has a probability of {held:.3g} on a "
            f"grid from 0 to {GRID_END:g} in steps of {GRID_END / GRID_STEPS:g}; convert it in qp "
            "(convert_to) to interp on a grid of your own"
        )
    return distribution


def _qp_density(arrays: QpArrays, grid: Array) -> Array:
    try:
        import qp
    except ImportError:
        raise ValueError(
            f"form '{arrays.form}' needs the package 'qp-prob': pip install qp-prob"
        ) from None
    if arrays.form not in qp.instance():
        raise ValueError(f"qp has no form '{arrays.form}'")
    name = {"pdf_name": np.array([arrays.form.encode()]), "pdf_version": np.array([arrays.version])}
    meta = name | {key: value[None] for key, value in arrays.meta.items()}
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()):
            ensemble = qp.from_tables({"meta": meta, "data": arrays.data})
            return np.asarray(ensemble.pdf(grid), np.float64).reshape(-1, grid.size)
