"""Harder tasks: what they leave out and change, and that all else is as it was."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.cli import main
from transferz.dataset.tasks.tasks import HarderTask, load_tasks, make_task, task_rows
from transferz.releases import find_release
from transferz.schemas.errors import InputError, ParameterError, ReleaseError
from transferz.schemas.survey.described import HSC_BANDS
from transferz.schemas.survey.files import read_manifest

ROOT = Path(__file__).parents[3]
TASKS = load_tasks()
MAGNITUDES = [band.magnitude for band in HSC_BANDS]
ERRORS = [band.error for band in HSC_BANDS]


@pytest.fixture
def rows():
    """Rows of a config, of which each split has a quarter."""
    rng, count = np.random.default_rng(3), 8_000
    table = pd.DataFrame(
        {
            "object_id": np.arange(count) + 77,
            "ra": rng.uniform(149.0, 151.0, count),
            "dec": rng.uniform(1.0, 3.0, count),
            "redshift": rng.uniform(0.1, 2.0, count),
            "redshift_kind": "spectroscopic",
            "specz_name": pd.array([f"{'VVDS' if k % 5 else 'DEEP'}_{k}" for k in range(count)]),
            "split": np.tile(["train", "validation", "calibration", "test"], count // 4),
        }
    )
    for band in HSC_BANDS:
        table[band.magnitude] = rng.uniform(20.0, 24.0, count).astype(np.float32)
        table[band.error] = np.float32(0.05)
    return table


def applied(rows, name):
    return task_rows(rows, TASKS[name], HSC_BANDS)


def parted(rows):
    tested = rows["split"] == "test"
    return rows[~tested], rows[tested]


@pytest.mark.parametrize("name", [name for name in TASKS if name != "fewer_bands"])
def test_no_galaxy_changes_its_split_or_label(rows, name):
    out = applied(rows, name)
    same = ["object_id", "ra", "dec", "redshift", "specz_name", "split"]
    before = rows.set_index("object_id", drop=False).loc[out["object_id"], same]
    pd.testing.assert_frame_equal(out[same], before.reset_index(drop=True))
    assert out["object_id"].is_unique


@pytest.mark.parametrize("name", [name for name in TASKS if name != "fewer_bands"])
def test_what_is_learned_from_keeps_its_photometry(rows, name):
    learned, _ = parted(applied(rows, name))
    before = rows.set_index("object_id").loc[learned["object_id"], MAGNITUDES + ERRORS]
    assert np.array_equal(learned[MAGNITUDES + ERRORS], before)


def test_faint_learns_from_bright_galaxies_alone(rows):
    learned, tested = parted(applied(rows, "faint"))
    before = parted(rows)
    assert learned["i_cmodel_mag"].max() < 22.5 <= tested["i_cmodel_mag"].min()
    assert len(learned) == (before[0]["i_cmodel_mag"] < 22.5).sum()
    assert len(tested) == (before[1]["i_cmodel_mag"] >= 22.5).sum()


def test_no_block_of_sky_is_both_learned_from_and_tested(rows):
    from astropy_healpix import healpy

    learned, tested = parted(applied(rows, "region"))
    nside = TASKS["region"].blocks.nside
    cells = [
        set(healpy.ang2pix(nside, one["ra"], one["dec"], nest=True, lonlat=True).tolist())
        for one in (learned, tested)
    ]
    assert cells[0] and cells[1] and not cells[0] & cells[1]


def test_a_held_out_survey_is_tested_alone_and_never_learned_from(rows):
    rows.loc[:999, "specz_name"] = pd.NA
    rows.loc[:99, "redshift_kind"] = "photometric"
    learned, tested = parted(applied(rows, "survey"))
    assert not learned["specz_name"].str.startswith("VVDS").any()
    spectra = tested[tested["redshift_kind"] == "spectroscopic"]
    assert len(spectra) and spectra["specz_name"].str.startswith("VVDS").all()
    assert (tested["redshift_kind"] == "photometric").sum() == 25  # labels of many bands stay


def test_fewer_labels_are_among_more(rows):
    few, fewest = (parted(applied(rows, name))[0] for name in ("few_labels", "fewest_labels"))
    assert set(fewest["object_id"]) < set(few["object_id"])
    assert 0.08 < len(few) / 6_000 < 0.12


def test_noise_is_as_large_as_the_new_errors_say(rows):
    task = TASKS["shallow"]
    _, tested = parted(applied(rows, "shallow"))
    before = rows.set_index("object_id").loc[tested["object_id"]]
    flux = 10.0 ** (
        -0.4 * (tested[MAGNITUDES].to_numpy(float) - before[MAGNITUDES].to_numpy(float))
    )
    old = before[ERRORS].to_numpy(float) * np.log(10.0) / 2.5
    added = (flux - 1.0) / (old * np.sqrt(task.errors**2 - 1.0))
    for band in added.T:
        assert stats.kstest(band, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(added.T)[0, 1]) < 0.1  # each band has noise of its own
    assert np.allclose(tested[ERRORS] * flux, task.errors * before[ERRORS].to_numpy(), rtol=1e-5)


def test_an_object_is_treated_alike_whatever_else_is_there(rows):
    whole = applied(rows, "shallow").set_index("object_id")
    part = applied(rows.iloc[::3].sample(frac=1, random_state=1), "shallow").set_index("object_id")
    pd.testing.assert_frame_equal(part, whole.loc[part.index])


def test_zero_points_go_up_and_down_in_turn(rows):
    _, tested = parted(applied(rows, "zero_points"))
    before = rows.set_index("object_id").loc[tested["object_id"], MAGNITUDES]
    shift = (tested[MAGNITUDES].to_numpy(float) - before.to_numpy(float)).mean(axis=0)
    assert shift == pytest.approx([0.03, -0.03, 0.03, -0.03, 0.03], abs=1e-5)


def test_flux_that_noise_takes_away_is_left_out(rows):
    rows["y_cmodel_magsigma"] = np.float32(1.0)
    out = applied(rows, "shallow")
    assert 0 < (out["split"] == "test").sum() < 2_000
    assert (out["split"] != "test").sum() == 6_000
    assert np.isfinite(out[MAGNITUDES]).all(axis=None)


def test_a_rule_about_a_band_that_is_not_there_is_refused(rows):
    with pytest.raises(InputError, match="about band 'i', and the release has g, r"):
        task_rows(rows, TASKS["faint"], HSC_BANDS[:2])
    with pytest.raises(InputError, match="holds out by 'specz_name', which the release lacks"):
        task_rows(rows.drop(columns="specz_name"), TASKS["survey"], HSC_BANDS)
    rows.loc[3, "ra"] = np.nan
    with pytest.raises(InputError, match="galaxies lack a position"):
        applied(rows, "region")


def test_a_task_that_changes_nothing_is_none():
    with pytest.raises(ValueError, match="it changes nothing"):
        HarderTask(name="nothing", title="Nothing")


# --- the release of a task


@pytest.fixture(scope="session")
def base(tiny_release, tmp_path_factory):
    """A release with what to cite."""
    copy = shutil.copytree(tiny_release, tmp_path_factory.mktemp("base") / "transferz")
    shutil.copyfile(ROOT / "CITATION.cff", copy / "CITATION.cff")
    return copy


@pytest.fixture(scope="session")
def faint(base, tmp_path_factory):
    out = tmp_path_factory.mktemp("tasks") / "faint"
    make_task(base, TASKS["faint"], out)
    return out


def test_it_is_a_release_that_methods_run_on(faint):
    release = find_release(faint)
    assert (release.survey, release.mock) == ("mock_faint", True)
    outcome = benchmark("nearest", release, seeds=1)
    assert outcome.entry.data.survey == "mock_faint"
    assert (outcome.forecasts["galaxiesml"].i_mag >= 22.5).all()


def test_datasets_loads_it(faint, monkeypatch, tmp_path):
    from transferz import load_dataset

    table = load_dataset("transferz", "galaxiesml", path=faint)["train"].to_pandas()
    assert len(table) and (table["i_cmodel_mag"] < 22.5).all()


def test_the_manifest_says_what_it_is_made_of_and_holds_every_file(faint, base):
    manifest, first = read_manifest(faint), read_manifest(base)
    assert manifest["task"] == {
        "name": "faint",
        "of": "mock",
        "release": first["sha256"],
        "learn": "{i} < 22.5",
        "test": "{i} >= 22.5",
    }
    there = {path.relative_to(faint).as_posix() for path in faint.rglob("*") if path.is_file()}
    assert there - set(manifest["files"]) == {"MANIFEST.json"}


def test_the_same_release_gives_the_same_bytes(faint, base, tmp_path):
    make_task(base, TASKS["faint"], tmp_path / "again")
    digests = [read_manifest(one)["sha256"] for one in (faint, tmp_path / "again")]
    assert digests[0] == digests[1]


def test_fewer_bands_have_fewer_columns(base, tmp_path):
    make_task(base, TASKS["fewer_bands"], tmp_path / "gri")
    release = find_release(tmp_path / "gri")
    assert [band.name for band in release.bands()] == ["g", "r", "i"]
    assert "y_cmodel_mag" not in release.manifest()["columns"]
    assert benchmark("nearest", release, seeds=1).entry.bands == tuple(MAGNITUDES[:3])


def test_verify_says_how_a_task_is_checked(faint):
    from transferz.dataset.verify.verifying import inspect

    with pytest.raises(ReleaseError, match="a task's release; make it again of its release"):
        inspect(faint)


def test_a_task_of_a_task_a_damaged_release_and_too_small_a_one_are_refused(faint, base, tmp_path):
    with pytest.raises(InputError, match="is a task's release"):
        make_task(faint, TASKS["shallow"], tmp_path / "out")
    with pytest.raises(InputError, match="lies in the release itself"):
        make_task(base, TASKS["shallow"], base / "out")
    with pytest.raises(InputError, match="no galaxy in test"):
        make_task(base, TASKS["survey"], tmp_path / "out")  # its spectra have no names
    copy = shutil.copytree(base, tmp_path / "copy")
    with next(copy.glob("galaxiesml/train*.parquet")).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ReleaseError, match=r"train-00000"):
        make_task(copy, TASKS["shallow"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_command_lists_makes_and_refuses(base, tmp_path, capsys):
    assert main(["task"]) == 0
    assert "Learn from bright galaxies, forecast faint ones" in capsys.readouterr().out
    out = tmp_path / "faint"
    command = ["task", "faint", "--release", str(base), "--out", str(out)]
    assert main(command) == 0
    assert "galaxiesml" in capsys.readouterr().out
    assert main(command) == 2
    assert "give --replace" in capsys.readouterr().err
    assert main([*command, "--replace"]) == 0
    assert main(["task", "fainter", "--out", str(out)]) == 2
    assert "no task 'fainter'; there are: faint, region" in capsys.readouterr().err
    assert main(["task", "--out", str(out)]) == 2
    assert main(["task", "faint"]) == 2


def test_a_broken_list_of_tasks_is_refused(monkeypatch, tmp_path):
    (tmp_path / "tasks.yaml").write_text("faint: {title: Faint, lern: x}\n")
    monkeypatch.setattr("importlib.resources.files", lambda package: tmp_path)
    with pytest.raises(ParameterError, match="lern"):
        load_tasks()
