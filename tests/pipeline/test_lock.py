"""dvc.lock belongs to the code, the parameters and the stages that are here."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PIPELINES = (
    "dvc.yaml",
    *sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("surveys/*/dvc.yaml")),
)
STAGES = ("survey", "fetch", "ingest", "select", "match", "split", "release", "card")
# refusals and their words; imports that wait
SHAPE_NO_ROW = {"schemas/checkout.py", "schemas/errors.py", "schemas/later.py"}


def test_the_lock_is_up_to_date():
    """Whoever changes a stage's code or parameters commits the lock that comes of it."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["dvc", "status", "--json", "dvc.yaml"],
        cwd=ROOT,
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    changed = [
        f"{stage}: {name} is {state}"
        for stage, changes in json.loads(done.stdout).items()
        for change in changes
        if isinstance(change, dict)
        for name, state in change.get("changed deps", {}).items()
        if not name.startswith("data/")
    ]
    assert changed == [], "run `make repro` and commit dvc.lock"


@pytest.mark.parametrize("path", ["params.yaml", "dvc.lock"])
def test_no_place_on_one_machine_is_committed(path):
    """The release to compare with: none, or one on the Hub, which every clone can ask for."""
    text = (ROOT / path).read_text(encoding="utf-8")
    found = set(re.findall(r"^ *(?:release\.)?previous: *([^\s#]*)", text, re.MULTILINE))
    anywhere = re.compile(r"(null)?|[\w.-]+/[\w.-]+@[\w.+]+")
    assert found and all(map(anywhere.fullmatch, found)), "set release.previous to null"


def module_file(dotted: str) -> Path | None:
    """The file of one of our modules, as a path from the root; None for another's."""
    parts = dotted.split(".")[1:]
    for path in (Path(*parts).with_suffix(".py") if parts else Path(), Path(*parts, "__init__.py")):
        if parts and (ROOT / path).is_file():
            return path
    return None


@cache
def imported(path: Path) -> set[Path]:
    """The files of ours that a module names in an import statement."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("transferz."):
            names |= {node.module, *(f"{node.module}.{one.name}" for one in node.names)}
    return {file for file in map(module_file, names) if file}


def needed(path: Path, seen: set[Path]) -> set[Path]:
    """Every file of ours that a module imports, through others too."""
    seen.add(path)
    for file in imported(path) - seen:
        needed(file, seen)
    return seen


RUNS = {one: needed(Path("dataset", f"{one}.py"), set()) for one in STAGES}
"""The code that each stage runs."""


def stages():
    for pipeline in PIPELINES:
        for name, stage in yaml.safe_load((ROOT / pipeline).read_text())["stages"].items():
            yield pytest.param(name, stage["deps"], id=f"{pipeline}:{name}")


@pytest.mark.parametrize(("stage", "declared"), list(stages()))
def test_a_stage_declares_every_folder_whose_code_it_runs(stage, declared):
    code = {path for path in RUNS[stage] if len(path.parts) > 1}
    code = {path for path in code if path.name != "__init__.py" and str(path) not in SHAPE_NO_ROW}
    missing = {str(path) for path in code if not any(path.is_relative_to(dep) for dep in declared)}
    assert missing == set()


# A change of a shared number, in params.yaml or in the code, reruns what it shapes.


def parameters(values, path=()):
    """Dotted names of all parameters; a list is one."""
    for name, value in values.items():
        below = (*path, str(name))
        yield from parameters(value, below) if isinstance(value, dict) else [".".join(below)]


class Recorded:
    """Pipelines by DVC, in a folder of their own: parameters and code have just been recorded."""

    def __init__(self, root: Path) -> None:
        from dvc.repo import Repo

        for name in ("params.yaml", *PIPELINES):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
        for room in ("dataset", "photometry", "schemas", "tables"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / room, root / room, ignore=ignored)
        repo = Repo.init(str(root), no_scm=True)
        self.root = root
        once: dict[str, Any] = {}  # stages depend on the same folders, which take long to hash

        def shared(dep: Any) -> Any:
            return dep if hasattr(dep, "params") else once.setdefault(dep.fs_path, dep)

        self.deps = {
            (pipeline, stage.name): [shared(dep) for dep in stage.deps if dep.exists]
            for pipeline in PIPELINES
            for stage in repo.stage.load_all(str(root / pipeline))
        }
        for dep in {id(dep): dep for deps in self.deps.values() for dep in deps}.values():
            dep.save()

    def named(self) -> set[str]:
        """What the stages of all pipelines name in params.yaml: sections, or numbers in them."""
        deps = (dep for deps in self.deps.values() for dep in deps)
        return {name for dep in deps for name in getattr(dep, "params", ())}

    def changed(self, file: str, text: str) -> set[tuple[str, str]]:
        """Which stages, by pipeline, would run again if a file had this text.

        Of params.yaml, which DVC reads anew for each stage, those of the project's own alone.
        """
        path = self.root / file
        before = path.read_text(encoding="utf-8")
        path.write_text(text, encoding="utf-8")
        by_params = file == "params.yaml"
        concerned = {
            one: [dep for dep in deps if hasattr(dep, "params") == by_params]
            for one, deps in self.deps.items()
            if one[0] == PIPELINES[0] or not by_params
        }
        if by_params:
            again = {one for one, deps in concerned.items() if any(dep.status() for dep in deps)}
        else:
            asked = {dep.fs_path: dep for deps in concerned.values() for dep in deps}
            holding = {at: dep for at, dep in asked.items() if path.is_relative_to(at)}
            changed = {at for at, dep in holding.items() if dep.status()}
            again = {one for one, deps in concerned.items() if changed & {d.fs_path for d in deps}}
        path.write_text(before, encoding="utf-8")
        return again

    def changed_at_root(self, file: str, text: str) -> set[str]:
        """Which stages of the project's own pipeline would run again."""
        return {stage for of, stage in self.changed(file, text) if of == PIPELINES[0]}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory) -> Recorded:
    return Recorded(tmp_path_factory.mktemp("numbers"))


