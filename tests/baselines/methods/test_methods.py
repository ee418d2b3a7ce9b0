"""Median, neighbours and trees: sane forecasts, honest widths, clear errors, no chance."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transferz.baselines.benchmark.tables import band_columns, photometry
from transferz.baselines.methods import common
from transferz.baselines.methods.median import TrainingMedian
from transferz.baselines.scores.metrics import loss, normalised_error
from transferz.baselines.scores.probability import Prediction, per_galaxy, score_probability
from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import MAGNITUDES

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")

from sklearn.ensemble import HistGradientBoostingRegressor  # noqa: E402
from sklearn.neighbors import KNeighborsRegressor  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

from transferz.baselines.methods import trees  # noqa: E402
from transferz.baselines.methods.nearest import Nearest, weighted_mean  # noqa: E402
from transferz.baselines.methods.trees import BoostedTrees, QuantileTrees  # noqa: E402

METHODS = (TrainingMedian, Nearest, BoostedTrees, QuantileTrees)
INFORMED = METHODS[1:]


def seen(table):
    """What a method may see when it forecasts."""
    return photometry(table, band_columns(table))


@pytest.fixture(scope="module")
def parts(galaxies):
    """Training, validation and test set, drawn alike."""
    return galaxies(1200, 1), galaxies(300, 2), galaxies(600, 3)


@pytest.fixture(scope="module")
def fitted(parts):
    """Every method, fitted once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trees, "MAX_TREES", 80)
        return {method: method().fit(*parts[:2], seed=0) for method in METHODS}


def tanaka(prediction, table):
    return loss(normalised_error(prediction.point, table["redshift"].to_numpy()))


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_what_it_is(method):
    for attribute in ("name", "train", "version", "citation", "description"):
        assert isinstance(getattr(method, attribute), str)
    assert method.name
    assert method.description
    assert method.train == ""  # all that there is


@pytest.mark.parametrize("method", INFORMED)
def test_photometry_beats_the_training_median(method, parts, fitted):
    test = parts[2]
    known = tanaka(fitted[method].predict(seen(test)), test)
    assert known < 0.5 * tanaka(fitted[TrainingMedian].predict(seen(test)), test)


@pytest.mark.parametrize(
    ("method", "most"), [(TrainingMedian, 0.75), (Nearest, 0.9), (QuantileTrees, 0.78)]
)
def test_intervals_hold_about_what_they_should(method, most, parts, fitted):
    """With 1,200 galaxies to learn from, the nearest are not near: their samples are too wide."""
    test = parts[2]
    found, redshift = fitted[method].predict(seen(test)), test["redshift"].to_numpy()
    scores = score_probability(per_galaxy(found.distribution, redshift), redshift, found.point)
    assert 0.6 < scores["coverage_68"] < most
    assert 0.84 < scores["coverage_90"] < 0.99
    assert scores["pit_ks"] < 0.2
    assert np.isfinite([scores["crps"], scores["cde_loss"], scores["log_score"]]).all()


@pytest.mark.parametrize("method", (Nearest, QuantileTrees))
def test_a_width_that_knows_the_galaxy_beats_one_that_does_not(method, parts, fitted):
    test = parts[2]
    redshift = test["redshift"].to_numpy()
    crps, trivial = (
        fitted[one].predict(seen(test)).distribution.crps(redshift).mean()
        for one in (method, TrainingMedian)
    )
    assert crps < 0.5 * trivial


