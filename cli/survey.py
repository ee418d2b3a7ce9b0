"""Commands on surveys as they are configured: list them, add one, check one against its files."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz.cli.options import command_parser, positive

if TYPE_CHECKING:
    from transferz.dataset.surveys.checking import ColumnFinding, FileFinding

UNUSED = 20  # names of a file's other columns that a terminal has room for

SURVEY = """\
A survey is configuration: surveys/NAME/survey.yaml says what its bands, tables and cuts are, and
surveys/NAME/dvc.yaml is the pipeline that follows from it. docs/surveys.md has an example.
"""

CHECK = """\
Read the first rows of a survey's files, and say for every column that the survey declares what it
is taken for: the file's name, type and unit, the share of missing values, range and median; which
are missing, what looks like another unit, and which of the file's columns are not used. The exit
status is 0 if all is well, 1 if something is wrong, 2 if something can't be checked.
"""


def survey(argv: Sequence[str]) -> int:
    """List surveys, write a new one's files, or check one."""
    parser = command_parser("survey", SURVEY)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Callable[..., int], summary: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=summary, description=run.__doc__)
        one.set_defaults(run=run)
        return one

    command("list", _list, "the surveys, with bands, catalogues, configs").add_argument(
        "--json", action="store_true", help="as JSON, for programs"
    )
    command("new", _new, "write a new survey's files, to be edited").add_argument(
        "name", metavar="SURVEY"
    )
    command(
        "pipeline", _pipeline, "write a survey's dvc.yaml anew, from its survey.yaml"
    ).add_argument("name", metavar="SURVEY")
    check = command("check", _check, "what a survey takes the columns of its files for")
    check.description = CHECK
    check.add_argument("name", metavar="SURVEY")
    check.add_argument("files", nargs="+", type=Path, metavar="FILE")
    check.add_argument("--rows", type=positive, help="how many rows to read (default: 10,000)")
    check.add_argument("--json", action="store_true", help="print the findings as JSON")
    arguments = vars(parser.parse_args(argv))
    status: int = arguments.pop("run")(**arguments)
    return status


def _list(json: bool) -> int:
    """List the surveys that are configured, with their bands, catalogues and configs."""
    from transferz.schemas.survey.survey import find_survey, surveys
    from transferz.tables.printing import aligned, printable

    found = [find_survey(name) for name in surveys()]
    if json:
        return _print_json(
            [
                {
                    "name": one.name,
                    "title": one.title,
                    "mock": one.mock,
                    "bands": [band.name for band in one.bands],
                    "catalogues": {name: entry.role for name, entry in one.catalogues.items()},
                    "configs": one.configs,
                }
                for one in found
            ]
        )
    rows = [("survey", "bands", "catalogues", "configs")]
    rows += [
        (
            one.name,
            " ".join(band.name for band in one.bands),
            " ".join(one.catalogues),
            " ".join(one.configs.values()),
        )
        for one in found
    ]
    sys.stdout.write("".join(f"{printable(line)}\n" for line in aligned(rows)))
    return 0


def _new(name: str) -> int:
    """Write surveys/NAME: survey.yaml, a skeleton that says what every entry is, and dvc.yaml."""
    from transferz.dataset.surveys.skeleton import write_skeleton

    folder = write_skeleton(name)
    sys.stdout.write(
        f"wrote {folder / 'survey.yaml'} and {folder / 'dvc.yaml'}; edit the first, then "
        f"`transferz survey check {name} FILE...`\n"
    )
    return 0


def _pipeline(name: str) -> int:
    """Write a survey's dvc.yaml anew, from what its survey.yaml says; whatever is there goes."""
    from transferz.dataset.surveys.pipeline import write_pipeline
    from transferz.schemas.survey.survey import find_survey

    sys.stdout.write(f"wrote {write_pipeline(find_survey(name))}\n")
    return 0


def _check(name: str, files: Sequence[Path], rows: int | None, json: bool) -> int:
    """Check a survey's configuration, and what it takes the columns of its files for."""
    from transferz.dataset.surveys.checking import FIRST_ROWS, check_files, check_pipeline
    from transferz.schemas.survey.survey import find_survey
    from transferz.tables.printing import printable_lines

    survey = find_survey(name)
    faults = check_pipeline(survey)
    found = check_files(survey, files, rows or FIRST_ROWS)
    sound = not faults and all(one.sound for one in found)
    if json:
        _print_json(
            {
                "survey": name,
                "sound": sound,
                "faults": faults,
                "files": [one.as_json() for one in found],
            }
        )
    else:
        verdict = "all is well" if sound else "to be put right: what is called wrong"
        parts = [*(f"wrong: {fault}\n" for fault in faults), *map(_text, found)]
        text = "\n".join([*parts, f"survey {name}: {verdict}\n"])
        sys.stdout.write(printable_lines(text))
    return 0 if sound else 1


def _text(finding: "FileFinding") -> str:
    """Lay out what a file is taken for."""
    from transferz.tables.printing import aligned, first_few

    whole = "" if finding.all_rows is None else f" of {finding.all_rows:,}"
    lines = [f"{finding.file}: catalogue '{finding.catalogue}', {finding.rows:,}{whole} rows read"]
    head = ("column", "in the file", "type", "unit", "missing", "from", "median", "to")
    lines += [f"  {line}" for line in aligned([head, *map(_row, finding.columns)])]
    if count := len(finding.unused):
        lines.append(f"  not used, {count:,}: {first_few(finding.unused, UNUSED)}")
    lines += [f"  wrong: {fault}" for fault in finding.faults]
    for column in finding.columns:
        lines += [f"  wrong: {column.name}: {fault}" for fault in column.faults]
    return "\n".join(lines) + "\n"


def _row(column: "ColumnFinding") -> tuple[str, ...]:
    unit = column.their_unit or ("uJy?" if column.from_flux else "")
    return (
        column.name,
        column.theirs or "MISSING",
        column.dtype,
        f"{unit} -> {column.unit}" if unit and unit != column.unit else column.unit,
        "" if column.missing is None else f"{column.missing:.1%}",
        *("" if one is None else f"{one:.7g}" for one in (column.low, column.median, column.high)),
    )


def _print_json(content: Any) -> int:
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return 0
