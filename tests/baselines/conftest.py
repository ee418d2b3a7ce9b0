"""Small networks train fastest on one thread, above all where other work goes on."""

import sys
from pathlib import Path

import pytest

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
