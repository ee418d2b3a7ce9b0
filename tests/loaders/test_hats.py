"""Releases as HATS collections and as catalogues of LSDB, and back."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dask
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table as AstropyTable
from hats.io.validation import is_valid_catalog

from transferz import find_release, load_dataset, to_lsdb
from transferz.cli import main
from transferz.exporting import read_export
from transferz.hats import export_hats
from transferz.releases import Release
from transferz.schemas import INDEX, RELEASE, InputError, ParameterError, ReleaseError
from transferz.schemas.survey.derived import votable_description, votable_unit
from transferz.schemas.survey.files import MANIFEST_FILE, file_digest, json_text, self_digest
from transferz.tables.hats.reading import HEALPIX
from transferz.tables.hats.writing import write_collection
from transferz.tables.reading import open_table, read_whole

with dask.config.set(scheduler="synchronous"):
    import lsdb

ROOT = Path(__file__).parents[2]
COLUMNS = (*RELEASE.columns, INDEX["split"])
NAMES = [column.name for column in COLUMNS]


@pytest.fixture(scope="module")
def release(tiny_release) -> Release:
    return find_release(tiny_release)


@pytest.fixture(scope="module")
def collection(release, tmp_path_factory):
    out = tmp_path_factory.mktemp("hats") / "collection"
    export_hats(release, out, "combo", partition_rows=60)
    return out


def by_id(rows):
    return rows.sort_by([("object_id", "ascending")]).combine_chunks()


def test_a_config_is_a_valid_collection_with_all_splits(release, collection):
    assert is_valid_catalog(collection, strict=True)
    rows = read_export(release, "combo").rows
    back = read_whole(open_table(collection), NAMES)
    assert by_id(back).to_pydict() == by_id(rows).to_pydict()
    assert back.schema.types == rows.schema.types
    assert set(back["split"].to_pylist()) == {"train", "validation", "calibration", "test"}


def test_every_leaf_has_units_ucds_and_descriptions(collection):
    leaves = sorted(collection.rglob("Npix=*.parquet"))
    assert len(leaves) > 10
    for leaf in leaves:
        table = AstropyTable.read(leaf, format="parquet.votable")
        assert table.colnames == [HEALPIX, *NAMES]
        for column in COLUMNS:
            found = table[column.name]
            assert str(found.unit or "") == votable_unit(column.unit)
            assert found.meta["ucd"] == column.ucd
            assert " ".join(found.description.split()) == votable_description(column)


def test_properties_say_what_it_is_and_when_the_release_was_made(small_release, tmp_path):
    release = find_release(small_release)
    export_hats(release, tmp_path / "out", splits=["test"])
    about = lsdb.open_catalog(tmp_path / "out").hc_structure.catalog_info.model_dump()
    assert about["obs_title"] == f"transferz {release.version}, transferz"
    assert about["obs_description"].endswith(
        "Splits: test. MOCK: every galaxy in this table is simulated; never use it for science."
    )
    assert about["hats_data_semver"] == release.version
    assert about["hats_creation_date"] == f"{release.manifest()['date']}T00:00UTC"


def test_the_command_writes_some_splits(release, tmp_path, capsys):
    out = tmp_path / "out"
    asked = ["--hats", str(out), "--release", str(release.path), "--config", "galaxiesml"]
    assert main(["export", *asked, "--split", "test", "--partition-rows", "50"]) == 0
    assert capsys.readouterr().out == f"{out}: 70 rows of galaxiesml (test)\n"
    catalogue = lsdb.open_catalog(out)
    assert catalogue.name == "galaxiesml" and len(catalogue) == 70
    assert len(catalogue.get_healpix_pixels()) > 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--hats", "{out}", "--partition-rows", "0"], "a partition of 0 rows: expected 1 or more"),
        (["--hats", "{out}", "--config", "no"], "has no config 'no'"),
        (["--hats", "{file}"], "is a file; name a folder"),
        (["--hats", "{folder}"], "is a folder with other things in it than a HATS collection"),
        (["--hats", "{folder}", "--replace"], "is a folder with other things in it"),
    ],
)
def test_what_cannot_be_written_is_refused(options, said, release, tmp_path, capsys):
    places = {name: tmp_path / name for name in ("out", "file", "folder")}
    places["file"].write_text("mine")
    places["folder"].mkdir()
    (places["folder"] / "thesis.tex").write_text("mine")
    given = [option.format(**places) for option in options]
    assert main(["export", *given, "--release", str(release.path)]) == 2
    assert said in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert (places["folder"] / "thesis.tex").read_text() == "mine"


@pytest.mark.parametrize("asked", ["", "o.fits --hats o", "o.fits --partition-rows 9"])
def test_the_command_takes_one_place(asked, capsys):
    with pytest.raises(SystemExit):
        main(["export", *asked.split()])
    assert "usage: transferz export" in capsys.readouterr().err


def test_a_collection_is_replaced_only_where_that_is_allowed(release, tmp_path):
    out = tmp_path / "out"
    out.mkdir()  # an empty folder is no loss
    export_hats(release, out, "combo")
    with pytest.raises(InputError, match=r"exists; .* folder, or allow it with overwrite=True"):
        export_hats(release, out, "galaxiesml")
    export_hats(release, out, "galaxiesml", overwrite=True)
    assert lsdb.open_catalog(out).name == "galaxiesml"
    assert not (out / "combo").exists()


def test_rows_without_positions_are_refused_and_nothing_is_left(release_builder, tmp_path):
    folder = release_builder(tmp_path / "transferz")
    path = folder / "combo" / "validation-00000-of-00001.parquet"
    rows = pq.read_table(path)
    lacking = pa.array([None] * 7 + rows["dec"].to_pylist()[7:], pa.float64())
    pq.write_table(rows.set_column(2, rows.schema.field("dec"), lacking), path)
    manifest = json.loads((folder / MANIFEST_FILE).read_text(encoding="utf-8"))
    manifest["files"][path.relative_to(folder).as_posix()] = file_digest(path)
    sealed = json_text(manifest | {"sha256": self_digest(manifest)})
    (folder / MANIFEST_FILE).write_text(sealed, encoding="utf-8")
    with pytest.raises(InputError, match="found 7 of 480 rows without one; leave those out"):
        export_hats(find_release(folder), tmp_path / "out", "combo")
    assert not (tmp_path / "out").exists()


# --- LSDB


@pytest.mark.parametrize("form", ["release", "path", "dataset", "splits", "stream"])
def test_data_become_a_catalogue_with_units(form, release, tmp_path):
    cache = {"cache_dir": str(tmp_path)}
    data = {
        "release": lambda: (release, {"split": "test"}),
        "path": lambda: (release.path, {"config": "transferz", "split": "test"}),
        "dataset": lambda: (load_dataset(path=release.path, split="test", **cache), {}),
        "splits": lambda: (load_dataset(path=release.path, **cache), {"split": "test"}),
        "stream": lambda: (load_dataset(path=release.path, split="test", streaming=True), {}),
    }
    given, options = data[form]()
    catalogue = to_lsdb(given, partition_rows=30, **options)
    rows = by_id(read_export(release, "transferz", ["test"]).rows)
    frame = catalogue.compute(progress_bar=False).sort_values("object_id")
    assert frame["object_id"].tolist() == rows["object_id"].to_pylist()
    for name in ("ra", "i_cmodel_mag", "redshift_lo"):
        assert np.array_equal(frame[name].to_numpy(), rows[name].to_numpy())
    schema = catalogue.hc_structure.schema
    assert schema.field("i_cmodel_mag").metadata[b"unit"] == b"mag(AB)"
    assert schema.field("ra").metadata[b"ucd"] == b"pos.eq.ra;meta.main"
    assert catalogue.margin.hc_structure.catalog_info.margin_threshold == 10


def test_splits_are_told_apart(release):
    frame = to_lsdb(release, config="combo", margin_arcsec=None).compute(progress_bar=False)
    assert frame["split"].value_counts().to_dict() == {
        "train": 300,
        "validation": 60,
        "calibration": 50,
        "test": 70,
    }


def test_it_is_matched_with_the_collection(release, collection):
    """Every galaxy finds itself: from memory against from disk, with the margin of either."""
    left, right = to_lsdb(release, config="combo", partition_rows=70), lsdb.open_catalog(collection)
    pairs = left.crossmatch(right, radius_arcsec=0.1, suffixes=("", "_right"))
    frame = pairs.compute(progress_bar=False)
    assert len(frame) == 480
    assert (frame["object_id"] == frame["object_id_right"]).all()


def test_what_has_no_position_is_refused(release, tmp_path):
    data = load_dataset(path=release.path, split="test", cache_dir=str(tmp_path))
    with pytest.raises(ParameterError, match="there is no column 'dec', which places rows"):
        to_lsdb(data.remove_columns("dec"))
    with pytest.raises(ParameterError, match="expected a position in every row, found no rows"):
        to_lsdb(data.select([]))
    for none in (None, float("nan")):
        values = [none, *data["dec"][1:]]
        lacking = data.remove_columns("dec").add_column("dec", values)
        with pytest.raises(ParameterError, match="found 1 of 70 rows without one"):
            to_lsdb(lacking)
    with pytest.raises(ParameterError, match=r"found dict|expected a dataset"):
        to_lsdb({"a": 1})
    with pytest.raises(ReleaseError, match="has no config 'no'"):
        to_lsdb(release, config="no")


@pytest.mark.parametrize(
    "call", ["to_lsdb(release)", "transferz.hats.export_hats(release, Path('out'))"]
)
def test_without_lsdb_the_remedy_is_named(call, release, tmp_path, bare_site):
    code = f"""
