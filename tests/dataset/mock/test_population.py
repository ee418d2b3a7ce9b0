"""Galaxies, quasars, blends and noise: the physics that the catalogues are made of."""

import numpy as np
import pytest

from transferz.dataset.mock import noise, spectroscopy
from transferz.dataset.mock.cosmos2020 import typical_mixtures
from transferz.dataset.mock.noise import generator
from transferz.dataset.mock.population import galaxy_fluxes, sample_galaxies, subgrid
from transferz.dataset.mock.quasars import QuasarGrid
from transferz.dataset.mock.sky import ARCSEC, Window
from transferz.dataset.mock.sources import GALAXY, Sources, blend, merge
from transferz.photometry.bands import HSC_BANDS
from transferz.photometry.flux import to_magnitude
from transferz.photometry.grid import basis_grid
from transferz.schemas import BANDS

I_BAND = BANDS.index("i")
GRIZY = tuple(HSC_BANDS.values())


@pytest.fixture(scope="module")
def grid():
    return basis_grid(GRIZY, 6.0)


@pytest.fixture(scope="module")
def galaxies(params):
    return sample_galaxies(params.population, 0.1, 26.0, 1, "test")


def test_population_is_what_was_asked_for(galaxies):
    assert len(galaxies) > 1000
    np.testing.assert_allclose(galaxies.fractions.sum(axis=1), 1.0)
    assert (galaxies.redshift > 0).all()
    assert 0.02 < (~galaxies.blue).mean() < 0.5
    assert (galaxies.ebv >= -0.15).all()


def test_same_purpose_same_galaxies_other_purpose_others(params, galaxies):
    again = sample_galaxies(params.population, 0.1, 26.0, 1, "test")
    np.testing.assert_array_equal(again.redshift, galaxies.redshift)
    other = sample_galaxies(params.population, 0.1, 26.0, 1, "other")
    assert len(other) != len(galaxies) or (other.redshift != galaxies.redshift).any()


def test_counts_and_median_redshift_are_near_the_lsst_science_book(galaxies, grid):
    magnitude = to_magnitude(galaxy_fluxes(galaxies, grid)[:, I_BAND])
    bright = magnitude < 24.0
    assert bright.sum() / 360.0 == pytest.approx(46 * 10 ** (-0.31), rel=0.15)
    assert np.median(galaxies.redshift[bright]) == pytest.approx(0.687, rel=0.1)


def test_subgrid_gives_the_same_fluxes(galaxies, grid):
    some = galaxies.take(np.arange(50))
    part = subgrid(grid, (GRIZY[3], GRIZY[0]))
    np.testing.assert_allclose(
        galaxy_fluxes(some, part), galaxy_fluxes(some, grid)[:, [3, 0]], rtol=1e-12
    )


def test_quasars_have_the_magnitude_asked_for_and_drop_out_in_g():
    fluxes = QuasarGrid(GRIZY).fluxes(
        np.array([1.0, 4.5]), np.array([0.0, 0.0]), np.array([20.0, 21.0])
    )
    np.testing.assert_allclose(to_magnitude(fluxes[:, I_BAND]), [20.0, 21.0], atol=1e-6)
    colour = to_magnitude(fluxes[:, 0]) - to_magnitude(fluxes[:, 1])
    assert abs(colour[0]) < 0.5 < 1.0 < colour[1]


def three_sources() -> tuple[Sources, Window]:
    window = Window(150.0, 150.1, 2.0, 2.1)
    east = 0.5 * ARCSEC / window.cos_dec
    count = 3
    sources = Sources(
        ra=np.array([150.05, 150.05 + east, 150.02]),
        dec=np.full(count, 2.05),
        redshift=np.array([0.5, 1.0, 2.0]),
        kind=np.full(count, GALAXY),
        xray=np.zeros(count, bool),
        radius=np.full(count, 0.4),
        ebv=np.zeros(count),
        flux=np.array([[3.0, 3.0], [1.0, 1.0], [2.0, 2.0]]),
    )
    return sources, window


def test_blends_keep_the_light_and_the_brighter_redshift():
    sources, window = three_sources()
    seen_as = blend(sources, window, 0.6, 0)
    assert seen_as.tolist() == [0, 0, 2]
    merged, rows = merge(sources, seen_as, 0)
    assert rows.tolist() == [0, 2]
    assert merged.flux.sum() == pytest.approx(sources.flux.sum())
    assert merged.redshift.tolist() == [0.5, 2.0]
    shift = (merged.ra[0] - 150.05) * window.cos_dec / ARCSEC
    assert shift == pytest.approx(0.125)  # a quarter of the light lies 0.5 arcsec to the east


def test_no_blend_without_a_neighbour():
    sources, window = three_sources()
    assert blend(sources, window, 0.4, 0).tolist() == [0, 1, 2]


def test_heavy_tailed_noise_has_unit_variance_and_tails():
    drawn = noise.heavy_tailed((200_000,), 5.0, np.random.default_rng(1))
    assert drawn.std() == pytest.approx(1.0, abs=0.02)
    assert (np.abs(drawn) > 4).mean() > 10 * 6.3e-5


def test_extinction_meets_the_coefficients_that_go_with_cosmos2020():
    published = [3.69, 2.715, 2.0, 1.515, 1.298]
    np.testing.assert_allclose(noise.extinction_coefficients(GRIZY), published, rtol=0.01)
    dimmed = noise.dim(np.ones((1, 5)), np.array([0.1]), np.array(published))
    np.testing.assert_allclose(-2.5 * np.log10(dimmed[0]), 0.1 * np.array(published))


def test_template_mixtures_are_galaxies_of_the_population(params):
    mixtures = typical_mixtures(params.population, 12, params.seed)
    assert mixtures.shape == (12, 5)
    np.testing.assert_allclose(mixtures.sum(axis=1), 1.0)
    assert len(np.unique(mixtures, axis=0)) == 12


def test_chosen_targets_have_the_quantiles_asked_for():
    rng = np.random.default_rng(1)
    targets = spectroscopy.Targets(
        survey=np.zeros(20_000, np.intp),
        redshift=rng.uniform(0.0, 4.0, 20_000),
        flux=np.ones((20_000, 5)),
    )
    wanted = {0.0: 0.01, 0.25: 0.2, 0.5: 0.5, 0.95: 2.0, 1.0: 4.0}
    chosen = spectroscopy.choose(targets, 800, wanted, rng)
    assert len(chosen) == 800
    found = np.quantile(chosen.redshift, [0.25, 0.5, 0.95])
    np.testing.assert_allclose(found, [0.2, 0.5, 2.0], rtol=0.05)


def test_redshift_errors_and_mistakes():
    rng, truth = generator(1, "test"), np.linspace(0.1, 2.0, 5000)
    measured = spectroscopy.measure_redshifts(truth, np.full(5000, 1e-4), 0.05, rng)
    error = np.abs(measured["specz_redshift"] - truth)
    wrong = error > 0.01
    assert 0.03 < wrong.mean() < 0.06
    pull = (error / measured["specz_redshift_err"])[~wrong]
    assert 0.6 < (pull < 1).mean() < 0.76
