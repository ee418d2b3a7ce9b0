"""The survey `cosmos2025`, from the mock's sky in its format; compared with `cosmos2020`."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from cosmos2025 import NO_MAGNITUDE, sections, write_master, write_parts

from transferz import cli

HERE = Path(__file__).parent
CATALOGUES = ("hsc", "galaxiesml")
BY_CATALOGUE = ("fetch", "ingest", "select")
ALONE = ("match", "split", "release", "card")


def load(path):
    """Import a helper of the tests by its path: the tests are no package."""
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


upstream = load(HERE / "upstream.py")
servers = load(HERE.parent / "upstream_server.py")


def run(space, survey, *stages):
    names = (survey, *CATALOGUES)
    for stage in stages:
        for catalogue in [(one,) for one in names] if stage in BY_CATALOGUE else [()]:
            status, said = space.stage(stage, *catalogue, "--survey", survey)
            assert status == 0, said


@pytest.fixture(scope="module")
def space(built, tmp_path_factory):
    """Releases of `cosmos2020` and of `cosmos2025`, from one sky."""
    with servers.UpstreamServer(tmp_path_factory.mktemp("archives")) as server:
        upstream.place_cosmos2020(built, server)
        space = built.copy(tmp_path_factory.mktemp("skies") / "project", code=False)
        space.change("fetch.retries.backoff_seconds", 0.01)
        write_parts(space.root / "data/cosmos2025/raw/cosmos2025", built.raw, mock=False)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in server.environment.items():
                patch.setenv(name, value)
            for survey in ("cosmos2020", "cosmos2025"):
                upstream.put_hsc(built, space, survey)
                run(space, survey, *BY_CATALOGUE, *ALONE)
        yield space


def folder(space, survey):
    return space.root / f"data/{survey}"


def rows(space, survey, config="transferz"):
    return pq.read_table(folder(space, survey) / f"release/transferz/{config}").to_pandas()


def test_the_catalogue_is_read_with_our_names_and_words_for_no_value(space, built):
    photometry, lephare, _ = sections(built.raw)
    table = pq.read_table(folder(space, "cosmos2025") / "interim/ingest/cosmos2025/table.parquet")
    ours = table.to_pandas().set_index("cosmos2025_id")
    theirs = pd.DataFrame(
        {"z": lephare["zfinal"], "i": photometry["mag_model_hsc-i"], "mass": lephare["mass_med"]},
        index=photometry["id"],
    ).reindex(ours.index)
    assert ours["zfinal"].to_numpy() == pytest.approx(
        theirs["z"].where(theirs["z"] >= 0).to_numpy(), nan_ok=True
    )
    assert (theirs["i"] == NO_MAGNITUDE).sum() > 5
    assert (ours["hsc_i_mag"].isna() == (theirs["i"] == NO_MAGNITUDE)).all()
    assert (ours["mass_med"].isna() == (theirs["mass"] < 0)).all()


def test_the_release_has_the_new_label_beside_hsc_photometry(space, built):
    photometry, lephare, _ = sections(built.raw)
    label = pd.Series(lephare["zfinal"], photometry["id"])
    ours = rows(space, "cosmos2025")
    assert len(ours) > 200
    assert ours["redshift"].to_numpy() == pytest.approx(
        label.reindex(ours["cosmos2025_id"]).to_numpy(), rel=1e-6
    )
    assert "cosmos_id" not in ours
    old = rows(space, "cosmos2020").set_index("object_id")
    both = ours.set_index("object_id").join(old.add_suffix("_old"), how="inner")
    assert len(both) > 200
    for name in ("ra", "i_cmodel_mag", "y_cmodel_magsigma"):
        assert (both[name] == both[f"{name}_old"]).all()
    truth = pq.read_table(built.raw / "truth.parquet").to_pandas().set_index("object_id")
    true = truth["redshift_true"].reindex(both.index)
    new, before = ((both[name] - true).abs().median() for name in ("redshift", "redshift_old"))
    assert new < before  # as it was made


def test_every_cut_of_the_configuration_is_counted(space):
    counts = json.loads(
        (folder(space, "cosmos2025") / "interim/select/cosmos2025/counts.json").read_text()
    )
    removed = counts["removed"]
    assert list(removed)[:2] == ["good_object", "clean_hsc"]
    assert all(removed[name] for name in ("good_object", "galaxy", "no_xray", "narrow_interval"))


def test_the_parts_are_noted_each_with_its_hash(space):
    facts = json.loads(
        (folder(space, "cosmos2025") / "interim/fetch/cosmos2025/counts.json").read_text()
    )
    assert facts["edition"] == "cosmos2025"
    assert [name.rpartition("_")[2] for name in facts["files"]] == ["lephare.fits", "primary.fits"]
    recorded = json.loads((space.root / "surveys/cosmos2025/hashes.json").read_text())
    assert len(recorded["cosmos2025"]) == 2


def test_the_master_catalogue_gives_the_same_rows(space, built, tmp_path):
    other = space.copy(tmp_path / "project", code=False)
    raw = folder(other, "cosmos2025") / "raw/cosmos2025"
    table = folder(other, "cosmos2025") / "interim/ingest/cosmos2025/table.parquet"
    before = table.read_bytes()
    for path in raw.iterdir():
        path.unlink()
    write_master(raw, built.raw, mock=False)
    assert other.stage("ingest", "cosmos2025", "--survey", "cosmos2025") == (0, "")
    assert table.read_bytes() == before


@pytest.fixture
def raw(built, tmp_path):
    """An empty project, and its folder for the catalogue's files."""
    space = built.copy(tmp_path / "project", code=False)
    return space, folder(space, "cosmos2025") / "raw/cosmos2025"


