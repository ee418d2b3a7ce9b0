"""Commands on a release: what it holds, a config of it as a file, to the Hub, for Zenodo."""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.cli.options import add_release_option, add_replace_option, command_parser
from transferz.releases import Release, find_release
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.files import read_manifest, require_intact
from transferz.tables.hub_client import prepare
from transferz.tables.printing import aligned, printable, printable_lines

if TYPE_CHECKING:
    from transferz.exporting import Export

INFO = """\
Show what the release in use is and holds: version, survey, and rows per config and split. With
--html, write a page about it instead: configs, columns with units, figures, citation, checksums.
It is one HTML file that needs no other and no network.
"""

EXPORT = """\
Write a config of a release as one table with every unit, UCD and description: VOTable (.vot or
.xml), FITS (.fits) or ECSV (.ecsv); or ids, redshifts and photometry as the stages of RAIL read
them (.hdf5); or, with --hats, a folder: a HATS collection, which LSDB opens. The release is the one
that transferz.load_dataset would load, unless --release or --version says otherwise. FITS is by far
the fastest of the tables.
"""

PUBLISH = """\
Verify a release and publish it as the next version in a dataset repository on the Hugging Face
Hub: one commit, its checksums read back, then an annotated tag, v<version>. Safe to repeat after it
broke off. The login is that of `hf auth login`, or the environment variable HF_TOKEN.
"""

DEPOSIT = """\
Verify a release and write a folder ready to be uploaded to Zenodo: the release as one archive, its
pages beside it, checksums, and metadata that follow the DataCite schema (datacite.json).
"""


TASK = """\
Make a harder task of a release, as a release of its own: learn from bright galaxies and forecast
faint ones, learn from few labels, and others. Every command takes it:

  transferz task faint --out faint
  transferz benchmark trees --release faint --out run
  transferz leaderboard add run --release faint

Without a name: list the tasks. They are the same for everyone, so that scores can be compared.
"""


def info(argv: Sequence[str]) -> int:
    """Print a release's source, version, and rows per config and split."""
    parser = command_parser("info", INFO)
    add_release_option(parser)
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the page")
    arguments = parser.parse_args(argv)
    release = find_release(arguments.release)
    counts = {config: _rows(release, files) for config, files in release.files().items()}
    if arguments.html:
        from transferz.baselines.leaderboard.release_page import write_release_page

        write_release_page(release, _table(counts), arguments.html)
    if arguments.json:
        facts = {"version": release.version, "survey": release.survey, "mock": release.mock}
        content = facts | {"path": str(release.path), "rows": counts}
        sys.stdout.write(f"{json.dumps(content, indent=2)}\n")
    elif arguments.html:
        _say(f"{arguments.html}: {release}")
    else:
        sys.stdout.write(_report(release, counts))
    return 0


def _rows(release: Release, files: Mapping[str, Sequence[Path]]) -> dict[str, int]:
    """Count the rows of each split, from the footers of files that are those of the manifest."""
    import pyarrow.parquet as pq

    manifest = read_manifest(release.path)

    def count(path: Path) -> int:
        require_intact(release.path, [path], manifest)
        return int(pq.read_metadata(path).num_rows)

    return {split: sum(map(count, paths)) for split, paths in files.items()}


def _table(counts: Mapping[str, Mapping[str, int]]) -> list[list[str]]:
    """Lay out rows by config and split, with their sums."""
    splits = list(dict.fromkeys(split for rows in counts.values() for split in rows))
    table = [["config", *splits, "total"]]
    for config, rows in counts.items():
        numbers = [rows.get(split, 0) for split in splits] + [sum(rows.values())]
        table.append([config, *(f"{number:,}" for number in numbers)])
    return table


def _report(release: Release, counts: Mapping[str, Mapping[str, int]]) -> str:
    head = [f"version  {release.version}", f"survey   {release.survey}", f"path     {release.path}"]
    if release.mock:
        head.append("these are MOCK galaxies, not real ones")
    return "\n".join(map(printable, [*head, "", *aligned(_table(counts), right=True)])) + "\n"


def export(argv: Sequence[str]) -> int:
    """Write a config of a release as VOTable, FITS or ECSV, as RAIL reads it, or as HATS."""
    parser = command_parser("export", EXPORT)
    place = parser.add_mutually_exclusive_group(required=True)
    place.add_argument(
        "out", type=Path, nargs="?", metavar="OUT", help="the file; its ending says how"
    )
    place.add_argument(
        "--hats", type=Path, metavar="DIR", help="write a HATS collection, for LSDB, here instead"
    )
    parser.add_argument(
        "--partition-rows",
        type=int,
        metavar="N",
        help="of HATS: a partition of the sky with more rows is cut into four (default: 100,000)",
    )
    source = parser.add_mutually_exclusive_group()
    add_release_option(source)
    source.add_argument("--version", metavar="VERSION", help="a published version, such as 1.0.0")
    parser.add_argument(
        "--config",
        metavar="NAME",
        help="default: that of the labels measured with many bands, else the first there",
    )
    parser.add_argument(
        "--split",
        action="append",
        default=[],
        metavar="NAME",
        help="a split to write; repeat for several (default: all)",
    )
    add_replace_option(parser, "replace what is there")
    given = parser.parse_args(argv)
    if given.partition_rows is not None and not given.hats:
        parser.error("--partition-rows is for --hats")
    written = _export(given)
    splits = ", ".join(written.splits)
    _say(f"{given.hats or given.out}: {len(written.rows):,} rows of {written.config} ({splits})")
    return 0


