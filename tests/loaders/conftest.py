"""A Hub on loopback with releases on it, and clients in processes of their own."""

import subprocess
import sys
import textwrap

import pytest
from hub_server import TOKEN, HubServer, client_environment

import transferz

MOCK_REPO, REAL_REPO = "org/transferz-mock", "org/transferz"


class Client:
    """Runs Python as a user would, with caches in `home`; `hub` is where its Hub is."""

    def __init__(self, hub, home):
        self.hub, self.home = hub, home
        self.cache = home / "transferz-cache"

    def start(self, code, *, cwd=None, token=TOKEN, **environment):
        return subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(code)],
            cwd=cwd or self.home,
            env=client_environment(self.hub, self.home, token=token) | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, code, **options):
        """What the code prints, line by line, and what it says on stderr."""
        process = self.start(code, **options)
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
        assert TOKEN not in out + error
        return out.splitlines(), error

    def files(self):
        """Everything in the cache of releases but the lock files."""
        paths = (path for path in self.cache.rglob("*") if path.is_file())
        return sorted(
            path.relative_to(self.cache).as_posix() for path in paths if path.stem != ".lock"
        )


@pytest.fixture
def hub():
    with HubServer() as server:
        yield server


@pytest.fixture
def client(hub, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return Client(hub, home)


@pytest.fixture(scope="session")
def real_release(release_builder, tmp_path_factory):
    """Mock rows under a real name; read it, do not change it."""
    place = tmp_path_factory.mktemp("real") / "transferz"
    return release_builder(place, version="1.0.0", mock=False, seed=100)


@pytest.fixture(scope="session")
def next_release(release_builder, tmp_path_factory):
    """Mock rows under a real name, the next minor version."""
    place = tmp_path_factory.mktemp("next") / "transferz"
    return release_builder(place, version="1.10.0", mock=False, seed=200)


@pytest.fixture(scope="session")
def loaded(tiny_release, tmp_path_factory):
    """Every split of the default config of the tiny release."""
    cache = tmp_path_factory.mktemp("datasets")
    return transferz.load_dataset(path=tiny_release, cache_dir=str(cache))
