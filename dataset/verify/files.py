"""The files of a release against its manifest, and what manifest and pages say.

The card and croissant.json are made again, of what the data hold, and compared.
"""

import difflib
import itertools
import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import yaml
from huggingface_hub import DatasetCard
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from transferz.dataset.page.card_text import card_text, template_digest
from transferz.dataset.page.citation import read_citation
from transferz.dataset.page.croissant import croissant
from transferz.dataset.page.facts import FIGURES, shown_figures
from transferz.dataset.pipeline.params import MAX_RADIUS_ARCSEC
from transferz.dataset.verify.findings import Broken, safely, some
from transferz.schemas import CONFIGS, SPLITS, Table
from transferz.schemas.survey.columns import Dtype
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    FIRST_INDEX_FILE,
    INDEX_FILE,
    MANIFEST_FILE,
    SHARD,
    SURVEYS,
    Version,
    file_digest,
    json_text,
    self_digest,
)
from transferz.tables.files import read_json

TOLERATED = (".gitattributes", ".cache/huggingface/")
"""What the Hub adds to a repository and its client to a download."""

_PAGES = "|".join(map(re.escape, (CARD_FILE, CITATION_FILE, CROISSANT_FILE)))
_INDEX, _FIRST_INDEX = (
    re.escape(name).replace(re.escape("{config}"), f"(?:{'|'.join(CONFIGS)})")
    for name in (INDEX_FILE, FIRST_INDEX_FILE)
)
_DATA = rf"(?:{'|'.join(CONFIGS)})/(?:{'|'.join(SPLITS)}){SHARD}"
_LAYOUT = re.compile(rf"{_PAGES}|figures/[\w-]+\.png|{_INDEX}|{_DATA}", re.ASCII)
_FIRST_LAYOUT = re.compile(rf"{_LAYOUT.pattern}|{_FIRST_INDEX}", re.ASCII)
"""The names that a release's files have, and had in the first major version."""

Sizes = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""config -> split -> ``rows``, ``bytes`` and ``content``, as they are in the data."""

OPENING = "the opening"
"""What the text before the card's first section is called."""

_NAMING_KEYS = ("@id", "config_name", "split", "name")
"""The keys by which an entry of a list is named."""

_NOTHING = type("Nothing", (), {"__str__": lambda self: "nothing"})()


class _Entry(BaseModel):
    model_config = ConfigDict(strict=True)


class _Split(_Entry):
    rows: int
    bytes: int
    content: str


class _File(_Entry):
    sha256: str
    bytes: int


class _Column(_Entry):
    model_config = ConfigDict(strict=True, extra="forbid")

    dtype: Dtype
    unit: str
    ucd: str = ""
    description: str = ""


class _MatchParameters(_Entry):
    radius_arcsec: float = Field(gt=0, le=MAX_RADIUS_ARCSEC)


class _SplitParameters(_Entry):
    scheme: str


class _Parameters(_Entry):
    match: _MatchParameters
    split: _SplitParameters


class ManifestShape(_Entry):
    """What a manifest must hold for a release to be checked against it."""

    name: Literal["transferz"]
    version: str
    survey: str
    mock: bool
    date: str
    columns: dict[str, _Column]
    content: dict[str, dict[str, _Split]]
    counts: dict[str, Any]
    sources: dict[str, str]
    parameters: _Parameters
    template: str = ""
    files: dict[str, _File]
    sha256: str


def read_manifest(release: Path) -> tuple[dict[str, Any], list[Broken]]:
    """Read a release's manifest, empty if it can't be used, and say what is broken in it."""
    path = release / MANIFEST_FILE
    broken = list(safely(MANIFEST_FILE, "manifest", _check_manifest, path))
    return ({} if broken else read_json(path)), broken


def _check_manifest(path: Path) -> Iterator[Broken]:
    """Check that a manifest is one, is its own bytes, has its own hash, and is of its shape."""
    if problem := _not_a_file(path):
        yield Broken(MANIFEST_FILE, "manifest", problem)
        return
    data = path.read_bytes()
    content = json.loads(data.decode("utf-8"))
    if not isinstance(content, dict):
        yield Broken(MANIFEST_FILE, "manifest", type(content).__name__, "a JSON object")
    elif json_text(content).encode() != data:
        yield Broken(MANIFEST_FILE, "manifest", "other white space, order or spelling", "its own")
    elif (digest := self_digest(content)) != content.get("sha256"):
        stated = f"the {content['sha256']} it states" if "sha256" in content else "an entry sha256"
        yield Broken(MANIFEST_FILE, "manifest", f"sha256 {digest}", stated)
    else:
        yield from _check_shape(content)


def _check_shape(content: Mapping[str, Any]) -> Iterator[Broken]:
    try:
        shape = ManifestShape.model_validate(content)
    except ValidationError as error:
        for problem in error.errors()[:5]:
            where = ".".join(map(str, problem["loc"]))
            yield Broken(MANIFEST_FILE, "manifest", f"entry '{where}': {problem['msg']}")
        return
    mocks = {Version.parse(shape.version).mock, shape.mock, shape.survey == "mock"}
    if len(mocks) > 1 or shape.survey not in SURVEYS:
        found = f"version {shape.version}, survey {shape.survey}, mock {shape.mock}"
        yield Broken(MANIFEST_FILE, "manifest", found, "all of them of a mock, or none")