@pytest.mark.parametrize("method", METHODS)
def test_neither_the_seed_nor_the_test_set_changes_a_forecast(method, parts, fitted, monkeypatch):
    monkeypatch.setattr(trees, "MAX_TREES", 80)
    train, validation, test = parts
    assert method.deterministic
    first = method().fit(train, validation, seed=3)
    whole, half = (fitted[method].predict(seen(test[:n])).point for n in (600, 300))
    np.testing.assert_array_equal(first.predict(seen(test)).point, whole)
    np.testing.assert_allclose(half, whole[:300], rtol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_no_galaxies_make_no_forecasts(method, parts, fitted):
    assert len(fitted[method].predict(seen(parts[2].iloc[:0]))) == 0


@pytest.mark.parametrize("method", INFORMED)
def test_a_band_that_is_absent_is_named(method, parts, fitted):
    with pytest.raises(InputError, match=r"trained on g_cmodel_mag, .*lacks z_cmodel_mag$"):
        fitted[method].predict(seen(parts[2]).drop(columns="z_cmodel_mag"))


@pytest.mark.parametrize("method", INFORMED)
def test_other_bands_do_as_well(method, parts, monkeypatch):
    monkeypatch.setattr(trees, "MAX_TREES", 80)
    names = dict(zip(MAGNITUDES, ("u_mag", "g_mag", "r_mag", "i_mag", "Ks_mag"), strict=True))
    train, validation, test = (table.rename(columns=names) for table in parts)
    found = method().fit(train, validation, seed=0).predict(seen(test))
    assert tanaka(found, test) < 0.1


def test_a_table_without_magnitudes_is_refused(parts):
    bare = parts[0][["object_id", "redshift"]]
    with pytest.raises(InputError, match=r"end in '_mag', found \['object_id', 'redshift'\]"):
        BoostedTrees().fit(bare, bare, seed=0)


def test_trees_take_missing_magnitudes_and_neighbours_say_that_they_do_not(parts, fitted):
    test = seen(parts[2]).copy()
    test.loc[[4, 7], "y_cmodel_mag"] = np.nan
    test.loc[7, "g_cmodel_mag"] = np.nan
    assert np.isfinite(fitted[BoostedTrees].predict(test).point).all()
    with pytest.raises(InputError, match=r"2 of 600 galaxies .* g_cmodel_mag, y_cmodel_mag"):
        fitted[Nearest].predict(test)


def test_a_method_is_shown_no_label(parts):
    shown = seen(parts[2].assign(redshift_lo=0.0, config="combo", specz_name="x"))
    assert len(shown.columns) == 11
    assert "redshift" not in shown


def test_colours_are_the_bluer_less_the_redder(parts):
    table = parts[0][:1].copy()
    table[list(MAGNITUDES)] = [22.0, 21.0, 20.5, 20.5, 20.75]
    found = common.features(table, MAGNITUDES)
    np.testing.assert_allclose(found, [[22, 21, 20.5, 20.5, 20.75, 1, 0.5, 0, -0.25]])


def test_the_median_is_that_of_the_training_set(parts, fitted):
    found = fitted[TrainingMedian].predict(seen(parts[2]))
    np.testing.assert_allclose(found.point, parts[0]["redshift"].median())
    levels = [0.05, 0.16, 0.84, 0.95]
    wanted = np.quantile(parts[0]["redshift"], levels)
    np.testing.assert_allclose(found.distribution.quantiles(levels)[0], wanted, atol=1e-9)


def test_neighbours_are_those_of_scikit_learn(parts, fitted):
    train, _, test = parts
    ours = fitted[Nearest]
    for weights in ("uniform", "distance"):
        reference = make_pipeline(StandardScaler(), KNeighborsRegressor(7, weights=weights))
        reference.fit(common.features(train, MAGNITUDES), train["redshift"])
        wanted = reference.predict(common.features(test, MAGNITUDES))
        found = weighted_mean(*ours._neighbours(test, 7), weights)
        np.testing.assert_allclose(found, wanted, rtol=1e-10)


def test_a_galaxy_at_no_distance_alone_counts(parts, fitted):
    train = parts[0]
    distance, redshift = fitted[Nearest]._neighbours(train, 5)
    assert (distance[:, 0] == 0).all()
    np.testing.assert_array_equal(
        weighted_mean(distance, redshift, "distance"), train["redshift"].to_numpy()
    )


def test_the_choice_of_neighbours_has_the_least_validation_loss(parts, fitted):
    _, validation, _ = parts
    ours = fitted[Nearest]
    distance, redshift = ours._neighbours(validation, 100)
    losses = {
        (count, weights): common.validation_loss(
            weighted_mean(distance[:, :count], redshift[:, :count], weights),
            common.labels(validation),
        )
        for count in (1, 5, 15, 50, 100)
        for weights in ("uniform", "distance")
    }
    best = weighted_mean(distance[:, : ours.count], redshift[:, : ours.count], ours.weights)
    assert common.validation_loss(best, common.labels(validation)) <= min(losses.values())


def test_few_training_galaxies_have_fewer_neighbours(parts):
    few = parts[0][:4]
    found = Nearest().fit(few, few, seed=0).predict(seen(few))
    assert found.distribution.values.shape == (4, 3)


def test_trees_are_those_of_scikit_learn_stopped_in_time(parts, fitted):
    train, validation, test = parts
    ours = fitted[BoostedTrees].trees
    assert 1 <= ours.count <= 80
    again = HistGradientBoostingRegressor(
        loss=ours.model.loss,
        learning_rate=0.05,
        max_iter=ours.count,
        early_stopping=False,
        random_state=0,
    ).fit(common.features(train, MAGNITUDES), train["redshift"])
    wanted = again.predict(common.features(test, MAGNITUDES))
    np.testing.assert_allclose(ours.predict(common.features(test, MAGNITUDES)), wanted)
    point = again.predict(common.features(validation, MAGNITUDES))
    assert common.validation_loss(point, common.labels(validation)) == pytest.approx(ours.loss)


QUANTILES = arrays(np.float64, (3, 11), elements=st.floats(0.0, 6.0))


@settings(deadline=None, max_examples=50)
@given(QUANTILES, st.sampled_from(trees.GAPS))
def test_quantiles_are_spread_around_their_median(values, gap):
    found = trees.spread(values, gap)
    np.testing.assert_array_equal(found[:, 5], values[:, 5])
    least = gap * (1 + values[:, 5])
    assert (np.diff(found, axis=1) >= least[:, None] - 1e-9).all()
    np.testing.assert_allclose(trees.spread(found, gap), found, atol=1e-9)


def test_quantiles_far_enough_apart_stay_as_they_are():
    values = np.linspace(0.2, 1.4, 11)[None]
    np.testing.assert_allclose(trees.spread(values, 0.01), values, rtol=1e-12)


@pytest.mark.parametrize("method", (BoostedTrees, QuantileTrees))
def test_methods_that_take_missing_magnitudes_forecast_them(method, parts, monkeypatch):
    monkeypatch.setattr(trees, "MAX_TREES", 80)
    assert method.missing_magnitudes
    train, validation, test = (table.copy() for table in parts)
    for table in (train, validation, test):
        table.loc[table.index % 3 == 0, "y_cmodel_mag"] = np.nan
    point = method().fit(train, validation, seed=0).predict(seen(test)).point
    assert np.isfinite(point).all() and tanaka(Prediction(point), test) < 0.1
