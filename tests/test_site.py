"""The documentation site builds without a warning, its links hold, and it needs no network."""

import importlib.util
import json
import posixpath
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

pytest.importorskip("material", reason="mkdocs-material builds the site; it is not installed")

ROOT = Path(__file__).parents[1]
LOADED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
    "link": "href",
}
"""Elements that a browser loads something for, and where they say what."""

NAMES_ALONE = {"canonical", "prev", "next", "alternate"}
"""Relations of a <link> that nothing is loaded for."""


@dataclass
class Page(HTMLParser):
    """What a page links to, loads and holds."""

    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    classes: set[str] = field(default_factory=set)
    headings: list[str] = field(default_factory=list)

    def __post_init__(self):
        super().__init__()
        self._in_heading = False

    def handle_starttag(self, tag, attrs):
        found = {name: value or "" for name, value in attrs}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        self.classes |= set(found.get("class", "").split())
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        address = found.get(LOADED.get(tag, ""))
        if address is not None and found.get("rel") not in NAMES_ALONE:
            self.loads.append(address)
        self._in_heading = tag == "h1" or (self._in_heading and tag != "a")
        if tag == "h1":
            self.headings.append("")

    def handle_endtag(self, tag):
        self._in_heading = self._in_heading and tag != "h1"

    def handle_data(self, data):
        if self._in_heading:
            self.headings[-1] += data


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    """The site's configuration; it is built into a folder of its own, any warning an error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_MKDOCS_2_WARNING", "1")
        patch.setenv("TRANSFERZ_RUN_TUTORIALS", "false")  # test_docs.py runs what is in them
        from mkdocs.config import load_config

        folder = tmp_path_factory.mktemp("site")
        return load_config(str(ROOT / "mkdocs.yml"), site_dir=str(folder), strict=True)


@pytest.fixture(scope="module")
def site(config):
    from mkdocs.commands.build import build

    build(config)
    return Path(config["site_dir"])


@pytest.fixture(scope="module")
def pages(site):
    """All pages by their address within the site."""
    found = {}
    for path in sorted(site.rglob("*.html")):
        page = found[path.relative_to(site).as_posix()] = Page()
        page.feed(path.read_text(encoding="utf-8"))
    return found


def in_nav(nav):
    """The documents that a navigation names, in its order."""
    if isinstance(nav, str):
        return [nav]
    inner = nav.values() if isinstance(nav, dict) else nav
    return [name for part in inner for name in in_nav(part)]


def target(page, link):
    """Where a link from a page leads, as an address within the site and an anchor."""
    parts = urlsplit(link)
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page), unquote(parts.path)))
    return (path if parts.path else page), unquote(parts.fragment)


def test_every_document_is_in_the_navigation_and_built(config, pages):
    named = in_nav(config["nav"])
    documents = [path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")]
    assert sorted([*named, "mock/tables.md"]) == sorted(documents)
    titles = [pages[name.replace(".md", ".html")].headings for name in named]
    assert all(len(one) == 1 and one[0].strip() for one in titles)
    assert len({one[0] for one in titles}) == len(named)


def test_every_link_and_anchor_is_there(site, pages):
    lost, count = [], 0
    for name, page in pages.items():
        if name == "404.html":  # its links are from the site's root, wherever that will be
            continue
        for link in page.links + page.loads:
            if urlsplit(link).scheme:
                continue
            path, anchor = target(name, link)
            count += 1
            if not (site / path).is_file() or (anchor and anchor not in pages[path].anchors):
                lost.append(f"{name}: {link}")
    assert lost == []
    assert count > 500


def test_nothing_is_loaded_from_the_network(site, pages):
    outside = {
        f"{name}: {address}"
        for name, page in pages.items()
        for address in page.loads
        if urlsplit(address).scheme not in ("", "data") or urlsplit(address).netloc
    }
    assert outside == set()
    styles = [path.read_text(encoding="utf-8") for path in site.rglob("*.css")]
    assert styles
    assert not [
        one for style in styles for one in re.findall(r"(?:url\(|@import)\s*\W?https?:", style)
    ]
    # the theme's script has libraries of other sites for these alone
    fetched = {"mermaid", "md-source", "__comments", "arithmatex"}
    assert fetched & set().union(*(page.classes for page in pages.values())) == set()


def test_lists_tables_and_code_are_rendered(site):
    """The site's Markdown wants a blank line before a list, where a code host's does not."""
    raw = re.compile(r"\n\s*(- |\d+\. |\|)|```|^\s*[|#]")
    paragraph = re.compile(r"<(p|li)>(.*?)</\1>", re.DOTALL)
    texts = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    found = [(name, body) for name, text in texts.items() for _, body in paragraph.findall(text)]
    assert [one for one in found if raw.search(one[1])] == []


def test_what_documents_link_to_is_part_of_the_site(site, pages):
    figure = site / "repository/baselines/results/mock/scores.png"
    assert figure.read_bytes() == (ROOT / "baselines/results/mock/scores.png").read_bytes()
    assert "repository/params.yaml.html" in pages
    assert "repository/baselines/results/mock/scores.html" in pages


def test_the_search_knows_the_documents_alone(config, site):
    index = json.loads((site / "search/search_index.json").read_text(encoding="utf-8"))
    found = {one["location"].split("#")[0] for one in index["docs"]}
    named = {name.replace(".md", ".html") for name in in_nav(config["nav"])}
    assert named <= found | {"index.html"}
    assert [one for one in found if one.startswith("repository/")] == []


@pytest.fixture(scope="module")
def hooks():
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "docs/_hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_links_lead_to_where_the_site_has_their_targets(hooks):
    text = "[a](../params.yaml) ![b](../baselines/results/mock/scores.png) [c](loading.md#units)"
    assert hooks.linked_anew(text, "docs/mock.md", "mock.md") == (
        "[a](repository/params.yaml.md) ![b](repository/baselines/results/mock/scores.png) "
        "[c](loading.md#units)"
    )
    from_root = hooks.linked_anew("[a](docs/mock.md)", "README.md", "repository/README.md")
    assert from_root == "[a](../mock.md)"
    untouched = "[a](https://arxiv.org) [b](#below)\n```bash\nx[0](../params.yaml)\n```"
    assert hooks.linked_anew(untouched, "docs/mock.md", "mock.md") == untouched


def test_a_link_to_nothing_stops_the_build(hooks):
    from mkdocs.exceptions import PluginError

    for link in ("../no-such-file.yaml", "no-such-page.md", "../../outside.txt"):
        with pytest.raises(PluginError, match="no file of the repository"):
            hooks.linked_anew(f"[a]({link})", "docs/mock.md", "mock.md")


def test_a_tutorial_gets_its_outputs(monkeypatch, tmp_path):
    jupytext = pytest.importorskip("jupytext")
    monkeypatch.syspath_prepend(ROOT / "docs")
    tutorials = importlib.import_module("_tutorials")
    monkeypatch.setattr(tutorials, "RELEASE", tmp_path)
    cells = (
        "import pandas\nprint('seen')\npandas.DataFrame({'a': [7]})",
        "# Figure: a line\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 2])",
    )
    text = "".join(f"```python\n{cell}\n```\n\n" for cell in cells)
    notebook = jupytext.reads(f"# Title\n\n{text}```bash\necho $((6 * 7))\n```\n", fmt="md")
    tutorials.run(notebook, "tutorial.md")
    shown, pictures = tutorials.shown(notebook, "tutorial")
    assert "``` {.text .output}\nseen\n```" in shown
    assert "<td>7</td>" in shown
    assert "```bash\necho $((6 * 7))\n```\n\n``` {.text .output}\n42\n```" in shown
    assert "![a line](tutorial-1.png)" in shown
    assert pictures["tutorial-1.png"].startswith(b"\x89PNG")


def test_what_a_tutorial_prints_is_folded_unless_it_is_a_table(monkeypatch):
    pytest.importorskip("jupytext")
    monkeypatch.syspath_prepend(ROOT / "docs")
    tutorials = importlib.import_module("_tutorials")
    words = "  " + " ".join(["word"] * 40)
    lines = tutorials.folded(words).splitlines()
    assert len(lines) == 3 and max(map(len, lines)) <= tutorials.WIDTH
    assert [len(line) - len(line.lstrip()) for line in lines] == [2, 4, 4]
    assert " ".join(" ".join(lines).split()) == words.strip()
    for kept in ("word   number" * 20, "x" * 200, "", "  short"):
        assert tutorials.folded(kept) == kept


def test_a_tutorial_that_fails_stops_the_build(monkeypatch, tmp_path):
    jupytext = pytest.importorskip("jupytext")
    from mkdocs.exceptions import PluginError

    monkeypatch.syspath_prepend(ROOT / "docs")
    tutorials = importlib.import_module("_tutorials")
    with pytest.raises(PluginError, match="make repro"):
        monkeypatch.setattr(tutorials, "RELEASE", tmp_path / "none")
        tutorials.run(jupytext.reads("```python\n1 / 0\n```", fmt="md"), "tutorial.md")
    monkeypatch.setattr(tutorials, "RELEASE", tmp_path)
    with pytest.raises(PluginError, match=r"(?s)tutorial\.md: .*ZeroDivisionError"):
        tutorials.run(jupytext.reads("```python\n1 / 0\n```", fmt="md"), "tutorial.md")


def test_every_picture_says_what_it_shows(site):
    lost = re.compile(r"<img(?![^>]*alt=\"[^\"]+\")[^>]*>")
    texts = {path.name: path.read_text(encoding="utf-8") for path in site.rglob("*.html")}
    assert [name for name, text in texts.items() if lost.search(text)] == []
