"""Small networks train fastest on one thread, above all where other work goes on."""

import sys
from pathlib import Path

import pytest

from transferz.baselines.scores.bootstrap import Draws

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))  # `training_reference`


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _the_same_numbers_in_any_order():
    """What a test draws from torch's own generator hangs on no test before it."""
    pytest.importorskip("torch").manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def _few_resamples():
    """Error bars of the benchmark from fewer resamples: no test is about their last digits."""
    forecasts = pytest.importorskip("transferz.baselines.benchmark.forecasts")
    before = forecasts.DRAWS
    forecasts.DRAWS = Draws(20)
    yield
    forecasts.DRAWS = before
