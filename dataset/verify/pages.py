"""A release's pages against its data: the card, croissant.json and CITATION.cff."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import DatasetCard

from transferz.dataset.page.baselines import FIGURES, HEADER, score_tables, shown_figures
from transferz.dataset.page.citation import paper_eprint, read_citation
from transferz.dataset.page.croissant import croissant
from transferz.dataset.page.front_matter import card_data
from transferz.dataset.verify.differences import differences, without
from transferz.dataset.verify.report import Broken, some
from transferz.schemas import Table
from transferz.schemas.survey.croissant import column_fields
from transferz.schemas.survey.features import feature_list
from transferz.schemas.survey.files import CARD_FILE, CITATION_FILE, CROISSANT_FILE, json_text
from transferz.schemas.survey.reference import column_table

Sizes = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""config -> split -> ``rows``, ``bytes`` and ``content``, as they are in the data."""

_COUNT = re.compile(r"\d[\d,]*")
_GALAXIES = re.compile(r"(\d[\d,]*) galaxies")


def _card(found: str, expected: object = "") -> Broken:
    return Broken(CARD_FILE, "card", found, str(expected))


def check_card(
    release: Path, manifest: Mapping[str, Any], sizes: Sizes, table: Table
) -> Iterator[Broken]:
    """Check the card's title, front matter, row counts and columns.

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
    card = DatasetCard((release / CARD_FILE).read_bytes().decode("utf-8"))
    title = next((line for line in card.text.splitlines() if line.startswith("# ")), "no title")
    if manifest["version"] not in title.split():
        yield _card(f"'{title}'", f"a title with version {manifest['version']}")
    eprint = paper_eprint(read_citation(release / CITATION_FILE))
    wanted = card_data({**manifest, "content": sizes}, eprint)
    for info in wanted["dataset_info"]:
        info["features"] = feature_list(table)
    for where, found, expected in differences(_worded(card.data.to_dict()), _worded(wanted)):
        yield _card(f"{where}: {found}", expected)
    yield from _card_text(card.text, sizes)
    yield from _card_columns(card.text, table)
    yield from _card_baselines(card.text, {**manifest, "content": sizes})


def _worded(front: dict[str, Any]) -> dict[str, Any]:
    """Front matter with, of the configs' descriptions, only that which `datasets` caches by."""
    for config in front.get("configs") or []:
        config["description"] = str(config.get("description")).rpartition("; ")[2]
    return front


def _card_columns(text: str, table: Table) -> Iterator[Broken]:
    """Check names, types and units in the card's table of columns."""
    ((header, *wanted),) = markdown_tables(column_table(table, brief=True))
    tables = [rows for first, *rows in markdown_tables(text) if first == header]
    if not tables:
        yield _card("no table of columns", " | ".join(header))
    for rows in tables:
        here, there = ({one[0]: one[1:3] for one in of} for of in (rows, wanted))
        for where, found, expected in differences(here, there, "table of columns"):
            yield _card(f"{where}: {found}", expected)


def _card_baselines(text: str, manifest: Mapping[str, Any]) -> Iterator[Broken]:
    """Check the baselines' scores, which of them are of other data, and the figures shown."""
    stated = score_tables(manifest) if manifest.get("baselines") else []
    wanted = [rows for table in stated for _, *rows in markdown_tables(table)]
    found = [rows for first, *rows in markdown_tables(text) if first == list(HEADER)]
    if len(found) != len(wanted):
        yield _card(f"{len(found)} tables of baselines", len(wanted))
    for here, there in zip(found, wanted, strict=False):
        for where, one, expected in differences(here, there, "table of baselines"):
            yield _card(f"{where}: {one}", expected)
    shown = sorted(set(FIGURES.values()) & set(manifest["files"]))
    if shown != sorted(shown_figures(manifest).values()):
        yield _card(
            f"figures of baselines: {some(shown) or 'none'}",
            "the figures of results on this data, and of no others",
        )


def _card_text(text: str, sizes: Sizes) -> Iterator[Broken]:
    """Check the table of rows per split, and the galaxies counted in the opening."""
    tables = [one for one in markdown_tables(text) if "train" in one[0]]
    if not tables:
        yield _card("no table of rows per split", "one, with a column per split")
    for header, *rows in tables:
        listed = {row[0].strip("`"): dict(zip(header, row, strict=False)) for row in rows}
        for config, splits in sizes.items():
            wanted = {split: size["rows"] for split, size in splits.items()}
            wanted |= {"all": sum(wanted.values())} if "all" in header else {}
            for split, count in wanted.items():
                cell = listed.get(config, {}).get(split, "nothing")
                if _number(cell) != count:
                    found = f"table of rows: {cell} for '{config}' {split}"
                    yield _card(found, f"{count:,}")
    totals = {sum(size["rows"] for size in splits.values()) for splits in sizes.values()}
    for count in _GALAXIES.findall(text.partition("\n## ")[0]):
        if _number(count) not in totals:
            yield _card(f"'{count} galaxies' in the opening", "the rows of a config")


def _number(text: str) -> int | None:
    match = _COUNT.fullmatch(text)
    return int(match[0].replace(",", "")) if match else None


def markdown_tables(text: str) -> list[list[list[str]]]:
    """Return the tables of a Markdown text: rows of cells, the header first, no rule."""
    found: list[list[list[str]]] = [[]]
    for line in text.splitlines():
        if line.startswith("|"):
            found[-1].append([cell.strip() for cell in line.strip().strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [[header, *rows] for header, _, *rows in (one for one in found if len(one) > 1)]


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
    wanted = json.loads(json_text(croissant(dict(manifest), release)))
    for one in wanted["recordSet"][1:]:
        split = one["field"][0]
        one["field"] = [split, *column_fields(table, one["@id"], split["source"]["fileSet"]["@id"])]
    content = json.loads((release / CROISSANT_FILE).read_bytes().decode("utf-8"))
    stated, own = (without(one, *left_out) for one in (content, wanted))
    for where, found, expected in differences(stated, own):
        yield Broken(CROISSANT_FILE, "croissant", f"{where}: {found}", expected)


def check_citation(release: Path, version: str, date: str) -> Iterator[Broken]:
    """Check that the citation file names this release.

    Parameters
    ----------
    release : Path
        The release directory.
    version, date : str
        As the manifest says.
    """
    cited = yaml.safe_load((release / CITATION_FILE).read_bytes().decode("utf-8"))
    for fact, value in {"type": "dataset", "version": version, "date-released": date}.items():
        if str(cited.get(fact)) != value:
            yield Broken(CITATION_FILE, "citation", f"{fact} {cited.get(fact)}", value)
