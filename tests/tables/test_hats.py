"""HATS collections: what is written is whole and valid, what is read is the same, or refused."""

import shutil
from pathlib import Path

import dask
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astropy.table import Table as AstropyTable
from hats.catalog.partition_info import PartitionInfo
from hats.io.file_io import read_fits_image
from hats.io.paths import get_healpix_from_path
from hats.io.validation import is_valid_catalog
from hats.pixel_math import compute_spatial_index, generate_alignment, get_margin
from hats.pixel_math.spatial_index import SPATIAL_INDEX_COLUMN, SPATIAL_INDEX_ORDER
from hats.pixel_tree.negative_tree import compute_negative_tree_pixels
from hats.pixel_tree.pixel_tree import PixelTree

from transferz.schemas import Column, InputError, Table
from transferz.schemas.survey.files import file_digest
from transferz.tables.hats.reading import DEEPEST, HEALPIX, is_hats, listing
from transferz.tables.hats.writing import MARGIN_ARCSEC, SKYMAP_ORDER, write_collection
from transferz.tables.reading import open_table, read_whole

with dask.config.set(scheduler="synchronous"):
    import lsdb

TABLE = Table(
    "sky",
    (
        Column("name", "string", "Who it is", ucd="meta.id;meta.main"),
        Column("ra", "float64", "Right ascension (ICRS)", "deg", "pos.eq.ra;meta.main"),
        Column("dec", "float64", "Declination (ICRS)", "deg", "pos.eq.dec;meta.main"),
        Column("i_mag", "float32", "i magnitude", "mag(AB)", "phot.mag;em.opt.I", nullable=True),
        Column("count", "int64", "How often it was seen", nullable=True),
        Column("note", "string", "What was noted", nullable=True),
        Column("nothing", "float32", "Null in every row", nullable=True),
    ),
    key="name",
    description="Points on the sky",
)
ABOUT = {"obs_title": "points", "hats_creation_date": "2026-01-01T00:00UTC"}
MOST = 150
"""Rows of a partition."""

ARCSEC = 1 / 3600


def points():
    """Positions where pixels are odd: poles, RA 0, corners of three base pixels, a dense field."""
    rng = np.random.default_rng(3)
    centres = [(0.0, 0.0), (45.0, 41.8103149), (90.0, -41.8103149), (45.0, 0.0), (150.1, 2.2)]
    ra = [centre[0] + rng.normal(0, 60 * ARCSEC, 300) for centre in centres]
    dec = [centre[1] + rng.normal(0, 60 * ARCSEC, 300) for centre in centres]
    for pole in (90.0, -90.0):
        ra.append(rng.uniform(0, 360, 300))
        dec.append(np.sign(pole) * (90 - np.abs(rng.normal(0, 60 * ARCSEC, 300))))
    ra.append(rng.uniform(0, 360, 300))
    dec.append(np.degrees(np.arcsin(rng.uniform(-1, 1, 300))))
    ra.append(np.array([0.0, 360.0, 12.0, 359.9999999]))
    dec.append(np.array([90.0, -90.0, 0.0, 0.0]))
    return np.concatenate(ra) % 360, np.concatenate(dec)


def make_rows():
    ra, dec = points()
    numbers = np.arange(len(ra))
    return pa.table(
        {
            "name": [f"é{number}" for number in numbers],
            "ra": ra,
            "dec": dec,
            "i_mag": pa.array((numbers % 90 / 4 + 5).astype("f4"), mask=numbers % 7 == 0),
            "count": pa.array(numbers + 2**60, mask=numbers % 3 == 0),
            "note": pa.array(["", "a\nb", None] * len(ra))[: len(ra)],
            "nothing": pa.nulls(len(ra), pa.float32()),
        }
    )


ROWS = make_rows()


def write(folder, rows=ROWS, **options):
    folder.mkdir()
    write_collection(folder, "sky", rows, TABLE, ABOUT, **{"partition_rows": MOST, **options})
    return folder


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    """A collection of many partitions of unequal depth; copy it to change it."""
    return write(tmp_path_factory.mktemp("hats") / "collection")


@pytest.fixture
def copy(collection, tmp_path):
    return Path(shutil.copytree(collection, tmp_path / "copy"))


def leaves(folder):
    return sorted(folder.rglob("Npix=*.parquet"))


def in_order(rows):
    return rows.take(pc.sort_indices(rows["name"]))


