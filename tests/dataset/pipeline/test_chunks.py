"""Upstream tables written chunk by chunk: the same bytes from any order, wrong wholes refused."""

import itertools
import math
import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset import ingest as chunks_module
from transferz.dataset.ingest import prefetch, write_chunks
from transferz.dataset.pipeline import tables
from transferz.dataset.sources.fields import find_fields, make_chunk
from transferz.schemas import COSMOS2020, GALAXIESML, InputError, SchemaError, Table
from transferz.schemas.survey.frames import arrow_schema

SKY = Table(
    "sky",
    (
        *(COSMOS2020[n] for n in ("cosmos_id", "ra", "dec")),
        replace(COSMOS2020["i_mag_auto"], minimum=0.0),
    ),
    "cosmos_id",
)
WIDE_SKY = Table(
    "wide",
    tuple(GALAXIESML[n] for n in ("object_id", "ra", "dec", "i_cmodel_mag", "specz_name")),
    "object_id",
)


def sky(rows=100, table=SKY, seed=1, **columns):
    """Rows of a catalogue of the COSMOS field, as read from a file."""
    rng = np.random.default_rng(seed)
    values = {
        table.key: np.arange(rows) * 3,
        "ra": rng.uniform(149.5, 150.5, rows),
        "dec": rng.uniform(1.7, 2.7, rows),
        "i_mag_auto": rng.normal(24, 1, rows).astype("f4"),
        "i_cmodel_mag": rng.normal(24, 1, rows).astype("f4"),
        "specz_name": np.array([f"n{k % 7}" for k in range(rows)], dtype=object),
    }
    values |= columns
    schema = arrow_schema(table)
    return pa.table([pa.array(values[n], schema.field(n).type) for n in table.names], schema)


def named(rows, path, table=SKY):
    """The same, with a note of the file they come from."""
    fields = find_fields([column.upstream[0] for column in table], table, path)
    return make_chunk(table, fields, [rows[name].combine_chunks() for name in table.names])


def cut(rows, edges):
    edges = sorted({0, *edges, len(rows)})
    return [rows.slice(a, b - a) for a, b in itertools.pairwise(edges)] or [rows]


def written(tmp_path, parts, table=SKY):
    path = tmp_path / "table.parquet"
    count = write_chunks(parts, path, table)
    assert count == pq.read_metadata(path).num_rows
    return path.read_bytes()


def refused(tmp_path, rows, message, table=SKY):
    with pytest.raises(SchemaError, match=message):
        write_chunks([named(rows, tmp_path / "up.fits", table)], tmp_path / "t.parquet", table)


@pytest.fixture
def small_groups(monkeypatch):
    monkeypatch.setattr(tables, "GROUP_ROWS", 64)


@given(
    rows=st.integers(1, 300),
    edges=st.lists(st.integers(0, 300), max_size=6),
    seed=st.integers(0, 1000),
)
@settings(max_examples=25, deadline=None)
def test_neither_order_nor_chunks_change_a_byte(tmp_path_factory, rows, edges, seed):
    folder = tmp_path_factory.mktemp("chunks")
    table = sky(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "GROUP_ROWS", 64)
        expected = written(folder, [table])
        assert written(folder, cut(table, [e for e in edges if e < rows])) == expected
        shuffled = table.take(np.random.default_rng(seed).permutation(rows))
        assert written(folder, cut(shuffled, [e for e in edges if e < rows])) == expected


def test_rows_that_share_an_id_are_sorted_by_all_their_values(tmp_path, small_groups):
    names = replace(GALAXIESML["specz_name"], nullable=True)
    wide = Table("wide", (*WIDE_SKY.columns[:-1], names), "object_id")
    table = sky(400, wide, object_id=np.arange(400) // 3, specz_name=[None, "b"] * 200)
    expected = written(tmp_path, [table], wide)
    for seed in range(3):
        shuffled = table.take(np.random.default_rng(seed).permutation(400))
        assert written(tmp_path, cut(shuffled, [100, 101]), wide) == expected
    stored = pq.read_table(tmp_path / "table.parquet").to_pandas()
    assert stored.equals(stored.sort_values(list(WIDE_SKY.names), ignore_index=True))


def test_the_file_holds_what_came_and_no_notes(tmp_path, small_groups):
    rows = sky(200, i_mag_auto=np.where(np.arange(200) % 9, 24.0, np.nan))
    rows = rows.set_column(
        3, rows.schema.field(3), pa.array(rows["i_mag_auto"].to_numpy(), from_pandas=True)
    )
    path = tmp_path / "t.parquet"
    assert write_chunks([named(rows, tmp_path / "up.fits")], path, SKY) == 200
    assert pq.read_table(path).equals(rows)
    assert pq.read_schema(path).metadata is None
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(k).num_rows for k in range(groups.num_row_groups)] == [64, 64, 64, 8]


