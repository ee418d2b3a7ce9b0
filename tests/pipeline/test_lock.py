"""dvc.lock belongs to the code, the parameters and the stages that are here."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PIPELINES = ("dvc.yaml", "surveys/authors/dvc.yaml", "surveys/cosmos2020/dvc.yaml")
SHAPE_NO_ROW = {"schemas/errors.py"}  # the words of refusals


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


def module_file(dotted: str) -> Path | None:
    """The file of one of our modules, as a path from the root; None for another's."""
    parts = dotted.split(".")[1:]
    for path in (Path(*parts).with_suffix(".py") if parts else Path(), Path(*parts, "__init__.py")):
        if parts and (ROOT / path).is_file():
            return path
    return None


def needed(path: Path, seen: set[Path]) -> set[Path]:
    """Every file of ours that a module imports, through others too."""
    seen.add(path)
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("transferz."):
            for name in (node.module, *(f"{node.module}.{one.name}" for one in node.names)):
                file = module_file(name)
                if file and file not in seen:
                    needed(file, seen)
    return seen


def stages():
    for pipeline in PIPELINES:
        for name, stage in yaml.safe_load((ROOT / pipeline).read_text())["stages"].items():
            yield pytest.param(name, stage["deps"], id=f"{pipeline}:{name}")


@pytest.mark.parametrize(("stage", "declared"), stages())
def test_a_stage_declares_every_folder_whose_code_it_runs(stage, declared):
    code = {path for path in needed(Path("dataset", f"{stage}.py"), set()) if len(path.parts) > 1}
    code = {path for path in code if path.name != "__init__.py" and str(path) not in SHAPE_NO_ROW}
    missing = {str(path) for path in code if not any(path.is_relative_to(dep) for dep in declared)}
    assert missing == set()
