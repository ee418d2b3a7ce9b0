"""Commands about the upstream catalogues."""

import argparse
import json
import sys
import textwrap
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from transferz.cli.options import command_parser

if TYPE_CHECKING:
    from transferz.dataset.fetching.preflight import Finding
    from transferz.dataset.sources.registry import Edition

WIDTH = 100
INDENT = 14  # of what stands beside a label

SOURCES = """\
Show where the upstream files come from, on what terms, and what is read of them. `transferz sources
check` asks whether they can be had. A survey's name stands for all editions that its catalogues
can come from.
"""

CHECK = """\
Ask for every upstream file of a survey without downloading any: is it there, are its name, size and
hash as known, does it have the columns that are read. Files in place are checked where they lie.
An edition's name stands for its files alone, for each survey that they can serve.
The exit status is 0 if `make repro SURVEY=...` can begin, 1 if a file is wrong, upstream or in
place, or only you can get it, 2 if something could not be checked here, without a network say.
"""


def sources(argv: Sequence[str]) -> int:
    """List the editions of the upstream catalogues, or check that their files can be had."""
    if [*argv[:1]] == ["check"]:
        return _check(argv[1:])
    parser = command_parser("sources", SOURCES)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="surveys or editions (default: all editions)"
    )
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")
    arguments = parser.parse_args(argv)

    from transferz.dataset.sources.registry import load_registry

    registry = load_registry()
    surveys, editions = _named(arguments.names, parser)
    served = {catalogue for survey in surveys for catalogue in _catalogues()[survey]}
    chosen = {
        key: edition
        for key, edition in registry.items()
        if not arguments.names or key in editions or edition.catalogue in served
    }
    sys.stdout.write(_as_json(chosen) if arguments.json else _as_text(chosen))
    return 0


def _catalogues() -> dict[str, Collection[str]]:
    """Name the catalogues of each survey whose files come from upstream."""
    from transferz.schemas.survey.survey import find_survey, surveys

    found = map(find_survey, surveys())
    return {survey.name: survey.catalogues for survey in found if not survey.mock}


def _named(names: Sequence[str], parser: argparse.ArgumentParser) -> tuple[list[str], list[str]]:
    """Divide names into surveys and editions; one that is both is the survey's."""
    from transferz.dataset.sources.registry import load_registry

    surveys, editions = _catalogues(), load_registry()
    for name in names:
        if name not in surveys and name not in editions:
            parser.error(
                f"no survey or edition '{name}'; the surveys that are fetched are "
                f"{', '.join(surveys)}, the editions {', '.join(editions)}"
            )
    return [one for one in names if one in surveys], [one for one in names if one not in surveys]


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
        ("cite", " ".join(filter(None, (f"{citation.papers}.", citation.doi, citation.url)))),
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


def _check(argv: Sequence[str]) -> int:
    """Check every file of a survey before it is fetched."""
    from transferz.dataset.fetch import check
    from transferz.dataset.pipeline.stage import Layout
    from transferz.dataset.sources.registry import load_registry
    from transferz.tables.printing import progress_line

    parser = command_parser("sources check", CHECK, "cosmos2020")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="surveys or editions (default: all surveys)"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = parser.parse_args(argv)
    surveys, editions = _named(arguments.names, parser)
    chosen: dict[str, list[str]] = {
        survey: [] for survey in (surveys if arguments.names else _catalogues())
    }
    for edition in editions:
        for survey, catalogues in _catalogues().items():
            if survey not in surveys and load_registry()[edition].catalogue in catalogues:
                chosen.setdefault(survey, []).append(edition)
    found = {}
    with progress_line("asking for files", total=len(chosen), unit=" surveys") as line:
        for survey, only in chosen.items():
            found[survey] = check(Layout(survey), only)
            line.update()
    if arguments.json:
        content = {survey: [asdict(one) for one in findings] for survey, findings in found.items()}
        sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    else:
        whole = {survey: not only for survey, only in chosen.items()}
        texts = [_findings(*one, whole=whole[one[0]]) for one in found.items()]
        sys.stdout.write("\n".join(texts))
    states = {finding.state for findings in found.values() for finding in findings}
    return 1 if states & {"missing", "wrong"} else 2 if "no answer" in states else 0


def _findings(survey: str, findings: "Sequence[Finding]", *, whole: bool) -> str:
    """Lay out a survey's findings: a table, what is to be known of each, and what follows.

    `whole` says that all of the survey's files were looked at.
    """
    from transferz.tables.printing import aligned, printable

    rows = [("catalogue", "file", "state", "size", "hash", "columns")]
    rows += [
        (
            *(one.catalogue, one.file or "(all)", one.state),
            *("" if one.bytes is None else f"{one.bytes / 1e6:,.1f} MB", one.hash, one.columns),
        )
        for one in findings
    ]
    faults = sum(one.is_fault for one in findings)
    verdict = (
        f"{faults} of {len(findings)} to be put right; then run this again"
        if faults
        else f"all is well: `make repro SURVEY={survey}` can begin"
        if whole
        else "all is well with these"
    )
    if any(one.state == "no answer" for one in findings):
        verdict += " (no answer: the server is down, or there is no network here that leads to it)"
    said = [labelled(one.state, printable(one.said)) for one in findings if one.said]
    table = "".join(f"  {printable(line)}\n" for line in aligned(rows))
    return f"{survey}\n{table}{''.join(said)}  {verdict}\n"
