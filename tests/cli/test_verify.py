"""`transferz verify` and `transferz diff`: what they print, and their exit status."""

import errno
import json
import sys

import pandas as pd
import pytest
from releases import read_manifest, read_rows, remake
from tampering import copy, edit_json

from transferz import cli
from transferz.cli.verify import _as_json
from transferz.dataset.verify import files
from transferz.dataset.versions.diff import diff, diff_report, diff_text, read_snapshot
from transferz.schemas import CONFIGS


def run(capsys, *arguments):
    status = cli.main([*map(str, arguments)])
    said = capsys.readouterr()
    return status, said.out, said.err


def test_a_sound_release_is_one_line_and_status_0(small_release, capsys):
    status, out, err = run(capsys, "verify", small_release)
    assert (status, err, out.count("\n")) == (0, "", 1)
    assert "transferz 2.0.0+mock: sound; " in out and "25 promises checked" in out


def test_the_release_in_use_is_the_default(small_release, capsys, monkeypatch):
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(small_release))
    status, out, _ = run(capsys, "verify")
    assert status == 0 and out.startswith(f"{small_release}: ")


def test_a_damaged_release_is_a_line_per_finding_and_status_1(small_release, tmp_path, capsys):
    release = copy(small_release, tmp_path)
    (release / "README.md").write_text("", encoding="utf-8")
    (release / "_index/combo.index").unlink()
    status, out, err = run(capsys, "verify", release)
    assert (status, err) == (1, "")
    first, second, last = out.splitlines()
    assert first.startswith("README.md: files: found 0 bytes; expected ")
    assert second == "_index/combo.index: files: found nothing; expected a file"
    assert "BROKEN: 2 findings in 2 files" in last and "; not checked: declaration, " in last


@pytest.mark.parametrize("command", ["verify", "deposit"])
def test_a_check_that_cannot_run_is_no_broken_promise(
    small_release, tmp_path, capsys, monkeypatch, command
):
    """As with the extra ``bench`` alone."""
    for name in [name for name in sys.modules if name.split(".")[0] == "pandera"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(small_release))
    status, out, err = run(
        capsys, command, small_release if command == "verify" else tmp_path / "x"
    )
    extra = {"verify": "score"}.get(command, "build")
    needs = f"transferz {command} needs the package 'pandera': pip install 'transferz[{extra}]'"
    assert (status, out, err) == (2, "", f"transferz: {needs}\n")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "Permission denied; mend that"),
        (OSError(errno.EIO, "Input/output error"), "Input/output error; mend that"),
        (MemoryError(), "too little memory"),
    ],
)
def test_what_this_machine_cannot_read_is_not_called_broken(
    small_release, capsys, monkeypatch, error, says
):
    def fail(path):
        raise error

    monkeypatch.setattr(files, "file_digest", fail)
    status, out, err = run(capsys, "verify", small_release)
    assert (status, err) == (2, "")
    assert "README.md: files: can't be checked: " in out and says in out
    assert "NOT CHECKED" in out and "BROKEN" not in out


def test_json_says_the_same(small_release, tmp_path, capsys):
    release = copy(small_release, tmp_path)
    (release / "combo/extra\udcff.txt").write_text("", encoding="utf-8")
    status, out, _ = run(capsys, "verify", release, "--json")
    report = json.loads(out)
    assert (status, report["sound"], report["version"]) == (1, False, "2.0.0+mock")
    (finding,) = report["broken"]
    assert (finding["file"], finding["promise"]) == ("combo/extra\udcff.txt", "files")


@pytest.mark.parametrize("name", ["nowhere", "org/name@one", "no such/name"])
def test_no_release_is_a_users_error(tmp_path, name, capsys):
    status, out, err = run(capsys, "verify", tmp_path / name if name == "nowhere" else name)
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_an_empty_folder_is_no_release(tmp_path, capsys):
    status, out, _ = run(capsys, "verify", tmp_path)
    assert status == 1 and out.startswith("MANIFEST.json: manifest: found nothing")


