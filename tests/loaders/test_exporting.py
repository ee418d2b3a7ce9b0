"""Exported tables, read back: every value, null, unit, UCD and description is there."""

import base64
import io
import json
import resource
import subprocess
import sys

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from astropy.io import fits, votable
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz import exporting
from transferz.cli import main
from transferz.exporting import export, read_export
from transferz.releases import Release, read_release
from transferz.schemas import INDEX, RELEASE, Column, InputError, ReleaseError
from transferz.schemas import Table as SchemaTable
from transferz.schemas.survey.derived import votable_description, votable_unit
from transferz.schemas.survey.files import (
    CROISSANT_FILE,
    MANIFEST_FILE,
    file_digest,
    json_text,
    self_digest,
)
from transferz.schemas.survey.frames import arrow_schema
from transferz.tables.reading import open_table, read_whole

EXPORTED = SchemaTable("release", (*RELEASE.columns, INDEX["split"]), key="object_id")
"""The columns of a file."""

FORMATS = ("vot", "fits", "ecsv")
"""Those that hold every column."""

FIRST_NAME = "SURVEY-000000"


@pytest.fixture(scope="module")
def release(release_builder, tmp_path_factory) -> Release:
    """A tiny mock release with nulls of every kind, an id beyond 2**53 and text."""
    directory = release_builder(tmp_path_factory.mktemp("export") / "transferz")
    path = directory / "transferz" / "validation-00000-of-00001.parquet"
    rows = pq.read_table(path)
    half = pa.array(np.arange(len(rows)) % 2 == 1)
    large = pc.add(rows["object_id"], pa.scalar(43_158_322_433_012_345, pa.int64()))
    names = pa.array([FIRST_NAME if k % 3 == 0 else None for k in range(len(rows))], pa.string())
    changes = {"object_id": large, "specz_name": names} | {
        name: pc.if_else(half, pa.scalar(None, rows[name].type), rows[name])
        for name in ("cosmos_id", "ra", "redshift_hi")
    }
    for name, values in changes.items():
        rows = rows.set_column(rows.column_names.index(name), rows.schema.field(name), values)
    pq.write_table(rows, path)
    name = path.relative_to(directory).as_posix()
    manifest = json.loads((directory / MANIFEST_FILE).read_text(encoding="utf-8"))
    manifest["files"][name] = file_digest(path)
    sealed = json_text(manifest | {"sha256": self_digest(manifest)})
    (directory / MANIFEST_FILE).write_text(sealed, encoding="utf-8")
    return read_release(directory)


def rows_of(table, nulls, names=EXPORTED.names):
    """A read table as lists, with None for what `nulls` says stands for a null."""
    found = {}
    for name in names:
        masked = np.ma.getmaskarray(table[name])
        values = table[name].astype(str) if table[name].dtype.kind == "S" else table[name]
        found[name] = [
            None if hidden or value in nulls or value != value else value
            for value, hidden in zip(values.tolist(), masked, strict=True)
        ]
    return found


@pytest.mark.parametrize("ending", FORMATS)
def test_every_value_comes_back_exact_and_of_its_type(release, tmp_path, ending):
    out = tmp_path / f"table.{ending}"
    written = export(release, out)
    table = Table.read(out)
    assert rows_of(table, nulls=("",)) == written.rows.to_pydict()
    assert written.rows["cosmos_id"].null_count and written.rows["ra"].null_count
    for column in EXPORTED:
        kind = table[column.name].dtype.newbyteorder("=")  # FITS is big-endian
        assert kind.kind in "US" if column.dtype == "string" else kind == column.dtype


@pytest.mark.parametrize("ending", ["vot", "ecsv"])
def test_units_ucds_and_descriptions_come_back(release, tmp_path, ending):
    out = tmp_path / f"table.{ending}"
    export(release, out, splits=["test"])
    table = Table.read(out)
    for column in EXPORTED:
        found = table[column.name]
        assert str(found.unit or "") == votable_unit(column.unit)
        assert found.meta["ucd"] == column.ucd
        assert " ".join(found.description.split()) == votable_description(column)


