"""Positions, masks and ids."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from transferz.dataset.mock.hsc import object_ids
from transferz.dataset.mock.population import COSMOLOGY
from transferz.dataset.mock.sky import (
    ARCSEC,
    COSMOS_DEC,
    BrightStars,
    ClusteringParams,
    Window,
    bright_stars,
    clustered_positions,
    cosmos_window,
    mask_flags,
    power_law_magnitudes,
)

WINDOW = Window(150.0, 150.3, 2.0, 2.3)
CLUSTERING = ClusteringParams(
    satellite_fraction=0.6,
    radius_mpc=0.25,
    radius_scatter=0.8,
    richness_slope=1.0,
    neighbours=100,
)


def pairs(ra, dec, arcsec):
    return len(cKDTree(WINDOW.plane(ra, dec)).query_pairs(arcsec * ARCSEC))


def test_clustered_positions_have_more_close_pairs_than_random_ones():
    rng = np.random.default_rng(1)
    redshift = rng.uniform(0.2, 1.5, 4000)
    ra, dec = clustered_positions(redshift, WINDOW, CLUSTERING, COSMOLOGY, rng)
    random = [pairs(*WINDOW.positions(4000, rng), 30.0) for _ in range(5)]
    excess = pairs(ra, dec, 30.0) - np.mean(random)
    assert excess > 5 * np.sqrt(np.mean(random))
    assert ((ra >= 150.0) & (ra <= 150.3) & (dec >= 2.0) & (dec <= 2.3)).all()


def test_neighbours_on_the_sky_are_neighbours_in_redshift():
    rng = np.random.default_rng(2)
    redshift = rng.uniform(0.2, 1.5, 4000)
    ra, dec = clustered_positions(redshift, WINDOW, CLUSTERING, COSMOLOGY, rng)
    close = cKDTree(WINDOW.plane(ra, dec)).query_pairs(15 * ARCSEC, output_type="ndarray")
    difference = np.abs(redshift[close[:, 0]] - redshift[close[:, 1]])
    by_chance = np.abs(redshift - rng.permutation(redshift))
    assert (difference < 0.01).mean() > 3 * (by_chance < 0.01).mean()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_galaxies_can_be_placed(count):
    rng = np.random.default_rng(3)
    ra, dec = clustered_positions(np.full(count, 0.5), WINDOW, CLUSTERING, COSMOLOGY, rng)
    assert len(ra) == len(dec) == count


def test_window_area_and_folding():
    window = cosmos_window([150.1, 2.2], 0.2)
    assert window.area_deg2 == pytest.approx(0.2, rel=1e-4)
    wide = cosmos_window([150.1, 2.2], 1.55)  # a square of this size is higher than the field
    assert wide.area_deg2 == pytest.approx(1.55, rel=1e-3)
    assert COSMOS_DEC[0] == pytest.approx(wide.dec_min)
    assert wide.dec_max < COSMOS_DEC[1]
    ra, dec = WINDOW.fold(np.array([150.31, 149.9]), np.array([1.99, 2.1]))
    assert ra == pytest.approx([150.01, 150.2])
    assert dec == pytest.approx([2.29, 2.1])


def test_window_outside_cosmos_is_refused():
    with pytest.raises(ValueError, match="leaves the COSMOS field"):
        cosmos_window([150.7, 2.2], 0.2)


def test_stars_cover_what_lies_within_their_radius():
    star = BrightStars(*(np.array([v]) for v in (150.15, 2.15, 10.0, 60 * ARCSEC)))
    ra, dec = WINDOW.positions(3000, np.random.default_rng(4))
    covered = star.cover(ra, dec, WINDOW)
    distance = np.hypot((ra - 150.15) * WINDOW.cos_dec, dec - 2.15) / ARCSEC
    np.testing.assert_array_equal(covered, distance <= 60)
    assert 0 < covered.sum() < star.cover(ra, dec, WINDOW, 2.0).sum()


def test_mask_flags_combine(params):
    masks = params.sky.masks
    rng = np.random.default_rng(5)
    ra, dec = WINDOW.positions(3000, rng)
    flags = mask_flags(ra, dec, WINDOW, bright_stars(WINDOW, masks, rng), masks)
    anything = flags.hsc | flags.supcam | flags.uvista
    np.testing.assert_array_equal(flags.combined, anything)
    assert 0.3 < flags.udeep.mean() < 0.7
    assert (flags.supcam >= flags.hsc).all() == (masks.supcam_scale >= 1)


def test_power_law_magnitudes_follow_their_slope():
    drawn = power_law_magnitudes(40_000, [20.0, 24.0], 0.3, np.random.default_rng(6))
    assert 20.0 <= drawn.min() <= drawn.max() <= 24.0
    ratio = ((drawn > 22) & (drawn < 23)).sum() / ((drawn > 21) & (drawn < 22)).sum()
    assert ratio == pytest.approx(10**0.3, rel=0.05)


def test_object_ids_are_unique_and_hold_the_tract():
    ra, dec = WINDOW.positions(5000, np.random.default_rng(7))
    ids = object_ids(9813, ra, dec, WINDOW)
    assert len(np.unique(ids)) == 5000
    assert (ids >> 42 == 9813).all()
    order = np.random.default_rng(8).permutation(5000)
    np.testing.assert_array_equal(object_ids(9813, ra[order], dec[order], WINDOW), ids[order])
