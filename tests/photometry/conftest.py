"""Grids that several files of tests share: few bands and redshifts, all models."""

import numpy as np
import pytest

from transferz.photometry.bands import BY_NAME
from transferz.photometry.templates import model_grid

NAMES = ("CFHT_u", "HSC_g", "HSC_r", "SC_IA624", "HSC_i", "HSC_z", "HSC_y", "UVISTA_J", "UVISTA_Ks")


@pytest.fixture(scope="session")
def bands():
    return tuple(BY_NAME[name] for name in NAMES)


@pytest.fixture(scope="session")
def models(bands):
    return model_grid(bands, redshift_max=3.0, redshift_step=0.02)


@pytest.fixture(scope="session")
def survey(models):
    """300 galaxies with noise: redshift, flux, error; some fluxes negative, some missing."""
    rng = np.random.default_rng(5)
    chosen_z = rng.integers(5, models.redshift.size, 300)
    chosen = rng.integers(0, models.flux.shape[1], 300)
    brightness = 10.0 ** rng.uniform(-1.0, 2.0, (300, 1))
    flux = models.flux[chosen_z, chosen] * brightness
    error = np.full_like(flux, 0.05)
    flux = flux + error * rng.normal(size=flux.shape)
    flux[rng.random(flux.shape) < 0.1] = np.nan
    assert (flux < 0).any()
    return models.redshift[chosen_z], flux, error
