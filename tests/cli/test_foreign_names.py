"""Columns and files have names that are other people's: they do not steer a terminal."""

import csv
import os
import subprocess
import sys

import pytest

from transferz.cli import main

CHOSEN = b"fluxes (and their errors): f_g (ferr_g)"
RED = "\x1b[31mred\x1b[0m"


def write(path, names, row):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, row])


def printable(text):
    return all(line.isprintable() for line in text.split("\n"))


@pytest.mark.parametrize("mark", [RED, "\x9b2J", "\u202e", "\x07"])
def test_a_column_in_a_report(mark, tmp_path, capsys):
    path = tmp_path / "t.csv"
    write(path, [f"f_{mark}", f"ferr_{mark}"], [3.0, 0.1])
    status = main(["magnitudes", str(path), "--unit", "ujy"])
    captured = capsys.readouterr()
    assert status == (0 if mark == "\u202e" else 2)  # what a terminal obeys is no name
    assert printable(captured.out) and printable(captured.err)


@pytest.mark.parametrize("mark", [RED, "\x9b2J", "\u202e", "\x07"])
def test_a_column_or_file_in_an_error(mark, tmp_path, capsys):
    path = tmp_path / f"{mark}.csv"
    write(path, [mark], [1.0])
    for table in (path, tmp_path / f"no{mark}.csv"):
        assert main(["magnitudes", str(table), "--unit", "ujy"]) == 2
        captured = capsys.readouterr()
        assert ".csv" in captured.err and printable(captured.err)


@pytest.mark.parametrize("mark", ["\x9b2J", "\u202e"])
def test_a_name_in_json(mark, tmp_path, tiny_release, capsys):
    path = tmp_path / f"{mark}.csv"
    write(path, ["object_id", "ra", "dec"], [1, 200.0, 10.0])
    main(["check-leak", str(path), "--json", "--release", str(tiny_release)])
    assert mark not in capsys.readouterr().out


@pytest.mark.parametrize("locale", ["C.UTF-8", "POSIX"])
def test_a_path_that_is_no_utf8_is_printed(locale, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    path = folder / "t.csv"
    write(path, ["f_g", "ferr_g"], [3.0, 0.1])
    command = [sys.executable, "-m", "transferz.cli", "magnitudes", path, "--unit", "ujy"]
    environment = os.environ | {"LC_ALL": locale, "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    out = ["--out", folder / "out.csv"]
    done = subprocess.run([*command, *out], capture_output=True, env=environment)
    assert (done.returncode, done.stderr.splitlines()) == (0, [CHOSEN])
    done = subprocess.run([*command, "--out", folder], capture_output=True, env=environment)
    assert done.returncode == 2 and b"Traceback" not in done.stderr
