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


NOWHERE = "https://arxiv.org/abs/2601.00001"


@pytest.fixture(scope="session")
def other_surveys(tmp_path_factory):
    """Let the package have the surveys of ``tests/dataset/surveys`` too, and invented editions."""
    from releases import INVENTED, ROOT

    from transferz.dataset.sources.registry import Edition, load_registry
    from transferz.schemas.survey import survey

    folder = tmp_path_factory.mktemp("surveys")
    for place in (ROOT / "surveys", Path(__file__).parent / "surveys"):
        for path in place.iterdir():
            (folder / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(survey, "FOLDER", folder)
        for catalogue in ("photos", "spectra", "des"):
            facts = {
                "title": f"Invented {catalogue}",
                "catalogue": catalogue,
                "table": "des",
                "licence": "none, it is invented",
                "citation": {
                    "text": "Nobody et al. 2026, arXiv:2601.00001: Nothing",
                    "url": NOWHERE,
                },
                "note": "Invented for tests.",
                "by_hand": {"site": "https://example.org", "how": "make it", "formats": [".csv"]},
            }
            key = INVENTED.format(catalogue)
            patch.setitem(load_registry(), key, Edition.model_validate(facts))
        yield


@pytest.fixture(scope="session")
def spectra_only(other_surveys, tmp_path_factory):
    """A small release of DES, whose rows are invented: spectra alone."""
    from releases import build

    return build(tmp_path_factory.mktemp("des") / "data", survey="des", figures=True)


@pytest.fixture(scope="session")
def six_bands(other_surveys, tmp_path_factory):
    """A small release of six invented bands, whose labels have neither ids nor positions."""
    from releases import build

    return build(tmp_path_factory.mktemp("six") / "data", survey="six", figures=True)
