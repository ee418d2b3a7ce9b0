"""A row's forecast hangs on that row alone, bit for bit; and it is the networks' own."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.baselines.networks.ensemble import Ensemble, Fit, Scaler, forecast
from transferz.baselines.networks.network import StackedNetworks
from transferz.baselines.networks.pieces import ROWS, _whole_pieces, forecast_pieces

BANDS = 5
SEEDS = (0, 3, 8)
MOST = 3 * ROWS + 17
RNG = np.random.default_rng(11)
MAGNITUDES = RNG.uniform(18, 27, (MOST, BANDS))


def ensemble(dtype=torch.float32):
    """Networks with biases, as trained ones have."""
    networks = StackedNetworks.from_seeds(BANDS, SEEDS).eval().requires_grad_(False)
    for bias in networks.biases:
        bias.uniform_(-0.1, 0.1, generator=torch.Generator().manual_seed(5))
    scaler = Scaler(np.full(BANDS, 18.0), np.full(BANDS, 27.0))
    fits = tuple(Fit(seed, 1, 1, 0.5) for seed in SEEDS)
    return Ensemble(networks.to(dtype), scaler, fits)


@pytest.fixture(scope="module")
def made():
    return ensemble()


@pytest.fixture(scope="module")
def whole(made):
    return made.predict(MAGNITUDES)


@pytest.fixture(autouse=True)
def _threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    order=st.integers(0, 2**32 - 1),
    cuts=st.lists(st.integers(0, MOST), max_size=4),
    threads=st.integers(1, 5),
    kept=st.floats(0.0, 1.0),
)
def test_neither_order_nor_company_nor_threads_change_a_bit(
    made, whole, order, cuts, threads, kept
):
    torch.set_num_threads(threads)
    rows = np.random.default_rng(order).permutation(MOST)[: round(kept * MOST)]
    parts = np.split(rows, sorted(cut for cut in cuts if cut <= len(rows)))
    found = np.concatenate([made.predict(MAGNITUDES[part]) for part in parts], axis=1)
    assert found.tobytes() == np.ascontiguousarray(whole[:, rows]).tobytes()
    assert torch.get_num_threads() == threads


def test_a_row_alone_and_a_seed_alone_are_the_same(made, whole):
    for row in (0, ROWS - 1, ROWS, MOST - 1):
        assert made.predict(MAGNITUDES[row : row + 1]).tobytes() == whole[:, row].tobytes()
    for place, seed in enumerate(SEEDS):
        assert made.take([seed]).predict(MAGNITUDES).tobytes() == whole[place].tobytes()


def test_forecasts_are_the_networks_own_within_rounding(made, whole):
    plain = forecast(made.networks, made.scaled(MAGNITUDES)).numpy()
    np.testing.assert_allclose(whole, plain, rtol=0, atol=2e-6)
    double = ensemble(torch.float64)
    plain = forecast(double.networks, double.scaled(MAGNITUDES)).numpy()
    np.testing.assert_allclose(double.predict(MAGNITUDES), plain, rtol=0, atol=1e-14)
    np.testing.assert_allclose(whole, plain, rtol=0, atol=2e-6)


@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 300])
def test_pieces_of_a_gpu_are_filled_up_too(made, count):
    """On a CPU here: what is tested is that each product has the same number of rows."""
    scaled = made.scaled(MAGNITUDES[:count])
    found = _whole_pieces(made.networks, scaled, 64)
    assert found.shape == (len(SEEDS), count)
    np.testing.assert_allclose(found, forecast_pieces(made.networks, scaled), rtol=0, atol=2e-6)
    shapes = []
    made.networks.register_forward_pre_hook(lambda _, given: shapes.append(len(given[0])))
    _whole_pieces(made.networks, scaled, 64)
    made.networks._forward_pre_hooks.clear()
    assert set(shapes) == {64 if count else 0}


def test_an_error_in_a_thread_is_raised_and_threads_are_as_before(made):
    torch.set_num_threads(2)
    with pytest.raises(RuntimeError):
        forecast_pieces(made.networks, torch.zeros(10, BANDS + 1))
    assert torch.get_num_threads() == 2
