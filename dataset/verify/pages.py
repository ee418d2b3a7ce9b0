"""A release's pages against its data: the card, croissant.json and CITATION.cff are made again."""

import difflib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import DatasetCard

from transferz.dataset.page.baselines import FIGURES, shown_figures
from transferz.dataset.page.card_text import card_text, template_digest
from transferz.dataset.page.citation import read_citation
from transferz.dataset.page.croissant import croissant
from transferz.dataset.verify.findings import Broken, some
from transferz.schemas import Table
from transferz.schemas.survey.files import CARD_FILE, CITATION_FILE, CROISSANT_FILE, json_text

Sizes = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""config -> split -> ``rows``, ``bytes`` and ``content``, as they are in the data."""

OPENING = "the opening"
"""What the text before the card's first section is called."""

_NAMING_KEYS = ("@id", "config_name", "split", "name")
"""The keys by which an entry of a list is named."""

_NOTHING = type("Nothing", (), {"__str__": lambda self: "nothing"})()


def check_card(
    release: Path, manifest: Mapping[str, Any], sizes: Sizes, table: Table
) -> Iterator[Broken]:
    """Render the card anew, of what the data hold, and compare: front matter, then line by line.

    Of a card whose manifest names another template than this package's, which puts things in other
    words, the title and the tables are compared.

    Parameters
    ----------
    release : Path
        The release directory.
    manifest : mapping
        The release's manifest.
    sizes : mapping
        What the data hold.
    table : Table
        The release's columns.
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

    Parameters
    ----------
    release : Path
        The release directory.
    manifest : mapping
        The release's manifest.
    table : Table
        The release's columns.
    ours : bool
        Whether these are those that this package declares; bounds are known of no others.
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
    """Compare two contents of JSON or YAML.

    Parameters
    ----------
    content, wanted : dict, list, str, int, float, bool or None
        The contents: what is there, and what should be.
    where : str
        The path that leads to them.

    Yields
    ------
    tuple of str
        Path, what is there and what should be, for each difference. Lists whose entries have other
        names, or another number or order of them, are one difference.
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