def test_sorted_rows_are_written_once_and_never_held_together(tmp_path, monkeypatch):
    monkeypatch.setattr(chunks_module.pq, "read_table", None)  # what a sort begins with
    monkeypatch.setattr(tables, "GROUP_ROWS", 4096)
    whole = sky(200_000)
    before, held = pa.total_allocated_bytes(), []

    def parts():
        for part in cut(whole, range(0, 200_000, 1000)):
            held.append(pa.total_allocated_bytes() - before)
            yield part.take(np.arange(len(part)))

    written(tmp_path, parts())
    assert max(held) < whole.nbytes / 4


def test_reading_overlaps_writing(tmp_path):
    """The second chunk is made, in another thread, before the first one's user is done."""
    made = threading.Event()

    def parts():
        yield 1
        made.set()
        yield 2

    for chunk in prefetch(parts()):
        assert made.wait(60) or chunk == 2


def test_an_error_while_reading_is_passed_on(tmp_path):
    def parts():
        yield sky(10)
        raise InputError("a.fits is no sound FITS file")

    with pytest.raises(InputError, match=r"^a\.fits is no sound FITS file$"):
        write_chunks(parts(), tmp_path / "t.parquet", SKY)


def test_a_wrong_chunk_ends_the_reading(tmp_path):
    made = []

    def parts():
        for number in range(100):
            made.append(number)
            yield sky(10, ra=np.full(10, 10.0 + number))

    with pytest.raises(SchemaError):
        write_chunks(parts(), tmp_path / "t.parquet", SKY)
    assert len(made) <= 3


def test_no_rows(tmp_path):
    refused(tmp_path, sky(0), r"table 'sky' \(.*up\.fits\) breaks its schema: it holds no rows")
    with pytest.raises(SchemaError, match="table 'sky' breaks its schema: it holds no rows"):
        write_chunks([], tmp_path / "t.parquet", SKY)


def test_repeated_ids_in_different_chunks(tmp_path):
    ids = np.arange(100)
    ids[[90, 95]] = [7, 8]
    parts = cut(named(sky(100, cosmos_id=ids), tmp_path / "up.fits"), [50])
    expected = (
        r"table 'sky' \(.*up\.fits\) breaks its schema: column 'cosmos_id' \('ID' in the file\): "
        r"rule 'unique values' broken in 4 rows, first 7, 7, 8, 8"
    )
    with pytest.raises(SchemaError, match=expected):
        write_chunks(parts, tmp_path / "t.parquet", SKY)


def test_a_broken_bound_names_file_row_and_the_files_column(tmp_path):
    ra = np.full(100, 150.0)
    ra[17] = 200.0
    refused(
        tmp_path,
        sky(100, ra=ra),
        r"table 'sky' \(.*up\.fits\) breaks its schema: column 'ra': rule '<= 151.6' broken in 1 "
        r"rows, first 200.0 \(cosmos_id 51\); the file calls 'ra' 'ALPHA_J2000'$",
    )


@pytest.mark.parametrize("name", ["ra", "dec"])
def test_nan_positions(tmp_path, name):
    values = [150.0, None] if name == "ra" else [2.0, None]
    other = {"ra": [150.0, 150.1], "dec": [2.0, 2.1]} | {name: values}
    message = rf"column '{name}': rule 'no missing values' broken in 1 rows.*\(cosmos_id 3\)"
    refused(tmp_path, sky(2, **other), message)


