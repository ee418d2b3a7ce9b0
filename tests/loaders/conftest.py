"""What the loaders' tests share: clients of a Hub on loopback, and a release that is loaded."""

import pytest
from hub_fixtures import client, hub, next_release, real_release

import transferz

__all__ = ["client", "hub", "next_release", "real_release"]


@pytest.fixture(scope="session")
def loaded(tiny_release, tmp_path_factory):
    """Every split of the default config of the tiny release."""
    cache = tmp_path_factory.mktemp("datasets")
    return transferz.load_dataset(path=tiny_release, cache_dir=str(cache))
