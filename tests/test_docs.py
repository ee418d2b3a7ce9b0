"""What the documents say can be done can be done."""

import argparse
import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml

from transferz.cli import main

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
OTHERS = ("git", "sha256sum", "md5sum", "hf", "pip", "export", "python", "unzip", "tar")
BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.DOTALL)


def blocks(language):
    """The code blocks of all documents, with continued lines joined."""
    found = []
    for path in DOCUMENTS:
        for kind, text in BLOCK.findall(path.read_text(encoding="utf-8")):
            if kind == language:
                found.append((path.name, text.replace("\\\n", " ")))
    return found


def commands():
    lines = [
        (name, line.split("#")[0]) for name, text in blocks("bash") for line in text.splitlines()
    ]
    return [(name, shlex.split(line)) for name, line in lines if line.strip()]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_are_there(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


class Parsed(Exception):
    """A command's arguments are in order; it was not run."""


@pytest.fixture
def only_parse(monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, arguments=None, namespace=None):
        parse(parser, arguments, namespace)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)


@pytest.mark.parametrize(("document", "command"), commands())
def test_commands_exist_and_take_these_arguments(document, command, only_parse):
    words = list(itertools.dropwhile(lambda word: "=" in word, command))  # the environment's part
    program, *arguments = words
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif program == "dvc":
        check_dvc(*arguments)
    elif program == "transferz":
        with pytest.raises(Parsed):
            main(arguments)
    else:
        assert program in OTHERS


def test_an_argument_that_a_command_does_not_take_is_found(only_parse):
    with pytest.raises(SystemExit):
        main(["publish", "--no-such-option", "nonsense"])
    with pytest.raises(AssertionError):
        check_dvc("pull", "no-such-stage")


def check_dvc(command, *arguments):
    """Subcommands that there are; targets that are stages, their outputs or pipelines."""
    assert command in ("repro", "dag", "metrics", "plots", "pull", "push", "remote", "status")
    if command in ("repro", "pull", "push"):
        targets = [word for word in arguments if not word.startswith("-")]
        assert [one for one in targets if not is_target(one)] == []


def is_target(word):
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    there = word in stages or (ROOT / word).is_file()
    return there or word.startswith(("data/", "surveys/"))  # an output; or a pipeline to be built


PYTHON = sorted({name for name, _ in blocks("python")})


@pytest.mark.parametrize("document", PYTHON)
def test_the_python_examples_run(document, tiny_release, monkeypatch, tmp_path):
    """A document's examples, as written and in order, on a release the environment names."""
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    names = {}
    for text in (text for name, text in blocks("python") if name == document):
        exec(compile(text, document, "exec"), names)
    if document == "README.md":
        assert set(names["ds"]) == {"train", "validation", "calibration", "test"}
        assert len(names["test"]) > 0


def test_citation_and_version_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project


def test_the_ratios_in_the_documents_are_those_of_the_checked_results():
    tables = (ROOT / "baselines/results/mock/ratios.md").read_text(encoding="utf-8")
    rows = [line for line in tables.splitlines() if line.startswith("| NN-")]
    document = (ROOT / "docs/baselines.md").read_text(encoding="utf-8")
    assert rows
    assert [row for row in rows if row not in document] == []
    times = [float(row.split("|")[2].split()[0]) for row in rows[:2]]
    assert [row.split("|")[1].strip() for row in rows[:2]] == ["NN-TL", "NN-Combo"]
    said = f"NN-TL and NN-Combo have {times[0]:.1f} and {times[1]:.1f} times less bias"
    assert said in (ROOT / "README.md").read_text(encoding="utf-8")
