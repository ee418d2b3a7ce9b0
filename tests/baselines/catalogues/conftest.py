"""A model, and a collection to apply it to."""

import pytest
from skies import galaxies, write_collection, write_model


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("model") / "m")


@pytest.fixture(scope="session")
def sky(tmp_path_factory):
    """A collection of partitions of at most 30 rows; not to be changed."""
    pytest.importorskip("lsdb")
    return write_collection(galaxies(), tmp_path_factory.mktemp("hats") / "sky", 30)
