"""Functions that return methods, scikit-learn's regressors, and settings on the command line."""

import argparse

import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from transferz.baselines.benchmark import magnitudes
from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.benchmark.loading import load_method
from transferz.baselines.benchmark.regressors import Regressor
from transferz.baselines.benchmark.task import from_release
from transferz.cli import main
from transferz.cli.options import setting
from transferz.schemas.benchmark.entries import read_entry
from transferz.schemas.errors import ParameterError

CODE = """
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

print("imported")

class Mine:
    def __init__(self, shift=0.0, **more):
        self.shift, self.name = shift, f"Mine {shift}"

    def fit(self, train, validation, *, seed):
        print("fitting")
        self.value = train["redshift"].mean() + self.shift

    def predict(self, table):
        return [self.value] * len(table)

def shifted(shift=1.0):
    return Mine(shift)

def forest(trees=3):
    return RandomForestRegressor(trees)

def nothing():
    return None

linear = make_pipeline(StandardScaler(), LinearRegression())
mine = Mine()
"""


@pytest.fixture
def here(tmp_path, monkeypatch, tiny_release):
    (tmp_path / "made_methods.py").write_text(CODE, encoding="utf-8")
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_function_that_returns_a_method(here):
    found = load_method("made_methods:shifted", {"shift": 2.0})
    assert (found.name, found.key, found.make().shift) == ("Mine 2.0", "mine_2_0", 2.0)
    described = found.describe()
    assert described.class_ == "made_methods:shifted" and described.settings == {"shift": 2.0}


def test_a_function_that_returns_none(here):
    with pytest.raises(MethodError, match=r"nothing \(a NoneType\) is no method: it has no fit"):
        load_method("made_methods:nothing")


def test_an_object_is_no_method(here):
    with pytest.raises(ParameterError, match="made_methods:mine is a Mine object; name a class, a"):
        load_method("made_methods:mine")


def test_a_regressor_learns_from_the_magnitudes_as_they_are(release):
    task = from_release(release, "combo")
    found = load_method(RandomForestRegressor, {"n_estimators": 5})
    assert found.describe().class_ == "sklearn.ensemble._forest:RandomForestRegressor"
    made = found.make()
    made.fit(task.training, task.validation, seed=7)
    alone = RandomForestRegressor(5, random_state=7)
    alone.fit(magnitudes(task.training), task.training["redshift"])
    table = task.tests["galaxiesml"].table
    assert np.array_equal(made.predict(table), alone.predict(magnitudes(table)))


def test_a_seed_goes_to_every_random_state(release):
    task = from_release(release, "combo")
    forest = RandomForestRegressor(2, random_state=3)
    network = MLPRegressor(hidden_layer_sizes=(4,), max_iter=2)
    around = TransformedTargetRegressor(make_pipeline(StandardScaler(), network))
    for estimator, name in ((forest, "random_state"), (around, "regressor__mlpregressor__")):
        made = Regressor(estimator)
        made.fit(task.training, task.validation, seed=11)
        states = {k: v for k, v in made.fitted.get_params().items() if k.endswith("random_state")}
        assert set(states.values()) == {11} and any(key.startswith(name) for key in states)
    assert forest.random_state == 3 and not hasattr(forest, "estimators_")  # as it was


def test_what_no_seed_reaches_is_trained_once(release):
    said = []
    outcome = benchmark(LinearRegression, release, seeds=3, report=said.append)
    assert outcome.entry.method.deterministic and outcome.entry.seeds == 1
    assert "LinearRegression is deterministic: it is trained once" in said
    assert not load_method(RandomForestRegressor).stated.deterministic


def test_a_pipeline_that_a_module_holds(here, release):
    found = load_method("made_methods:linear", {"standardscaler__with_mean": False})
    assert (found.name, found.describe().class_) == ("linear", "made_methods:linear")
    assert found.make().estimator.get_params()["standardscaler__with_mean"] is False
    assert (
        load_method("made_methods:linear")
        .make()
        .estimator.get_params()["standardscaler__with_mean"]
    )
    entry = benchmark(found, release, seeds=1).entry
    assert "Pipeline, StandardScaler, LinearRegression" in entry.method.description
    assert entry.packages["scikit-learn"]


def test_a_classifier_is_refused():
    with pytest.raises(MethodError, match=r"expected fit\(train, validation, \*, seed\), found"):
        load_method(GaussianNB)


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("shifted", {"shfit": 1}, "made_methods:shifted has no setting 'shfit'; did you mean 'shi"),
        ("forest", {"random": 1}, "has no setting 'random'; it takes trees"),
        ("nothing", {"x": 1}, "has no setting 'x'; it takes none"),
        ("linear", {"linearregression__fit_intercep": 1}, "mean 'linearregression__fit_intercept'"),
        ("RandomForestRegressor", {"random_state": 1}, "random_state is each run's seed; leave"),
    ],
)
def test_settings_that_there_are_not(here, name, given, said):
    with pytest.raises(ParameterError) as error:
        load_method(name if ":" in name else f"made_methods:{name}", given)
    assert said in str(error.value)


def test_a_class_may_take_any_setting(here):
    assert load_method("made_methods:Mine", {"whatever": [1, 2]}).settings == {"whatever": [1, 2]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=50", 50),
        ("tol=1e-3", 0.001),
        ("k=[5, 9]", [5, 9]),
        ("warm=true", True),
        ("depth=null", None),
        ("loss=huber", "huber"),
        ("code='7'", "7"),
        ("rule=a=b", "a=b"),
    ],
)
def test_values_are_yaml(text, value):
    found = setting(text)[1]
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    "text", ["n", "n=", "=5", "n={a: 1}", "n=[[1]]", "n=.inf", "n=[1", "a b=1"]
)
def test_what_is_no_setting(text):
    with pytest.raises(argparse.ArgumentTypeError):
        setting(text)


def test_settings_on_the_command_line(here, capsys):
    run = ["benchmark", "sklearn.ensemble:RandomForestRegressor", "--set", "n_estimators=4"]
    asked = [*run, "--set", "max_features=0.123456789", "--seeds", "2", "--out", "run"]
    assert main(asked) == 0
    entry = read_entry(here / "run" / "entry.yaml")
    assert entry.method.settings == {"n_estimators": 4, "max_features": 0.123456789}
    assert (entry.method.name, entry.seeds) == ("RandomForestRegressor", 2)
    assert main([*run, "--set", "n_estimators=5"]) == 2
    assert "--set n_estimators is given more than once" in capsys.readouterr().err