def _export(given: argparse.Namespace) -> "Export":
    """Write what was asked for, as one file or as a HATS collection."""
    release = find_release(given.release, version=given.version)
    if given.hats:
        from transferz.hats import export_hats
        from transferz.tables.hats.writing import PARTITION_ROWS

        most = PARTITION_ROWS if given.partition_rows is None else given.partition_rows
        return export_hats(
            release,
            given.hats,
            given.config,
            given.split,
            partition_rows=most,
            overwrite=given.replace,
        )
    from transferz.exporting import export as write_export

    return write_export(release, given.out, given.config, given.split, overwrite=given.replace)


def publish(argv: Sequence[str]) -> int:
    """Publish a release to the Hub."""
    parser = command_parser("publish", PUBLISH)
    parser.add_argument(
        "--repo",
        required=True,
        metavar="ORG/NAME",
        help="the dataset repository; created if it is not there. A mock's name says mock",
    )
    add_release_option(parser)
    add = parser.add_argument
    add("--endpoint", metavar="URL", help="the Hub (default: HF_ENDPOINT, or huggingface.co)")
    add("--private", action="store_true", help="make a repository that is created private")
    add_replace_option(parser, "replace files that were edited on the Hub")
    add("--dry-run", action="store_true", help="say what would be done, change nothing there")
    arguments = parser.parse_args(argv)
    _set_up_client(arguments.endpoint)

    from transferz.dataset.publish.publishing import publish as publish_release

    publish_release(
        find_release(arguments.release).path,
        arguments.repo,
        private=arguments.private,
        overwrite=arguments.replace,
        dry_run=arguments.dry_run,
        say=_say,
    )
    return 0


def deposit(argv: Sequence[str]) -> int:
    """Write a folder for Zenodo."""
    parser = command_parser("deposit", DEPOSIT)
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="the folder to write; an older deposit is replaced"
    )
    add_release_option(parser)
    arguments = parser.parse_args(argv)

    from transferz.dataset.publish.deposit import deposit as write_deposit

    others = write_deposit(find_release(arguments.release).path, arguments.out)
    if others:
        _say(f"left out, being of no release: {', '.join(others)}")
    files = sorted(arguments.out.iterdir())
    _say(f"{arguments.out}: {len(files)} files, ready to be uploaded to Zenodo")
    for file in files:
        _say(f"{file.stat().st_size:>14,} bytes  {file.name}")
    return 0


def _set_up_client(endpoint: str | None) -> None:
    """Tell the Hub's client where the Hub is and how to upload, and whether anyone watches."""
    prepare(endpoint)  # before the import below, at which the client reads its environment

    from huggingface_hub import constants
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if not sys.stderr.isatty() and constants.HF_HUB_DISABLE_PROGRESS_BARS is None:
        disable_progress_bars()


def _say(line: str) -> None:
    sys.stdout.write(f"{printable_lines(line)}\n")
    sys.stdout.flush()


def task(argv: Sequence[str]) -> int:
    """Write the release of a task, or list the tasks."""
    from transferz.dataset.tasks.tasks import load_tasks, make_task

    parser = command_parser("task", TASK)
    parser.add_argument("name", nargs="?", metavar="TASK", help="which; default: list them")
    add_release_option(parser)
    parser.add_argument("--out", type=Path, metavar="DIR", help="write the task's release there")
    add_replace_option(parser, "replace what is in --out")
    given = parser.parse_args(argv)
    tasks = load_tasks()
    if given.name is None:
        if given.out:
            raise ParameterError(f"--out is about a task; name one: {', '.join(tasks)}")
        sys.stdout.write("\n".join(aligned([[one.name, one.title] for one in tasks.values()])))
        sys.stdout.write("\n")
        return 0
    if given.name not in tasks:
        raise ParameterError(f"no task '{given.name}'; there are: {', '.join(tasks)}")
    if given.out is None:
        raise ParameterError(f"name a folder for the task's release: --out {given.name}")
    if given.out.exists() and not given.replace:
        raise InputError(f"{given.out} is there already; give --replace to put the task there")
    release = find_release(given.release)
    release.announce()
    counts = make_task(release.path, tasks[given.name], given.out)
    splits = list(next(iter(counts.values())))
    lines = [["config", *splits]]
    lines += [[config, *(f"{n:,}" for n in rows.values())] for config, rows in counts.items()]
    table = "\n".join(aligned(lines, right=True))
    sys.stdout.write(f"{tasks[given.name].title}\n{table}\n{printable(str(given.out))}\n")
    return 0
