"""The field in tiles: another way to make it, which loses and doubles nothing at a border."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from astropy.io import fits
from scipy.spatial import cKDTree

from transferz.dataset.mock import apertures, build, cosmos2020, hsc
from transferz.dataset.mock.sky import ARCSEC, MaskFlags, Window
from transferz.dataset.mock.sources import GALAXY, Sources, blend, merge, observe_field
from transferz.dataset.mock.tiles import Tile, cut, whole_groups

WINDOW = Window(150.0, 150.06, 2.0, 2.02)
TILES = 3
BLENDS = 0.6, 0.9  # arcsec: COSMOS2020's, then HSC's


def test_tiles_cover_the_field_side_by_side_and_one_is_the_field():
    assert cut(WINDOW, 1, 7) == [Tile(0, WINDOW, 7)]
    tiles = cut(WINDOW, 4, 7)
    assert (tiles[0].window.ra_min, tiles[-1].window.ra_max) == (WINDOW.ra_min, WINDOW.ra_max)
    assert all(left.window.ra_max == right.window.ra_min for left, right in pairwise(tiles))
    assert {(one.window.dec_min, one.window.dec_max) for one in tiles} == {(2.0, 2.02)}
    assert len({one.seed for one in tiles} | {7}) == 5
    assert cut(WINDOW, 4, 7) == tiles != cut(WINDOW, 4, 8)


def crowded_field(count: int = 4000) -> Sources:
    """Sources so dense that many blend, and some of them across the tiles' borders."""
    rng = np.random.default_rng(1)
    ra, dec = WINDOW.positions(count, rng)
    none = np.zeros(count)
    return Sources(
        ra=ra,
        dec=dec,
        redshift=np.arange(count) / count,  # tells each from the others
        kind=np.full(count, GALAXY),
        xray=none > 0,
        radius=none,
        ebv=none,
        flux=rng.lognormal(size=(count, 2)),
    )


def blended(sources: Sources, window: Window) -> Sources:
    for radius in BLENDS:
        sources, _ = merge(sources, blend(sources, window, radius, 0), 0)
    return sources


def test_sources_on_both_sides_of_a_border_blend_as_any_two_do():
    whole = crowded_field()
    tiles = cut(WINDOW, TILES, 1)
    borders = np.array([tile.window.ra_max for tile in tiles[:-1]])
    crossing = cKDTree(WINDOW.plane(whole.ra, whole.dec)).query_pairs(BLENDS[0] * ARCSEC)
    sides = np.searchsorted(borders, whole.ra)
    assert any(sides[one] != sides[other] for one, other in crossing)

    parts = list(whole_groups(tiles, lambda one: whole.take(sides == one.number), sum(BLENDS)))
    given = np.concatenate([sources.redshift for _, sources in parts])
    assert sorted(given) == sorted(whole.redshift)  # each once
    expected = blended(whole, WINDOW)
    found = Sources.joined([blended(sources, tile.window) for tile, sources in parts])
    found = found.take(np.argsort(found.redshift))
    assert len(found) == len(expected) < len(whole)
    for field in fields(Sources):
        np.testing.assert_allclose(getattr(found, field.name), getattr(expected, field.name))


@pytest.fixture(scope="module")
def tiled(tiny_params, tmp_path_factory):
    """The tiny mock in tiles, nothing of COSMOS2020 missing: parameters, folder, rows written."""
    catalogue = tiny_params.cosmos2020.model_copy(update={"missing_fraction": 0.0})
    params = tiny_params.model_copy(update={"tiles": TILES, "cosmos2020": catalogue})
    folder, written = tmp_path_factory.mktemp("tiled"), []
    append = cosmos2020.append
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            cosmos2020,
            "append",
            lambda path, table, *more: (
                written.append(len(table["ID"])),
                append(path, table, *more),
            ),
        )
        build.write_mock(params, folder)
    return params, folder, written


def test_a_tile_is_written_before_the_next_is_made(tiled):
    """So no table in memory is longer than a tile's: about as many rows each."""
    _, _, written = tiled
    assert len(written) == TILES
    assert max(written) < 1.3 * sum(written) / TILES


def test_the_catalogue_holds_every_source_of_all_tiles_once(tiled):
    params, folder, written = tiled
    field = build._Field.of(params)
    tiles = cut(params.window, TILES, params.seed)
    everything = Sources.joined(
        [observe_field(replace(field.model, seed=one.seed), one.window) for one in tiles]
    )
    i_band = field.model.i_band
    seen_as = blend(everything, params.window, params.blend_arcsec, i_band)
    expected = merge(everything, seen_as, i_band)[0].redshift.round(5).astype("float32")
    sheet = pd.read_parquet(folder / build.COSMOS_TRUTH_FILE)
    assert len(sheet) == sum(written)
    np.testing.assert_array_equal(np.sort(sheet["redshift_true"]), np.sort(expected))


