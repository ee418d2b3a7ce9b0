"""Commands on a release as a product: is it sound, and what changed since the last version."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

VERIFY = """\
Check that a release is whole and keeps its promises: its files against the manifest, then rows,
splits, units, index, card and Croissant against each other. A line per broken promise; the exit
status is 0 if all is well, 1 if a promise is broken, 2 if there is no release to check.
"""

DIFF = """\
Show what changed between two versions of a release and whether the new version's number says so:
PATCH for the same data, MINOR for additions, MAJOR where rows changed, were dropped or moved to
another split, or columns were dropped or changed. A greater step than needed is allowed. The exit
status is 0 if the number keeps the rule, 1 if it contradicts what changed, 2 if the two can't be
compared.
"""

WHERE = "a release directory, or org/name@version on the Hugging Face Hub"


def verify(argv: Sequence[str]) -> int:
    """Verify a release."""
    parser = argparse.ArgumentParser(prog="transferz verify", description=VERIFY)
    parser.add_argument(
        "release",
        nargs="?",
        metavar="RELEASE",
        help=f"{WHERE}; by default the release in use, see transferz info",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args(argv)

    from transferz.dataset.verify.verifying import inspect
    from transferz.releases import find_release
    from transferz.tables.hub import locate

    path = locate(arguments.release) if arguments.release else find_release().path
    report = inspect(path)
    sys.stdout.write(report.json() if arguments.json else report.text())
    return int(bool(report.broken))


def diff(argv: Sequence[str]) -> int:
    """Compare two versions of a release."""
    parser = argparse.ArgumentParser(prog="transferz diff", description=DIFF)
    parser.add_argument("old", metavar="OLD", help=WHERE)
    parser.add_argument("new", metavar="NEW", help=WHERE)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--rows", type=Path, metavar="FILE", help="list every row that differs (.parquet or .csv)"
    )
    arguments = parser.parse_args(argv)

    from transferz.dataset.versions import versions_text
    from transferz.dataset.versions.compare_text import check_rows_path, write_rows
    from transferz.dataset.versions.versions import compare, read_snapshot, refusal
    from transferz.tables.hub import locate

    if arguments.rows:
        check_rows_path(arguments.rows)
    old, new = (read_snapshot(locate(name)) for name in (arguments.old, arguments.new))
    changes = compare(old, new)
    if arguments.rows:
        write_rows(versions_text.changed_rows(changes), arguments.rows)
    contradiction = refusal(old, new, changes)
    found = versions_text.report(old, new, changes, contradiction)
    text = versions_text.as_json if arguments.json else versions_text.as_text
    sys.stdout.write(text(found))
    return int(bool(contradiction))
