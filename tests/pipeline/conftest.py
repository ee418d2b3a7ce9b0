"""A small mock survey, built once by `dvc repro` in a folder of its own."""

import contextlib
import fcntl
import io
import os
import runpy
import shutil
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

import pytest
import yaml
from releases import MADE_AS

from transferz.schemas.survey.files import Version

ROOT = Path(__file__).parents[2]
ROOMS = ("baselines", "cli", "dataset", "photometry", "schemas", "tables")
CODE = (*ROOMS, "loaders", "surveys")
PACKAGE = ".typecheck"  # a tree of links, as the type checker has it
FILES = ("dvc.yaml", "params.yaml", "CITATION.cff", ".dvcignore")
NOT_COPIED = ("__pycache__", "dvc.lock", "hashes.json")
SMALL = {"area_deg2": 0.015, "galaxiesml.rows": 2500, "galaxiesml.shared.rows": 150}


def environment() -> dict[str, str]:
    """The environment of a user who has activated the one this test runs in."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return os.environ | {"PATH": path}


class Workspace:
    """A copy of the project with a small mock, in which DVC can run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.raw = root / "data/mock/raw"
        self.interim = root / "data/mock/interim"
        self.release = root / "data/mock/release/transferz"
        # As an environment of the copy's own would: `transferz` is the code that lies in it.
        self.environment = environment() | {"PYTHONPATH": str(root / PACKAGE)}

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, capture_output=True, text=True
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        """Start a command in a process group of its own."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env=self.environment | environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def stage(self, name: str, *arguments: str) -> tuple[int, str]:
        """Run ``python -m transferz.dataset.<name>`` in this process: exit status and stderr."""
        said = io.StringIO()
        with (
            contextlib.chdir(self.root),
            contextlib.redirect_stderr(said),
            mock.patch.object(sys, "argv", [name, *arguments]),
            warnings.catch_warnings(action="ignore", category=RuntimeWarning),
            pytest.raises(SystemExit) as stop,
        ):
            runpy.run_module(f"transferz.dataset.{name}", run_name="__main__")
        return int(stop.value.code or 0), said.getvalue()

    def run_killed(self, where: tuple[str, str, str], *command: str) -> None:
        """Run a command that is killed, with all that it started, when one of them gets there.

        Parameters
        ----------
        where : (str, str, str)
            A word of the command line of the process that is watched, the audit event of Python
            that ends it (docs.python.org/3/library/audit_events.html), and the end or a part of
            the path that the event is about. A file that is being opened is left half there.
        command : str
            What to run.
        """
        folder = self.root.parent / "killing"
        folder.mkdir(exist_ok=True)
        shutil.copy(Path(__file__).with_name("killed_at.py"), folder / "sitecustomize.py")
        paths = f"{folder}{os.pathsep}{self.environment['PYTHONPATH']}"
        watched = {"PYTHONPATH": paths, "KILLED_AT": "|".join(where)}
        with self.start(*command, **watched) as done:
            pass
        assert done.returncode == -signal.SIGKILL, f"{command} never came to {where}"

    def run_after_kill(self, *command: str, lock: str) -> None:
        """Run again as a user does: DVC's own lock, cut short by the kill, comes back from git."""
        (self.root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
        path = self.root / lock
        committed = path.with_suffix(".committed")
        done = self.run(*command, check=False)
        if any(one in done.stderr for one in ("validation failed", "unable to read", "is invalid")):
            path.unlink()
            if committed.exists():
                shutil.copy(committed, path)
            self.run(*command)
        elif done.returncode:
            raise AssertionError(f"{' '.join(command)} failed:\n{done.stdout}\n{done.stderr}")

    def change(self, dotted: str, value: object) -> None:
        """Set one parameter, as ``split.salt``."""
        path = self.root / "params.yaml"
        content = yaml.safe_load(path.read_text())
        *parents, last = dotted.split(".")
        section = content
        for name in parents:
            named = {one["name"]: one for one in section} if isinstance(section, list) else section
            section = named[name]
        section[last] = value
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def release_as(self, version: str, date: str) -> None:
        """Set version and date, and make an entry for them the changelog's newest."""
        self.change("release.version", version)
        self.change("release.date", date)
        path = self.root / "dataset/CHANGELOG.md"
        head, *entries = path.read_text(encoding="utf-8").split("\n## ")
        before = Version.parse(version)
        kept = [one for one in entries if Version.parse(one[1 : one.index("]")]) < before]
        entry = f"[{version}] - {date}\n\n### Changed\n\n- What a test changes.\n"
        path.write_text("\n## ".join([head, entry, *kept]), encoding="utf-8")

    def copy(self, to: Path, *, code: bool = True) -> "Workspace":
        """Copy it for a test that changes it; without code `stage` runs, but DVC does not.

        What lies in DVC's cache is never written to, so that links to it do.
        """
        left_out = shutil.ignore_patterns("*.py", *(() if code else (".dvc",)))
        shutil.copytree(
            self.root,
            to,
            symlinks=True,
            ignore=None if code else left_out,
            copy_function=link_cached,
        )
        return Workspace(to)


def link_cached(source: str, copy: str) -> str:
    """Copy a file, or link it where it lies in DVC's cache."""
    if "/.dvc/cache/" in source:
        os.link(source, copy)
        return copy
    return shutil.copy2(source, copy)


def make_workspace(root: Path) -> Workspace:
    """A fresh clone, in effect: code, parameters and lock, no data."""
    root.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    for room in CODE:
        shutil.copytree(
            ROOT / room,
            root / room,
            ignore=shutil.ignore_patterns("__pycache__", "*.lock", "hashes.json"),
        )
    package = root / PACKAGE / "transferz"
    package.mkdir(parents=True)
    for room in ROOMS:
        (package / room).symlink_to(f"../../{room}")
    for path in (ROOT / "loaders").glob("*.py"):
        (package / path.name).symlink_to(f"../../loaders/{path.name}")
    space = Workspace(root)
    for name, value in MADE_AS.items():
        space.change(f"release.{name}", value)
    for name, value in SMALL.items():
        space.change(f"mock.{name}", value)
    (root / ".dvc").mkdir()  # as `dvc init --no-scm` does, which takes seconds
    (root / ".dvc/config").write_text("[core]\n    no_scm = True\n    analytics = false\n")
    return space


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Workspace:
    """The small mock, built once for all workers; read it, do not change it, run no DVC in it."""
    folder = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        folder = folder.parent  # this run's, where each worker has a folder of its own
    done = Workspace(folder / "built/transferz-project")
    with (folder / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.root.exists():
            space = make_workspace(tmp_path_factory.mktemp("building") / "transferz-project")
            space.run("dvc", "repro")
            done.root.parent.mkdir()
            space.root.rename(done.root)
    return done


@pytest.fixture
def fresh(tmp_path: Path) -> Workspace:
    """The small mock's project, nothing built."""
    return make_workspace(tmp_path / "fresh")


@pytest.fixture
def workspace(built: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the built workspace that the test may change, and run DVC in."""
    return built.copy(tmp_path / "project")


@pytest.fixture
def stages(built: Workspace, tmp_path: Path) -> Workspace:
    """A copy of the built workspace's data, parameters and texts: stages run, DVC does not."""
    return built.copy(tmp_path / "project", code=False)
