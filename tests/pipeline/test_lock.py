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
SHARED = {"files", "params", "stage"}  # plumbing: no byte of an output depends on them
STAGES = ("survey", "ingest", "select", "match", "split", "release", "card")


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


def imports(module: str, seen: set[str]) -> set[str]:
    """Modules of `dataset` that one depends on, through others too, other stages left out."""
    path = ROOT / "dataset" / f"{module}.py"
    tree = ast.parse(path.read_text(encoding="utf-8") if path.exists() else "")  # or a package
    sources = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for source in sources:
        package, _, name = source.rpartition(".")
        if package == "transferz.dataset" and name not in {*seen, *SHARED, *STAGES}:
            seen.add(name)
            imports(name, seen)
    return seen


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_declares_the_code_that_makes_its_rows(stage):
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"][stage]["deps"]
    code = {Path(name).stem for name in declared if name.startswith("dataset/")}
    assert {stage, *imports(stage, set())} <= code
    assert "schemas" in declared