from pathlib import Path
import transferz.hats
from transferz import find_release, to_lsdb
release = find_release({str(release.path)!r})
try:
    {call}
except transferz.schemas.errors.InputError as error:
    print(error)
"""
    site = bare_site("datasets", "huggingface-hub", "pandas", "pyarrow")
    (site / "transferz").mkdir()
    for module in (ROOT / "loaders").iterdir():
        (site / "transferz" / module.name).symlink_to(module)
    for room in ("schemas", "photometry", "tables"):
        (site / "transferz" / room).symlink_to(ROOT / room)
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env=os.environ | {"PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.endswith("HATS needs the package 'lsdb': pip install 'transferz[lsdb]'\n")
    assert not (tmp_path / "out").exists()


# --- a collection of somebody else


@pytest.fixture(scope="module")
def linea():
    """What LIneA's pipeline for training sets ships as an example, made by hats-import."""
    folder = os.environ.get("TRANSFERZ_REAL_DATA")
    place = Path(folder or "") / "hats_example_linea"
    if not folder or not place.is_dir():
        pytest.skip("TRANSFERZ_REAL_DATA does not name a folder with LIneA's example")
    return place


def test_a_real_collection_is_read(linea):
    whole = read_whole(open_table(linea / "specz_collection"), ["id", "ra", "dec", "z"])
    source = pq.read_table(linea / "specz.parquet", columns=["id", "ra", "dec", "z"])
    order = [("id", "ascending"), ("ra", "ascending")]
    assert whole.sort_by(order).equals(source.sort_by(order).replace_schema_metadata())