# --- what is written


def test_it_is_strictly_valid(collection):
    assert is_valid_catalog(collection, strict=True)


def test_its_words_are_those_of_hats():
    assert (HEALPIX, DEEPEST) == (SPATIAL_INDEX_COLUMN, SPATIAL_INDEX_ORDER)


def test_every_row_is_there_once_where_it_belongs(collection):
    seen = []
    for leaf in leaves(collection / "sky"):
        rows, pixel = pq.read_table(leaf, partitioning=None), get_healpix_from_path(str(leaf))
        index = rows[HEALPIX].to_numpy()
        assert rows.column_names == [HEALPIX, *TABLE.names]
        assert (np.diff(index) >= 0).all() and len(rows) <= MOST
        assert (index >> 2 * (29 - pixel.order) == pixel.pixel).all()
        assert (index == compute_spatial_index(rows["ra"].to_numpy(), rows["dec"].to_numpy())).all()
        seen.append(rows.drop_columns(HEALPIX))
    assert in_order(pa.concat_tables(seen)).equals(in_order(ROWS))


def test_partitions_are_those_that_hats_would_make(tmp_path):
    ra, dec = ROWS["ra"].to_numpy(), ROWS["dec"].to_numpy()
    for most in (400, 1000, len(ROWS)):
        counts = np.bincount(compute_spatial_index(ra, dec, 5), minlength=12 * 4**5)
        if counts.max() > most:
            continue
        theirs = {one[:2] for one in generate_alignment(counts, 5, 0, most) if one is not None}
        folder = write(tmp_path / str(most), partition_rows=most)
        pixels = PartitionInfo.read_from_dir(folder / "sky").get_healpix_pixels()
        assert {(pixel.order, pixel.pixel) for pixel in pixels} == theirs


def touched(ra, dec, radius):
    """For each position, the pixels of order 29 of many places within a radius, arcsec."""
    angles = np.linspace(0, 2 * np.pi, 96, endpoint=False)
    north = np.radians(90 - radius * ARCSEC)
    around = np.array([np.cos(angles), np.sin(angles), np.full(96, np.tan(north))])
    around /= np.linalg.norm(around, axis=0)  # around the pole
    for one_ra, one_dec in zip(np.radians(ra), np.radians(90 - dec), strict=True):
        tilt = np.array(
            [
                [np.cos(one_dec), 0, np.sin(one_dec)],
                [0, 1, 0],
                [-np.sin(one_dec), 0, np.cos(one_dec)],
            ]
        )
        turn = np.array(
            [[np.cos(one_ra), -np.sin(one_ra), 0], [np.sin(one_ra), np.cos(one_ra), 0], [0, 0, 1]]
        )
        x, y, z = turn @ tilt @ around
        yield compute_spatial_index(
            np.degrees(np.arctan2(y, x)) % 360, np.degrees(np.arctan2(z, np.hypot(x, y)))
        )


def test_the_margin_is_what_lies_near_each_partition(collection):
    """By brute force: a circle around each row says which partitions it is near to."""
    index = compute_spatial_index(ROWS["ra"].to_numpy(), ROWS["dec"].to_numpy())
    circles = {
        radius: np.array(list(touched(ROWS["ra"].to_numpy(), ROWS["dec"].to_numpy(), radius)))
        for radius in (MARGIN_ARCSEC - 0.01, MARGIN_ARCSEC / 2, 2.0, 45.0)
    }
    names = np.array(ROWS["name"].to_pylist())
    margins = {
        get_healpix_from_path(str(leaf)): set(pq.read_table(leaf)["name"].to_pylist())
        for leaf in leaves(collection / f"sky_{MARGIN_ARCSEC:g}arcs")
    }
    pixels = PartitionInfo.read_from_dir(collection / "sky").get_healpix_pixels()
    near_any = 0
    for pixel in {*pixels, *margins}:
        shift = 2 * (29 - pixel.order)
        outside = index >> shift != pixel.pixel
        reached = {
            radius: outside & (circle >> shift == pixel.pixel).any(axis=1)
            for radius, circle in circles.items()
        }
        *near, far = reached.values()
        held = margins.get(pixel, set())
        assert set(names[np.any(near, axis=0)]) <= held
        assert held <= set(names[np.any([*near, far], axis=0)])  # within its ring of pixels
        near_any += np.count_nonzero(np.any(near, axis=0))
    assert near_any > 100


