"""``transferz check-leak``: whether a training table holds objects that methods are tested on."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from transferz.baselines.leaks.leaks import Leaks, read_objects
from transferz.baselines.leaks.tables import OPTIONS, check_table, write_clean
from transferz.cli.options import (
    add_columns_option,
    add_release_option,
    column_names,
    command_parser,
)
from transferz.releases import find_release
from transferz.tables.printing import SHOWN, first_few, printable
from transferz.tables.reading import open_table
from transferz.tables.table import naming
from transferz.tables.writing import check_place

DESCRIPTION = """\
Look for a release's test galaxies in a table that a method is to learn from: by id, by group, and
by position within the release's match radius. The exit status is 0 if there is none, 1 if there is
one, and 3 if that can't be told: no id or position of the table is one of the release's.
"""

LEAKING, SAYS_NOTHING = 1, 3


def check_leak(argv: Sequence[str]) -> int:
    """Look for test galaxies in a table.

    The exit status is 0, 1 where the table holds test objects, or 3 where that can't be told.
    """
    args = _parser().parse_args(argv)
    if args.write_clean:
        check_place(args.write_clean, args.table, "--write-clean")
    named = {what: getattr(args, what) for what in OPTIONS}
    told_by = [name or what for what, name in named.items()]
    table = open_table(args.table, args.columns, choose=naming(told_by))
    held = read_objects(find_release(args.release), splits=args.splits)
    columns, leaks = check_table(table, named, held)
    facts = _describe(args.table, columns, leaks)
    if args.write_clean and not leaks.idle:
        rows = write_clean(args.write_clean, table, leaks)
        facts["clean"] = {"file": str(args.write_clean), "rows": rows}
    sys.stdout.write(f"{json.dumps(facts, indent=2)}\n" if args.json else _report(facts, leaks))
    return LEAKING if leaks else SAYS_NOTHING if leaks.idle else 0


def _describe(path: Path, columns: dict[str, str], leaks: Leaks) -> dict[str, Any]:
    """Say in plain data what was checked, and found."""
    held = leaks.held
    return {
        "table": str(path),
        "rows": len(leaks.rows),
        "columns": columns,
        "release": {
            "version": held.release.version,
            "survey": held.release.survey,
            "mock": held.release.mock,
        },
        "splits": list(held.splits),
        "configs": list(held.configs),
        "test_objects": len(held),
        "radius_arcsec": held.radius_arcsec,
        "says_nothing": list(leaks.idle),
        "leaking": bool(leaks),
        "leaking_rows": int(np.count_nonzero(leaks.rows)),
        "leaking_objects": len(leaks.objects),
        "rows_by_way": leaks.counts,
        "first_objects": [str(number) for number in leaks.objects[:SHOWN].tolist()],  # exact
        "unchecked": list(leaks.unchecked),
        "clean": None,
    }


def _report(facts: dict[str, Any], leaks: Leaks) -> str:
    """Lay out what `_describe` says."""
    columns, clean = facts["columns"], facts["clean"]
    told = {
        "id": columns.get("object_id"),
        "group": columns.get("group_id"),
        "position": f"{columns.get('ra')}, {columns.get('dec')}: "
        f'within {facts["radius_arcsec"]:g}"',
    }
    verdict = "no leak found"
    if leaks.idle:
        verdict = f"THE CHECK SAYS NOTHING: {'; '.join(leaks.idle)}"
    if leaks:
        verdict = (
            f"LEAK: {facts['leaking_rows']:,} rows hold {facts['leaking_objects']:,} of them "
            f"(object_id {first_few(leaks.objects)})"
        ) + ("" if clean else "; --write-clean FILE writes the other rows")
    lines = [
        f"{facts['table']}: {facts['rows']:,} rows",
        f"looked for {facts['test_objects']:,} {leaks.held}, of {', '.join(facts['configs'])}",
        *(f"  {way:<8}  {n:>9,} rows  ({told[way]})" for way, n in facts["rows_by_way"].items()),
        *(f"  not checked {note}" for note in facts["unchecked"]),
        verdict,
        *([f"{clean['file']}: the other {clean['rows']:,} rows"] if clean else []),
    ]
    return "\n".join(map(printable, lines)) + "\n"


def _parser() -> argparse.ArgumentParser:
    parser = command_parser("check-leak", DESCRIPTION)
    parser.add_argument(
        "table", type=Path, metavar="TABLE", help="a table: csv, text, parquet, FITS, HDF5 ..."
    )
    columns = (
        ("--id", "object_id", "the release's object_id"),
        ("--ra", "ra", "right ascension, in degrees or the unit that the file says"),
        ("--dec", "dec", "declination, likewise"),
        ("--group", "group_id", "the release's group_id"),
    )
    for option, what, said in columns:
        parser.add_argument(
            option,
            dest=what,
            metavar="COLUMN",
            help=f"its column of {said} (default: {what}, where there is one; '' for none)",
        )
    add_columns_option(parser)
    add_release_option(parser)
    parser.add_argument(
        "--splits",
        type=column_names,
        default=("test",),
        help="whose objects to look for (default: test)",
    )
    parser.add_argument(
        "--write-clean",
        type=Path,
        metavar="FILE",
        help="write the rows without those objects: .csv, .parquet or .fits",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    return parser
