"""An invented survey with six bands of its own, built from files under ``surveys/`` alone."""

import hashlib
import json
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from harbour import BANDS, edited, tables, write_tables

from transferz.dataset.verify.verifying import inspect
from transferz.schemas import SPLITS

COMMAND = (sys.executable, "-m", "transferz.cli", "survey")
PIPELINE = "surveys/harbour/dvc.yaml"


def digests(root):
    """Every file of a project but for data and what Python and DVC keep for themselves."""
    own = (path for path in root.rglob("*") if path.is_file())
    names = {path.relative_to(root): path for path in own}
    left_out = {"data", ".dvc", ".typecheck", "given"}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if name.parts[0] not in left_out and "__pycache__" not in name.parts
    }


@pytest.fixture(scope="module")
def harbour(tmp_path_factory):
    """A project to which the survey was added, and its release."""
    path = Path(__file__).with_name("conftest.py")
    spec = spec_from_file_location(path.stem, path)
    conftest = module_from_spec(spec)
    spec.loader.exec_module(conftest)
    space = conftest.make_workspace(tmp_path_factory.mktemp("harbour") / "project")
    before = digests(space.root)
    space.run(*COMMAND, "new", "harbour")
    path = space.root / "surveys/harbour/survey.yaml"
    path.write_text(edited(path.read_text()))
    for given in write_tables(space.root / "given"):
        folder = space.root / f"data/harbour/raw/harbour_{given.name.split('_')[0]}"
        folder.mkdir(parents=True)
        given.rename(folder / given.name)
    space.run("dvc", "repro", PIPELINE)
    return space, before


def release(space, config):
    folder = space.root / "data/harbour/release/transferz"
    return pq.read_table(folder / config).to_pandas().set_index("object_id")


def test_only_files_under_surveys_were_added(harbour):
    space, before = harbour
    after = digests(space.root)
    assert {name: after[name] for name in before} == before
    new = {name.as_posix() for name in after.keys() - before.keys()}
    assert new == {
        f"surveys/harbour/{name}" for name in ("survey.yaml", "dvc.yaml", "dvc.lock", "hashes.json")
    }


def test_the_release_has_the_labels_and_spectra_of_the_tables(harbour):
    space, _ = harbour
    labels, spectra = (table.set_index("SourceNr") for table in tables())
    good = [table[table["NUVmag"] > 0] for table in (labels, spectra)]
    good[0] = good[0].query("0.01 < zphot < 9")
    for config, table, redshift in zip(
        ("many_band", "spectroscopic"), good, ("zphot", "zspec"), strict=True
    ):
        ours = release(space, config)
        conflicts = json.loads((space.root / "data/harbour/interim/split/counts.json").read_text())
        assert conflicts["removed"] == {"split_conflict": 0}
        assert set(ours.index) == set(table.index)
        theirs = table.reindex(ours.index)
        for band in BANDS:
            assert ours[f"{band}_mag"].to_numpy() == pytest.approx(theirs[f"{band.upper()}mag"])
        assert ours["redshift"].to_numpy() == pytest.approx(theirs[redshift])
    union = release(space, "combo")
    assert set(union.index) == set(good[0].index) | set(good[1].index)
    both = set(good[0].index) & set(good[1].index)
    assert len(both) > 40
    assert set(union.loc[sorted(both), "redshift_kind"]) == {"spectroscopic"}


def test_the_release_is_sound_and_its_page_says_what_it_is(harbour):
    space, _ = harbour
    whole = space.root / "data/harbour/release/transferz"
    report = inspect(whole)
    assert (report.broken, report.unable) == ((), ())
    card = (whole / "README.md").read_text()
    for band in BANDS:
        assert f"`{band}_mag`" in card
    for strange in ("HSC", "COSMOS", "GalaxiesML", "cmodel"):
        assert strange not in card, strange


def test_an_object_has_one_split_in_all_configs(harbour):
    space, _ = harbour
    folder = space.root / "data/harbour/release/transferz/_index"
    splits = [
        pq.read_table(folder / f"{config}.index").to_pandas().set_index("object_id")["split"]
        for config in ("many_band", "spectroscopic", "combo")
    ]
    assert set(splits[2]) == set(SPLITS)
    for one in splits[:2]:
        assert (one == splits[2].reindex(one.index)).all()


def test_a_change_of_the_configuration_runs_the_stages_again(harbour):
    space, _ = harbour
    assert "Running stage" not in space.run("dvc", "repro", PIPELINE).stdout
    path = space.root / "surveys/harbour/survey.yaml"
    text = path.read_text()
    path.write_text(text.replace("keep: 0.01 < photo_z < 9", "keep: 0.01 < photo_z < 1"))
    try:
        status = json.loads(space.run("dvc", "status", "--json", PIPELINE).stdout)
    finally:
        path.write_text(text)
    changed = {name.split(":")[1] for name in status}
    assert {"fetch@harbour_labels", "ingest@harbour_labels", "select@harbour_labels"} <= changed
    assert {"match", "split", "release"} <= changed


def test_the_pipeline_is_written_anew_for_other_configs(harbour, tmp_path):
    space, _ = harbour
    other = space.copy(tmp_path / "project")
    path = other.root / "surveys/harbour/survey.yaml"
    path.write_text(path.read_text().replace("label: many_band,", "label: photometric,"))
    labels, _ = write_tables(tmp_path / "given")
    checked = other.run(*COMMAND, "check", "harbour", str(labels), check=False)
    assert checked.returncode == 1
    assert "stage 'release' is not what survey.yaml" in checked.stdout
    assert "run `transferz survey pipeline harbour`" in checked.stdout
    other.run(*COMMAND, "pipeline", "harbour")
    outs = yaml.safe_load((other.root / PIPELINE).read_text())["stages"]["release"]["outs"]
    assert "${path.release}/photometric" in [name for one in outs for name in one]
    assert "all is well" in other.run(*COMMAND, "check", "harbour", str(labels)).stdout
