"""Where mkdocstrings finds the packages whose docstrings it shows: a tree of copies in build/api.

Griffe, which reads them, can't follow the `package-dir` of pyproject.toml, by which the folder
loaders/ is the package transferz.
"""

import shutil
import tomllib
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority

ROOT = Path(__file__).parents[1]
TREE = ROOT / "build/api"


@event_priority(50)  # before mkdocstrings, which leaves out a search path that isn't there yet
def on_config(config: MkDocsConfig) -> None:
    """Make the tree anew."""
    shutil.rmtree(TREE, ignore_errors=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    for package, folder in project["tool"]["setuptools"]["package-dir"].items():
        for module in (ROOT / folder).rglob("*.py"):
            copy = TREE / package.replace(".", "/") / module.relative_to(ROOT / folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(module, copy)  # Griffe would follow a link back to the folder
