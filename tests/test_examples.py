"""The examples in docstrings: every one runs, and what people are shown first has one."""

import doctest
import importlib

import pytest
from test_rooms import NAMES

import transferz
from transferz.baselines import benchmark
from transferz.baselines.benchmark import benchmarking
from transferz.baselines.scores import metrics, probability

MODULES = sorted(name for name, path in NAMES.items() if ">>>" in path.read_text("utf-8"))
SHOWN = [
    *(getattr(transferz, name) for name in transferz.__all__ if name != "__version__"),
    *(getattr(benchmark, name) for name in benchmark.__all__),
    *(getattr(metrics, name) for name in metrics.METRICS),
    *(probability.pit_ks, probability.pit_cvm, probability.pit_ad, probability.pit_histogram),
    *(probability.per_galaxy, probability.score_probability, probability.Samples),
    *(probability.Quantiles, probability.GridPDF, metrics.score, benchmarking.benchmark),
]


@pytest.mark.parametrize("name", [name.removesuffix(".__init__") for name in MODULES])
def test_examples_give_what_they_say(name, small_release, tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(small_release))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path))
    assert doctest.testmod(importlib.import_module(name)).failed == 0


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.__qualname__)
def test_what_people_are_shown_first_has_an_example(shown):
    assert ">>>" in shown.__doc__


def test_a_package_lists_what_it_imports_later():
    from transferz.baselines import forecasts

    for package in (transferz, forecasts):
        assert set(package.__all__) <= set(dir(package))
        with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
            package.no_such_name  # noqa: B018
