"""``transferz benchmark rail:...``, with a RAIL of ours in place of the real one."""

import json
import sys

import numpy as np
import pytest

from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.benchmark.loading import load_method
from transferz.baselines.benchmark.task import from_release
from transferz.cli import main
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import read_entry
from transferz.schemas.errors import ParameterError

LINEAR = "rail:LinearEstimator"
BANDS = [f"mag_{band}_lsst" for band in "grizy"]


@pytest.fixture
def task(tiny_release):
    return from_release(find_release(tiny_release), "combo")


def fitted(task, spec=LINEAR, seed=0, **settings):
    method = load_method(spec, settings).make()
    method.fit(task.training, task.validation, seed=seed)
    return method


def learned(method):
    """What the fake informer wrote down: weights, noise, settings, columns."""
    return json.loads(method.files["model"])


def test_an_estimator_is_benchmarked(here, capsys):
    run = ["benchmark", LINEAR, "--train", "combo", "--seeds", "2", "--out", "run"]
    assert main(run) == 0
    assert "RAIL LinearEstimator: learned from 300 galaxies (combo), 2" in capsys.readouterr().out
    entry = read_entry(here / "run" / "entry.yaml")
    assert (entry.method.key, entry.method.version) == ("rail_linearestimator", "pz-rail-ours 1.2")
    assert entry.packages["pz-rail-ours"] == "1.2"
    python = ".".join(map(str, sys.version_info[:3]))
    assert entry.packages["Python (of RAIL's Python)"] == python
    assert "numpy (of RAIL's Python)" in entry.packages
    scores = entry.scores["galaxiesml"].ranges["all"].metrics
    assert 0.0 < scores["scatter"].mean < 0.1
    assert scores["crps"].mean > 0.0
    assert scores["bias"].spread > 0.0  # each seed has its own noise


def test_forecasts_with_ids_are_put_in_order(here, task):
    prediction = fitted(task).predict(task.tests["galaxiesml"].table)
    test = task.tests["galaxiesml"]
    assert np.array_equal(prediction.object_id, test.object_id[::-1])
    assert np.corrcoef(prediction.point[::-1], test.redshift)[0, 1] > 0.9
    assert prediction.distribution.quantiles([0.5])[:, 0] == pytest.approx(prediction.point)


def test_stages_are_told_of_the_bands_and_of_the_seed(here, task):
    *_, settings, columns = learned(fitted(task, seed=5))
    assert settings["bands"] == BANDS
    assert settings["ref_band"] == "mag_i_lsst"
    assert settings["replace_error_vals"] == [0.1] * 5
    assert (settings["nan"], settings["seed"]) == ("nan", 5)
    assert settings["mag_limits"].keys() == set(BANDS)
    faintest = task.training["g_cmodel_mag"].max()
    assert settings["mag_limits"]["mag_g_lsst"] == pytest.approx(float(faintest))
    assert task.training["redshift"].max() <= settings["zmax"] < 5.0
    errors = [name.replace("mag_", "mag_err_") for name in BANDS]
    assert columns == sorted([*BANDS, *errors, "object_id", "redshift"])


def test_bands_of_other_surveys_have_their_own_names(here, six_bands):
    task = from_release(find_release(six_bands), "combo", ["g", "Y", "z"])
    *_, settings, _ = learned(fitted(task))
    assert settings["bands"] == ["mag_g_lsst", "mag_Y_lsst", "mag_z_lsst"]
    assert settings["ref_band"] == "mag_Y_lsst"  # the middle one, where none is i


def test_a_setting_replaces_the_default_and_ours(here, task):
    given = {"ridge": 10.0, "bands": '["mag_g_lsst", "mag_i_lsst"]', "zmax": 2}
    method = fitted(task, **given)
    *_, settings, _ = learned(method)
    assert (settings["ridge"], settings["zmax"]) == (10.0, 2)
    assert settings["bands"] == ["mag_g_lsst", "mag_i_lsst"]
    assert len(method.predict(task.tests["transferz"].table)) == 70


