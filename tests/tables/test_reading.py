"""Tables in chunks: the same as whole, never more than a chunk in memory."""

import gc
import gzip
import tempfile
import tracemalloc

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from transferz.schemas import InputError
from transferz.tables import table as limits
from transferz.tables.cells import as_type, guess_types
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import ByteStream

NAMES = ["t.csv", "t.csv.gz", "t.tsv", "t.parquet", "t.fits", "t.fits.gz", "t.dat", "t.dat.gz"]
ROWS = 60_000
POOLS = []  # they must outlive their buffers, which Arrow's threads let go of when they like


@pytest.fixture(scope="module")
def big(tmp_path_factory):
    """A table in every format, in parquet as one row group."""
    folder = tmp_path_factory.mktemp("big")
    rng = np.random.default_rng(0)
    columns = {name: rng.uniform(18, 27, ROWS).round(3) for name in "gri"}
    table = pa.table({"id": np.arange(ROWS) + 2**60, **columns})
    write_parquet(table, folder / "t.parquet")
    Table(table.to_pydict()).write(folder / "t.fits")
    pacsv.write_csv(table, folder / "t.csv")
    text = (folder / "t.csv").read_bytes().replace(b'"', b"")
    for name, parting in (("t.tsv", b"\t"), ("t.dat", b" ")):
        (folder / name).write_bytes(text.replace(b",", parting))
    for name in ("t.csv", "t.dat", "t.fits"):
        (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes(), 1))
    return folder


@pytest.mark.parametrize("name", NAMES)
def test_chunks_are_the_table_and_no_longer_than_asked_for(name, big):
    file = open_table(big / name)
    assert file.names == ("id", "g", "r", "i")
    expected = pq.read_table(big / "t.parquet")
    done = 0
    for chunk in file.chunks(["i", "id"], 7_000):
        assert chunk.column_names == ["i", "id"]
        assert chunk.schema.equals(file.schema(["i", "id"]))
        assert 0 < len(chunk) <= 7_000
        part = expected.slice(done, len(chunk))
        assert as_type(chunk["id"], pa.int64()).equals(part["id"])
        assert as_type(chunk["i"], pa.float64()).equals(part["i"])
        done += len(chunk)
    assert done == ROWS
    assert file.rows in (None, ROWS)


@pytest.mark.parametrize("name", NAMES)
def test_memory_is_bounded_by_the_chunks_not_by_the_table(name, big, monkeypatch):
    """What is held while a table is read, against the table in memory.

    Of parquet, Arrow reads a few pages ahead; of text, a block is parsed after the other.
    """
    monkeypatch.setattr(limits, "BLOCK_BYTES", 1 << 13)
    whole = pq.read_table(big / "t.parquet").nbytes
    held = held_by_python if "fits" in name else held_by_arrow
    assert 20_000 < held(big / name, monkeypatch) < whole / 2


def write_parquet(table, path):
    """As one row group, of small pages."""
    pq.write_table(table, path, row_group_size=ROWS, data_page_size=1 << 15, use_dictionary=False)


def held_by_python(path, _):
    """Bytes that Python and numpy hold at most; tracemalloc crashes where Arrow's threads read."""
    file = open_table(path)
    gc.collect()
    tracemalloc.start()
    assert max(map(len, file.chunks(file.names, 2_000))) <= 2_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def held_by_arrow(path, monkeypatch):
    """Bytes that Arrow holds at most, with those of the text that was read ahead of the rows."""
    file, bytes_of_a_row = open_table(path), path.with_name("t.csv").stat().st_size / ROWS
    bytes_read, rows, peak = 0, 0, 0
    fill = ByteStream.readinto

    def counted(stream, buffer):
        nonlocal bytes_read
        count = fill(stream, buffer)
        bytes_read += count
        return count

    monkeypatch.setattr(ByteStream, "readinto", counted)
    default = pa.default_memory_pool()
    pool = pa.proxy_memory_pool(default)  # counts no buffer of an earlier test
    POOLS.append(pool)
    pa.set_memory_pool(pool)
    for chunk in file.chunks(file.names, 2_000):
        ahead = max(bytes_read - rows * bytes_of_a_row, 0)
        peak = max(peak, pool.bytes_allocated() + ahead)
        rows += len(chunk)
        assert len(chunk) <= 2_000
    pa.set_memory_pool(default)
    return peak


@pytest.mark.parametrize("name", NAMES)
def test_whole_tables_are_read_typed(name, big):
    whole = read_whole(open_table(big / name), ["g", "id"])
    assert whole.schema.types == [pa.float64(), pa.int64()]
    assert whole.equals(pq.read_table(big / "t.parquet", columns=["g", "id"]))


def test_a_gzipped_fits_is_unpacked_on_the_way_and_not_on_the_disk(big, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for _ in open_table(big / "t.fits.gz").chunks(["id"], 7_000):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-2", " 3 "], pa.int64()),
        (["1", "NA", "", None], pa.int64()),
        (["1", "2.5"], pa.float64()),
        (["nan", "1e-3", "-inf", "+4", ".5"], pa.float64()),
        (["9007199254740993", "2"], pa.int64()),
        (["9007199254740993", "2.5"], pa.string()),  # as float64 it would be another number
        (["18446744073709551615"], pa.string()),
        (["1", "x"], pa.string()),
        (["", None], pa.string()),
        (["true"], pa.string()),
        (["2020-01-01"], pa.string()),
    ],
)
def test_types_are_the_narrowest_that_hold_every_cell(cells, kind):
    """Whether the cells come together or one by one."""
    whole = pa.table({"x": pa.array(cells, pa.string())})
    parts = [whole.slice(place, 1) for place in range(len(cells))]
    for chunks in ([whole], parts, parts[::-1]):
        assert guess_types(chunks, ["x"]) == pa.schema([("x", kind)])
    assert guess_types([], ["x"]) == pa.schema([("x", pa.string())])


def test_numbers_in_text_are_read_exactly():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 1, 2000) * 10.0 ** rng.integers(-300, 300, 2000)
    cells = pa.chunked_array([[repr(value) for value in values.tolist()] + [" NA "]])
    got = as_type(cells, pa.float64())
    np.testing.assert_array_equal(got.to_numpy()[:-1], values)
    assert got[-1].as_py() is None


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_table(tmp_path):
    (tmp_path / "t.csv").write_bytes(b"\xef\xbb\xbfg,r\r\n1,2\r\n")
    assert read_whole(open_table(tmp_path / "t.csv"), ["g", "r"]).to_pydict() == {
        "g": [1],
        "r": [2],
    }


def test_a_file_of_no_table_is_refused(tmp_path):
    with pytest.raises(InputError, match="no table at"):
        open_table(tmp_path)
    (tmp_path / "t.parquet").write_bytes(b"PAR1" + bytes(99))
    with pytest.raises(InputError, match=r"can't read .*t\.parquet: it is no sound parquet file"):
        open_table(tmp_path / "t.parquet")
    (tmp_path / "t.parquet").write_bytes(bytes(99))
    with pytest.raises(InputError, match=r"expected FITS, .* or text .*, found binary"):
        open_table(tmp_path / "t.parquet")
