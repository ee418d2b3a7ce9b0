"""What a survey takes the columns of a file for: each thing wrong in turn, with its sentence."""

import json

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table as Sky
from harbour import edited, tables

from transferz import cli
from transferz.dataset.surveys.checking import check_files, check_pipeline
from transferz.dataset.surveys.pipeline import write_pipeline
from transferz.dataset.surveys.skeleton import write_skeleton
from transferz.schemas import InputError, ParameterError
from transferz.schemas.survey import survey as configured


@pytest.fixture
def surveys(tmp_path, monkeypatch):
    """A checkout's folder of surveys, of which `harbour` is the only one."""
    root = tmp_path / "checkout"
    (root / "surveys").mkdir(parents=True)
    (root / "dvc.yaml").write_text("stages: {}\n")
    (root / "params.yaml").write_text("select: {}\n")
    monkeypatch.setattr(configured, "FOLDER", root / "surveys")
    configured.find_survey.cache_clear()
    path = write_skeleton("harbour") / "survey.yaml"
    path.write_text(edited(path.read_text()))
    configured.find_survey.cache_clear()
    yield root / "surveys"
    configured.find_survey.cache_clear()


def written(tmp_path, table, name="labels.csv"):
    path = tmp_path / name
    table.to_csv(path, index=False)
    return path


def columns(finding):
    return {column.name: column for column in finding.columns}


def only(surveys, path):
    (finding,) = check_files(configured.find_survey("harbour"), [path])
    return finding


def test_a_sound_table(surveys, tmp_path):
    labels, _ = tables()
    finding = only(surveys, written(tmp_path, labels.assign(note="seen")))
    assert finding.sound
    assert (finding.catalogue, finding.rows) == ("harbour_labels", len(labels))
    assert finding.unused == ("note",)
    found = columns(finding)["nuv_mag"]
    known = labels["NUVmag"][labels["NUVmag"] > 0]
    assert (found.theirs, found.dtype, found.unit) == ("NUVmag", "double", "mag(AB)")
    assert found.missing == pytest.approx(1 - len(known) / len(labels))
    expected = known.min(), known.median(), known.max()
    assert (found.low, found.median, found.high) == pytest.approx(expected)


def test_no_more_rows_are_read_than_asked_for(surveys, tmp_path):
    labels, _ = tables()
    path = written(tmp_path, labels.assign(zphot=[0.5] * 100 + ["broken"] * 500))
    survey = configured.find_survey("harbour")
    (first,), (all_rows,) = (check_files(survey, [path], most) for most in (100, 600))
    assert first.sound and first.rows == 100
    assert "found 'broken'" in columns(all_rows)["photo_z"].faults[0]


def test_a_spectrum_is_told_from_a_label(surveys, tmp_path):
    _, spectra = tables()
    assert only(surveys, written(tmp_path, spectra)).catalogue == "harbour_spectra"


def test_a_missing_column_and_the_name_that_is_near(surveys, tmp_path):
    labels, _ = tables()
    finding = only(surveys, written(tmp_path, labels.rename(columns={"zphot": "z_phot"})))
    found = columns(finding)["photo_z"]
    assert not finding.sound
    assert (found.theirs, found.near) == ("", ("z_phot",))
    assert found.faults == ("it has no column zphot; is it z_phot?",)


def test_a_flux_in_place_of_a_magnitude(surveys, tmp_path):
    labels, _ = tables()
    flux = 10 ** (-0.4 * (labels["Bmag"] - 31.4))  # nJy
    finding = only(surveys, written(tmp_path, labels.assign(Bmag=flux)))
    (fault,) = columns(finding)["b_mag"].faults
    assert "looks like a flux or another unit" in fault
    assert f"{labels['Bmag'].median():.1f} of nJy" in fault


@pytest.mark.parametrize(
    ("factor", "unit"), [(1 / 15, "hours"), (np.pi / 180, "radians")], ids=["hours", "radians"]
)
def test_positions_in_another_unit(surveys, tmp_path, factor, unit):
    """By the range that is declared, and where there is none by all positions together."""
    labels, _ = tables()
    table = labels.assign(RAdeg=labels["RAdeg"] * factor)
    table["DEdeg"] = (table["DEdeg"] + 30.0) * (factor if unit == "radians" else 1.0)
    path = written(tmp_path, table)
    finding = only(surveys, path)
    assert "8.5" in columns(finding)["ra"].faults[0]
    assert unit in finding.faults[0]
    yaml = surveys / "harbour/survey.yaml"
    yaml.write_text(yaml.read_text().replace(", within: [[8.5, 11.5], [-1.5, 1.5]]", ""))
    configured.find_survey.cache_clear()
    (fault,) = only(surveys, path).faults
    assert unit in fault and "`within`" in fault


def test_the_unit_that_the_file_says(surveys, tmp_path):
    labels, _ = tables()
    table = Sky.from_pandas(labels)
    table["RAdeg"].unit, table["Bmag"].unit, table["Vmag"].unit = "rad", "nJy", "mag"
    path = tmp_path / "labels.fits"
    table.write(path)
    found = columns(only(surveys, path))
    assert found["ra"].faults == ("the file says its unit is 'rad', expected deg; convert it",)
    assert "expected mag(AB); it is another quantity" in found["b_mag"].faults[0]
    assert found["v_mag"].faults == ()