def test_a_fits_header_has_unit_ucd_and_description_of_every_column(release, tmp_path):
    out = tmp_path / "table.fits"
    export(release, out, splits=["test"])
    with fits.open(out) as hdus:
        hdus.verify("exception")
        header = hdus[1].header
    for number, column in enumerate(EXPORTED, start=1):
        assert header[f"TTYPE{number}"] == column.name
        assert header.get(f"TUNIT{number}", "") == votable_unit(column.unit)
        assert header[f"TUCD{number}"] == column.ucd
        assert header[f"TCOMM{number}"] == votable_description(column)


def test_a_null_integer_is_a_null_to_any_reader(release, tmp_path):
    export(release, tmp_path / "table.fits", splits=["validation"])
    with fits.open(tmp_path / "table.fits") as hdus:
        number = EXPORTED.names.index("cosmos_id") + 1
        stored = hdus[1].data["cosmos_id"]
        null = hdus[1].header[f"TNULL{number}"]
    assert null == np.iinfo(np.int64).min
    assert np.count_nonzero(stored == null) == len(stored) // 2


def test_a_null_is_flagged_in_the_votable_texts_too(release, tmp_path):
    """BINARY2 begins each row with a bit per column; astropy's reader passes over those of text."""
    rows = read_export(release, "transferz", ["validation"]).rows.slice(1, 1)
    exporting.WRITERS[".vot"](tmp_path / "table.vot", rows, EXPORTED, {})
    text = (tmp_path / "table.vot").read_text()
    data = base64.b64decode(text.split('<STREAM encoding="base64">')[1].split("</STREAM>")[0])
    bits = np.unpackbits(np.frombuffer(data[:3], np.uint8))
    nulls = {name for name, bit in zip(EXPORTED.names, bits, strict=False) if bit}
    assert nulls == {name for name in EXPORTED.names if rows[name].null_count}
    assert "specz_name" in nulls


MIXED = SchemaTable(
    "mixed",
    (
        Column("key", "int64", "a key"),
        Column("long", "int64", "a large number", nullable=True),
        Column("short", "int16", "a small number", nullable=True),
        Column("double", "float64", "a number", nullable=True),
        Column("single", "float32", "a number", nullable=True),
        Column("text", "string", "a text", nullable=True),
    ),
    key="key",
)
TEXT = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=6)


@settings(deadline=None, max_examples=15)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2**63 - 1),
            st.none() | st.integers(1 - 2**63, 2**63 - 1),
            st.none() | st.integers(1 - 2**15, 2**15 - 1),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.floats(allow_nan=False, width=32),
            st.none() | TEXT,
        ),
        min_size=1,
        max_size=6,
    )
)
def test_any_values_of_any_type_come_back(tmp_path_factory, rows):
    columns = dict(zip(MIXED.names, map(list, zip(*rows, strict=True)), strict=True))
    arrow = pa.table(columns, schema=arrow_schema(MIXED))
    folder = tmp_path_factory.mktemp("mixed")
    for ending in FORMATS:
        out = folder / f"table.{ending}"
        exporting.WRITERS[f".{ending}"](out, arrow, MIXED, {})
        found = rows_of(Table.read(out), nulls=("",), names=MIXED.names)
        assert found == columns | {"text": [text or None for text in columns["text"]]}


def test_the_votable_is_valid_and_says_where_its_rows_are_from(release, tmp_path):
    out = tmp_path / "table.xml"
    written = export(release, out, splits=["test", "validation"])
    found = votable.parse(io.BytesIO(out.read_bytes()), verify="exception")
    notes = {info.name: info.value for info in found.resources[0].infos}
    assert notes == written.notes()
    assert notes["RELEASE"] == "transferz 1.0.0+mock"
    assert notes["SPLITS"] == "test, validation"
    assert found.get_first_table()._fields[1].ref == "icrs"


@pytest.mark.parametrize("ending", (*FORMATS, "hdf5"))
def test_a_mock_warns_in_every_format_and_another_does_not(
    release, release_builder, tmp_path, ending
):
    real = read_release(
        release_builder(tmp_path / "real" / "transferz", version="1.0.0", mock=False)
    )
    for of, name in ((release, "mock"), (real, "real")):
        export(of, tmp_path / f"{name}.{ending}", splits=["test"])
    warned = {
        name: b"simulated" in (tmp_path / f"{name}.{ending}").read_bytes()
        for name in ("mock", "real")
    }
    assert warned == {"mock": True, "real": False}


