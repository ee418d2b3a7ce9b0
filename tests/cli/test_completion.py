"""The completion scripts: shells take them, and bash completes with them."""

import shutil
import subprocess

import pytest

from transferz.cli import COMMANDS, main

pytest.importorskip("shtab")

SOURCES = {
    *("cosmos2020", "cosmos2025", "cosmos_lite", "cosmos_specz", "cosmos2015_galpro"),
    *("cosmos2020_classic", "cosmos2020_farmer", "cosmos2020_classic_v2_1"),
    *("cosmos2020_farmer_v2_1", "cosmos2020_export", "cosmos2025_v1"),
}
COMPLETE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 ))
_shtab_transferz
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def script(tmp_path_factory, tiny_release):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
        return {shell: _print(tmp_path_factory, shell) for shell in ("bash", "zsh", "fish")}


def _print(tmp_path_factory, shell):
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main(["completion", shell]) == 0
    path = tmp_path_factory.mktemp(shell) / f"script.{shell}"
    path.write_text(said.getvalue(), encoding="utf-8")
    return path


def complete(script, *words):
    """What bash offers for the last word."""
    command = ["bash", "-c", COMPLETE, "bash", str(script["bash"]), "transferz", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_takes_its_script(script, shell):
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    done = subprocess.run([shell, "-n", str(script[shell])], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_is_in_every_script(script):
    for path in script.values():
        text = path.read_text("utf-8")
        assert all(name in text for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["lea"], {"leaderboard"}),
        (["leaderboard", ""], {"add", "compare", "overall"}),
        (["leaderboard", "add", "--rep"], {"--replace"}),
        (["sources", "c"], {"check", *SOURCES}),
        (["sources", "check", "c"], SOURCES),
        (["sources", "check", "cosmos2020_cl"], {"cosmos2020_classic", "cosmos2020_classic_v2_1"}),
        (["survey", "l"], {"list"}),
        (["benchmark", "--trai"], {"--train"}),
        (["benchmark", "quantile_"], {"quantile_trees", "quantile_forest"}),
        (["export", "--config", ""], {"transferz", "galaxiesml", "combo", "truth"}),
        (["export", "--split", "t"], {"train", "test"}),
        (["magnitudes", "T.csv", "--unit", ""], {"ujy", "mjy", "cgs"}),
        (["train", "nn_t"], {"nn_tl"}),
    ],
)
def test_bash_completes_commands_options_and_choices(script, words, offered):
    assert set(complete(script, *words)) == offered


def test_bash_completes_files_and_folders(script, tmp_path, monkeypatch):
    (tmp_path / "runs").mkdir()
    (tmp_path / "rows.csv").touch()
    monkeypatch.chdir(tmp_path)
    assert set(complete(script, "check-leak", "r")) == {"runs", "rows.csv"}
    assert complete(script, "info", "--release", "r") == ["runs"]


def test_options_that_are_not_shown_are_not_offered(script):
    assert "--path" not in complete(script, "info", "--")


def test_no_such_shell(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["completion", "csh"])
    assert "bash" in capsys.readouterr().err


def test_a_command_whose_packages_are_missing_is_completed_by_name(monkeypatch, capsys):
    import sys

    monkeypatch.setitem(sys.modules, "transferz.cli.survey", None)
    assert main(["completion", "bash"]) == 0
    said = capsys.readouterr().out
    assert "_shtab_transferz_survey_option_strings=(-h --help)" in said
