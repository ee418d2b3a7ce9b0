"""What a release's pages say, against what manifest and data make of them.

The card, croissant.json and the citation file are made again and compared: entry by entry, so that
a finding names the place, then to the letter, if the manifest names the words of this package.
"""

import difflib
import itertools
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml

from transferz.dataset.page.card_text import card_text, words_digest
from transferz.dataset.page.citation import (
    PAPER,
    citation_text,
    read_citation,
    release_citation,
)
from transferz.dataset.page.croissant import croissant
from transferz.dataset.page.facts import FIGURES, shown_figures
from transferz.dataset.page.figures import FIGURES as OWN_FIGURES
from transferz.dataset.page.figures import draw
from transferz.dataset.verify.findings import Broken, Finding, Unable, some
from transferz.schemas import Table
from transferz.schemas.survey.documents import MAX_YAML, parse_json, parse_yaml, read_bytes
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    MANIFEST_FILE,
    file_digest,
    json_text,
)
from transferz.schemas.survey.survey import seek_survey

Sizes = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""config -> split -> ``rows``, ``bytes`` and ``content``, as they are in the data."""

OPENING = "the opening"
"""What the text before the card's first section is called."""

_SPELLING = "other white space, order or spelling"
_NAMING_KEYS = ("@id", "config_name", "split", "name")
"""The keys by which an entry of a list is named."""

_NOTHING = type("Nothing", (), {"__str__": lambda self: "nothing"})()

FOREIGN = (KeyError, TypeError, AttributeError, jinja2.UndefinedError)
"""How it shows that a manifest has not what this package makes pages of."""


def same_words(manifest: Mapping[str, Any]) -> bool:
    """Whether a manifest's pages were written in the words that this package writes."""
    survey = seek_survey(manifest["survey"])
    return survey is not None and bool(manifest.get("template") == words_digest(survey))


def of_another_version(page: str, promise: str, error: Exception) -> Unable:
    """Say that a manifest has not what a promise on a page is checked against."""
    kind = type(error).__name__
    reason = (
        f"{MANIFEST_FILE} lacks what this version of transferz checks it by ({kind}: {error}); "
        "verify the release with the version of transferz that made it"
    )
    return Unable(page, promise, reason)


def check_card(
    release: Path, manifest: Mapping[str, Any], sizes: Sizes, table: Table
) -> Iterator[Finding]:
    """Render the card anew, of what the data hold, and compare: front matter, then line by line.

    Of a card whose manifest names other words than this package's, the front matter but for its
    descriptions, the title and the tables are compared. `table` holds the release's columns.
    """
    measured, to_the_letter = {**manifest, "content": sizes}, same_words(manifest)
    try:
        wanted = card_text(measured, read_citation(release / CITATION_FILE), table)
        figures = sorted(shown_figures(measured).values())
    except FOREIGN as error:
        yield of_another_version(CARD_FILE, "card", error)
        return
    text = read_bytes(release / CARD_FILE, MAX_YAML).decode("utf-8")
    (front, body), (wanted_front, wanted_body) = map(_parted, (text, wanted))
    edits = [
        *_front_edits(front, wanted_front, to_the_letter),
        *_edits(*(_sections(one, to_the_letter) for one in (body, wanted_body))),
    ]
    if to_the_letter and not edits and text != wanted:
        edits = [(_SPELLING, "its own")]
    for found, expected in edits:
        yield Broken(CARD_FILE, "card", found, expected)
    if (shown := sorted(set(FIGURES.values()) & set(manifest["files"]))) != figures:
        found = f"figures of baselines: {some(shown) or 'none'}"
        expected = "the figures of results on this data, and of no others"
        yield Broken(CARD_FILE, "card", found, expected)


def _parted(card: str) -> tuple[str, str]:
    """A card's front matter, empty where it has none, and the text below."""
    front, mark, body = card.removeprefix("---\n").partition("\n---\n")
    return (f"{front}\n", body) if mark and card.startswith("---\n") else ("", card)


def _front_edits(front: str, wanted: str, to_the_letter: bool) -> Iterator[tuple[str, str]]:
    stated, wanted_entries = parse_yaml(front) or {}, parse_yaml(wanted)
    if not to_the_letter:
        stated, wanted_entries = map(_without_notes, (stated, wanted_entries))
    entries = [*differences(stated, wanted_entries)]
    yield from ((f"{where}: {found}", expected) for where, found, expected in entries)
    own = yaml.safe_dump(parse_yaml(front), sort_keys=False, allow_unicode=True)
    if not entries and front != own:  # a comment, or an entry spelt otherwise
        yield f"front matter with {_SPELLING}", "its own"


def _without_notes(front: Any) -> Any:
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
) -> Iterator[Finding]:
    """Check all that croissant.json says; the wording of descriptions only if it is this package's.

    `ours` says whether the columns, `table`, are those that this package declares: bounds are known
    of no others.
    """
    left_out: tuple[str, ...] = () if same_words(manifest) else ("description",)
    left_out += () if ours else ("minValue", "maxValue")
    try:
        wanted = json.loads(json_text(croissant(manifest, release, table)))
    except FOREIGN as error:
        yield of_another_version(CROISSANT_FILE, "croissant", error)
        return
    data = read_bytes(release / CROISSANT_FILE)
    stated = parse_json(data)
    contents = (_without_keys(content, left_out) for content in (stated, wanted))
    edits = [*differences(*contents)]
    for where, found, expected in edits:
        yield Broken(CROISSANT_FILE, "croissant", f"{where}: {found}", expected)
    if not edits and json_text(stated).encode() != data:
        yield Broken(CROISSANT_FILE, "croissant", _SPELLING, "its own")


def _without_keys(content: Any, keys: tuple[str, ...]) -> Any:
    """The content of JSON or YAML without some keys, however deep they are."""
    if isinstance(content, Mapping):
        return {key: _without_keys(content[key], keys) for key in content if key not in keys}
    return [_without_keys(one, keys) for one in content] if isinstance(content, list) else content


def check_citation(release: Path, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    """Check the citation file against that which the manifest makes of its authors and paper."""
    path = release / CITATION_FILE
    stated = read_citation(path)
    keywords = [word for word in stated.get("keywords") or () if word != "mock"]
    try:
        wanted = release_citation({**stated, "keywords": keywords}, manifest)
    except FOREIGN as error:
        absent = [key for key in ("cff-version", "authors", PAPER) if key not in stated]
        if not absent:
            yield of_another_version(CITATION_FILE, "citation", error)
        for key in absent:
            yield Broken(CITATION_FILE, "citation", f"{key}: nothing", "an entry")
        return
    left_out = () if same_words(manifest) else ("abstract", "message")
    edits = [*differences(*(_without_keys(one, left_out) for one in (stated, wanted)))]
    for where, found, expected in edits:
        yield Broken(CITATION_FILE, "citation", f"{where}: {found}", expected)
    if not edits and citation_text(wanted).encode() != path.read_bytes():
        yield Broken(CITATION_FILE, "citation", _SPELLING, "its own")


def check_figures(
    release: Path, manifest: Mapping[str, Any], rows: Mapping[str, pd.DataFrame]
) -> Iterator[Finding]:
    """Draw the figures of rows and cuts anew, on a machine that draws alike, and compare."""
    with tempfile.TemporaryDirectory() as folder:
        draw(rows, manifest, Path(folder))
        for name in OWN_FIGURES.values():
            if name in manifest["files"] and file_digest(Path(folder, name)) != file_digest(
                release / name
            ):
                yield Broken(name, "figures", "another figure", "that which data and manifest give")


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
