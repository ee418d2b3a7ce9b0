"""GalaxiesML's image files: the columns are read, the images never; and odd HDF5."""

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table as AstropyTable

from transferz.dataset.sources.catalogues import read_any, says_mock
from transferz.schemas import COSMOS2020, Column, InputError, Table
from transferz.tables.reading import open_table, read_whole
from transferz.tables.table import naming

SPECTRA = Table(
    "spectra",
    (
        Column("object_id", "int64", "id", upstream=("object_id",)),
        Column("specz_name", "string", "name", nullable=True, upstream=("specz_name",)),
        Column("z", "float32", "redshift", nullable=True, upstream=("z",)),
    ),
    key="object_id",
)
ROWS = 50


def save(path, **columns):
    content = {
        "image": np.ones((ROWS, 5, 4, 4), "f4"),
        "object_id": np.arange(ROWS),
        "specz_name": np.array([f"n{k}" for k in range(ROWS)], "S8"),
        "z": np.linspace(0, 1, ROWS, dtype=">f4"),
    }
    with h5py.File(path, "w") as file:
        for name, values in (content | columns).items():
            file.create_dataset(name, data=values)
    return path


def rows_of(path, **options):
    return pa.concat_tables(read_any(path, SPECTRA, **options))


@pytest.mark.parametrize("text", ["S8", h5py.string_dtype(), h5py.string_dtype("ascii", 9)])
def test_strings_of_every_kind(tmp_path, text):
    names = np.array([b"n0", b"", *[b"n  "] * (ROWS - 2)]).astype(text)
    rows = rows_of(save(tmp_path / "a.hdf5", specz_name=names), chunk_rows=7)
    assert rows["specz_name"].to_pylist() == ["n0", None, *["n"] * (ROWS - 2)]
    np.testing.assert_array_equal(rows["z"], np.linspace(0, 1, ROWS, dtype="f4"))


def test_the_images_are_never_read(tmp_path, monkeypatch):
    path = save(tmp_path / "a.hdf5")
    touched = []
    read = h5py.Dataset.__getitem__

    def spied(self, *arguments, **options):
        touched.append(self.name)
        return read(self, *arguments, **options)

    monkeypatch.setattr(h5py.Dataset, "__getitem__", spied)
    monkeypatch.setattr(h5py.Dataset, "read_direct", None)
    assert len(rows_of(path, chunk_rows=20)) == ROWS
    assert {"/object_id", "/z"} <= set(touched) <= {"/object_id", "/z", "/specz_name"}


@pytest.mark.parametrize("way", ["link", "raw data", "virtual dataset"])
def test_a_file_that_points_to_another_one_is_refused(tmp_path, way):
    with h5py.File(tmp_path / "other.hdf5", "w") as file:
        file["z"] = np.ones(3)
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["object_id"] = np.arange(3)
        if way == "link":
            file["z"] = h5py.ExternalLink(str(tmp_path / "other.hdf5"), "/z")
        elif way == "raw data":
            place = [(str(tmp_path / "other.hdf5"), 0, 24)]
            file.create_dataset("z", (3,), "f8", external=place)
        else:
            layout = h5py.VirtualLayout((3,), "f8")
            layout[:] = h5py.VirtualSource(str(tmp_path / "other.hdf5"), "z", shape=(3,))
            file.create_virtual_dataset("z", layout)
    with pytest.raises(InputError, match=r"a\.hdf5: 'z' in it is kept in another file"):
        open_table(tmp_path / "a.hdf5")