def test_the_margin_is_that_of_hats(collection):
    """Of the empty parts of the sky, too."""
    pixels = PartitionInfo.read_from_dir(collection / "sky").get_healpix_pixels()
    index = compute_spatial_index(ROWS["ra"].to_numpy(), ROWS["dec"].to_numpy(), 13)
    names = np.array(ROWS["name"].to_pylist())
    expected = {}
    for pixel in [*pixels, *compute_negative_tree_pixels(PixelTree.from_healpix(pixels))]:
        ring = get_margin(pixel.order, pixel.pixel, 13 - pixel.order)
        if len(near := names[np.isin(index, ring)]):
            expected[pixel] = sorted(near)
    found = {
        get_healpix_from_path(str(leaf)): sorted(pq.read_table(leaf)["name"].to_pylist())
        for leaf in leaves(collection / "sky_10arcs")
    }
    assert found == expected and set(found) - set(pixels)


def test_every_leaf_says_what_its_columns_are(collection):
    files = [*leaves(collection), *collection.rglob("_common_metadata")]
    assert len(files) > 20
    for leaf in files:
        table = AstropyTable.read(leaf, format="parquet.votable")
        assert (table["ra"].unit, table["i_mag"].unit) == ("deg", "mag")
        assert table["i_mag"].description == "i magnitude; AB system"
        assert table["dec"].meta["ucd"] == "pos.eq.dec;meta.main"
        assert table[HEALPIX].meta["ucd"] == "pos.healpix"


def test_the_map_counts_all_rows(collection):
    counts = read_fits_image(collection / "sky" / "skymap.fits")
    index = compute_spatial_index(ROWS["ra"].to_numpy(), ROWS["dec"].to_numpy(), SKYMAP_ORDER)
    assert (counts == np.bincount(index, minlength=len(counts))).all()


def test_bytes_repeat(collection, tmp_path):
    again = write(tmp_path / "again")
    files = sorted(one.relative_to(again) for one in again.rglob("*") if one.is_file())
    assert files == sorted(o.relative_to(collection) for o in collection.rglob("*") if o.is_file())
    for file in files:
        assert (again / file).read_bytes() == (collection / file).read_bytes(), file


def test_a_page_that_was_changed_is_noticed(copy):
    leaf = leaves(copy / "sky")[0]
    data = bytearray(leaf.read_bytes())
    data[200] ^= 1
    leaf.write_bytes(data)
    with pytest.raises(InputError):
        read_whole(open_table(copy), [HEALPIX, *TABLE.names])


def test_one_row_is_a_collection(tmp_path):
    folder = write(tmp_path / "one", ROWS.slice(0, 1))
    assert is_valid_catalog(folder, strict=True)
    assert lsdb.open_catalog(folder).compute()["name"].tolist() == ["é0"]
    assert read_whole(open_table(folder), TABLE.names).equals(ROWS.slice(0, 1))


@pytest.mark.parametrize("column", ["ra", "dec"])
@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_a_row_without_a_position_is_refused(tmp_path, column, value):
    values = pa.array([value, *ROWS[column].to_pylist()[1:]], pa.float64())
    rows = ROWS.set_column(ROWS.column_names.index(column), column, values)
    with pytest.raises(InputError, match=r"found 1 of 2,404 rows without one; leave those out"):
        write(tmp_path / "out", rows)


def test_no_rows_are_refused(tmp_path):
    with pytest.raises(InputError, match="found no rows"):
        write(tmp_path / "out", ROWS.slice(0, 0))


# --- LSDB opens it


def test_lsdb_opens_it_with_its_margin(collection):
    catalogue = lsdb.open_catalog(collection)
    assert catalogue.margin is not None
    frame = catalogue.compute(progress_bar=False)
    assert frame.index.name == HEALPIX
    assert sorted(frame["name"]) == sorted(ROWS["name"].to_pylist())
    assert frame["nothing"].isna().all() and frame["count"].max() == 2**60 + len(ROWS) - 2


