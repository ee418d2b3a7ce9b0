"""Methods on other libraries: sane forecasts, the same for a seed, clear errors without them."""

import sys
from importlib import import_module

import numpy as np
import pytest

from transferz.baselines.benchmark.loading import MethodError, load_method
from transferz.baselines.benchmark.tables import band_columns, photometry
from transferz.baselines.methods import common
from transferz.baselines.methods.median import TrainingMedian
from transferz.baselines.scores.metrics import loss, normalised_error
from transferz.baselines.scores.probability import per_galaxy, score_probability
from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import ERRORS, MAGNITUDES

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

PACKAGES = {
    "lightgbm": "lightgbm",
    "xgboost": "xgboost",
    "catboost": "catboost",
    "quantile_forest": "quantile_forest",
    "blended_trees": "quantile_forest",
    "flexzboost": "xgboost",
    "tabm": "tabm",
    "realmlp": "pytabkit",
    "gaussian_process": "sklearn",
}
QUICK = {
    "quantile_forest": {"n_estimators": 40},
    "blended_trees": {"n_estimators": 40},
    "flexzboost": {"n_estimators": 30, "max_depth": 3},
}
OF_POINTS = ("lightgbm", "xgboost", "catboost")
COMPLETE = ("realmlp", "gaussian_process")
SHORT = {
    "boosting": {"MAX_TREES": 150},
    "tabular": {"MAX_EPOCHS": 12, "EPOCHS": 6, "MEMBERS": 4, "WIDTH": 32},
    "blend": {"TREES": 80},
    "gaussian_process": {"KNOWN": 300, "TUNED": 100},
}


def make(key):
    """A method as `transferz benchmark` makes it, but quick."""
    pytest.importorskip(PACKAGES[key], reason=f"{PACKAGES[key]} is not installed")
    return load_method(key).kind(**QUICK.get(key, {}))


def seen(table):
    """What a method may see when it forecasts."""
    return photometry(table, band_columns(table))


@pytest.fixture(scope="module", autouse=True)
def short():
    """Fewer trees and epochs than a real run has."""
    with pytest.MonkeyPatch.context() as patch:
        for name, values in SHORT.items():
            module = import_module(f"transferz.baselines.methods.{name}")
            for constant, value in values.items():
                patch.setattr(module, constant, value)
        yield


@pytest.fixture(scope="module")
def parts(galaxies):
    """Training, validation and test set, drawn alike."""
    return galaxies(1200, 1), galaxies(300, 2), galaxies(600, 3)


@pytest.fixture(scope="module")
def fitted(parts):
    """Return a method that has learned; each learns once."""
    known = {}

    def fit(key):
        if key not in known:
            known[key] = make(key).fit(*parts[:2], seed=0)
        return known[key]

    return fit


@pytest.mark.parametrize("key", PACKAGES)
def test_photometry_beats_the_training_median(key, parts, fitted):
    test = parts[2]
    redshift = test["redshift"].to_numpy()
    trivial = TrainingMedian().fit(*parts[:2], seed=0)
    known, unknown = (
        loss(normalised_error(method.predict(seen(test)).point, redshift))
        for method in (fitted(key), trivial)
    )
    assert known < 0.4 * unknown


@pytest.mark.parametrize("key", sorted(set(PACKAGES) - set(OF_POINTS)))
def test_intervals_hold_about_what_they_should(key, parts, fitted):
    test = parts[2]
    found, redshift = fitted(key).predict(seen(test)), test["redshift"].to_numpy()
    scores = score_probability(per_galaxy(found.distribution, redshift), redshift, found.point)
    assert 0.5 < scores["coverage_68"] < 0.9
    assert 0.75 < scores["coverage_90"] < 1.0
    np.testing.assert_allclose(
        found.distribution.quantiles([0.5])[:, 0], found.point, rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize("key", PACKAGES)
def test_a_seed_gives_the_same_forecast_again_and_no_label_is_needed(key, parts, fitted):
    again = make(key).fit(*parts[:2], seed=0).predict(seen(parts[2]))
    np.testing.assert_array_equal(again.point, fitted(key).predict(seen(parts[2])).point)


@pytest.mark.parametrize("key", PACKAGES)
def test_no_galaxies_make_no_forecasts(key, parts, fitted):
    assert len(fitted(key).predict(seen(parts[2].iloc[:0]))) == 0


@pytest.mark.parametrize("key", sorted(set(PACKAGES) - set(COMPLETE)))
def test_missing_magnitudes_are_taken(key, parts):
    train, validation, test = (table.copy() for table in parts)
    for table in (train, validation, test):
        table.loc[table.index % 3 == 0, ["y_cmodel_mag", "y_cmodel_magsigma"]] = np.nan
    method = make(key)
    assert method.missing_magnitudes
    found = method.fit(train, validation, seed=0).predict(seen(test))
    assert loss(normalised_error(found.point, test["redshift"].to_numpy())) < 0.3


@pytest.mark.parametrize("key", COMPLETE)
def test_missing_magnitudes_are_refused(key, parts, fitted):
    test = seen(parts[2]).copy()
    test.loc[[4, 7], "y_cmodel_mag"] = np.nan
    with pytest.raises(InputError, match=r"every magnitude: 2 of 600 .* in y_cmodel_mag; drop"):
        fitted(key).predict(test)


@pytest.mark.parametrize("key", sorted(set(PACKAGES) - {"gaussian_process"}))
def test_a_library_that_is_missing_is_named_with_what_installs_it(key, monkeypatch):
    monkeypatch.setitem(sys.modules, PACKAGES[key], None)
    with pytest.raises(
        MethodError,
        match=rf"needs the package '{PACKAGES[key]}': pip install 'transferz\[methods\]'$",
    ):
        load_method(key)


def test_settings_are_told_and_can_be_replaced():
    pytest.importorskip("lightgbm", reason="lightgbm is not installed")
    kind = load_method("lightgbm").kind
    assert "num_leaves 7" in kind(num_leaves=7).description
    assert "num_leaves 7" not in kind().description


def test_inputs_are_magnitudes_all_colours_and_errors(parts):
    table = parts[0][:1].copy()
    table[list(MAGNITUDES)] = [22.0, 21.0, 20.5, 20.5, np.nan]
    table[list(ERRORS)] = [0.1, 0.2, 0.3, 0.4, np.nan]
    nan = np.nan
    colours = [1, 1.5, 1.5, nan, 0.5, 0.5, nan, 0, nan, nan]
    wanted = [22, 21, 20.5, 20.5, nan, *colours, 0.1, 0.2, 0.3, 0.4, nan]
    inputs = common.Inputs(table)
    np.testing.assert_allclose(inputs(table), [wanted])
    np.testing.assert_allclose(inputs.filled(table), [np.nan_to_num(wanted, nan=-10.0)])


def test_errors_are_no_inputs_where_the_training_table_lacks_one(parts):
    table = parts[0][:3]
    assert common.Inputs(table.drop(columns=ERRORS[0]))(table).shape == (3, 15)
    with pytest.raises(InputError, match=r"it was trained on g_cmodel_mag, .*; the table lacks"):
        common.Inputs(table)(table.drop(columns=ERRORS[0]))