LIKE_A_FLUX = (
    r"\(.*up\.fits\).*column 'i_mag_auto' \('HSC_i_MAG_AUTO' in the file\): expected a median "
    r"between 10 and 35 mag\(AB\), found 200 of 200 values outside, such as .*; "
    r"it looks like a flux"
)


def test_magnitudes_that_are_fluxes(tmp_path):
    flux = np.random.default_rng(1).uniform(0.01, 9.0, 200).astype("f4")
    refused(tmp_path, sky(200, i_mag_auto=flux), LIKE_A_FLUX)


def test_magnitudes_that_are_fluxes_below_zero_too(tmp_path):
    """These break a bound besides: the error names both."""
    flux = np.random.default_rng(1).uniform(-1.0, 9.0, 200).astype("f4")
    message = rf"'i_mag_auto': rule '>= 0' broken in .*{LIKE_A_FLUX[14:]}"
    refused(tmp_path, sky(200, i_mag_auto=flux), message)


def test_a_few_absurd_magnitudes_are_not_a_flux(tmp_path):
    magnitudes = np.full(100, 24.0, "f4")
    magnitudes[:50] = 2.0
    assert write_chunks([sky(100, i_mag_auto=magnitudes)], tmp_path / "t.parquet", SKY) == 100
    magnitudes[50] = 2.0
    refused(tmp_path, sky(100, i_mag_auto=magnitudes), "found 51 of 100 values outside")


def test_missing_magnitudes_do_not_count(tmp_path):
    values = pa.array([24.0] * 3 + [None] * 97, pa.float32())
    assert write_chunks([sky(100, i_mag_auto=values)], tmp_path / "t.parquet", SKY) == 100
    empty = pa.nulls(100, pa.float32())
    assert write_chunks([sky(100, i_mag_auto=empty)], tmp_path / "t.parquet", SKY) == 100


def in_radians(rows, **options):
    table = sky(rows, **options)
    return {n: np.radians(table[n].to_numpy()) for n in ("ra", "dec")}


def test_positions_in_radians_or_hours_of_a_field(tmp_path):
    hint = r"column 'ra': rule '>= 148.6' broken.*the file calls.*; the positions look like radians"
    refused(tmp_path, sky(100, **in_radians(100)), hint)
    hours = sky(100)["ra"].to_numpy() / 15
    refused(tmp_path, sky(100, ra=hours), "; the right ascensions look like hours; convert them")


def test_positions_in_radians_or_hours_of_the_whole_sky(tmp_path):
    rows = 1000
    angles = in_radians(rows, table=WIDE_SKY)
    wrong = r"table 'wide' \(.*up\.fits\) breaks its schema: the positions look like radians"
    refused(tmp_path, sky(rows, WIDE_SKY, **angles), wrong, WIDE_SKY)
    hours = sky(rows, WIDE_SKY, ra=np.linspace(0, 24, rows))
    refused(tmp_path, hours, "the right ascensions look like hours", WIDE_SKY)
    few = sky(rows - 1, WIDE_SKY, ra=np.linspace(0, 24, rows - 1))
    assert write_chunks([few], tmp_path / "t.parquet", WIDE_SKY) == rows - 1
    one = np.append(np.linspace(0, 24, rows - 1), 25.0)
    assert write_chunks([sky(rows, WIDE_SKY, ra=one)], tmp_path / "t.parquet", WIDE_SKY) == rows


def test_degrees_near_the_equator_are_not_radians(tmp_path):
    ra = np.linspace(0, 2 * math.pi, 2000)
    dec = np.linspace(-1.6, 1.6, 2000)
    refused(tmp_path, sky(2000, WIDE_SKY, ra=ra, dec=dec), "look like hours", WIDE_SKY)
    wide = sky(2000, WIDE_SKY, ra=ra * 10, dec=dec)
    assert write_chunks([wide], tmp_path / "t.parquet", WIDE_SKY) == 2000


def test_a_table_without_positions(tmp_path):
    table = Table("plain", (replace(COSMOS2020["cosmos_id"], name="id"),), "id")
    rows = pa.table([pa.array(np.arange(5000))], arrow_schema(table))
    assert write_chunks([rows], tmp_path / "t.parquet", table) == 5000
