"""Run the tutorials when the site is built: their outputs, and each as a notebook to download.

A document whose front matter says ``jupyter`` is a notebook kept as text. It runs in a folder that
has nothing but the checked results, on the mock release in data/mock. What a cell prints follows
it; a figure's alternative text is the cell's first line, ``# Figure: ...``. With ``run_tutorials:
false`` they are shown as they stand.
"""

import base64
import os
import re
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from transferz.tables.files import COLOURS

ROOT = Path(__file__).parents[1]
RELEASE = ROOT / "data/mock/release/transferz"
RESULTS = "baselines/results"
LONGEST = 600
"""Seconds that a cell may take."""

CYCLE = [colour.removeprefix("#") for colour in COLOURS.values()]  # there, # begins a comment
STYLE = f"""\
axes.prop_cycle: cycler("color", {CYCLE})
axes.spines.right: False
axes.spines.top: False
axes.titlesize: medium
figure.dpi: 110
legend.frameon: False
"""
"""A matplotlibrc: the tutorials' figures look like those of the other documents."""

WIDTH = 96
"""Characters of a line that a page has room for."""

FIGURE = re.compile(r"# Figure: (.+)")
TABLE = re.compile(r"<table.*?</table>", re.DOTALL)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put what a tutorial's cells print below them."""
    if "jupyter" not in page.meta or not config.extra.get("run_tutorials"):
        return markdown
    header = yaml.safe_dump({"jupyter": page.meta["jupyter"]})  # MkDocs has taken it off
    notebook = jupytext.reads(f"---\n{header}---\n{markdown}", fmt="md")
    run(notebook, page.file.src_uri)
    stem = page.file.src_uri.removesuffix(".md")
    text, pictures = shown(notebook, Path(stem).name)
    for name, content in pictures.items():
        files.append(File.generated(config, f"{Path(stem).parent}/{name}", content=content))
    files.append(File.generated(config, f"{stem}.ipynb", content=nbformat.writes(notebook)))
    link = f"[Download this page as a notebook]({Path(stem).name}.ipynb), with its outputs."
    return f"{text}\n\n{link}\n"


def run(notebook: Any, name: str) -> None:
    """Run a notebook; its outputs are put into it."""
    if not RELEASE.is_dir():
        raise PluginError(f"{name} runs on the mock release, which is not there: run 'make repro'")
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {
            "TRANSFERZ_RELEASE": str(RELEASE),
            "HF_DATASETS_CACHE": f"{folder}/cache",
            "MATPLOTLIBRC": folder,
            "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
            "PYTHONWARNINGS": "ignore:IProgress not found",  # the bars that are off
            "OMP_NUM_THREADS": "1",  # threads that wait for each other are slow on a busy machine
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        }
        (Path(folder) / "work/baselines").mkdir(parents=True)
        (Path(folder) / "work" / RESULTS).symlink_to(ROOT / RESULTS)
        (Path(folder) / "matplotlibrc").write_text(STYLE, encoding="utf-8")
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            timeout=LONGEST,
            startup_timeout=LONGEST,
            resources={"metadata": {"path": f"{folder}/work"}},
        )
        try:
            client.execute(env=environment)
        except CellExecutionError as error:
            raise PluginError(f"{name}: {error}") from None
    for output in (one for cell in notebook.cells for one in cell.get("outputs", ())):
        if "text" in output:  # where this checkout lies is nobody's business
            output.text = output.text.replace(f"{ROOT}/", "")


def shown(notebook: Any, name: str) -> tuple[str, dict[str, bytes]]:
    """Write a notebook as Markdown, and its figures as files of their own: name -> PNG."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        is_bash = cell.source.startswith("%%bash\n")
        source = cell.source.removeprefix("%%bash\n")
        parts.append(f"```{'bash' if is_bash else 'python'}\n{source}\n```")
        said = ""
        for output in cell.outputs:
            data = output.get("data", {})
            if "image/png" in data:
                picture = f"{name}-{len(pictures) + 1}.png"
                pictures[picture] = base64.b64decode(data["image/png"])
                drawn = FIGURE.match(source)
                if not drawn:
                    raise PluginError(f"{name}: a cell draws, and does not say '# Figure: ...'")
                parts.append(f"![{drawn[1]}]({picture})")
            elif table := TABLE.search(data.get("text/html", "")):
                parts.append(re.sub(r"<table[^>]*>", "<table>", table[0]))
            else:
                said += output.get("text", data.get("text/plain", ""))
        if said.strip():
            lines = "\n".join(map(folded, said.rstrip().splitlines()))
            parts.append(f"``` {{.text .output}}\n{lines}\n```")
    return "\n\n".join(parts), pictures


def folded(line: str) -> str:
    """Break a long line of words; one of a table, which has gaps, stays whole."""
    if "  " in line.strip():
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    options = {"break_long_words": False, "break_on_hyphens": False, "subsequent_indent": indent}
    return "\n".join(textwrap.wrap(line, WIDTH, **options)) or line
