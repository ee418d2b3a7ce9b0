"""A release that follows another one: the comparison is a gate, nothing of it is in the outputs."""

import json
import shutil
import socket
import subprocess
import sys

import pytest

from transferz.dataset.verify.verifying import inspect
from transferz.dataset.versions.diff import diff, read_snapshot


@pytest.fixture
def closed_port():
    """A port of this machine at which nobody answers."""
    with socket.socket() as held:  # bound, but not listening
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def files(release):
    paths = (path for path in release.rglob("*") if path.is_file())
    return {str(path.relative_to(release)): path.read_bytes() for path in paths}


def test_a_release_that_follows_a_copy_of_the_old_one_is_sound(workspace, tmp_path):
    old = shutil.copytree(workspace.release, tmp_path / "kept" / "transferz")
    workspace.release_as("2.0.1", "2027-01-01")
    workspace.change("release.previous", str(old))
    assert workspace.stage("release") == (0, "follows 2.0.0+mock: nothing changed\n")
    assert workspace.stage("card") == (0, "")
    report = inspect(workspace.release)
    assert (report.broken, report.unchecked) == ((), ())
    versions = [read_snapshot(release) for release in (old, workspace.release)]
    assert [str(one.version) for one in versions] == ["2.0.0+mock", "2.0.1+mock"]
    assert diff(*versions).step == "patch"
    manifest = json.loads((workspace.release / "MANIFEST.json").read_text())
    assert [one["version"] for one in manifest["history"]] == ["2.0.1", "2.0.0", "1.0.0"]
    assert set(manifest["counts"]["release"]) == {"rows_out"}
    assert not [name for name, data in files(workspace.release).items() if b"kept" in data]


def test_a_clone_without_network_builds_the_same_bytes(built, workspace, tmp_path, closed_port):
    """In a process of its own: the Hub's client reads its environment once."""
    workspace.change("release.previous", "org/name@2.0.0+mock")
    done = subprocess.run(
        [sys.executable, "-m", "transferz.dataset.release"],
        cwd=workspace.root,
        env=workspace.environment
        | {"HF_ENDPOINT": f"http://127.0.0.1:{closed_port}", "HF_HUB_OFFLINE": "0"}
        | {"HF_HOME": str(tmp_path / "home"), "TRANSFERZ_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("not compared with org/name@2.0.0+mock: the Hub can't be reached")
    assert done.stderr.count("\n") == 1
    assert workspace.stage("card") == (0, "")
    assert files(workspace.release) == files(built.release)
    counts = [(one.interim / "release/counts.json").read_bytes() for one in (built, workspace)]
    assert counts[0] == counts[1]