def test_a_real_catalogue_of_the_first_version_is_read(linea):
    file = open_table(linea / "dr2" / "mag" / "auto" / "sfd" / "catalog")
    assert file.rows == 40 and set(file.names) >= {HEALPIX, "ra", "dec", "id"}
    assert len(read_whole(file, ["id", "ra"])) == 40


def test_a_release_is_matched_with_a_real_collection(linea, release, tmp_path):
    """The release's galaxies, moved to where those of the other are, as a collection."""
    theirs = lsdb.open_catalog(linea / "specz_collection")
    places = theirs.compute(progress_bar=False).sort_values(["ra", "dec"]).iloc[:70]
    exported = read_export(release, "combo", ["test"])
    rows = exported.rows
    for number, name in enumerate(("ra", "dec"), 1):
        rows = rows.set_column(number, name, pa.array(places[name].to_numpy() + 1e-5))
    write_collection(tmp_path, "moved", rows, exported.table, {}, partition_rows=9)
    ours = lsdb.open_catalog(tmp_path)
    pairs = ours.crossmatch(theirs, radius_arcsec=1, suffixes=("", "_z"))
    frame = pairs.compute(progress_bar=False).sort_values("object_id")
    assert frame["object_id"].tolist() == rows["object_id"].to_pylist()
    assert frame["id_z"].tolist() == places["id"].tolist()
