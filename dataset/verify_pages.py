"""A release's pages against its data: the card, croissant.json and CITATION.cff."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import DatasetCard

from transferz.dataset.verify_report import Broken, some
from transferz.schemas import Table
from transferz.schemas.croissant import column_fields
from transferz.schemas.features import feature_list
from transferz.schemas.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    INDEX_FILE,
    data_files,
    file_digest,
)

Sizes = Mapping[str, Mapping[str, Mapping[str, int]]]
"""config -> split -> ``rows`` and ``bytes``, as they are in the data."""

_COUNT = re.compile(r"\d[\d,]*")
_GALAXIES = re.compile(r"(\d[\d,]*) galaxies")
_FIELD = ("name", "dataType", "unitText", "additionalProperty", "description", "source")


def _card(found: str, expected: object = "") -> Broken:
    return Broken(CARD_FILE, "card", found, str(expected))


def check_card(release: Path, version: str, sizes: Sizes, table: Table) -> Iterator[Broken]:
    """Check the card's title, front matter and row counts.

    Parameters
    ----------
    release : Path
        The release directory.
    version : str
        As the manifest says.
    sizes : mapping
        What the data hold.
    table : Table
        The release's columns.
    """
    card = DatasetCard((release / CARD_FILE).read_bytes().decode("utf-8"))
    title = next((line for line in card.text.splitlines() if line.startswith("# ")), "no title")
    if version not in title.split():
        yield _card(f"'{title}'", f"a title with version {version}")
    front = card.data.to_dict()
    yield from _card_configs(release, front.get("configs") or [], sizes)
    infos = front.get("dataset_info") or []
    infos = {one["config_name"]: one for one in ([infos] if isinstance(infos, dict) else infos)}
    if list(infos) != list(sizes):
        yield _card(f"dataset_info of {some(infos) or 'no config'}", ", ".join(sizes))
    for config in (one for one in sizes if one in infos):
        yield from _card_info(config, infos[config], sizes[config], table)
    yield from _card_text(card.text, sizes)


def _card_configs(release: Path, configs: list[dict[str, Any]], sizes: Sizes) -> Iterator[Broken]:
    named = [one["config_name"] for one in configs]
    default = [one["config_name"] for one in configs if one.get("default")]
    if named != list(sizes) or default != list(sizes)[:1]:
        wanted = f"{', '.join(sizes)}, the first by default"
        yield _card(f"configs {some(named)} with default {some(default) or 'none'}", wanted)
    there = data_files(release)
    for one in (one for one in configs if one["config_name"] in there):
        config = one["config_name"]
        found = {
            part["split"]: sorted(release.glob(part["path"])) for part in one.get("data_files", [])
        }
        if found != there[config]:
            yield _card(f"data_files of '{config}' for {some(found)}", "its files, split by split")


def _card_info(
    config: str, info: Mapping[str, Any], sizes: Mapping[str, Mapping[str, int]], table: Table
) -> Iterator[Broken]:
    features, wanted = info.get("features") or [], feature_list(table)
    if features != wanted:
        wrong = [one for one in features if one not in wanted] or ["fewer, or another order"]
        yield _card(f"features of '{config}': {some(wrong)}", "the columns' names, types and units")
    found = {one["name"]: (one["num_examples"], one["num_bytes"]) for one in info.get("splits", [])}
    there = {split: (size["rows"], size["bytes"]) for split, size in sizes.items()}
    for split in {**found, **there}:
        if found.get(split) != there.get(split):
            what = f"rows and bytes of '{config}' {split}: {found.get(split)}"
            yield _card(f"front matter: {what}", there.get(split))
    total = sum(size["bytes"] for size in sizes.values())
    if info.get("dataset_size", total) != total:
        yield _card(f"front matter: dataset_size {info['dataset_size']} of '{config}'", total)


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


def _croissant(found: str, expected: object = "") -> Broken:
    return Broken(CROISSANT_FILE, "croissant", found, str(expected))


def check_croissant(release: Path, version: str, table: Table) -> Iterator[Broken]:
    """Check croissant.json's version, files, record sets, fields and units.

    Parameters
    ----------
    release : Path
        The release directory.
    version : str
        As the manifest says.
    table : Table
        The release's columns.
    """
    content = json.loads((release / CROISSANT_FILE).read_bytes().decode("utf-8"))
    if content.get("version") != version:
        yield _croissant(f"version {content.get('version')}", version)
    configs = data_files(release)
    objects = {one["contentUrl"]: one for one in _of_type(content, "cr:FileObject")}
    names = {
        config: [
            path.relative_to(release).as_posix() for paths in splits.values() for path in paths
        ]
        for config, splits in configs.items()
    }
    every = [
        *(f"{one}/{INDEX_FILE}" for one in configs),
        *(n for one in names.values() for n in one),
    ]
    if set(objects) != set(every):
        differ = set(objects) ^ set(every)
        yield _croissant(f"{some(sorted(differ))} in one of distribution and data alone", "in both")
    for name in (name for name in every if name in objects):
        yield from _file_object(objects[name], release / name)
    sets = {one["@id"]: one for one in content["recordSet"] if one["@id"] in configs}
    if list(sets) != list(configs):
        yield _croissant(f"record sets {some(sets) or 'none'}", ", ".join(configs))
    files = {one["@id"]: one for one in _of_type(content, "cr:FileSet")}
    for config, one in sets.items():
        yield from _record_set(one, config, files, names[config], table)


def _of_type(content: Mapping[str, Any], kind: str) -> list[dict[str, Any]]:
    return [one for one in content["distribution"] if one["@type"] == kind]


def _file_object(stated: Mapping[str, Any], path: Path) -> Iterator[Broken]:
    digest = file_digest(path)
    actual = {"sha256": digest["sha256"], "contentSize": f"{digest['bytes']} B"}
    for fact, value in actual.items():
        if stated.get(fact) != value:
            yield _croissant(f"{fact} {stated.get(fact)} of {stated['contentUrl']}", value)


def _record_set(
    stated: Mapping[str, Any],
    config: str,
    file_sets: Mapping[str, Mapping[str, Any]],
    names: list[str],
    table: Table,
) -> Iterator[Broken]:
    fields = {one["name"]: one for one in stated["field"] if one["name"] != "split"}
    if list(fields) != list(table.names):
        differ = set(fields) ^ set(table.names)
        yield _croissant(f"fields of '{config}' and columns differ: {some(differ) or 'order'}")
    sources = {one["source"]["fileSet"]["@id"] for one in stated["field"]}
    included = [name for one in sorted(sources) for name in file_sets[one]["includes"]]
    if len(sources) != 1 or included != names:
        yield _croissant(f"'{config}' reads {some(included)}", some(names))
    for wanted in column_fields(table, config, next(iter(sources))):
        found = fields.get(wanted["name"], wanted)
        for fact in _FIELD:
            if found.get(fact) != wanted.get(fact):
                what = f"{fact} {found.get(fact)!r} of field '{config}/{wanted['name']}'"
                yield _croissant(what, repr(wanted.get(fact)))


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
