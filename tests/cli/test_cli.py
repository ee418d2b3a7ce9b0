"""The `transferz` command: what it prints, how it fails."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import transferz
from transferz import cli

HEAVY = {"torch", "datasets", "pandas", "astropy", "pandera", "dvc", "pyarrow", "numpy"}


def run(*args, code="import sys; from transferz.cli import main; sys.exit(main())", **kwargs):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, args)], capture_output=True, text=True, **kwargs
    )


@pytest.mark.parametrize("args", [["help"], ["--help"], ["-h"], []])
def test_help_names_every_command(args, capsys):
    assert cli.main(args) == 0
    text = capsys.readouterr().out
    for name, command in cli.COMMANDS.items():
        assert f"  {name}" in text
        assert command.summary in text
    assert max(map(len, text.splitlines())) <= 100


def test_help_and_version_import_nothing_heavy():
    code = (
        "import sys; from transferz.cli import main\n"
        "main(['--help']); main(['--version'])\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = run(code=code)
    assert done.stderr.strip() == "[]"
    assert done.stdout.splitlines()[-1] == f"transferz {transferz.__version__}"


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_each_commands_own_help_names_it(name, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([name, "--help"])
    assert stop.value.code == 0
    assert f"usage: transferz {name}" in capsys.readouterr().out


def test_the_training_commands_help_waits_for_no_torch():
    code = (
        "import sys; from transferz.cli import main\n"
        "try: main(['train', '--help'])\n"
        "except SystemExit: assert 'torch' not in sys.modules and 'datasets' not in sys.modules"
    )
    assert run(code=code).returncode == 0


def test_info_counts_rows_per_config_and_split(tiny_release, capsys):
    assert cli.main(["info", "--release", str(tiny_release)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["version", "1.0.0+mock"] in lines
    assert ["config", "train", "validation", "calibration", "test", "total"] in lines
    assert ["combo", "300", "60", "50", "70", "480"] in lines
    assert any("MOCK" in line for line in lines)


def test_info_lines_its_columns_up(tiny_release, capsys):
    cli.main(["info", "--release", str(tiny_release)])
    table = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert len({len(line) for line in table}) == 1


def test_a_users_error_is_one_line_and_status_2(tmp_path, capsys):
    assert cli.main(["info", "--path", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("transferz: ")
    assert captured.err.count("\n") == 1


def test_a_damaged_file_is_a_users_error(release_builder, tmp_path, capsys):
    place = release_builder(tmp_path / "transferz")
    train = place / "truth" / "train-00000-of-00001.parquet"
    for content in (place / "combo" / train.name).read_bytes(), b"":  # a sound file, but another
        train.write_bytes(content)
        assert cli.main(["info", "--release", str(place)]) == 2
        assert "truth/train-00000-of-00001.parquet" in capsys.readouterr().err


def test_a_manifest_that_can_not_be_read_is_not_called_damaged(tiny_release, monkeypatch, capsys):
    def locked(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("transferz.schemas.survey.files.read_bytes", locked)
    assert cli.main(["info", "--release", str(tiny_release)]) == 2
    said = capsys.readouterr().err
    assert "MANIFEST.json can't be read: Permission denied; change its permissions" in said


def test_an_unknown_command_lists_those_there_are_or_the_one_that_is_meant(capsys):
    assert cli.main(["trian"]) == 2
    assert "no command 'trian'; did you mean 'train'? (transferz --help)" in capsys.readouterr().err
    assert cli.main(["zzz"]) == 2
    assert "no command 'zzz'; there are: info, export, verify, " in capsys.readouterr().err


def test_help_of_a_command_is_that_commands(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["help", "info"])
    assert (stop.value.code, "usage: transferz info" in capsys.readouterr().out) == (0, True)


def test_a_missing_package_names_the_extra(tiny_release):
    code = (
        "import sys; sys.modules['torch'] = None\nfrom transferz.cli import main; sys.exit(main())"
    )
    done = run("train", "--release", tiny_release, code=code)
    assert done.returncode == 2
    assert (
        "transferz train needs the package 'torch': pip install 'transferz[bench]'" in done.stderr
    )
    assert "Traceback" not in done.stderr


def test_an_interrupt_is_no_traceback(monkeypatch, capsys):
    def interrupted(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr("transferz.cli.release.info", interrupted)
    assert cli.main(["info"]) == 130
    assert capsys.readouterr().err == "transferz: interrupted\n"


def test_a_closed_pipe_is_no_traceback(tiny_release):
    """The reader is gone before anything is written."""
    read, write = os.pipe()
    os.close(read)
    code = "import sys; from transferz.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "info", "--release", str(tiny_release)],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("words", [["info"], ["info", "--help"], ["--help"]])
def test_output_that_goes_nowhere_is_one_sentence(tiny_release, words, unbuffered):
    """Not status 1, which says "broken" in `verify` and "leak found" in `check-leak`."""
    end = {"env": os.environ | {"PYTHONUNBUFFERED": unbuffered}}
    end["env"]["TRANSFERZ_RELEASE"] = str(tiny_release)
    command = [sys.executable, "-m", "transferz.cli", *words]
    closed = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *command], capture_output=True, **end)
    assert closed.returncode == 2
    assert closed.stderr.startswith(b"transferz: standard output is closed; send it to a file")
    if unbuffered and "info" in words and "--help" in words:
        return  # argparse itself passes over what can't be printed
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, **end)
    assert done.returncode == 2
    assert done.stderr == (
        "transferz: cannot read or write standard output: No space left on device; free space and "
        "run again\n"
    )


def test_a_file_is_never_opened_in_the_place_of_a_closed_stream(tiny_release, tmp_path):
    code = "import sys; from transferz.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "export", "--release", tiny_release, tmp_path / "a.ecsv"]
    subprocess.run(["sh", "-c", '"$@" <&- 2>&-', "sh", *command], check=True)
    assert (tmp_path / "a.ecsv").read_text().startswith("# %ECSV")


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (PermissionError(13, "Permission denied", "/x/a.csv"), 2, "/x/a.csv: Permission denied"),
        (OSError(36, "File name too long", b"aaa"), 2, "aaa: File name too long; give it a short"),
        (OSError("a library's"), 2, "a library's"),
        (OSError(5, "Input/output error"), 2, "standard output: Input/output error"),
        (MemoryError(), 2, "there is not enough memory"),
        (ZeroDivisionError("ours"), 70, "Traceback"),
    ],
)
def test_no_error_is_taken_for_a_finding(monkeypatch, capsys, error, status, said):
    def fails(argv):
        raise error

    monkeypatch.setattr("transferz.cli.leaks.check_leak", fails)
    monkeypatch.setattr(sys, "argv", ["transferz", "check-leak"])
    assert cli.main() == status
    told = capsys.readouterr().err
    assert said in told
    assert (told.count("\n") == 1) == (status == 2)


def test_alone_it_prints_its_help():
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: transferz COMMAND")


def test_it_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "transferz.cli", "--version"], capture_output=True, text=True
    )
    assert done.stdout == f"transferz {transferz.__version__}\n"


def test_templates_refuse_a_missing_file(tmp_path, capsys):
    pytest.importorskip("transferz.baselines.methods.templates")
    assert cli.main(["fit-templates", str(tmp_path / "absent.csv")]) == 2
    assert "absent.csv" in capsys.readouterr().err
