"""The templates that the mock's photo-z fit tries, calibrated on the mock's own galaxies.

LePhare's templates were chosen and calibrated on COSMOS. Ours stand to the mock as those stand to
COSMOS: a few typical spectra of its population, found by k-means, so that most galaxies fall
between templates (our choice; see `TemplateParams`).
"""

import numpy as np
import numpy.typing as npt
from pydantic import Field
from scipy.cluster.vq import kmeans2

from transferz.dataset.mock.population import PopulationParams, sample_galaxies
from transferz.dataset.mock.randomness import generator
from transferz.dataset.pipeline.params import Params
from transferz.photometry.templates import galaxy_basis

Floats = npt.NDArray[np.float64]

SAMPLE_AREA, SAMPLE_LIMIT = 0.02, 25.0  # deg2 and mag: some 4,000 galaxies
SHAPE_EDGES = np.geomspace(1200.0, 20_000.0, 25)  # angstrom; the bins that compare spectra
ITERATIONS = 40


class TemplateParams(Params):
    """Section ``mock.cosmos2020.fit.templates``.

    Attributes
    ----------
    count : int
        Number of spectra; fewer leave a larger mismatch between galaxies and templates.
    ebv : list of float
        Calzetti colour excesses that each is tried with, mag.
    """

    count: int = Field(ge=1, le=100)
    ebv: list[float] = Field(min_length=1)


def typical_mixtures(population: PopulationParams, count: int, seed: int) -> Floats:
    """Choose typical galaxies of a population.

    Parameters
    ----------
    population : PopulationParams
        The galaxies.
    count : int
        How many to choose; fewer come back where clusters run empty.
    seed : int
        The mock's seed.

    Returns
    -------
    (count, 5) ndarray
        Shares of the kcorrect templates: the galaxy nearest to each centre of k-means, in the
        logarithm of the dust-free spectra's shape.
    """
    sample = sample_galaxies(population, SAMPLE_AREA, SAMPLE_LIMIT, seed, "templates").fractions
    shape = np.log(sample @ _binned_basis().T)
    shape -= shape.mean(axis=1, keepdims=True)
    rng = generator(seed, "templates", "k-means")
    centres, label = kmeans2(shape, count, iter=ITERATIONS, minit="++", seed=rng)
    distance = np.square(shape - centres[label]).sum(axis=1)
    members = [np.flatnonzero(label == k) for k in range(count)]
    return np.array([sample[rows[np.argmin(distance[rows])]] for rows in members if len(rows)])


def _binned_basis() -> Floats:
    """Mean light of the basis templates in each bin of `SHAPE_EDGES`: shape (bins, 5)."""
    basis = galaxy_basis()
    bins = np.digitize(basis.wavelength, SHAPE_EDGES) - 1
    light = basis.total * basis.wavelength
    return np.array([light[:, bins == k].mean(axis=1) for k in range(len(SHAPE_EDGES) - 1)])
