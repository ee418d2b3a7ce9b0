"""A stage killed under `dvc repro` leaves its old output or its new one, and the next run goes on.

`tests/tables/test_files.py` kills at every step of a swap; here are whole stages, and DVC.
"""

import hashlib
import shutil
from pathlib import Path

import pytest

from transferz.schemas.survey.files import INDEX_FOLDER

CONFIGS = ("transferz", "galaxiesml", "combo", "truth", INDEX_FOLDER)
MOMENTS = {
    "split has written its tables": ("transferz.dataset.split", "open", "new/split/counts"),
    "release begins its second output": (
        *("transferz.dataset.release", "os.mkdir", "new/release"),
    ),
    "card seals the release": (*("transferz.dataset.card", "open", "new/transferz/MANIFEST.json"),),
    "dvc has written half of its lock": ("repro", "open", "/dvc.lock"),
}
"""Where a run ends, in this order: a word of the command, an audit event of Python, a path."""


def digest(directory):
    """Hash of names and content of everything below a directory."""
    total = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        total.update(str(path.relative_to(directory)).encode() + b"\0" + path.read_bytes())
    return total.hexdigest()


def state(space):
    """What each stage has on disk: one digest per output that is swapped as a whole."""
    survey = space.root / "data/mock"
    digests = {name: digest(survey / name) for name in ("interim/split", "interim/release")}
    digests["configs"] = "".join(digest(space.release / config) for config in CONFIGS)
    pages = [path for path in sorted(space.release.iterdir()) if path.name not in CONFIGS]
    digests["card"] = "".join(path.name + content(path) for path in pages)
    return digests


def content(path):
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else digest(path)


@pytest.fixture
def salted(workspace, tmp_path):
    """A built workspace with a changed salt, and the states before and after its stages."""
    old = state(workspace)
    workspace.change("split.salt", "another")
    done = workspace.copy(tmp_path / "done")
    for stage in ("split", "release", "card"):
        assert done.stage(stage) == (0, "")
    new = state(done)
    assert all(old[name] != new[name] for name in ("interim/split", "configs", "card"))
    return workspace, old, new


def test_killed_under_dvc(salted, tmp_path):
    """Each run goes on where the one before was killed, as when a user starts it again."""
    space, old, new = salted
    shutil.copy(space.root / "dvc.lock", space.root / "dvc.committed")
    for moment, where in MOMENTS.items():
        space.run_killed(where, "dvc", "repro")
        for name, digests in state(space).items():
            assert digests in (old[name], new[name], ""), (moment, name)  # "": no card as yet
        (space.root / ".dvc/tmp/rwlock").unlink(missing_ok=True)
    assert state(space) == new
    space.run_after_kill("dvc", "repro", lock="dvc.lock")
    assert state(space) == new
    leftovers = [path.name for path in Path(space.root).rglob(".transferz-*")]
    assert leftovers == []