def test_the_licence_is_the_releases_own(release, tmp_path):
    assert "README.md" in read_export(release, "combo", ["test"]).notes()["LICENCE"]
    place = release.path / CROISSANT_FILE
    place.write_text('{"license": "https://example.org/terms"}', encoding="utf-8")
    try:
        notes = read_export(release, "combo", ["test"]).notes()
        place.write_text('{"license": ', encoding="utf-8")
        with pytest.raises(ReleaseError, match=r"croissant\.json states no licence"):
            read_export(release, "combo", ["test"]).notes()
    finally:
        place.unlink()
    assert notes["LICENCE"].startswith("https://example.org/terms; ")


def test_splits_come_in_the_order_asked_for_all_shards_of_each(release):
    written = read_export(release, "combo", ["test", "train", "test"])
    assert written.splits == ("test", "train")
    counts = {
        one["values"]: one["counts"] for one in written.rows["split"].value_counts().to_pylist()
    }
    assert counts == {"test": 70, "train": 300}
    assert written.rows["split"][0].as_py() == "test"


@pytest.mark.parametrize("ending", (*FORMATS, "hdf5"))
def test_the_same_rows_give_the_same_bytes(release, tmp_path, ending):
    first, second = tmp_path / f"first.{ending}", tmp_path / f"second.{ending}"
    for out in (first, second):
        export(release, out, splits=["test"])
    assert first.read_bytes() == second.read_bytes()


