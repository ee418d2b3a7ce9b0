"""Commands about the upstream catalogues."""

import argparse
import json
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transferz.dataset.sources.registry import Edition

WIDTH = 100
INDENT = 14  # of what stands beside a label


def sources(argv: Sequence[str]) -> int:
    """List the editions of the upstream catalogues: files, licence, citation, columns used."""
    parser = argparse.ArgumentParser(
        prog="transferz sources",
        description="Where the upstream files come from, on what terms, and what is read of them.",
    )
    parser.add_argument("editions", nargs="*", metavar="EDITION", help="only these (default: all)")
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    arguments = parser.parse_args(argv)

    from transferz.dataset.sources.registry import load_registry

    registry = load_registry()
    if unknown := [key for key in arguments.editions if key not in registry]:
        parser.error(f"no edition {', '.join(unknown)}; there are {', '.join(registry)}")
    chosen = {key: registry[key] for key in arguments.editions or registry}
    sys.stdout.write(_as_json(chosen) if arguments.json else _as_text(chosen))
    return 0


def _columns(edition: "Edition") -> dict[str, list[str]]:
    """Name each column we read, with the names it may have upstream."""
    used = (column for column in edition.columns if column.upstream)
    return {column.name: [*column.upstream, *column.upstream_flux] for column in used}


def _as_json(editions: "dict[str, Edition]") -> str:
    content = {key: _entry(edition) for key, edition in editions.items()}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _entry(edition: "Edition") -> dict[str, Any]:
    entry = edition.model_dump(mode="json", exclude={"by_hand"})
    if edition.by_hand:
        query = str(edition.by_hand.query_path) if edition.by_hand.query else ""
        entry["by_hand"] = edition.by_hand.model_dump(mode="json") | {"query": query}
    return entry | {"columns": _columns(edition)}


def _as_text(editions: "dict[str, Edition]") -> str:
    return "\n".join(f"{key}\n{_text(edition)}" for key, edition in editions.items())


def _text(edition: "Edition") -> str:
    citation = edition.citation
    columns = (" or ".join(names) for names in _columns(edition).values())
    lines = [
        ("is", edition.title),
        ("serves as", edition.catalogue),
        *(("file" if number == 0 else "", text) for number, text in enumerate(_files(edition))),
        ("licence", edition.licence),
        ("cite", " ".join(filter(None, (f"{citation.text}.", citation.doi, citation.url)))),
        ("columns", ", ".join(columns)),
        ("note", edition.note),
    ]
    return "".join(labelled(label, text) for label, text in lines)


def _files(edition: "Edition") -> list[str]:
    """One line for each file, or for each step where a person must get it."""
    if edition.by_hand:
        query = edition.by_hand.query
        steps = [f"by hand, at {edition.by_hand.site}: {edition.by_hand.how}"]
        return steps + ([f"query: {edition.by_hand.query_path}"] if query else [])
    if edition.zenodo:
        record = f"Zenodo record {edition.zenodo} (sizes and md5 from its API)"
        return [f"{file.name}, in {record}" for file in edition.files]
    return [
        f"{file.name} ({_size(file.bytes)}): {url}" for file in edition.files for url in file.urls
    ]


def _size(count: int | None) -> str:
    return "size not stated" if count is None else f"{count / 1e9:.2f} GB"


def labelled(label: str, text: str) -> str:
    """Return a text that stands, over as many lines as it takes, beside its label."""
    return (
        textwrap.fill(
            text,
            WIDTH,
            initial_indent=f"  {label:<{INDENT - 2}}",
            subsequent_indent=" " * INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        + "\n"
    )
