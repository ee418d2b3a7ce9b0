"""TabPFN and TabICL, with networks of random weights: theirs would be fetched from elsewhere."""

import inspect
import sys

import numpy as np
import pytest
import torch

from transferz.baselines.benchmark.loading import MethodError, load_method
from transferz.baselines.benchmark.tables import band_columns, photometry
from transferz.baselines.methods import tabular
from transferz.schemas.errors import InputError


def tabicl_weights():
    """What a file of TabICL's weights holds, of a small network."""
    network = pytest.importorskip("tabicl", reason="tabicl is not installed")._model.tabicl.TabICL
    parameters = list(inspect.signature(network.__init__).parameters.values())[1:]
    config = {one.name: one.default for one in parameters}
    config |= {"max_classes": 0, "embed_dim": 16, "col_nhead": 2, "row_nhead": 2, "icl_nhead": 2}
    config |= {"col_num_blocks": 1, "row_num_blocks": 1, "icl_num_blocks": 1, "zero_init": False}
    return {"config": config, "state_dict": network(**config).state_dict()}


def tabpfn_weights():
    """What a file of TabPFN's weights holds, of a small network of its second version."""
    pytest.importorskip("tabpfn", reason="tabpfn is not installed")
    from tabpfn.architectures import ARCHITECTURES
    from tabpfn.architectures.shared.bar_distribution import FullSupportBarDistribution

    architecture = ARCHITECTURES["tabpfn_v2"]
    config = {"max_num_classes": 0, "num_buckets": 50, "emsize": 24, "nlayers": 1, "nhead": 2}
    network = architecture.get_architecture(architecture.parse_config(config)[0])
    bars = FullSupportBarDistribution(torch.linspace(-4.0, 4.0, 51)).state_dict()
    state = network.state_dict() | {f"criterion.{name}": value for name, value in bars.items()}
    return {"architecture_name": "tabpfn_v2", "config": config, "state_dict": state}


WEIGHTS = {"tabicl": tabicl_weights, "tabpfn": tabpfn_weights}


@pytest.fixture(scope="module", params=WEIGHTS)
def weights(request, tmp_path_factory):
    """A method's name, and a file of weights for it."""
    torch.manual_seed(0)
    held = WEIGHTS[request.param]()
    path = tmp_path_factory.mktemp(request.param) / f"{request.param}-regressor.ckpt"
    torch.save(held, path)
    return request.param, path


def make(weights, **settings):
    """A method as `transferz benchmark NAME --set model_path=FILE` makes it."""
    key, path = weights
    return load_method(key).kind(model_path=str(path), n_estimators=2, **settings)


def test_a_density_of_each_galaxy_that_hangs_on_it_alone(weights, galaxies, monkeypatch):
    monkeypatch.setattr(tabular, "READ", 200)
    monkeypatch.setattr(tabular, "AT_ONCE", 40)
    train, test = galaxies(300, 1), galaxies(100, 2)
    seen = photometry(test, band_columns(test))
    method = make(weights).fit(train, test, seed=0)
    forecast = method.predict(seen)
    quantiles = forecast.distribution.quantiles(tabular.LEVELS)
    assert (np.diff(quantiles, axis=1) > 0).all()
    np.testing.assert_array_equal(forecast.point, quantiles[:, tabular.MIDDLE])
    np.testing.assert_allclose(method.predict(seen[90:]).point, forecast.point[90:], atol=1e-4)
    again = make(weights).fit(train, test, seed=0).predict(seen)
    np.testing.assert_array_equal(again.point, forecast.point)
    assert len(method.predict(seen[:0]).point) == 0


def test_as_many_training_galaxies_are_read_as_it_says(weights, galaxies, monkeypatch):
    monkeypatch.setattr(tabular, "READ", 50)
    read = []
    method = make(weights)
    made = method.regressor(0)
    monkeypatch.setattr(made, "fit", lambda values, target: read.append((values, target)))
    monkeypatch.setattr(method, "regressor", lambda seed: made)
    train = galaxies(300, 1)
    method.fit(train, train, seed=1)
    ((values, target),) = read
    assert values.shape == (50, 20)  # magnitudes, the colours of all pairs, errors
    assert set(np.expm1(target).round(9)) <= set(train["redshift"].round(9))


@pytest.mark.parametrize("key", WEIGHTS)
def test_that_weights_are_fetched_is_said_and_where_they_are_if_they_cannot_be(
    key, galaxies, monkeypatch, capsys
):
    pytest.importorskip(key, reason=f"{key} is not installed")
    method = load_method(key).kind()

    class Offline:
        def fit(self, values, target):
            raise OSError("the address has no machine\nand more")

    monkeypatch.setattr(method, "regressor", lambda seed: Offline())
    with pytest.raises(InputError, match=r"huggingface\.co.*model_path=FILE") as caught:
        method.fit(galaxies(60, 1), galaxies(60, 2), seed=0)
    assert "the address has no machine)" in str(caught.value)
    assert "are fetched from huggingface.co" in capsys.readouterr().err
    assert "fetches weights" in method.description


@pytest.mark.parametrize("key", WEIGHTS)
def test_without_the_package_an_error_says_what_to_install(key, monkeypatch):
    monkeypatch.setitem(sys.modules, key, None)
    with pytest.raises(MethodError, match=rf"needs the package '{key}': pip install '{key}'$"):
        load_method(key)
