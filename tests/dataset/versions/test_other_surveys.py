"""Releases of any survey are compared: by the configs and bands that both have, traced by roles."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tampering import at, copy, edit_manifest, reseal, rewrite, split_file

from transferz.dataset.versions.compare import compare, compare_text
from transferz.dataset.versions.diff import diff, read_snapshot
from transferz.dataset.versions.trace import Build, count_steps, find_build, trace
from transferz.schemas.survey.survey import find_survey


def write_stage(interim: Path, stage: str, cuts=(), removed=(), **columns):
    """A stage's folder: its table, the rows that it removed, and its counts."""
    folder = interim / stage
    folder.mkdir(parents=True)
    pd.DataFrame(columns).to_parquet(folder / "table.parquet", index=False)
    gone = {
        "id": np.array([one for one, _ in removed], dtype="int64"),
        "cut": pd.Series([cut for _, cut in removed], dtype="str"),
    }
    pd.DataFrame(gone).to_parquet(folder / "removed.parquet", index=False)
    (folder / "counts.json").write_text(json.dumps({"removed": dict.fromkeys(cuts, 1)}))


def steps(build: Build, kind: str, ids, config: str):
    objects = pd.DataFrame({"object_id": ids, "redshift_kind": kind})
    found = count_steps(build, trace(build, objects, config))
    return [(one["stage"], one["cut"], one["rows"]) for one in found]


def test_a_build_of_spectra_alone_is_traced_without_a_match(tmp_path):
    write_stage(tmp_path, "ingest/des", object_id=[1, 2, 3, 4])
    cuts = ("photometry", "redshift")
    gone = [(2, "redshift"), (3, "photometry")]
    write_stage(tmp_path, "select/des", cuts, gone, object_id=[1, 4])
    write_stage(tmp_path, "split", ["split_conflict"], [(4, "split_conflict")], object_id=[1])
    build = Build(tmp_path, find_survey("des"))
    assert [path for path in build.required() if not path.is_file()] == []
    assert steps(build, "spectroscopic", [2, 3, 4, 5], "spectroscopic") == [
        ("ingest@des", "not_in_table", 1),
        ("select@des", "photometry", 1),
        ("select@des", "redshift", 1),
        ("split", "split_conflict", 1),
    ]
    assert steps(build, "photometric", [5], "labels") == [("ingest", "not_in_table", 1)]


def test_labels_left_out_for_their_photometry_are_told(tmp_path):
    write_stage(tmp_path, "ingest/cosmos2015", object_id=[1, 2, 3])
    write_stage(tmp_path, "select/cosmos2015", ["redshift"], [(2, "redshift")], object_id=[1, 3])
    write_stage(tmp_path, "ingest/zcosmos", object_id=[9])
    write_stage(tmp_path, "select/zcosmos", object_id=[9])
    nobody = pd.array([pd.NA] * 2, dtype="Int64")
    write_stage(tmp_path, "match", object_id=[1, 3], spectroscopic_id=nobody)
    cuts = ("shared_photometry", "split_conflict")
    write_stage(tmp_path, "split", cuts, [(3, "shared_photometry")], object_id=[1, 9])
    build = Build(tmp_path, find_survey("cosmos_lite"))
    assert [path for path in build.required() if not path.is_file()] == []
    assert steps(build, "photometric", [2, 3, 4], "labels") == [
        ("ingest@cosmos2015", "not_in_table", 1),
        ("select@cosmos2015", "redshift", 1),
        ("split", "shared_photometry", 1),
    ]


@pytest.fixture
def six(six_bands, tmp_path):
    """Another release of the six bands, in which a label's magnitude differs."""
    release = copy(six_bands, tmp_path)
    name = split_file("labels", "train")
    rewrite(release, name, lambda table: at(table, "mag_F", 3, 20.0))
    return reseal(release)


def test_configs_and_bands_are_those_of_the_releases(six_bands, six):
    report, listed = compare(six_bands, six)
    assert list(report["configs"]) == ["labels", "spectroscopic", "combo"]
    assert list(report["configs"]["labels"]["magnitudes"]) == ["A", "B", "C1", "D", "E", "F"]
    assert report["configs"]["labels"]["rows"]["changed"] == 1
    assert listed["differs"].tolist() == ["magnitudes"]
    assert "\n F " in compare_text(report) or "\nF " in compare_text(report)


def test_of_other_bands_none_is_compared(six_bands, spectra_only):
    report, _ = compare(six_bands, spectra_only)
    assert list(report["configs"]) == ["spectroscopic"]
    assert report["configs"]["spectroscopic"]["magnitudes"] == {}
    assert report["configs_only_in"] == {"a": ["labels", "combo"], "b": []}
    assert "max |A - B|" not in compare_text(report)


def test_a_version_is_diffed_by_its_own_columns(six_bands, six):
    changes = diff(read_snapshot(six_bands), read_snapshot(six))
    assert changes.step == "major"
    assert changes.configs == ("labels", "spectroscopic", "combo")
    assert changes.rows[["config", "what"]].to_numpy().tolist() == [["labels", "changed"]]


def test_a_build_of_a_survey_that_is_not_here_is_not_traced(six, tmp_path):
    place = tmp_path / "nowhere" / "release" / "transferz"
    (tmp_path / "nowhere" / "interim").mkdir(parents=True)
    place.parent.mkdir()
    six.rename(place)
    edit_manifest(place, lambda manifest: manifest.update(survey="nowhere"))
    assert find_build(place) == (None, "this version of transferz has no survey 'nowhere'")