def test_ids_go_on_and_files_are_sound(tiled):
    _, folder, written = tiled
    with fits.open(folder / build.COSMOS2020_FILE, checksum=True) as hdus:
        hdus.verify("exception")
        rows = hdus[1].data
        assert rows["ID"].tolist() == list(range(1, sum(written) + 1))
        ra = rows["ALPHA_J2000"]
        ends = np.cumsum([0, *written])
        west_to_east = [np.median(ra[start:end]) for start, end in pairwise(ends)]
    assert sorted(west_to_east) == west_to_east
    table = pd.read_csv(folder / build.HSC_FILE)
    assert table["object_id"].is_monotonic_increasing
    assert table["object_id"].is_unique
    truth = pd.read_parquet(folder / build.TRUTH_FILE)
    galaxies = table["object_id"].isin(truth["object_id"])
    assert galaxies.mean() > 0.8
    assert len(set(table["object_id"].to_numpy() >> hsc.TRACT_SHIFT)) == 2 * TILES


def test_a_star_is_masked_on_both_sides_of_a_border(tiled):
    """Masks are the whole field's: its eastern edge is unobserved, and no tile's own."""
    params, folder, _ = tiled
    with fits.open(folder / build.COSMOS2020_FILE) as hdus:
        rows = hdus[1].data
        across = (rows["ALPHA_J2000"] - params.window.ra_min) / (
            params.window.ra_max - params.window.ra_min
        )
        unobserved = rows["FLAG_UVISTA"] == 1
    edge = 1.0 - params.sky.masks.uvista_edge_fraction
    assert unobserved[across > edge + 0.002].all()
    assert unobserved[across < edge - 0.002].mean() < 0.3
    field = build._Field.of(params)
    inside = field.stars.cover(rows["ALPHA_J2000"], rows["DELTA_J2000"], params.window)
    assert (inside == (rows["FLAG_HSC"] == 1)).mean() > 0.99  # but for the catalogue's scatter


def test_the_calibration_is_the_whole_fields(tiny_params):
    """Without noise, other tiles measure the same fluxes; other fields do not."""
    sources = crowded_field(20)
    exact = {"flux_jitter": 0.0, "noise_scale": 1e-9}
    params = tiny_params.cosmos2020.model_copy(update=exact | {"unobserved_fraction": 0.0})
    bright = replace(sources, flux=np.full((20, len(params.depths)), 1e3))
    clean = MaskFlags(*(np.zeros(20, np.int16) for _ in fields(MaskFlags)))

    def ratio(seed, field_seed):
        flux = apertures.measure(bright, clean, params, seed, field_seed).flux["AUTO"]
        return flux / 1e3 / apertures.AUTO_FRACTION

    np.testing.assert_allclose(ratio(1, 5), ratio(2, 5), rtol=1e-6)
    assert np.abs(ratio(1, 5) - ratio(1, 6)).max() > 0.01
    np.testing.assert_allclose(ratio(5, 5), ratio(2, 5), rtol=1e-6)

    own = tiny_params.hsc.model_copy(update=exact | {"common_jitter": 0.0, "missing_fraction": 0.0})
    stars = build.bright_stars(WINDOW, tiny_params.sky.masks, np.random.default_rng(1))

    def magnitudes(seed, field_seed):
        args = sources, bright.flux[:, :5], WINDOW, stars, own, 9813, seed, field_seed
        seen = hsc.observe(*args)
        first = seen.table["isprimary"].to_numpy() & (seen.source >= 0)
        return seen.table.loc[first, "i_cmodel_mag"].to_numpy()

    assert len({*magnitudes(1, 5), *magnitudes(2, 5), *magnitudes(5, 5)}) == 1
    assert set(magnitudes(1, 5)) != set(magnitudes(1, 6))


def test_files_written_in_parts_are_those_written_at_once(tmp_path):
    table = {
        "ID": np.arange(1, 101),
        "ALPHA_J2000": np.linspace(149, 150, 100),
        "lp_type": np.ones(100, int),
    }
    frame = pd.DataFrame({"a": [0.5, np.nan, 2.0], "b": [True, False, True]})
    for name, ends in (("once", [0, 100]), ("parts", [0, 1, 40, 100])):
        for start, end in pairwise(ends):
            part = {key: values[start:end] for key, values in table.items()}
            cosmos2020.append(tmp_path / f"{name}.fits", part, 1, 0.5)
    for name, ends in (("once", [0, 3]), ("parts", [0, 2, 3])):
        for start, end in pairwise(ends):
            build.append_csv(tmp_path / f"{name}.csv", frame.iloc[start:end])
    for ending in ("fits", "csv"):
        once, parts = ((tmp_path / f"{one}.{ending}").read_bytes() for one in ("once", "parts"))
        assert once == parts
