"""An output is replaced whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from transferz.schemas import InputError
from transferz.tables import files
from transferz.tables.files import (
    read_json,
    replace_directory,
    replace_file,
    require_file,
    write_json,
)


def write(directory: Path, text: str, count: int = 2) -> None:
    for number in range(count):
        (directory / f"{number}.txt").write_text(text)


def content(directory: Path) -> set[str]:
    return {path.read_text() for path in directory.iterdir()}


def test_makes_a_new_directory_and_replaces_an_old_one(tmp_path):
    target = tmp_path / "deep" / "out"
    for text in ("old", "new"):
        with replace_directory(target) as staging:
            write(staging, text)
        assert content(target) == {text}
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_old_output_and_nothing_beside(tmp_path):
    target = tmp_path / "out"
    with replace_directory(target) as staging:
        write(staging, "old")
    with pytest.raises(ZeroDivisionError), replace_directory(target) as staging:
        write(staging, "new")
        raise ZeroDivisionError
    assert content(target) == {"old"}
    assert list(tmp_path.iterdir()) == [target]


def test_kept_entries_are_taken_over(tmp_path):
    target = tmp_path / "out"
    with replace_directory(target) as staging:
        (staging / "kept").mkdir()
        write(staging / "kept", "old")
        write(staging, "gone")
    with replace_directory(target, keep=["kept", "absent"]) as staging:
        (staging / "added").write_text("new")
    assert sorted(path.name for path in target.iterdir()) == ["added", "kept"]
    assert content(target / "kept") == {"old"}


def test_works_where_the_system_has_no_exchange(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    target = tmp_path / "out"
    for text in ("old", "new"):
        with replace_directory(target) as staging:
            write(staging, text)
    assert content(target) == {"new"}
    assert list(tmp_path.iterdir()) == [target]


def test_a_full_disk_is_one_clear_error(tmp_path):
    target = tmp_path / "out"
    with replace_directory(target) as staging:
        write(staging, "old")
    with pytest.raises(InputError, match="No space left on device"), replace_directory(target):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert content(target) == {"old"}


def test_an_unwritable_place_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    for place in ("file/out", "file/deep/out"):
        with (
            pytest.raises(InputError, match=r"file is a file, not a folder: name another") as told,
            replace_directory(tmp_path / place),
        ):
            pass
        assert "space" not in str(told.value)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "; free space and run"),
        (errno.EACCES, "permissions"),
        (errno.EROFS, "permissions"),
        (errno.EBUSY, "mount point"),
        (errno.EIO, "free space, change the permissions or name"),
    ],
)
def test_an_error_names_the_remedy_for_its_cause(tmp_path, number, remedy):
    with pytest.raises(InputError, match=remedy), replace_directory(tmp_path / "out"):
        raise OSError(number, os.strerror(number))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("exchange", [True, False])
def test_what_a_symbolic_link_points_to_is_replaced_and_the_link_stays(
    tmp_path, monkeypatch, exchange
):
    if not exchange:
        monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    real, link = tmp_path / "disk" / "out", tmp_path / "out"
    link.symlink_to(real)
    for text in ("old", "new"):
        with replace_directory(link) as staging:
            write(staging, text)
        assert link.is_symlink()
        assert content(real) == {text}
    assert list(real.parent.iterdir()) == [real]
    assert sorted(tmp_path.iterdir()) == [real.parent, link]


def test_a_link_in_the_place_of_the_partial_output_is_removed_alone(tmp_path):
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", "mine")
    (tmp_path / ".out.partial").symlink_to(tmp_path / "mine")
    with replace_directory(tmp_path / "out") as staging:
        write(staging, "new")
    assert content(tmp_path / "mine") == {"mine"}
    assert content(tmp_path / "out") == {"new"}


KILLED_AT_EVERY_STEP = """
import os, signal, sys
from itertools import count
from pathlib import Path
from transferz.tables.files import replace_directory

def build(target, text):
    with replace_directory(target) as staging:
        for name in "abc":
            (staging / name).write_text(text)

def kill(event, arguments):
    step = event.startswith(("open", "os.", "shutil.", "ctypes.")) and event != "os.kill"
    if step and next(steps, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)

target, status = Path(sys.argv[1]), -1
for moment in count():
    build(target, "old")
    if not (child := os.fork()):
        steps = iter(range(moment))
        sys.addaudithook(kill)
        build(target, "new")
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    print(status, *(f"{path.name}:{path.read_text()}" for path in sorted(target.iterdir())))
    if status == 0:
        break
"""


def test_a_kill_at_any_step_leaves_the_old_or_the_new_output(tmp_path):
    """Every call to the system that Python announces to its audit hooks is such a step."""
    command = [sys.executable, "-c", KILLED_AT_EVERY_STEP, str(tmp_path / "out")]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    *killed, whole = done.stdout.splitlines()
    old, new = (f"{-signal.SIGKILL} a:{one} b:{one} c:{one}" for one in ("old", "new"))
    assert set(killed) == {old, new} and len(killed) > 10
    assert killed == sorted(killed, reverse=True)  # once swapped, it stays the new one
    assert whole == "0 a:new b:new c:new"


def test_the_next_run_clears_what_a_kill_left(tmp_path):
    (tmp_path / ".out.partial").mkdir()
    (tmp_path / ".out.partial" / "half").write_text("half")
    with replace_directory(tmp_path / "out") as staging:
        write(staging, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_json_round_trip_and_refusals(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1, "″": [None, 2.5]})
    assert read_json(path) == {"a": 1, "″": [None, 2.5]}
    path.write_text("{")
    with pytest.raises(InputError, match=r"a\.json is not JSON"):
        read_json(path)
    path.write_text("[]")
    with pytest.raises(InputError, match="no JSON object"):
        read_json(path)
    with pytest.raises(InputError, match=r"b\.json is missing"):
        require_file(tmp_path / "b.json")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    target = tmp_path / "a.json"
    with replace_file(target) as beside:
        beside.write_text("old")
    with pytest.raises(ValueError, match="stopped"), replace_file(target) as beside:
        beside.write_text("half")
        raise ValueError("stopped")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
    message = r"cannot write .*/nowhere/a\.json: No such file"
    with (
        pytest.raises(InputError, match=message),
        replace_file(tmp_path / "nowhere/a.json") as beside,
    ):
        beside.write_text("new")


def test_a_file_behind_a_link_is_replaced_and_the_link_stays(tmp_path):
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replace_file(tmp_path / "link") as beside:
        beside.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "new"
