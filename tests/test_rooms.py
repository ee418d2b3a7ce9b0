"""The house rules: which room may import which, and how light `import transferz` is."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FOLDERS = ("schemas", "photometry", "dataset", "loaders", "baselines", "cli")

# The pure functions of matching and splitting, what they are made of, and how files are replaced.
PURE = {
    f"dataset.{name}"
    for name in (
        "conflicts",
        "crossmatch",
        "drawing",
        "files",
        "hashing",
        "sky",
        "splitting",
        "zones",
    )
}

MAY_IMPORT = {
    "schemas": {"schemas"},
    "photometry": {"photometry"},
    "dataset": {"dataset", "schemas", "photometry", "hub"},  # the Hub's client, of the loaders
    "loaders": {"loaders", "schemas"},
    "baselines": {"baselines", "loaders", "schemas", "photometry"} | PURE,
    "cli": set(FOLDERS),
}

MODULES = sorted(path for room in FOLDERS for path in (ROOT / room).rglob("*.py"))


def room_and_module(dotted):
    """`transferz.dataset.sky` -> `dataset`, `dataset.sky`; `transferz.hub` -> `loaders`, `hub`."""
    parts = dotted.split(".")[1:]
    if parts and parts[0] in FOLDERS and parts[0] != "loaders":
        return parts[0], ".".join(parts[:2])
    return "loaders", parts[0] if parts else ""


def imported(tree):
    """Our modules that a module names in an import statement, wherever it stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: a relative import hides its room"
            yield from (f"{node.module}.{name.name}" for name in node.names)


def forbidden(room, tree):
    ours = (name for name in imported(tree) if name.split(".")[0] == "transferz")
    return [name for name in ours if not MAY_IMPORT[room] & set(room_and_module(name))]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_only_the_rooms_it_may(path):
    room = path.relative_to(ROOT).parts[0]
    assert forbidden(room, ast.parse(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("schemas", "import transferz.photometry.flux"),
        ("photometry", "from transferz.schemas import BANDS"),
        ("dataset", "from transferz.baselines import metrics"),
        ("dataset", "from transferz import load_dataset"),
        ("loaders", "from transferz.dataset.hashing import hash_ids"),
        ("baselines", "def f():\n    from transferz.dataset import release"),
        ("baselines", "from transferz import cli"),
        ("loaders", "import transferz.cli"),
    ],
)
def test_a_forbidden_import_is_found(room, line):
    assert forbidden(room, ast.parse(line)) != []


def test_what_baselines_take_from_dataset_is_free_of_stages():
    """Only functions of their arguments: no parameters or tables of the pipeline behind them."""
    for name in PURE:
        tree = ast.parse((ROOT / f"{name.replace('.', '/')}.py").read_text(encoding="utf-8"))
        ours = {room_and_module(n)[1] for n in imported(tree) if n.startswith("transferz.dataset")}
        assert ours <= PURE, name


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
    found = {"transferz"}
    for init in (path for path in MODULES if path.name == "__init__.py"):
        room, *below = init.parent.relative_to(ROOT).parts
        found.add(".".join(["transferz", *([] if room == "loaders" else [room]), *below]))
    assert named == found
