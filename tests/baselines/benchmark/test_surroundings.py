"""What a method does to the process: its own code finds it again, nobody else's."""

# ruff: noqa: NPY002 (methods use NumPy's global random numbers)

import os
import random
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from transferz.baselines.benchmark.calling import MethodError, Surroundings


def change(folder):
    os.chdir(folder)
    np.seterr(all="raise")
    np.random.seed(5)
    random.seed(5)
    warnings.simplefilter("error")
    sys.stdout = sys.stderr


def state():
    return (
        Path.cwd(),
        np.geterr(),
        np.random.get_state()[1].tolist(),
        random.getstate(),
        sys.stdout,
        warnings.filters[:],
    )


def test_what_a_method_changes_is_its_own(tmp_path):
    own, before = Surroundings(), state()
    with own.calling("fit"):
        change(tmp_path)
        drawn = np.random.random()
    assert state() == before
    with own.calling("predict"):
        assert Path.cwd() == tmp_path and np.geterr()["over"] == "raise"
        np.random.seed(5)
        assert np.random.random() == drawn
    assert state() == before
    with Surroundings().calling("another's"):
        assert Path.cwd() == before[0] and np.geterr() == before[1]


def test_a_folder_that_a_method_removes_is_missed_by_nobody(tmp_path):
    own, before = Surroundings(), Path.cwd()
    with own.calling("fit"):
        (tmp_path / "scratch").mkdir()
        os.chdir(tmp_path / "scratch")
        (tmp_path / "scratch").rmdir()
    assert Path.cwd() == before
    with own.calling("predict"):
        assert Path.cwd() == before


def test_what_a_method_changes_of_pytorch_is_its_own():
    torch = pytest.importorskip("torch")
    own, draws = Surroundings(), torch.get_rng_state()
    before = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()
    with own.calling("fit"):
        torch.set_default_dtype(torch.float64)
        torch.set_grad_enabled(False)
        torch.set_num_threads(before[0] + 1)
        torch.manual_seed(1)
    found = torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype()
    assert found == before and torch.equal(torch.get_rng_state(), draws)
    with own.calling("predict"):
        assert torch.get_default_dtype() == torch.float64 and not torch.is_grad_enabled()


@pytest.mark.parametrize("end", [lambda: os._exit(0), lambda: sys.exit(0)])
def test_a_method_does_not_end_the_process(end):
    raised = pytest.raises(MethodError, match="k-NN: fit raised SystemExit: ")
    with raised, Surroundings().calling("k-NN: fit"):
        end()


def test_a_process_that_a_method_forks_ends():
    with Surroundings().calling("fit"):
        if not (child := os.fork()):
            os._exit(7)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 7