def check_files(release: Path, manifest: Mapping[str, Any]) -> Iterator[Broken]:
    """Check that the files that a manifest lists are there, unchanged, and no others."""
    listed = manifest["files"]
    layout = _LAYOUT if Version.parse(manifest["version"]).major > 1 else _FIRST_LAYOUT
    for name, stated in listed.items():
        yield from safely(name, "files", _check_file, release, name, stated, layout)
    present = set()
    for folder, folders, names in os.walk(release):  # links are not followed
        links = (one for one in folders if Path(folder, one).is_symlink())
        present |= {Path(folder, one).relative_to(release).as_posix() for one in (*names, *links)}
    for name in sorted(present - set(listed) - {MANIFEST_FILE}):
        if name != TOLERATED[0] and not name.startswith(TOLERATED[1]):
            yield Broken(name, "files", "a file that the manifest does not list", "none")


def _check_file(
    release: Path, name: str, stated: Mapping[str, Any], layout: re.Pattern[str]
) -> Iterator[Broken]:
    if _leads_out(name) or not (release / name).parent.resolve().is_relative_to(release.resolve()):
        yield Broken(name, "files", "a name that leads out of the release", "one inside it")
    elif not layout.fullmatch(name):
        yield Broken(name, "files", "a file that is no part of a release", "none")
    elif problem := _not_a_file(release / name):
        yield Broken(name, "files", problem, "a file")
    elif (size := (release / name).stat().st_size) != stated["bytes"]:
        yield Broken(name, "files", f"{size:,} bytes", f"{stated['bytes']:,}")
    elif (digest := file_digest(release / name)["sha256"]) != stated["sha256"]:
        yield Broken(name, "files", f"sha256 {digest}", stated["sha256"])


def _leads_out(name: str) -> bool:
    path = PurePosixPath(name)
    odd = not name or path.is_absolute() or "\\" in name or "\0" in name
    return odd or ".." in path.parts or str(path) != name


def _not_a_file(path: Path) -> str:
    """What is there instead of a plain file; empty if it is one."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    kinds = {stat.S_IFREG: "", stat.S_IFDIR: "a directory", stat.S_IFLNK: "a symbolic link"}
    return kinds.get(stat.S_IFMT(mode), "a special file")


def check_configs(
    present: Mapping[str, Any], manifest: Mapping[str, Any], expected: tuple[str, ...]
) -> Iterator[Broken]:
    """Check which configs have data files: `present`, config -> splits, against `expected`."""
    if set(present) != set(expected):
        yield Broken(MANIFEST_FILE, "configs", some(present) or "none", ", ".join(expected))
    content = manifest["content"]
    for config in {**present, **content}:
        splits, stated = list(present.get(config, {})), list(content.get(config, {}))
        if splits != stated:
            found = f"files of config '{config}' for {some(splits) or 'no split'}"
            yield Broken(MANIFEST_FILE, "configs", found, some(stated) or "no split")


def check_card(
    release: Path, manifest: Mapping[str, Any], sizes: Sizes, table: Table
) -> Iterator[Broken]:
    """Render the card anew, of what the data hold, and compare: front matter, then line by line.

    Of a card whose manifest names another template than this package's, which puts things in other
    words, the title and the tables are compared. `table` holds the release's columns.
    """
    measured = {**manifest, "content": sizes}
    rendered = card_text(measured, read_citation(release / CITATION_FILE), table)
    card, wanted = map(DatasetCard, ((release / CARD_FILE).read_bytes().decode("utf-8"), rendered))
    front, wanted_front = (_without_notes(one.data.to_dict()) for one in (card, wanted))
    for where, found, expected in differences(front, wanted_front):
        yield Broken(CARD_FILE, "card", f"{where}: {found}", expected)
    same_words = manifest.get("template") == template_digest()
    for found, expected in _edits(*(_sections(one.text, same_words) for one in (card, wanted))):
        yield Broken(CARD_FILE, "card", found, expected)
    shown = sorted(set(FIGURES.values()) & set(manifest["files"]))
    if shown != sorted(shown_figures(measured).values()):
        found = f"figures of baselines: {some(shown) or 'none'}"
        expected = "the figures of results on this data, and of no others"
        yield Broken(CARD_FILE, "card", found, expected)


def _without_notes(front: dict[str, Any]) -> dict[str, Any]:
    """Front matter with, of the configs' descriptions, only that which `datasets` caches by."""
    for config in front.get("configs") or []:
        config["description"] = str(config.get("description")).rpartition("; ")[2]
    return front


def _sections(text: str, every_line: bool) -> dict[str, list[str]]:
    """The lines of each section of a card, by its title; its title line and tables, or all."""
    sections: dict[str, list[str]] = {OPENING: []}
    title = OPENING
    for line in text.splitlines():
        if line.startswith("## "):
            title = line.removeprefix("## ")
            sections.setdefault(title, [])
        elif line.strip() and (every_line or line.startswith(("# ", "| "))):
            sections[title].append(line)
    return sections