def test_what_is_not_there_is_said_with_what_to_do(raw, built):
    space, place = raw
    command = ("fetch", "cosmos2025", "--survey", "cosmos2025")
    status, said = space.stage(*command)
    assert status == 1
    assert "register (name and email)" in said and "photom_primary and lephare" in said
    _, lephare = write_parts(place, built.raw, mock=False)
    lephare.unlink()
    status, said = space.stage(*command)
    assert status == 1
    assert "holds no file *_v1.1_lephare.fits of COSMOS2025" in said


def test_parts_of_different_versions_are_refused(raw, built):
    """By their names where the fetch looks, by their rows wherever they are read."""
    space, place = raw
    _, lephare = write_parts(place, built.raw, mock=False)
    with fits.open(lephare) as hdus:
        hdus[1].data = hdus[1].data[:-1]
        hdus.writeto(lephare, overwrite=True)
    status, said = space.stage("ingest", "cosmos2025", "--survey", "cosmos2025")
    assert status == 1
    assert "same rows in the same order" in said
    assert not (folder(space, "cosmos2025") / "interim/ingest").exists()
    lephare.rename(lephare.with_name(lephare.name.replace("v1.1", "v1")))
    status, said = space.stage("fetch", "cosmos2025", "--survey", "cosmos2025")
    assert status == 1
    assert "holds no file *_v1.1_lephare.fits" in said


@pytest.mark.parametrize("write", [write_parts, write_master])
def test_a_mock_is_refused(raw, built, write):
    space, place = raw
    write(place, built.raw)
    status, said = space.stage("ingest", "cosmos2025", "--survey", "cosmos2025")
    assert status == 1
    assert "holds the mock's catalogue, which cannot be released as survey 'cosmos2025'" in said


@pytest.mark.parametrize("write", [write_parts, write_master])
def test_what_the_files_are_taken_for(raw, built, write, capsys):
    _, place = raw
    paths = write(place, built.raw)
    paths = paths if isinstance(paths, list) else [paths]
    assert cli.main(["survey", "check", "cosmos2025", *map(str, paths)]) == 0
    said = capsys.readouterr().out
    assert said.count("catalogue 'cosmos2025'") == 2
    assert "MISSING" not in said
    if len(paths) > 1:
        assert cli.main(["survey", "check", "cosmos2025", str(paths[0])]) == 1
        assert "it has no column zfinal" in capsys.readouterr().out


def test_compare_shows_how_the_labels_change(space, tmp_path):
    report, listed = tmp_path / "report.json", tmp_path / "rows.parquet"
    releases = [
        str(folder(space, name) / "release/transferz") for name in ("cosmos2020", "cosmos2025")
    ]
    assert cli.main(["compare", *releases, "--json", str(report), "--rows", str(listed)]) == 0
    found = json.loads(report.read_text())["configs"]
    old, new = (rows(space, name).set_index("object_id") for name in ("cosmos2020", "cosmos2025"))
    both = old.join(new.add_suffix("_new"), how="inner")
    facts = found["transferz"]
    assert facts["rows"]["both"] == len(both)
    assert facts["rows"]["only_a"] == len(old) - len(both)
    dz = (both["redshift"] - both["redshift_new"]) / (1 + both["redshift_new"])
    assert facts["labels"]["median"] == pytest.approx(float(np.median(dz)), abs=1e-6)
    assert 0 < facts["labels"]["scatter"] < 0.05
    assert facts["labels"]["equal"] < 0.05 * len(both)
    for one in facts["magnitudes"].values():
        assert one["max_abs"] == 0
    for side in ("only_a", "only_b"):  # each row that one lacks is traced through its own catalogue
        steps = facts["removed_by"][side]
        assert sum(one["rows"] for one in steps) == facts["rows"][side]
        assert all(one["cut"] != "unexplained" for one in steps)
    stages = {one["stage"] for one in facts["removed_by"]["only_a"]}
    assert "select@cosmos2025" in stages
    assert found["galaxiesml"]["labels"]["equal"] == found["galaxiesml"]["rows"]["both"]
