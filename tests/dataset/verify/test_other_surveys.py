"""Releases of any survey are verified: spectra alone, other bands, a survey that is not here."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from releases import ROOT, build, read_rows
from tampering import at, copy, edit_json, reseal, rewrite, split_file

from transferz.dataset.verify.findings import PROMISES
from transferz.dataset.verify.verifying import inspect, require_sound
from transferz.schemas.survey import survey as survey_module

UNKNOWN = ("declaration", "counts", "card", "croissant", "citation", "figures", "words")
"""What follows from the survey's configuration."""


@pytest.fixture
def six(six_bands, tmp_path):
    """A copy to damage."""
    return copy(six_bands, tmp_path)


def broken(release):
    """What is broken of a release that was sealed anew: (file, promise)."""
    return {(one.file, one.promise) for one in inspect(reseal(release)).broken}


def test_a_release_of_spectra_alone_promises_no_union(spectra_only):
    report = require_sound(spectra_only)
    assert set(PROMISES) - set(report.checked) == {"combo", "truth", "hats"}
    assert report.unchecked == ()
    assert report.rows == len(read_rows(spectra_only, "spectroscopic"))


def test_one_of_labels_without_positions_in_other_bands_is_sound(six_bands):
    report = require_sound(six_bands)
    assert set(PROMISES) - set(report.checked) == {"truth", "hats"}
    assert report.unchecked == ()
    assert read_rows(six_bands, "labels")["ra"].isna().all()


def test_of_a_survey_that_is_not_here_the_rows_are_checked_and_the_rest_is_told(six, monkeypatch):
    monkeypatch.setattr(survey_module, "FOLDER", ROOT / "surveys")
    report = require_sound(six)
    assert report.unchecked == UNKNOWN
    assert report.text().endswith(
        f": sound; {report.files} files, {report.rows:,} rows, 17 "
        f"promises checked; not checked: {', '.join(UNKNOWN)}\n"
    )
    name = split_file("labels", "train")
    rewrite(six, name, lambda table: at(table, "mag_A", 0, 77.0))
    assert {(name, "bounds"), (split_file("combo", "train"), "combo")} <= broken(six)


def test_a_label_that_may_be_a_galaxy_of_another_split_is_found(six):
    """Its magnitudes are made those of a spectrum that is tested on."""
    spectrum = pq.read_table(six / split_file("spectroscopic", "test")).slice(0, 1)
    for config in ("labels", "combo"):
        name = split_file(config, "train")
        ids = pq.read_table(six / name)["object_id"].to_pylist()
        row = ids.index(min(read_rows(six, "labels").query("split == 'train'")["object_id"]))
        for band in ("A", "B", "C1", "D", "E", "F"):
            value = spectrum[f"mag_{band}"][0].as_py() + 0.5
            rewrite(six, name, lambda t, b=band, v=value, r=row: at(t, f"mag_{b}", r, v))
    found = broken(six)
    assert (split_file("labels", "train"), "apart") in found
    assert not {one for one in found if one[1] in ("combo", "own_split", "bounds")}


def test_damage_is_found_by_the_roles_of_configs(six):
    name = split_file("labels", "test")
    rewrite(six, name, lambda table: at(table, "redshift_kind", 0, "spectroscopic"))
    spectra = split_file("spectroscopic", "train")
    rewrite(six, spectra, lambda table: at(table, "redshift", 3, 0.25))
    assert {(name, "labels"), (split_file("combo", "train"), "combo")} <= broken(six)


def another_band(manifest):
    manifest["bands"][0]["name"] = "G"


def no_union(manifest):
    del manifest["configs"]["union"]


def another_role(manifest):
    manifest["configs"] = {"label": "spectroscopic", "spectroscopic": "labels", "union": "combo"}


def fewer_left_out(manifest):
    manifest["counts"]["split"]["removed"]["shared_photometry"] -= 1


def nearer(manifest):
    manifest["parameters"]["shared_photometry"] = 3.0


def nonsense(manifest):
    manifest["bands"] = [{"name": "A"}]


def a_mock(manifest):
    manifest["mock"] = True


@pytest.mark.parametrize(
    ("change", "promise"),
    [
        (another_band, "declaration"),
        (no_union, "configs"),
        (another_role, "configs"),
        (fewer_left_out, "counts"),
        (nearer, "apart"),
        (nonsense, "manifest"),
        (a_mock, "manifest"),
    ],
)
def test_what_a_manifest_says_of_its_survey_is_checked(six, change, promise):
    edit_json(six, "MANIFEST.json", change)
    if change is no_union:  # nor its files
        shutil.rmtree(six / "combo")
        (six / "_index/combo.index").unlink()
    assert promise in {one for _, one in broken(six)}


def test_spectra_alone_can_be_split_by_blocks_of_sky(other_surveys, tmp_path):
    release = build(tmp_path / "data", survey="des", spectroscopic=300, scheme="sky_block")
    report = inspect(release)
    assert report.sound and "own_split" in report.checked


def test_a_release_of_up_to_2_0_0_names_neither_bands_nor_roles(small_release, tmp_path):
    """They are those of the paper's surveys."""
    release = copy(small_release, tmp_path)

    def older(manifest):
        del manifest["bands"], manifest["configs"]
        manifest["template"] = "of other words"

    edit_json(release, "MANIFEST.json", older)
    report = inspect(reseal(release))
    assert report.sound and report.unchecked == ("words",)


def test_an_index_of_ids_alone(six):
    """The index is declared by the release's own object_id."""
    path = six / "_index/labels.index"
    table = pq.read_table(path)
    moved = pa.array(np.roll(table["row_hash"].to_numpy(), 1))
    rewrite(six, "_index/labels.index", lambda t: t.set_column(2, t.schema.field(2), moved))
    found = inspect(reseal(six, index=False)).broken
    assert [(one.file, one.promise) for one in found] == [("_index/labels.index", "index")]