def test_a_cross_match_finds_neighbours_across_edges(tmp_path):
    """Each point has a partner 2 arcsec away, often in another partition."""
    few = ROWS.take(np.arange(0, len(ROWS), 4))
    dec = few["dec"].to_numpy()
    moved = np.where(dec > 0, dec - 2 * ARCSEC, dec + 2 * ARCSEC)
    one = write(tmp_path / "one", few, partition_rows=100)
    other = write(tmp_path / "other", few.set_column(2, "dec", pa.array(moved)), partition_rows=40)
    pairs = lsdb.open_catalog(one).crossmatch(
        lsdb.open_catalog(other), radius_arcsec=2.1, n_neighbors=50, suffixes=("", "_right")
    )
    frame = pairs.compute(progress_bar=False)
    partners = frame.loc[frame["name"] == frame["name_right"], "name"]
    assert sorted(partners) == sorted(few["name"].to_pylist())
    without = lsdb.open_catalog(one).crossmatch(
        lsdb.open_catalog(other / "sky"), radius_arcsec=2.1, n_neighbors=50
    )
    assert len(without.compute(progress_bar=False)) < len(frame)


# --- what is read


def test_a_collection_and_its_catalogue_come_back_as_they_were(collection):
    for folder in (collection, collection / "sky"):
        assert is_hats(folder)
        file = open_table(folder)
        assert file.names == (HEALPIX, *TABLE.names)
        assert file.rows == len(ROWS)
        assert file.units == {"ra": "deg", "dec": "deg", "i_mag": "mag"}
        assert in_order(read_whole(file, TABLE.names)).equals(in_order(ROWS))
    index = read_whole(open_table(collection), [HEALPIX])[HEALPIX].to_numpy()
    assert (np.diff(index) >= 0).all()


