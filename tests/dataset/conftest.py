"""Upstream archives on loopback, for the tests that fetch."""

import contextlib
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
def surveys_folder(tmp_path_factory):
    """The package's surveys, and those of ``tests/dataset/surveys``."""
    from releases import ROOT

    folder = tmp_path_factory.mktemp("surveys")
    for place in (ROOT / "surveys", Path(__file__).parent / "surveys"):
        for path in place.iterdir():
            (folder / path.name).symlink_to(path)
    return folder


@contextlib.contextmanager
def patched(folder):
    """Let the package have the surveys of a folder, and invented editions."""
    from releases import INVENTED

    from transferz.dataset.sources.registry import Edition, load_registry
    from transferz.schemas.survey import survey

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


@pytest.fixture
def other_surveys(surveys_folder):
    """Let the package have the surveys of ``tests/dataset/surveys`` too for one test."""
    with patched(surveys_folder):
        yield


def build_other(folder, tmp_path_factory, survey):
    from releases import build

    with patched(folder):
        return build(tmp_path_factory.mktemp(survey) / "data", survey=survey, figures=True)


@pytest.fixture(scope="session")
def built_des(surveys_folder, tmp_path_factory):
    return build_other(surveys_folder, tmp_path_factory, "des")


@pytest.fixture(scope="session")
def built_six(surveys_folder, tmp_path_factory):
    return build_other(surveys_folder, tmp_path_factory, "six")


@pytest.fixture
def spectra_only(other_surveys, built_des):
    """A small release of DES, whose rows are invented: spectra alone."""
    return built_des


@pytest.fixture
def six_bands(other_surveys, built_six):
    """A small release of six invented bands, whose labels have neither ids nor positions."""
    return built_six
