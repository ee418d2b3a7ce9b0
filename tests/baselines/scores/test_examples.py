"""The examples in the docstrings of the scores, and of other documented functions."""

import doctest
import importlib
import pkgutil

import pytest

from transferz.baselines import scores

MODULES = [
    *(module.name for module in pkgutil.walk_packages(scores.__path__, f"{scores.__name__}.")),
    "transferz.photometry.redshift_error",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_say(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
