"""Commands that compare."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from transferz.dataset.versions.compare import Edition

DESCRIPTION = """\
Compare two releases, config by config: the rows in both and in one only, whether they sit in the
same split, how their labels and magnitudes differ and, where the tables that a release was built
from are here too, which cut removed each row that it lacks.
"""


def compare(argv: Sequence[str]) -> int:
    """Compare two releases."""
    parser = argparse.ArgumentParser(prog="transferz compare", description=DESCRIPTION)
    parser.add_argument("a", type=Path, metavar="A", help="a release directory: ours")
    parser.add_argument("b", type=Path, metavar="B", help="the one to compare with: theirs")
    parser.add_argument(
        "--json", metavar="FILE", help="write the report as JSON; '-' prints it, in place of tables"
    )
    parser.add_argument(
        "--rows", type=Path, metavar="FILE", help="list every differing row (.parquet or .csv)"
    )
    arguments = parser.parse_args(argv)

    from transferz.dataset.versions.compare import compare as compare_releases
    from transferz.dataset.versions.compare_text import (
        as_json,
        as_text,
        check_rows_path,
        write_rows,
        write_text,
    )

    if arguments.rows:
        check_rows_path(arguments.rows)
    found = compare_releases(_edition(arguments.a), _edition(arguments.b))
    if arguments.rows:
        write_rows(found.rows, arguments.rows)
    if arguments.json and arguments.json != "-":
        write_text(as_json(found.report), Path(arguments.json))
    sys.stdout.write((as_json if arguments.json == "-" else as_text)(found.report))
    return 0


def _edition(path: Path) -> "Edition":
    """Find a release, and the tables it was built from where they are here."""
    from transferz.dataset.versions.compare import Edition
    from transferz.dataset.versions.trace import find_build
    from transferz.releases import find_release

    release = find_release(path)
    build, untraced = find_build(release.path)
    files = release.files()
    return Edition(release.path, release.version, release.survey, files, build, untraced)
