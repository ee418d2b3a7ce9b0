"""Do what pyproject.toml can't: the package index's page, and editable installs that are found.

An index can't follow README.md's links into the repository. They become absolute where
``[project.urls]`` in pyproject.toml says where that is; else they become plain text, and pictures
are left out.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)\n\n(\*[^*]+\*\n\n)?")
"""A picture, and the caption below it."""

LINK = re.compile(r"(!?)\[([^\]]*)\]\((?![a-z]+:|#)([^)]+)\)")
"""A link or picture within the repository."""

FIRST = '''\
"""Find the editable package where a folder called ``transferz`` would be taken for it."""

import sys
from importlib.machinery import PathFinder


class BeforeFolders:
    """Goes before Python's own finder, which takes a folder without code for a package."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        """Return what the editable install has, unless a package with code is on the path."""
        if name != "transferz" or ((found := PathFinder.find_spec(name)) and found.origin):
            return None
        for finder in sys.meta_path:
            if "__editable___transferz" in getattr(finder, "__module__", ""):
                return finder.find_spec(name, path, target)
        return None


sys.meta_path.insert(0, BeforeFolders)
'''
"""A module of an editable install, which Python imports as it starts."""


class BuildEditable(build_py):
    """Let an editable install be imported beside a folder called ``transferz``, such as the clone.

    Python takes such a folder for a package without code, and asks setuptools' finder last.
    """

    def run(self) -> None:
        """Build, and add the module to an editable wheel."""
        super().run()
        if self.editable_mode:
            place = Path(self.get_finalized_command("install").install_lib)
            (place / "_transferz_first.py").write_text(FIRST, encoding="utf-8")
            (place / "transferz_first.pth").write_text("import _transferz_first", encoding="utf-8")


def index_page(text: str, home: str | None) -> str:
    """Return the README as an index shows it; `home` is the repository's address."""
    if home is None:
        return LINK.sub(r"\2", PICTURE.sub("", text))

    def absolute(link: re.Match[str]) -> str:
        picture, words, target = link.groups()
        return f"{picture}[{words}]({home}/{'raw' if picture else 'blob'}/HEAD/{target})"

    return LINK.sub(absolute, text)


if __name__ == "__main__":
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    setup(
        cmdclass={"build_py": BuildEditable},
        long_description=index_page(readme, project.get("urls", {}).get("Repository")),
        long_description_content_type="text/markdown",
    )