def test_a_flux_that_a_magnitude_is_made_of_must_be_in_microjansky(surveys, tmp_path):
    yaml = surveys / "harbour/survey.yaml"
    text = yaml.read_text().replace("      - name: photo_z\n", MADE_OF_FLUX, 1)
    yaml.write_text(text)
    configured.find_survey.cache_clear()
    labels, _ = tables()
    table = Sky.from_pandas(labels.assign(K_FLUX=10 ** (-0.4 * (labels["Vmag"] - 23.9))))
    for unit, faults in (("uJy", 0), ("nJy", 1)):
        table["K_FLUX"].unit = unit
        path = tmp_path / f"{unit}.fits"
        table.write(path)
        found = columns(only(surveys, path))["k_mag"]
        assert found.from_flux
        assert found.median == pytest.approx(labels["Vmag"].median(), abs=1e-3)
        assert len(found.faults) == faults


MADE_OF_FLUX = """      - name: k_mag
        dtype: float32
        description: K magnitude
        unit: mag(AB)
        ucd: phot.mag;em.IR.K
        from: [K_MAG]
        from_flux: [K_FLUX]
      - name: photo_z
"""


def test_values_that_cannot_be(surveys, tmp_path):
    labels, _ = tables()
    labels["zphot"] = 50.0
    labels["SourceNr"] = labels["SourceNr"] + 0.5
    found = columns(only(surveys, written(tmp_path, labels)))
    assert "photo_z" in found["photo_z"].faults[0] and "12" in found["photo_z"].faults[0]
    assert "expected int64, found" in found["object_id"].faults[0]


def test_a_column_without_values(surveys, tmp_path):
    labels, _ = tables()
    found = columns(only(surveys, written(tmp_path, labels.assign(HAmag=np.nan))))
    assert found["ha_mag"].faults == ("no row has a value; is it the right column?",)


def test_a_file_of_something_else(surveys, tmp_path):
    path = written(tmp_path, pd.DataFrame({"apples": [1], "pears": [2]}))
    with pytest.raises(InputError, match=r"no column of survey 'harbour': it has apples, pears"):
        only(surveys, path)


def test_exit_statuses_and_json(surveys, tmp_path, capsys):
    labels, _ = tables()
    good = str(written(tmp_path, labels))
    bad = str(written(tmp_path, labels.drop(columns="zphot"), "bad.csv"))
    write_pipeline(configured.find_survey("harbour"))
    assert cli.main(["survey", "check", "harbour", good]) == 0
    assert "survey harbour: all is well" in capsys.readouterr().out
    assert cli.main(["survey", "check", "harbour", "--json", good, bad]) == 1
    report = json.loads(capsys.readouterr().out)
    assert [one["sound"] for one in report["files"]] == [True, False]
    assert cli.main(["survey", "check", "harbour", str(tmp_path / "none.csv")]) == 2
    assert cli.main(["survey", "check", "nowhere", good]) == 2
    said = capsys.readouterr().err
    assert "no survey 'nowhere'" in said and "`transferz survey new nowhere`" in said


def test_a_pipeline_that_is_missing_or_old(surveys):
    survey = configured.find_survey("harbour")
    assert check_pipeline(survey) == []
    path = surveys / "harbour/dvc.yaml"
    path.write_text(path.read_text().replace("- dataset/split.py\n", ""))
    (fault,) = check_pipeline(survey)
    assert "stage 'split' is not what survey.yaml" in fault
    path.unlink()
    assert "is missing; run `transferz survey pipeline harbour`" in check_pipeline(survey)[0]
    assert cli.main(["survey", "pipeline", "harbour"]) == 0
    assert check_pipeline(survey) == []


@pytest.mark.parametrize("name", ["Harbour", "../harbour", "1st", ""])
def test_a_name_that_will_not_do(surveys, name):
    with pytest.raises(ParameterError, match="choose another"):
        write_skeleton(name)
    assert [path.name for path in surveys.iterdir()] == ["harbour"]


def test_a_survey_that_is_there_is_not_touched(surveys):
    before = (surveys / "harbour/survey.yaml").read_bytes()
    with pytest.raises(ParameterError, match="is there already"):
        write_skeleton("harbour")
    assert (surveys / "harbour/survey.yaml").read_bytes() == before


def test_outside_a_checkout_nothing_is_written(surveys):
    (surveys.parent / "dvc.yaml").unlink()
    with pytest.raises(ParameterError, match="is no checkout of the project"):
        write_skeleton("pier")
    assert not (surveys / "pier").exists()


def test_the_skeleton_as_it_stands_is_a_survey(surveys):
    write_skeleton("pier")
    survey = configured.find_survey("pier")
    assert [band.name for band in survey.bands] == ["g", "r", "i"]
    assert survey.release.names[:2] == ("object_id", "ra")
    assert check_pipeline(survey) == []


def test_the_surveys_are_listed(surveys, capsys):
    assert cli.main(["survey", "list"]) == 0
    assert "nuv b v rc ic ha" in capsys.readouterr().out
    assert cli.main(["survey", "list", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["catalogues"] == {
        "harbour_labels": "labelled",
        "harbour_spectra": "spectroscopic",
    }