def test_every_parameter_is_named_by_a_stage(recorded):
    """Those of `baselines` are in the commands of their own pipelines (test_params.py)."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    named = recorded.named()
    # How patiently to ask a server shapes no file.
    unnamed = {
        name
        for name in parameters(content)
        if not any(name == one or name.startswith(f"{one}.") for one in named)
        and not name.startswith(("baselines.", "fetch.retries."))
    }
    assert unnamed == set()


@pytest.mark.parametrize(
    ("name", "again"),
    [
        ("mock.hsc.depths.g", {"survey", "card"}),
        ("select.hsc.cuts", {"select@hsc", "card"}),
        ("select.cosmos2020.label", {"select@cosmos2020", "card"}),
        ("match.radius_arcsec", {"match", "split", "card"}),
        ("match.engine", {"match", "split", "card"}),
        ("match.chance_shift_arcsec", {"match", "card"}),
        ("split.fractions.train", {"split", "card"}),
        ("release.version", {"release", "card"}),
        ("release.date", {"card"}),
        ("release.hats", {"release", "card"}),
        ("baselines.seeds", set()),
    ],
)
def test_a_changed_parameter_reruns_the_stages_that_read_it(recorded, name, again):
    """They themselves: what comes after them runs if what they write changes."""
    content = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    *parents, last = name.split(".")
    section = content
    for one in parents:
        section = section[one]
    section[last] = ["changed"]
    assert recorded.changed_at_root("params.yaml", yaml.safe_dump(content)) == again


def numbers():
    """One number in the code of every folder that stages run, by file and the line it is on."""
    code = set().union(*RUNS.values()) - set(map(Path, SHAPE_NO_ROW))
    folders = {}
    for path in sorted(code):
        for node in ast.parse((ROOT / path).read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and any(
                isinstance(one, ast.Constant) and type(one.value) in (int, float)
                for one in ast.walk(node.value)
            ):
                folders.setdefault(path.parent, (path.as_posix(), node.lineno))
    return [pytest.param(*one, id=one[0]) for one in folders.values()]


@pytest.mark.parametrize(("file", "line"), numbers())
def test_a_changed_number_in_the_code_reruns_the_stages_that_run_it(recorded, file, line):
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines(keepends=True)
    number = re.compile(r"(?<![\w.])\d")
    lines[line - 1] = number.sub(lambda one: str((int(one[0]) + 1) % 10), lines[line - 1])
    again = recorded.changed(file, "".join(lines))
    runs_it = {one for one in recorded.deps if Path(file) in RUNS[one[1].partition("@")[0]]}
    assert runs_it and runs_it <= again


def test_what_the_benchmark_is_scored_by_reruns_no_stage_but_the_card(recorded):
    """A new metric, or field of an entry, changes no row."""
    assert recorded.changed_at_root("schemas/benchmark/scores.py", "LIMIT = 1\n") == {"card"}
