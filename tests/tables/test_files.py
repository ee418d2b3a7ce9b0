"""An output is replaced whole or not at all."""

import errno
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from transferz.schemas import InputError
from transferz.tables import files
from transferz.tables.files import (
    made_folder,
    only_writer,
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


def test_an_error_leaves_no_folder_that_was_made_for_it(tmp_path):
    target = tmp_path / "new" / "folders" / "out"
    with pytest.raises(ZeroDivisionError), replace_directory(target):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError), made_folder(target.parent), replace_file(target):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with made_folder(target.parent), replace_file(target) as beside:
        beside.touch()
    assert target.is_file()


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


def test_links_planted_at_our_names_are_never_followed(tmp_path):
    """At the lock's name, and at one that looks as if a kill had left it."""
    (tmp_path / "mine/old").mkdir(parents=True)
    (tmp_path / "mine/old/out").write_text("mine")
    (tmp_path / "mine.txt").write_text("mine")
    lock = files._lock_of(tmp_path / "out")
    for planted in (lock, files._lock_of(tmp_path / "other")):
        planted.symlink_to(tmp_path / "mine.txt")
        planted.with_name(f"{planted.stem}-12345678").symlink_to(tmp_path / "mine")
    with replace_directory(tmp_path / "out") as staging:
        write(staging, "new")
    lock.unlink()
    with replace_file(tmp_path / "out.txt") as beside:
        beside.write_text("new")
    assert (tmp_path / "mine/old/out").read_text() == (tmp_path / "mine.txt").read_text() == "mine"
    assert content(tmp_path / "out") == {"new"} == {(tmp_path / "out.txt").read_text()}


def test_what_is_written_lies_where_only_its_owner_may_enter(tmp_path):
    with replace_file(tmp_path / "a") as beside:
        beside.write_text("new")
        (folder,) = tmp_path.glob(".transferz-*-*")
        assert beside.is_relative_to(folder) and folder.stat().st_mode & 0o777 == 0o700


def in_another_thread(call):
    """What a second run meets: a lock of ours is one thread's."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()


@pytest.mark.parametrize("replace", [replace_file, replace_directory])
def test_a_second_run_at_the_same_target_is_refused(tmp_path, monkeypatch, replace):
    monkeypatch.setattr(files, "PATIENCE", 0.0)

    def second():
        with replace(tmp_path / "link"):
            raise AssertionError

    (tmp_path / "link").symlink_to(tmp_path / "a")
    with replace_file(tmp_path / "a") as beside:
        beside.write_text("first")
        with pytest.raises(InputError, match="another process is writing it; wait until it"):
            in_another_thread(second)
    assert (tmp_path / "a").read_text() == "first"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "link"]


def test_a_second_run_waits_a_while(tmp_path, monkeypatch):
    """Each begins with what the one before it wrote: no line is lost."""
    monkeypatch.setattr(files, "PATIENCE", 600.0)
    target = tmp_path / "lines"
    target.write_text("")

    def add(line):
        with replace_file(target) as beside:
            beside.write_text(f"{target.read_text()}{line}\n")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    assert sorted(map(int, target.read_text().split())) == list(range(40))
    assert list(tmp_path.iterdir()) == [target]


def test_a_target_that_is_held_for_a_longer_work_is_written_by_who_holds_it(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PATIENCE", 0.0)

    def second():
        with only_writer(tmp_path / "a"):
            pass

    with only_writer(tmp_path / "a"):
        for text in ("one", "two"):
            with replace_file(tmp_path / "a") as beside:
                beside.write_text(text)
            with pytest.raises(InputError, match="another process is writing"):
                in_another_thread(second)
    in_another_thread(second)
    assert (tmp_path / "a").read_text() == "two"
    assert list(tmp_path.iterdir()) == [tmp_path / "a"]


def test_where_there_are_no_locks_each_writes_its_own(tmp_path, monkeypatch):
    def no_locks(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    def second():
        with replace_file(tmp_path / "a") as beside:
            beside.write_text("second")

    monkeypatch.setattr("fcntl.flock", no_locks)
    with replace_file(tmp_path / "a") as beside:
        beside.write_text("first")
        in_another_thread(second)
        assert (tmp_path / "a").read_text() == "second"
    assert (tmp_path / "a").read_text() == "first"


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
    assert os.listdir(target.parent) == ["out"]
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


KILLED_WRITING = """
import os, signal, sys
from pathlib import Path
from transferz.tables.files import replace_file

with replace_file(Path(sys.argv[1])) as beside:
    beside.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_next_run_clears_what_a_kill_left_whatever_it_wrote(tmp_path):
    """But what another is writing just now stays, and so does what is not ours."""
    mine = [".notes.partial", ".transferz-notes", f".transferz-{16 * '0'}-7"]
    for name in mine:
        (tmp_path / name).write_text("mine")
    for name in ("out", "another"):
        subprocess.run([sys.executable, "-c", KILLED_WRITING, str(tmp_path / name)], check=False)
        assert len(list(tmp_path.iterdir())) == len(mine) + 2  # a lock and a folder, of this one

    def next_run():
        with replace_directory(tmp_path / "out") as staging:
            write(staging, "new")

    with replace_file(tmp_path / "living") as beside:
        beside.write_text("living")
        in_another_thread(next_run)
    assert (tmp_path / "living").read_text() == "living"
    assert sorted(path.name for path in tmp_path.iterdir()) == [*sorted(mine), "living", "out"]


def test_an_old_output_comes_back_where_a_swap_was_killed_between_its_two_steps(tmp_path):
    """As it is done where the system can't exchange two directories in one."""
    aside = tmp_path / f"{files._lock_of(tmp_path / 'out').stem}-12345678/old/out"
    aside.mkdir(parents=True)
    write(aside, "old")
    with replace_file(tmp_path / "another") as beside:
        beside.write_text("new")
    assert content(tmp_path / "out") == {"old"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["another", "out"]


def test_an_old_output_stays_where_the_second_of_two_steps_fails(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "_exchange", lambda first, second: False)
    with replace_directory(tmp_path / "out") as staging:
        write(staging, "old")
    with (
        pytest.raises(InputError, match="cannot write"),
        replace_directory(tmp_path / "out") as new,
    ):
        new.rmdir()
    assert content(tmp_path / "out") == {"old"}
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path):
    with replace_file(tmp_path / ("a" * 255)) as beside:
        beside.write_text("new")
    assert (tmp_path / ("a" * 255)).read_text() == "new"
    for replace in (replace_file, replace_directory):
        with (
            pytest.raises(InputError, match="too long; give it a shorter name"),
            replace(tmp_path / ("a" * 256)) as beside,
        ):
            beside.write_text("new")


def test_a_device_or_folder_is_no_place_for_a_file(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with (
            pytest.raises(InputError, match="a folder or a device; name a file"),
            replace_file(tmp_path / name) as beside,
        ):
            beside.write_text("new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]


def test_a_file_that_can_not_be_read_is_not_called_the_output(tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot read .*/in/table\.csv: No such file"),
        replace_file(tmp_path / "out"),
    ):
        (tmp_path / "in/table.csv").read_text()


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
