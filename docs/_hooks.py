"""What the site adds to the documents: the files of the repository that they link to; folds.

A document links as on a code host, ``../params.yaml`` say. What such a link points to becomes part
of the site, under ``repository/``: a picture as it is, Markdown as a page, other text as a page
that shows it. Their own links are followed in turn.

The many tables of the column reference are folded, each below its heading.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = "docs"
PLACE = "repository"
LINK = re.compile(r"(?<=\]\()(?![a-z+]+:|#)([^)\s#]+)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
LANGUAGES = {".py": "python", ".yaml": "yaml", ".sql": "sql", ".toml": "toml"}
PICTURES = (".png", ".svg")
OVERVIEW = "README.md"
"""What stands for a folder."""

COLUMNS = "columns.md"
SECTION = re.compile(r"(^### [^\n]*\n\n[^|#]*?\n\n)((?:^\|[^\n]*\n)+)", re.MULTILINE)
FOLDED = "{0}<details markdown>\n<summary>{2} columns</summary>\n\n{1}\n</details>\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what the documents link to outside their folder, and what that links to."""
    waiting = [f"{DOCS}/{page.src_uri}" for page in files.documentation_pages()]
    seen = set(waiting)
    while waiting:
        path = waiting.pop()
        for target in linked(path):
            if target not in seen:
                seen.add(target)
                waiting.append(target)
                if not is_document(target):
                    files.append(made(target, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point the links to where the site has their targets."""
    if page.file.src_uri == COLUMNS:
        markdown = SECTION.sub(folded, markdown)
    return linked_anew(markdown, original(page.file.src_uri), page.file.src_uri)


def folded(section: re.Match[str]) -> str:
    """Fold the table of a section; its first two lines are titles and a rule."""
    return FOLDED.format(section[1], section[2], section[2].count("\n") - 2)


def linked(path: str) -> list[str]:
    """What a document links to, as paths from the repository's root."""
    if not path.endswith(".md"):
        return []
    text = FENCED.sub("", (ROOT / path).read_text(encoding="utf-8"))
    return [resolved(path, link) for link in LINK.findall(text)]


def resolved(path: str, link: str) -> str:
    """Find the file that a link in the document `path` means; a folder's is its overview."""
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if (ROOT / target).is_dir() and (ROOT / target / OVERVIEW).is_file():
        target = f"{target}/{OVERVIEW}"
    if target.startswith("../") or not (ROOT / target).is_file():
        raise PluginError(f"{path} links to '{link}', which is no file of the repository")
    return target


def is_document(target: str) -> bool:
    """Whether a file is among the documents, and so on the site by itself."""
    return target.startswith(f"{DOCS}/")


def place(target: str) -> str:
    """Where a file of the repository is on the site, as a source path."""
    if is_document(target):
        return target.removeprefix(f"{DOCS}/")
    shown = target.endswith((".md", *PICTURES))
    return f"{PLACE}/{target}" if shown else f"{PLACE}/{target}.md"


def original(source: str) -> str:
    """The other way round: which file of the repository a page is made of."""
    if not source.startswith(f"{PLACE}/"):
        return f"{DOCS}/{source}"
    target = source.removeprefix(f"{PLACE}/")
    return target if (ROOT / target).is_file() else target.removesuffix(".md")


def made(target: str, config: MkDocsConfig) -> File:
    """Make a file of the site from one of the repository."""
    path = ROOT / target
    if target.endswith(PICTURES):
        return File.generated(config, place(target), abs_src_path=str(path))
    text = path.read_text(encoding="utf-8")
    if not target.endswith(".md"):
        language = LANGUAGES.get(path.suffix, "text")
        text = f"# `{target}`\n\n````{language}\n{text.rstrip()}\n````\n"
    hidden = "---\nsearch: {exclude: true}\n---\n"
    return File.generated(config, place(target), content=hidden + text)


def linked_anew(markdown: str, path: str, source: str) -> str:
    """Replace the links of the document `path`, which the site has as `source`."""
    here = posixpath.dirname(source)

    def replace(match: re.Match[str]) -> str:
        return posixpath.relpath(place(resolved(path, match[1])), here or ".")

    parts = re.split(f"({FENCED.pattern})", markdown, flags=FENCED.flags)
    return "".join(part if part.startswith("```") else LINK.sub(replace, part) for part in parts)
