"""The house rules: which room may import which, and how light `import transferz` is."""

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "photometry", "tables", "dataset", "loaders", "baselines", "cli")
WORDS = {"schemas", "photometry"}

MAY_IMPORT = {
    "schemas": {"schemas"},
    "photometry": {"photometry"},
    "tables": {"tables", "schemas"},
    "dataset": {"dataset", "tables"} | WORDS,
    "loaders": {"loaders", "tables"} | WORDS,
    "baselines": {"baselines", "loaders", "tables", "dataset.sky", "dataset.splits"} | WORDS,
    "cli": set(FOLDERS),
    # Two rooms of the dataset are functions of their arguments alone, so that others may use them.
    "dataset.sky": {"dataset.sky", "schemas", "tables"},
    "dataset.splits": {"dataset.splits", "dataset.sky", "schemas", "tables"},
}
STAGES = {"survey", "fetch", "ingest", "select", "match", "split", "release", "card"}
SIDE_BY_SIDE = 15  # modules that one folder holds at most

MODULES = sorted(path for room in FOLDERS for path in (ROOT / room).rglob("*.py"))


def dotted(path):
    """The name that a module is imported by."""
    room, *parts = path.relative_to(ROOT).with_suffix("").parts
    below = [part for part in parts if part != "__init__"]
    return ".".join(["transferz", *([] if room == "loaders" else [room]), *below])


NAMES = {dotted(path): path for path in MODULES}


def rooms(name):
    """`transferz.dataset.match` -> `dataset`, `dataset.match`; `transferz.rows` -> `loaders`."""
    parts = name.split(".")[1:]
    if parts and parts[0] in FOLDERS and parts[0] != "loaders":
        return {parts[0], ".".join(parts[:2])}
    return {"loaders"}


def imported(tree):
    """Our modules that a module names in an import statement, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides its room"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def parse(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def law(path):
    """The rule that holds for a module: its inner room's, or its room's."""
    parts = path.relative_to(ROOT).parts
    inner = ".".join(parts[:2])
    return inner if inner in MAY_IMPORT else parts[0]


def forbidden(rule, tree):
    ours = (name for name in imported(tree) if name.split(".")[0] == "transferz")
    return [name for name in ours if not MAY_IMPORT[rule] & rooms(name)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_the_rooms_it_may(path):
    assert forbidden(law(path), parse(path)) == []


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ("schemas", "import transferz.photometry.flux"),
        ("photometry", "from transferz.schemas import BANDS"),
        ("tables", "from transferz.dataset.pipeline import stage"),
        ("dataset", "from transferz.baselines.scores import metrics"),
        ("dataset", "from transferz import load_dataset"),
        ("loaders", "from transferz.dataset.splits.hashing import hash_ids"),
        ("baselines", "def f():\n    from transferz.dataset import release"),
        ("baselines", "from transferz.dataset.pipeline.stage import run"),
        ("baselines", "from transferz import cli"),
        ("dataset.sky", "from transferz.dataset.pipeline.params import load_params"),
        ("dataset.splits", "from transferz.dataset.mock.sky import Field"),
        ("loaders", "import transferz.cli"),
    ],
)
def test_a_forbidden_import_is_found(rule, line):
    assert forbidden(rule, ast.parse(line)) != []


def arrows():
    """Which of our files imports which."""
    for name, path in NAMES.items():
        for target in imported(parse(path)):
            whole = target if target in NAMES else target.rpartition(".")[0]
            if whole in NAMES and whole != name:
                yield name, whole


def circles(edges):
    """Groups of files that import each other, through others too."""
    after = {}
    for start, end in edges:
        after.setdefault(start, set()).add(end)
    reached = {start: set() for start in after}
    for start, seen in reached.items():
        waiting = [start]
        while waiting:
            for end in after.get(waiting.pop(), ()):
                if end not in seen:
                    seen.add(end)
                    waiting.append(end)
    return sorted(start for start, seen in reached.items() if start in seen)


def test_no_files_import_each_other_in_a_circle():
    assert circles(arrows()) == []


def test_a_circle_is_found():
    assert circles([("a", "b"), ("b", "c"), ("c", "b")]) == ["b", "c"]


def test_no_folder_is_crowded():
    folders = Counter(path.parent for path in MODULES if path.name != "__init__.py")
    crowded = {str(one.relative_to(ROOT)): n for one, n in folders.items() if n > SIDE_BY_SIDE}
    assert crowded == {}


def test_the_dataset_shows_its_stages_and_nothing_else():
    assert {path.stem for path in (ROOT / "dataset").glob("*.py")} - {"__init__"} == STAGES
    assert [path.stem for path in (ROOT / "baselines").glob("*.py")] == ["__init__"]


def test_importing_transferz_is_light():
    heavy = ("torch", "dvc", "astropy", "pandera", "datasets", "pandas", "numpy", "pyarrow")
    code = f"import sys, transferz; print(sorted(set({heavy}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_room_is_packaged():
    """A folder that pyproject.toml does not name would be missing from the wheel."""
    import tomllib

    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    named = set(tool["setuptools"]["packages"])
    found = {"transferz", "transferz.surveys"}  # which holds data alone
    for init in (path for path in MODULES if path.name == "__init__.py"):
        room, *below = init.parent.relative_to(ROOT).parts
        found.add(".".join(["transferz", *([] if room == "loaders" else [room]), *below]))
    assert named == found
