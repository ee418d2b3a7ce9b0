"""A tiny mock survey, built once."""

from pathlib import Path

import pytest
import yaml

from transferz.dataset.mock.build import MockParams, write_mock

PARAMS_FILE = Path(__file__).parents[3] / "params.yaml"
SCALE = 0.04
BANDS_LEFT_OUT = ("SC_IB464", "SC_IB505", "SC_IB574", "SC_IA679", "SC_IA738", "SC_IB827")
BROAD_LEFT_OUT = ("SC_B", "SC_V", "SC_rp", "SC_ip", "SC_zp")


def mock_values() -> dict:
    """Section ``mock`` of params.yaml."""
    return yaml.safe_load(PARAMS_FILE.read_text(encoding="utf-8"))["mock"]


def make_tiny_params() -> MockParams:
    """The mock in small: less sky, fewer bands, redshifts up to 3."""
    values = mock_values()
    for name in BANDS_LEFT_OUT + BROAD_LEFT_OUT:
        del values["cosmos2020"]["depths"][name]
    values["cosmos2020"]["fit"]["redshift_max"] = 3.5
    return MockParams.model_validate(values).scaled(SCALE)


@pytest.fixture(scope="session")
def params() -> MockParams:
    """The default mock's parameters."""
    return MockParams.model_validate(mock_values())


@pytest.fixture(scope="session")
def tiny_params() -> MockParams:
    return make_tiny_params()


@pytest.fixture(scope="session")
def tiny(tiny_params: MockParams, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny mock's directory; read it, do not change it."""
    directory = tmp_path_factory.mktemp("mock") / "raw"
    directory.mkdir()
    write_mock(tiny_params, directory)
    return directory


@pytest.fixture
def values() -> dict:
    """Section ``mock`` of params.yaml, to change at will."""
    return mock_values()
