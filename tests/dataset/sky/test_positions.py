import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.sky.positions import (
    Positions,
    angular_separation,
    shift,
    tangent_offsets,
)
from transferz.schemas.errors import InputError

CENTRES = [(150.1, 2.2), (0.00001, 0.0), (359.99999, -45.0), (10.0, 89.9999), (200.0, -90.0)]


def positions(ra, dec, key=None, name="hsc"):
    return Positions(ra, dec, np.arange(len(ra)) if key is None else key, name)


def around(centre, arcsec, n, seed=0):
    """Positions scattered about a centre, made by astropy alone."""
    rng = np.random.default_rng(seed)
    middle = SkyCoord(*centre, unit="deg")
    angle, distance = rng.uniform(0, 360, n), arcsec * np.sqrt(rng.uniform(size=n))
    sky = middle.directional_offset_by(angle * u.deg, distance * u.arcsec)
    return positions(sky.ra.deg, np.clip(sky.dec.deg, -90, 90))


def coordinates(sky):
    return SkyCoord(sky.ra, sky.dec, unit="deg")


@pytest.mark.parametrize("centre", CENTRES)
@pytest.mark.parametrize("arcsec", [0.01, 2.0, 3000.0])
def test_separation_is_astropys(centre, arcsec):
    first, second = around(centre, arcsec, 300, 1), around(centre, arcsec, 300, 2)
    ours = angular_separation(first.ra, first.dec, second.ra, second.dec)
    theirs = coordinates(first).separation(coordinates(second)).arcsec
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-7)
    back = angular_separation(second.ra, second.dec, first.ra, first.dec)
    np.testing.assert_array_equal(ours, back)


def test_separation_keeps_its_precision_at_a_milliarcsecond():
    dec = np.array([2.2, -60.0, 88.0])
    step = 1e-3 / 3600 * np.ones(3)
    ra = np.full(3, 150.0)
    north = angular_separation(ra, dec, ra, dec + step)
    np.testing.assert_allclose(north, 1e-3, rtol=0, atol=1.0001e-7)
    east = angular_separation(ra, dec, ra + step / np.cos(np.deg2rad(dec)), dec)
    np.testing.assert_allclose(east, 1e-3, rtol=0, atol=1.0001e-7)


@pytest.mark.parametrize("centre", CENTRES)
def test_tangent_offsets_are_astropys(centre):
    first, second = around(centre, 20.0, 300, 3), around(centre, 20.0, 300, 4)
    dra, ddec = tangent_offsets(first, second)
    lon, lat = coordinates(first).spherical_offsets_to(coordinates(second))
    np.testing.assert_allclose(dra, lon.wrap_at("180d").arcsec, rtol=0, atol=1e-7)
    np.testing.assert_allclose(ddec, lat.arcsec, rtol=0, atol=1e-7)


@pytest.mark.parametrize("centre", CENTRES)
def test_shift_is_astropys(centre):
    sky = around(centre, 20.0, 300, 5)
    moved = shift(sky, 12.0, -7.5)
    theirs = coordinates(sky).spherical_offsets_by(12.0 * u.arcsec, -7.5 * u.arcsec)
    assert coordinates(moved).separation(theirs).arcsec.max() < 1e-7
    np.testing.assert_array_equal(moved.key, sky.key)
    assert moved.name == sky.name


@settings(deadline=None, max_examples=60)
@given(
    ra=st.floats(0, 360),
    dec=st.floats(-90, 90),
    east=st.floats(-100, 100),
    north=st.floats(-100, 100),
)
def test_offsets_undo_a_shift_anywhere(ra, dec, east, north):
    start = positions(np.array([ra]), np.array([dec]))
    dra, ddec = tangent_offsets(start, shift(start, east, north))
    np.testing.assert_allclose([dra[0], ddec[0]], [east, north], rtol=0, atol=1e-6)


def test_take_keeps_rows_and_keys_together():
    sky = positions([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], np.array([30, 10, 20]))
    chosen = sky.take(np.array([2, 0]))
    assert chosen.ra.tolist() == [3.0, 1.0]
    assert chosen.dec.tolist() == [6.0, 4.0]
    assert chosen.key.tolist() == [20, 30]


@pytest.mark.parametrize(
    ("ra", "dec", "said"),
    [
        ([1.0, np.nan], [0.0, 0.0], "not finite.*row 1"),
        ([1.0, 2.0], [np.inf, 0.0], "not finite.*row 0"),
        ([1.0, 360.1], [0.0, 0.0], "outside.*row 1"),
        ([-0.1, 2.0], [0.0, 0.0], "outside.*row 0"),
        ([1.0, 2.0], [0.0, 90.1], "outside.*row 1"),
        ([1.0, 2.0], [0.0], "one length"),
    ],
)
def test_wrong_positions_are_refused_by_name(ra, dec, said):
    with pytest.raises(InputError, match=f"^hsc: .*{said}"):
        positions(ra, dec)


@pytest.mark.parametrize(
    ("key", "said"), [([5, 5], "unique.* 5;"), ([1.0, 2.0], "integers, found float64")]
)
def test_wrong_keys_are_refused(key, said):
    with pytest.raises(InputError, match=said):
        positions([1.0, 2.0], [0.0, 0.0], np.array(key))


def test_the_edges_of_the_sphere_are_positions():
    assert len(positions([0.0, 360.0, 10.0], [90.0, -90.0, 0.0])) == 3