def test_chunks_are_as_long_as_asked_for(collection):
    lengths = [len(chunk) for chunk in open_table(collection).chunks(["note", "ra"], 100)]
    assert lengths == [100] * (len(ROWS) // 100) + [len(ROWS) % 100]


def test_a_folder_of_something_else_is_no_collection(tmp_path):
    (tmp_path / "properties").write_text("colour=red\n")
    assert not is_hats(tmp_path) and not is_hats(tmp_path / "properties")
    assert not is_hats(tmp_path / ("n" * 300))
    with pytest.raises(InputError, match="Is a directory"):
        open_table(tmp_path)


def test_a_margin_is_no_table(collection):
    with pytest.raises(InputError, match="is a HATS margin, whose rows are no catalogue"):
        open_table(collection / "sky_10arcs")


def test_a_leaf_without_rows_is_read(copy):
    leaf = leaves(copy / "sky")[0]
    lost = pq.read_metadata(leaf).num_rows
    pq.write_table(pq.read_table(leaf, partitioning=None).slice(0, 0), leaf)
    state(copy, len(ROWS) - lost)
    assert len(read_whole(open_table(copy), TABLE.names)) == len(ROWS) - lost


def test_a_catalogue_without_partitions_has_columns(copy):
    shutil.rmtree(copy / "sky" / "dataset" / "Norder=0", ignore_errors=True)
    for leaf in leaves(copy / "sky"):
        leaf.unlink()
    (copy / "sky" / "partition_info.csv").write_text("Norder,Npix\n")
    state(copy, 0)
    assert read_whole(open_table(copy), TABLE.names).schema.names == list(TABLE.names)


def test_nulls_throughout_a_leaf_fit_to_any_type(copy):
    """As pandas writes them, which infers types leaf by leaf."""
    for leaf in leaves(copy / "sky")[:-1]:
        rows = pq.read_table(leaf, partitioning=None)
        rows = rows.set_column(7, "nothing", pa.nulls(len(rows)))
        pq.write_table(rows, leaf)
    assert in_order(read_whole(open_table(copy), TABLE.names)).equals(in_order(ROWS))


def state(folder, rows):
    for path in (folder / "sky").glob("*properties"):
        text = path.read_text().replace(f"hats_nrows={len(ROWS)}", f"hats_nrows={rows}")
        path.write_text(text)


def test_units_of_the_whole_are_found_where_leaves_say_none(copy):
    """As LSDB leaves them."""
    for leaf in leaves(copy / "sky"):
        pq.write_table(pq.read_table(leaf, partitioning=None).replace_schema_metadata(), leaf)
    assert open_table(copy).units == {"ra": "deg", "dec": "deg", "i_mag": "mag"}


def lose(folder):
    leaves(folder)[3].unlink()


def cut_short(folder):
    leaf = leaves(folder)[3]
    leaf.write_bytes(leaf.read_bytes()[:-20])


def add_stray(folder):
    (folder / "dataset" / "Norder=12" / "Dir=0").mkdir(parents=True)
    shutil.copy(leaves(folder)[3], folder / "dataset" / "Norder=12" / "Dir=0" / "Npix=11.parquet")


def rename_column(folder):
    change(leaves(folder)[3], lambda rows: rows.rename_columns([*rows.column_names[:-1], "else"]))


def other_type(folder):
    change(leaves(folder)[3], lambda rows: rows.set_column(2, "ra", rows["ra"].cast("float32")))


def fewer_rows(folder):
    change(leaves(folder)[3], lambda rows: rows.slice(1))


def forget_partition(folder):
    lines = (folder / "partition_info.csv").read_text().splitlines()
    (folder / "partition_info.csv").write_text("\n".join(lines[:-1]))


def name_twice(folder):
    lines = (folder / "partition_info.csv").read_text().splitlines()
    (folder / "partition_info.csv").write_text("\n".join([*lines, lines[-1]]))


def no_numbers(folder):
    (folder / "partition_info.csv").write_text("Norder,Npix\n0,-1\n")


def other_columns(folder):
    (folder / "partition_info.csv").write_text("order,pixel\n0,1\n")


def elsewhere(folder):
    named = "#\nobs_collection=sky\nhats_primary_table_url=../../elsewhere\n"
    (folder.parent / "collection.properties").write_text(named)


def online(folder):
    named = "hats_primary_table_url=https\\://example.org/sky\n"
    (folder.parent / "collection.properties").write_text(named)


def no_properties(folder):
    for path in folder.glob("*properties"):
        path.unlink()


def nothing_at_all(folder):
    shutil.rmtree(folder / "dataset")
    (folder / "dataset").mkdir()
    (folder / "partition_info.csv").unlink()


def suffix_leads_out(folder):
    with (folder / "hats.properties").open("a") as file:
        file.write("hats_npix_suffix=/../../../elsewhere.parquet\n")


def not_text(folder):
    (folder / "hats.properties").write_bytes(b"\xff\xfe\x00")


def change(leaf, edit):
    pq.write_table(edit(pq.read_table(leaf, partitioning=None)), leaf)


BROKEN = {
    lose: r"is missing, a partition that partition_info.csv names; fetch the collection again",
    cut_short: r"Npix=\d+.parquet: it is no sound parquet file",
    add_stray: r"Npix=11.parquet is a partition that partition_info.csv does not name",
    rename_column: r"expected the columns of .*, found others: else, nothing in only one of them",
    other_type: r"column 'ra' is float, and double in ",
    fewer_rows: r"expected 2,404 rows, as its properties say, found 2,403 in \d+ partitions",
    forget_partition: r"is a partition that partition_info.csv does not name",
    name_twice: r"partition_info.csv: expected columns Norder and Npix .*named twice",
    no_numbers: r"partition_info.csv: expected columns Norder and Npix .*\(0, -1\)",
    other_columns: r"partition_info.csv: expected columns Norder and Npix .*'Norder'",
    elsewhere: r"its catalogue lies elsewhere \(../../elsewhere\), which is not read",
    online: r"its catalogue lies elsewhere \(https://example.org/sky\), which is not read",
    no_properties: r"no HATS catalogue in .*sky: it has no hats.properties",
    nothing_at_all: r"it has neither rows nor dataset/_common_metadata",
    suffix_leads_out: r"leaves can't end in '/../../../elsewhere.parquet'",
    not_text: r"can't read .*hats.properties",
}


@pytest.mark.parametrize("breaking", BROKEN, ids=lambda one: one.__name__)
def test_what_is_broken_is_one_clear_error(copy, breaking):
    breaking(copy / "sky")
    with pytest.raises(InputError, match=BROKEN[breaking]) as raised:
        open_table(copy)
    assert "\n" not in str(raised.value)


def test_a_listing_tells_collections_apart(collection, copy):
    assert listing(copy) == listing(collection) == listing(collection / "sky")
    first = leaves(collection / "sky")[0]
    line = f"{file_digest(first)['sha256']}  {first.relative_to(collection / 'sky').as_posix()}\n"
    assert line in listing(copy) and len(listing(copy).splitlines()) == len(leaves(copy / "sky"))
    fewer_rows(copy / "sky")
    assert listing(copy) != listing(collection)
