"""Commands on releases as products: is one sound, what changed, how do two differ."""

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

COMPARE = """\
Compare two releases, config by config: the rows in both and in one only, whether they sit in the
same split, how their labels and magnitudes differ and, where the tables that a release was built
from are here too, which cut removed each row that it lacks.
"""

ROWS = "list every row that differs (.parquet or .csv)"

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
    parser.add_argument("--rows", type=Path, metavar="FILE", help=ROWS)
    arguments = parser.parse_args(argv)

    from transferz.dataset.versions import printed
    from transferz.dataset.versions.diff import diff as compare_versions
    from transferz.dataset.versions.diff import read_snapshot, refusal
    from transferz.tables.hub import locate

    if arguments.rows:
        printed.check_rows_path(arguments.rows)
    old, new = (read_snapshot(locate(name)) for name in (arguments.old, arguments.new))
    changes = compare_versions(old, new)
    if arguments.rows:
        printed.write_rows(changes.rows, arguments.rows)
    contradiction = refusal(old, new, changes)
    report = printed.diff_report(old, new, changes, contradiction)
    sys.stdout.write((printed.as_json if arguments.json else printed.diff_text)(report))
    return int(bool(contradiction))


def compare(argv: Sequence[str]) -> int:
    """Compare two releases."""
    parser = argparse.ArgumentParser(prog="transferz compare", description=COMPARE)
    parser.add_argument("a", type=Path, metavar="A", help="a release directory: ours")
    parser.add_argument("b", type=Path, metavar="B", help="the one to compare with: theirs")
    parser.add_argument(
        "--json", metavar="FILE", help="write the report as JSON; '-' prints it, in place of tables"
    )
    parser.add_argument("--rows", type=Path, metavar="FILE", help=ROWS)
    arguments = parser.parse_args(argv)

    from transferz.dataset.versions import printed
    from transferz.dataset.versions.compare import compare as compare_releases
    from transferz.releases import find_release
    from transferz.tables.files import replace_file

    if arguments.rows:
        printed.check_rows_path(arguments.rows)
    comparison = compare_releases(*(find_release(path).path for path in (arguments.a, arguments.b)))
    if arguments.rows:
        printed.write_rows(comparison.rows, arguments.rows)
    if arguments.json and arguments.json != "-":
        with replace_file(Path(arguments.json)) as staging:
            staging.write_text(printed.as_json(comparison.report), encoding="utf-8")
    text = printed.as_json if arguments.json == "-" else printed.compare_text
    sys.stdout.write(text(comparison.report))
    return 0
