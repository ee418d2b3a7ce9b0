"""A Hub on loopback with releases on it, and clients in processes of their own."""

import subprocess
import sys
import textwrap

import pytest
from hub_server import TOKEN, HubServer, client_environment

REAL_REPO = "org/transferz"


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
        out, error = process.communicate()
        assert process.returncode == 0, error
        assert TOKEN not in out + error
        return out.splitlines(), error

    def kept(self, version="1.0.0", repo=REAL_REPO):
        """Where a release lies in the cache."""
        return self.cache / repo / version / "transferz"

    def releases(self):
        """The releases that count as there, by repository and version."""
        links = (path.parent for path in self.cache.glob("*/*/*/*") if path.name == "transferz")
        return sorted(path.relative_to(self.cache).as_posix() for path in links)


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