def test_a_file_that_is_there_is_kept_unless_it_may_be_replaced(release, tmp_path):
    out = tmp_path / "table.fits"
    out.write_bytes(b"mine")
    with pytest.raises(InputError, match="allow it with overwrite=True"):
        export(release, out, splits=["test"])
    assert out.read_bytes() == b"mine"
    export(release, out, splits=["test"], overwrite=True)
    assert len(Table.read(out)) == 70


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder.fits", r"folder\.fits is a folder"),
        ("no/where.fits", "no is no folder that exists"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_anything_is_read(
    release, tmp_path, monkeypatch, name, said
):
    (tmp_path / "folder.fits").mkdir()
    monkeypatch.setattr(exporting, "read_export", None)
    with pytest.raises(InputError, match=said):
        export(release, tmp_path / name, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.fits"]


def test_a_failed_export_leaves_nothing_behind(release, tmp_path, monkeypatch):
    def fails(path, *_):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(exporting.WRITERS, ".fits", fails)
    with pytest.raises(InputError, match=r"table\.fits: No space left"):
        export(release, tmp_path / "table.fits", splits=["test"])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", (*FORMATS, "hdf5"))
def test_a_disk_that_fills_up_is_one_sentence_in_every_format(release, tmp_path, ending):
    """Files may not grow past 1 kB; HDF5's library ends otherwise where it can't write."""
    out = tmp_path / f"table.{ending}"
    out.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(InputError, match=r"cannot write .*: File too large; free space and"):
            export(release, out, overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"out": "table.csv"}, InputError, r"expected one of \.vot, \.xml, \.fits, \.ecsv, \.hdf5"),
        ({"config": "images"}, ReleaseError, "no config 'images'; it has: transferz"),
        ({"splits": ["tset"]}, ReleaseError, "no split 'tset'; it has: train"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_cannot_be_exported_is_refused(release, tmp_path, arguments, error, said):
    given = {"config": "transferz", "splits": ["test"]} | arguments
    with pytest.raises(error, match=said):
        export(release, tmp_path / given.pop("out", "table.vot"), **given)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", FORMATS)
def test_a_null_among_truth_values_is_one_to_our_reader(tmp_path, ending):
    table = SchemaTable("flags", (Column("flag", "bool", "a flag", nullable=True),), key="flag")
    rows = pa.table({"flag": [True, None, False]})
    exporting.WRITERS[f".{ending}"](tmp_path / "table", rows, table, {})
    assert read_whole(open_table(tmp_path / "table"), ["flag"]).equals(rows)


@pytest.mark.parametrize("ending", FORMATS)
def test_what_is_exported_is_read_back_exact_wherever_a_table_is_read(release, tmp_path, ending):
    """Ids, nulls, text and units; a null text is the empty one in VOTable and FITS."""
    written = export(release, tmp_path / f"table.{ending}")
    file = open_table(tmp_path / f"table.{ending}")
    rows = read_whole(file, EXPORTED.names)
    assert rows.schema.names == written.rows.schema.names
    for column in EXPORTED:
        theirs, ours = rows[column.name], written.rows[column.name]
        if column.dtype == "string" and ending != "ecsv":
            ours = pc.fill_null(ours, "")
        if column.dtype.startswith("float"):
            theirs, ours = (pc.fill_null(values, np.nan) for values in (theirs, ours))
            np.testing.assert_array_equal(theirs.to_numpy(), ours.to_numpy())
        else:
            assert theirs.equals(ours)
        assert file.units.get(column.name, "") == votable_unit(column.unit)
    assert any("simulated" in note or note == "COMMENT" for note in file.notes)


def test_rails_layout_is_read_back(release, tmp_path):
    written = export(release, tmp_path / "rail.hdf5", splits=["test"])
    file = open_table(tmp_path / "rail.hdf5")
    assert file.rows == 70 and file.units["mag_g_lsst"] == "mag(AB)"
    rows = read_whole(file, ["object_id", "mag_i_lsst"])
    assert rows["object_id"].equals(written.rows["object_id"])
    assert rows["mag_i_lsst"].equals(written.rows["i_cmodel_mag"])


def test_text_that_fits_cannot_hold_is_refused_by_name(release, tmp_path):
    rows = read_export(release, "transferz", ["test"]).rows
    place = rows.column_names.index("specz_name")
    named = rows.set_column(place, "specz_name", pa.array(["Œuvre"] * len(rows)))
    with pytest.raises(InputError, match="not ASCII, all that FITS holds: found 'Œuvre'"):
        exporting.WRITERS[".fits"](tmp_path / "table.fits", named, EXPORTED, {})


def test_a_damaged_file_is_named(release_builder, tmp_path):
    directory = release_builder(tmp_path / "transferz")
    path = directory / "combo" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(ReleaseError, match=r"combo/train-00000-of-00001\.parquet"):
        export(read_release(directory), tmp_path / "table.fits", "combo")


def test_the_command_writes_what_it_says(release, tmp_path, capsys):
    out = tmp_path / "table.fits"
    asked = ["--config", "combo", "--split", "test", "--split", "calibration", str(out)]
    assert main(["export", "--release", str(release.path), *asked]) == 0
    said = capsys.readouterr()
    assert said.out == f"{out}: 120 rows of combo (test, calibration)\n"
    assert "MOCK" in said.err
    assert main(["export", "--release", str(release.path), *asked]) == 2
    assert "--replace" in capsys.readouterr().err


def test_rails_layout_has_what_its_stages_read_exact(release, tmp_path):
    """pz-rail-base 2.0: `hdf5_groupname`, `bands`, `err_bands`, `redshift_col`, `id_col`."""
    written = export(release, tmp_path / "rail.hdf5", splits=["validation", "test"])
    theirs = {"object_id": "object_id", "redshift": "redshift"}
    for band in "grizy":
        theirs[f"mag_{band}_lsst"] = f"{band}_cmodel_mag"
        theirs[f"mag_err_{band}_lsst"] = f"{band}_cmodel_magsigma"
    with h5py.File(tmp_path / "rail.hdf5") as file:
        assert list(file) == ["photometry"] and set(file["photometry"]) == set(theirs)
        for name, ours in theirs.items():
            column = file["photometry"][name]
            assert column.dtype == EXPORTED[ours].dtype and column.shape == (130,)
            assert column[()].tolist() == written.rows[ours].to_pylist()
            assert column.attrs["name"] == ours
        assert file["photometry/mag_g_lsst"].attrs["unit"] == "mag(AB)"
        assert dict(file.attrs) == written.notes()


def test_rails_layout_is_read_by_the_library_that_rail_reads_with(release, tmp_path):
    tables_io = pytest.importorskip("tables_io", reason="qp-prob is not installed")
    written = export(release, tmp_path / "rail.hdf5", splits=["test"])
    found = tables_io.read(str(tmp_path / "rail.hdf5"))["photometry"]
    assert np.array_equal(found["mag_i_lsst"], written.rows["i_cmodel_mag"].to_numpy())


def test_without_h5py_hdf5_is_refused_and_nothing_left(release, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=r"HDF5 needs .* pip install h5py"):
        export(release, tmp_path / "rail.hdf5", splits=["test"])
    assert list(tmp_path.iterdir()) == []


def test_importing_the_exporter_imports_neither_astropy_nor_h5py():
    code = "import sys, transferz.exporting; print({'astropy', 'h5py'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