def test_links_within_a_file_are_followed_and_may_lead_nowhere(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["object_id"] = np.arange(3)
        for name, place in (("z", "/object_id"), ("lost", "/nowhere"), ("loop", "/")):
            file[name] = h5py.SoftLink(place)
    file = open_table(tmp_path / "a.hdf5")
    assert sorted(file.names) == ["object_id", "z"]
    assert read_whole(file, ["z"])["z"].to_pylist() == [0, 1, 2]


def test_more_rows_than_a_file_can_hold_are_refused(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file.create_dataset("object_id", (10**11,), "i8", chunks=(1000,))
    with pytest.raises(InputError, match="column 'object_id' claims 800,000,000,000 bytes"):
        read_whole(open_table(tmp_path / "a.hdf5"), ["object_id"])


def test_of_several_groups_one_is_told_by_its_columns_or_none_is_read(tmp_path):
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        file["deep/object_id"], file["deep/g"], file["wide/object_id"] = [1], [20.5], [2]
    meant = open_table(tmp_path / "a.hdf5", choose=naming(["object_id", "g"]))
    assert read_whole(meant, ["object_id"])["object_id"].to_pylist() == [1]
    for choose in (None, naming(["object_id"])):
        with pytest.raises(InputError, match=r"2 tables, .*: deep \(g, object_id\); wide \(obj"):
            open_table(tmp_path / "a.hdf5", choose=choose)


def test_tables_of_other_libraries(tmp_path):
    """PyTables' groups of indices, and astropy's remarks, are no tables."""
    frame = pd.DataFrame({"object_id": [1, 2], "g": [20.5, 21.5], "label": ["a", "b"]})
    rows = np.rec.fromrecords(frame.to_records(index=False).tolist(), dtype="i8,f8,S1")
    rows.dtype.names = tuple(frame)
    with h5py.File(tmp_path / "pytables.hdf5", "w") as file:
        file["t/table"], file["t/_i_table/g/sorted"] = rows, np.sort(frame["g"])
    astropy_table = AstropyTable.from_pandas(frame)
    astropy_table.write(tmp_path / "astropy.hdf5", path="t", serialize_meta=True)
    for name in ("pytables.hdf5", "astropy.hdf5"):
        file = open_table(tmp_path / name)
        assert read_whole(file, list(frame)).to_pandas().equals(frame)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            {"z": np.ones((ROWS, 2))},
            r"column 'z': expected one value in each row, found lists",
        ),
        ({"z": np.ones(ROWS - 1)}, "column 'z': expected 50 rows as in others, found 49 rows"),
        ({"z": 1.0}, "expected one value in each row"),
        (
            {"z": np.ones(ROWS, complex)},
            "'z' holds complex128, expected numbers or text; leave it out",
        ),
        ({"specz_name": np.arange(ROWS)}, "expected string, found int64"),
        ({"z": np.array([b"a"] * ROWS)}, "expected float32, found string"),
    ],
)
def test_columns_of_the_wrong_kind(tmp_path, columns, message):
    with pytest.raises(InputError, match=message):
        rows_of(save(tmp_path / "a.hdf5", **columns))


def test_a_group_is_no_column(tmp_path):
    path = save(tmp_path / "a.hdf5")
    with h5py.File(path, "a") as file:
        del file["z"]
        file.create_group("z")
    with pytest.raises(InputError, match="missing z"):
        rows_of(path)


def test_parquet_of_other_types(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {
        "object_id": pa.array([1, 2, 3], pa.uint64()),
        "specz_name": pa.array(["a", "", None]).dictionary_encode(),
        "z": pa.array([0.5, None, float("nan")], pa.float64()),
        "image": pa.array([[1.0], [2.0], []]),
    }
    pq.write_table(pa.table(columns), path, row_group_size=2)
    rows = rows_of(path).to_pydict()
    assert rows == {"object_id": [1, 2, 3], "specz_name": ["a", None, None], "z": [0.5, None, None]}
    pq.write_table(pa.table(columns | {"z": columns["image"]}), path)
    with pytest.raises(InputError, match="column 'z': expected one value in each row, found list"):
        rows_of(path)


def test_a_flipped_byte_in_parquet_is_caught_where_pages_have_checksums(tmp_path):
    path = tmp_path / "a.parquet"
    columns = {"object_id": np.arange(9000), "specz_name": ["n"] * 9000, "z": np.ones(9000)}
    pq.write_table(pa.table(columns), path, write_page_checksum=True, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[3000] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.parquet: it is no sound parquet file"):
        rows_of(path)


def test_a_mock_is_told_by_the_metadata_of_parquet(tmp_path):
    for note, mock in ({"MOCK": "T"}, True), ({"meta": "{MOCK: true}"}, True), ({"a": "b"}, False):
        path = tmp_path / "a.parquet"
        pq.write_table(pa.table({"x": [1]}).replace_schema_metadata(note), path)
        assert says_mock(path, COSMOS2020) is mock