@pytest.fixture(scope="module")
def fewer(small_release, tmp_path_factory):
    """A second version, mock: an object less, and one more label."""
    rows = read_rows(small_release, "transferz")
    first, second = rows.loc[~rows["object_id"].duplicated(), "object_id"].iloc[:2]

    def edit(config, rows):
        kept = rows[rows["object_id"] != first]
        changed = kept["object_id"] == second
        return kept.assign(dec=kept["dec"].where(~changed, kept["dec"] + 1.0))

    to = tmp_path_factory.mktemp("fewer") / "transferz"
    return remake(small_release, to, version="2.0.1", mock=True, edit=edit)


def test_a_contradiction_is_status_1(small_release, fewer, capsys, tmp_path):
    listing = tmp_path / "rows.csv"
    status, out, err = run(capsys, "diff", small_release, fewer, "--rows", listing)
    assert (status, err) == (1, "")
    assert "old  transferz 2.0.0+mock" in out and "new  transferz 2.0.1+mock" in out
    counts = [line.split() for line in out.splitlines()]
    assert next(c for c in counts if c[:1] == ["transferz"])[:4] == ["transferz", "0", "1", "0"]
    assert (
        "CONTRADICTION: version 2.0.1+mock is a PATCH step" in out and "make it 3.0.0+mock" in out
    )
    rows = pd.read_csv(listing)
    lost = [c for c in CONFIGS if len(read_rows(small_release, c)) > len(read_rows(fewer, c))]
    assert rows.loc[rows["what"] == "removed", "config"].tolist() == lost
    assert set(rows["config"]) <= set(CONFIGS) and {"changed"} < set(rows["what"])


def test_a_version_that_says_it_is_status_0(small_release, fewer, tmp_path, capsys):
    release = copy(fewer, tmp_path)
    edit_json(release, "MANIFEST.json", lambda one: one.update(version="3.0.0+mock"))
    status, out, _ = run(capsys, "diff", small_release, release)
    assert (status, out.splitlines()[-1]) == (
        0,
        "what changed needs a MAJOR step; the version makes a MAJOR step",
    )
    status, out, _ = run(capsys, "diff", small_release, release, "--json")
    found = json.loads(out)
    assert (status, found["consistent"], found["step"]) == (0, True, "major")
    assert found["rows"]["transferz"]["removed"] == 1


def test_a_release_and_itself(small_release, capsys):
    status, out, _ = run(capsys, "diff", small_release, small_release)
    assert (status, out.splitlines()[-1]) == (0, "nothing changed")


def test_a_greater_step_than_needed_is_allowed(small_release, tmp_path, capsys):
    release = copy(small_release, tmp_path)
    edit_json(release, "MANIFEST.json", lambda one: one.update(version="3.0.0+mock"))
    edit_json(release, "MANIFEST.json", lambda one: one.update(sha256="other"))
    assert read_manifest(release)["version"] == "3.0.0+mock"
    status, out, _ = run(capsys, "diff", small_release, release)
    assert status == 0 and "MAJOR step (more than it needs, which is allowed)" in out


def test_what_cannot_be_compared_is_a_users_error(small_release, tmp_path, capsys):
    assert run(capsys, "diff", small_release, tmp_path / "nowhere")[0] == 2
    status, _, err = run(capsys, "diff", small_release, tmp_path)
    assert status == 2 and "is no release that is whole" in err and err.count("\n") == 1
    status, _, err = run(capsys, "diff", small_release, small_release, "--rows", "rows.txt")
    assert status == 2 and "rows are written as .parquet or .csv" in err


def test_what_a_release_is_called_moves_no_cursor(small_release):
    snapshot = read_snapshot(small_release)
    report = diff_report(snapshot, snapshot, diff(snapshot, snapshot))
    hostile = report | {"columns_added": ["odd\x1b[2J\x9b2J\n"]}
    text = diff_text(hostile)
    assert "odd" in text and all(line.isprintable() for line in text.split("\n"))
    assert _as_json(hostile).isascii()
