"""Galaxies for the reference methods: colours redden with redshift, faint ones are noisier."""

import numpy as np
import pandas as pd
import pytest

from transferz.schemas.survey.columns import ERRORS, MAGNITUDES

REDDENING = np.array([1.2, 0.5, 0.0, -0.25, -0.4])


def make_galaxies(count, seed, noise=0.1):
    """A table in the release's columns, as far as methods look at them."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.05, 1.5, count)
    magnitudes = rng.normal(22.5, 1.0, (count, 1)) + redshift[:, None] * REDDENING
    magnitudes = magnitudes + rng.normal(0.0, noise, (count, 5))
    table = pd.DataFrame(dict(zip(MAGNITUDES, magnitudes.T, strict=True)))
    table[[*ERRORS]] = noise
    return table.assign(object_id=1000 * seed + np.arange(count), redshift=redshift)


@pytest.fixture(scope="session")
def galaxies():
    return make_galaxies
