"""Stages run the code that lies in their checkout, or do not run."""

import shutil
from pathlib import Path

import pytest

from transferz.cli import main
from transferz.schemas.checkout import ROOMS, require_own_code
from transferz.schemas.errors import InputError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def second(tmp_path):
    """Another checkout with the same code."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_the_same_code_may_lie_elsewhere(second):
    require_own_code(second)
    require_own_code(ROOT)


def test_a_folder_without_code_is_nobodys_checkout(tmp_path):
    (tmp_path / "dataset").mkdir()
    require_own_code(tmp_path)


@pytest.mark.parametrize("name", ["dataset/splits/hashing.py", "dataset/page/card.md.jinja"])
def test_other_code_is_refused_by_the_name_of_its_file(second, name):
    with (second / name).open("a") as file:
        file.write("# a remark\n")
    with pytest.raises(InputError, match=f"{name} is not the code that runs.*make env"):
        require_own_code(second)


def test_a_module_too_many_is_refused(second):
    (second / "tables/further.py").write_text("")
    with pytest.raises(InputError, match=r"tables/further\.py is not the code that runs"):
        require_own_code(second)


def test_commands_that_dvc_runs_are_checked(second, monkeypatch, capsys):
    (second / "cli/train.py").unlink()
    monkeypatch.setenv("DVC_ROOT", str(second))
    assert main(["train", "--help"]) == 2
    assert "cli/train.py is not the code that runs" in capsys.readouterr().err