def _edits(
    sections: Mapping[str, list[str]], wanted: Mapping[str, list[str]]
) -> Iterator[tuple[str, str]]:
    """What differs between the sections of two cards: what is there, and what should be."""
    for title in (title for title in wanted if title not in sections):
        yield f"no section '{title}'", f"one of {len(wanted[title])} lines"
    for title in (title for title in sections if title not in wanted):
        yield f"a section '{title}'", "none of that title"
    common = [title for title in wanted if title in sections]
    if common != [title for title in sections if title in wanted]:
        yield "the sections in another order", " | ".join(common)
    for title in common:
        lines, wanted_lines = sections[title], wanted[title]
        matcher = difflib.SequenceMatcher(None, lines, wanted_lines, autojunk=False)
        for kind, i, i_end, j, j_end in matcher.get_opcodes():
            pairs = itertools.zip_longest(lines[i:i_end], wanted_lines[j:j_end], fillvalue="")
            for line, wanted_line in pairs if kind != "equal" else ():
                found = _quoted(line, wanted_line)
                yield f"in '{title}': {found}", _quoted(wanted_line, line)


def _quoted(line: str, other: str, width: int = 100) -> str:
    """A line in quotes; of a long one its first cell, and where it begins to differ."""
    if not line:
        return "no such line"
    pairs = enumerate(zip(line, other, strict=False))
    differs = next((at for at, (one, two) in pairs if one != two), min(len(line), len(other)))
    start = max(0, min(differs - 25, len(line) - width))
    cell = line[: line.index(" |", 1) + 3] if line.startswith("| ") else ""
    before = f"{cell}..." if start > len(cell) else line[:start]
    after = "..." if len(line) > start + width else ""
    return f"'{before}{line[start : start + width]}{after}'"


def check_croissant(
    release: Path, manifest: Mapping[str, Any], table: Table, *, ours: bool
) -> Iterator[Broken]:
    """Check all that croissant.json says but for the wording of descriptions.

    `ours` says whether the columns, `table`, are those that this package declares: bounds are known
    of no others.
    """
    left_out = ("description",) if ours else ("description", "minValue", "maxValue")
    stated = json.loads((release / CROISSANT_FILE).read_bytes().decode("utf-8"))
    wanted = json.loads(json_text(croissant(manifest, release, table)))
    contents = (_without_keys(content, left_out) for content in (stated, wanted))
    for where, found, expected in differences(*contents):
        yield Broken(CROISSANT_FILE, "croissant", f"{where}: {found}", expected)


def _without_keys(content: Any, keys: tuple[str, ...]) -> Any:
    """The content of JSON or YAML without some keys, however deep they are."""
    if isinstance(content, Mapping):
        return {key: _without_keys(content[key], keys) for key in content if key not in keys}
    return [_without_keys(one, keys) for one in content] if isinstance(content, list) else content


def check_citation(release: Path, version: str, date: str) -> Iterator[Broken]:
    """Check that the citation file is of a data set of the manifest's version and date."""
    citation = yaml.safe_load((release / CITATION_FILE).read_bytes().decode("utf-8"))
    for key, value in {"type": "dataset", "version": version, "date-released": date}.items():
        if str(citation.get(key)) != value:
            yield Broken(CITATION_FILE, "citation", f"{key} {citation.get(key)}", value)


def differences(content: Any, wanted: Any, where: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield what differs between two contents of JSON or YAML: what is there and what should be.

    Each difference has its path, which begins with `where`, then what is there and what should be.
    Lists whose entries have other names, or another number or order of them, are one difference.
    """
    if isinstance(content, Mapping) and isinstance(wanted, Mapping):
        for key in {**wanted, **content}:
            value, wanted_value = (one.get(key, _NOTHING) for one in (content, wanted))
            path = f"{where}.{key}" if where else str(key)
            yield from differences(value, wanted_value, path)
    elif isinstance(content, list) and isinstance(wanted, list):
        yield from _list_differences(content, wanted, where)
    elif (type(content), content) != (type(wanted), wanted):
        yield where, _shortened(content), _shortened(wanted)


def _list_differences(
    content: list[Any], wanted: list[Any], where: str
) -> Iterator[tuple[str, str, str]]:
    names, wanted_names = (
        [*map(_name, entries, range(len(entries)))] for entries in (content, wanted)
    )
    more = [name for name in names if name not in wanted_names]
    fewer = [name for name in wanted_names if name not in names]
    if names == wanted_names:
        for name, entry, wanted_entry in zip(names, content, wanted, strict=True):
            yield from differences(entry, wanted_entry, f"{where}[{name}]")
    elif more or fewer:
        found = f"entries too many: {some(more) or 'none'}, missing: {some(fewer) or 'none'}"
        yield where, found, ""
    else:
        yield where, "another order, or an entry twice", some(wanted_names)


def _name(entry: Any, position: int) -> str:
    named = entry if isinstance(entry, Mapping) else {}
    return next((str(named[key]) for key in _NAMING_KEYS if key in named), str(position))


def _shortened(value: Any, most: int = 120) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}..."
