"""Commands on releases as products: is one sound, what changed, how do two differ."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz.cli.options import command_parser
from transferz.schemas.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

VERIFY = """\
Check a release's integrity: its files against the manifest, then rows, splits, units, index, card
and Croissant against each other. Each broken promise gets a line. The exit status is 0 if all is
well, 1 if a promise is broken, 2 if something could not be checked here.
"""

DIFF = """\
Show what changed between two versions of a release and whether the new version's number says so:
PATCH for the same data, MINOR for additions, MAJOR where rows changed, were dropped or moved to
another split, or columns were dropped or changed. A greater step than needed is allowed. The exit
status is 0 if the number keeps the rule, 1 if it contradicts what changed, 2 if the two can't be
compared. How labels and magnitudes of two releases differ is shown by `transferz compare`.
"""

COMPARE = """\
Explain how two releases differ, of whatever survey, config by config: the rows in both and in one
only, whether they are in the same split, how far their labels and magnitudes are apart and, if the
tables that a release was built from are here too, which cut removed each row that it lacks. What
changed between two versions of one release is shown by `transferz diff`.
"""

ROW_FORMATS = (".parquet", ".csv")
ROWS = "list every row that differs (.parquet or .csv)"

WHERE = "a release directory, or org/name@version on the Hugging Face Hub"


def verify(argv: Sequence[str]) -> int:
    """Verify a release."""
    parser = command_parser("verify", VERIFY)
    parser.add_argument(
        "release",
        nargs="?",
        metavar="RELEASE",
        help=f"{WHERE}; by default the release in use, see transferz info",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    arguments = parser.parse_args(argv)

    from transferz.dataset.verify.findings import PROMISES
    from transferz.dataset.verify.verifying import inspect
    from transferz.releases import find_release
    from transferz.tables.hub import locate
    from transferz.tables.printing import progress_line

    path = locate(arguments.release) if arguments.release else find_release().path
    with progress_line("verifying", total=len(PROMISES), unit=" promises") as line:
        report = inspect(path, line.update)
    sys.stdout.write(report.json() if arguments.json else report.text())
    return 1 if report.broken else 2 if report.unable else 0


def diff(argv: Sequence[str]) -> int:
    """Compare two versions of a release."""
    parser = command_parser("diff", DIFF)
    parser.add_argument("old", metavar="OLD", help=WHERE)
    parser.add_argument("new", metavar="NEW", help=WHERE)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--rows", type=Path, metavar="FILE", help=ROWS)
    arguments = parser.parse_args(argv)
    _check_rows_path(arguments.rows)

    from transferz.dataset.versions import diff as versions
    from transferz.tables.hub import locate

    old, new = (versions.read_snapshot(locate(name)) for name in (arguments.old, arguments.new))
    changes = versions.diff(old, new)
    _write_rows(changes.rows, arguments.rows)
    report = versions.diff_report(old, new, changes)
    sys.stdout.write(_as_json(report) if arguments.json else versions.diff_text(report))
    return int(not report["consistent"])


def compare(argv: Sequence[str]) -> int:
    """Compare two releases."""
    parser = command_parser("compare", COMPARE)
    parser.add_argument("a", type=Path, metavar="A", help="a release directory: ours")
    parser.add_argument("b", type=Path, metavar="B", help="the one to compare with: theirs")
    parser.add_argument(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="print the report as JSON, or write it to a file",
    )
    parser.add_argument("--rows", type=Path, metavar="FILE", help=ROWS)
    arguments = parser.parse_args(argv)
    _check_rows_path(arguments.rows)

    from transferz.dataset.versions import compare as releases
    from transferz.releases import find_release
    from transferz.tables.files import replace_file

    report, rows = releases.compare(*(find_release(at).path for at in (arguments.a, arguments.b)))
    _write_rows(rows, arguments.rows)
    if arguments.json and arguments.json != "-":
        with replace_file(Path(arguments.json)) as staging:
            staging.write_text(_as_json(report), encoding="utf-8")
    sys.stdout.write(_as_json(report) if arguments.json == "-" else releases.compare_text(report))
    return 0


def _as_json(report: Mapping[str, Any]) -> str:
    """A report as JSON that repeats byte for byte."""
    return json.dumps(report, indent=2, allow_nan=False) + "\n"


def _check_rows_path(path: Path | None) -> None:
    """Refuse a file name from which the format of the rows does not follow."""
    if path is not None and path.suffix.lower() not in ROW_FORMATS:
        raise ParameterError(
            f"{path}: rows are written as {' or '.join(ROW_FORMATS)}, found '{path.suffix}'; "
            "name the file so"
        )


def _write_rows(rows: "pd.DataFrame", path: Path | None) -> None:
    """Write the rows that differ, where a file is named: as parquet or CSV by its name."""
    from transferz.tables.files import replace_file

    if path is not None:
        with replace_file(path) as staging:
            if path.suffix.lower() == ".csv":
                rows.to_csv(staging, index=False, lineterminator="\n")
            else:
                rows.to_parquet(staging, index=False, compression="zstd")