def test_seeds_are_repeated_and_differ(here, task):
    noises = [learned(fitted(task, seed=seed))[1] for seed in (1, 1, 2)]
    assert noises[0] == noises[1] != noises[2]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rigde": 1.0}, "has no parameter 'rigde'; did you mean 'ridge'?"),
        ({"nonsense": 1.0}, "has no parameter 'nonsense'; it has bands, clip, mag_limits"),
        ({"ridge": "stiff"}, "ridge: expected float, found 'stiff'; it is 1e-06 by default (how"),
        ({"clip": "False"}, "clip: expected bool, found 'False'"),
        ({"width": True}, "width: expected float, found True"),
        ({"bands": "mag_g_lsst"}, "bands: expected list, found 'mag_g_lsst'"),
        ({"redshift_col": "z"}, "redshift_col is transferz's to set; leave it out"),
        ({"seed": 3}, "seed is transferz's to set"),
    ],
)
def test_a_wrong_setting_is_refused(here, settings, message):
    with pytest.raises(ParameterError) as refused:
        load_method(LINEAR, settings)
    assert message in str(refused.value)


def test_an_unknown_estimator_is_refused_with_what_there_is(here, fake_python, capsys):
    assert main(["benchmark", "rail:LinearEstimatr"]) == 2
    said = capsys.readouterr().err
    assert f"RAIL in {fake_python} has no estimator 'LinearEstimatr'" in said
    assert "did you mean 'LinearEstimator'?" in said
    there = "there are: EndingEstimator, FailingEstimator, LinearEstimator, NamelessEstimator"
    assert f"{there};" in said  # and none that writes something else, or has no informer
    assert "rail.broken can't be imported (ModuleNotFoundError: No module named" in said


def test_an_estimator_of_a_known_package_says_how_to_get_it(here, fake_python):
    with pytest.raises(ParameterError) as refused:
        load_method("rail:TPZliteEstimator")
    assert f"{fake_python} -m pip install pz-rail-tpz" in str(refused.value)


def test_a_python_without_rail_says_how_to_make_one(here, capsys):
    run = ["benchmark", "rail:KNearNeighEstimator", "--python", sys.executable]
    assert main(run) == 2
    said = capsys.readouterr().err
    assert f"{sys.executable} has no RAIL (ModuleNotFoundError: No module named 'rail')" in said
    assert "python3 -m venv rail && rail/bin/python -m pip install pz-rail-sklearn" in said


def test_a_python_that_is_none_is_refused(here):
    with pytest.raises(ParameterError, match=rf"can't run {here}/nowhere/python: No such file"):
        load_method(LINEAR, python="nowhere/python")


def test_a_python_may_be_named_from_here(here, make_script, fake_python):
    make_script(f'exec "{fake_python}" "$@"')
    assert load_method(LINEAR, python="./program").stated.version == "pz-rail-ours 1.2"


def test_a_python_that_says_nothing_is_refused(here, make_script):
    with pytest.raises(MethodError, match=r"exit status 3\):\nIt said nothing"):
        load_method(LINEAR, python=make_script("exit 3"))


def test_a_program_that_is_no_python_is_refused(here, make_script):
    with pytest.raises(MethodError, match=r"failed in .*program \(exit status 0\):\nhello"):
        load_method(LINEAR, python=make_script("echo hello"))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FailingEstimator", r"FailingInformer failed in .*(?s:.*)the basis is singular$"),
        ("EndingEstimator", r"EndingInformer failed in .* \(exit status 9\):\nIt said nothing."),
        ("NamelessEstimator", r"forecast 69 of 70 galaxies, without ids"),
    ],
)
def test_a_stage_that_fails_says_why(here, task, name, message):
    with pytest.raises(MethodError, match=message):
        fitted(task, f"rail:{name}").predict(task.tests["galaxiesml"].table)


def test_the_option_is_about_rail(here, capsys):
    assert main(["benchmark", "median", "--python", sys.executable]) == 2
    assert "--python is about a rail:ESTIMATOR" in capsys.readouterr().err


def test_predict_applies_an_estimator(here, tiny_release, capsys):
    assert main(["export", "t.fits", "--path", str(tiny_release), "--split", "test"]) == 0
    bands = ",".join(f"{band}_cmodel_mag" for band in "grizy")
    command = ["predict", "t.fits", "--method", LINEAR, "--train", str(tiny_release)]
    assert main([*command, "--bands", bands, "--out", "z.parquet"]) == 0
    assert main(["score", "z.parquet", "--true", "redshift", "--pred", "redshift_pred"]) == 0
