"""Upstream archives on loopback, for the tests that fetch."""

import importlib.util
import sys
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "upstream_server", Path(__file__).parents[1] / "upstream_server.py"
)
upstream_server = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(upstream_server)


@pytest.fixture
def upstream(tmp_path, monkeypatch):
    """A server with an empty folder that this process, and those it starts, fetch from."""
    with upstream_server.UpstreamServer(tmp_path / "upstream") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield server


@pytest.fixture
def fault():
    """`Fault`, what can go wrong at a path of `upstream`."""
    return upstream_server.Fault
