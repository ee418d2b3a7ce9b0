"""Commands on a release: what it holds, a config of it as a file, to the Hub, for Zenodo."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.cli.options import add_release_option
from transferz.releases import Release, find_release
from transferz.schemas.survey.files import read_manifest, require_intact
from transferz.tables.hub_client import prepare
from transferz.tables.printing import aligned, printable, printable_lines

if TYPE_CHECKING:
    from transferz.exporting import Export

EXPORT = """\
Write a config of a release as one table with every unit, UCD and description: VOTable (.vot or
.xml), FITS (.fits) or ECSV (.ecsv); or ids, redshifts and photometry as the stages of RAIL read
them (.hdf5); or, with --hats, a folder: a HATS collection, which LSDB opens. The release is the one
that transferz.load_dataset would load, unless --path or --version says otherwise. FITS is by far
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


def info(argv: Sequence[str]) -> int:
    """Print a release's source, version, and rows per config and split."""
    parser = argparse.ArgumentParser(
        prog="transferz info", description="What the release in use is and holds."
    )
    add_release_option(parser, "--path")
    release = find_release(parser.parse_args(argv).path)
    counts = {config: _rows(release, files) for config, files in release.files().items()}
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


def _report(release: Release, counts: Mapping[str, Mapping[str, int]]) -> str:
    splits = list(dict.fromkeys(split for rows in counts.values() for split in rows))
    table = [["config", *splits, "total"]]
    for config, rows in counts.items():
        numbers = [rows.get(split, 0) for split in splits] + [sum(rows.values())]
        table.append([config, *(f"{number:,}" for number in numbers)])
    head = [f"version  {release.version}", f"survey   {release.survey}", f"path     {release.path}"]
    if release.mock:
        head.append("these are MOCK galaxies, not real ones")
    return "\n".join(map(printable, [*head, "", *aligned(table, right=True)])) + "\n"


def export(argv: Sequence[str]) -> int:
    """Write a config of a release as VOTable, FITS or ECSV, as RAIL reads it, or as HATS."""
    parser = argparse.ArgumentParser(prog="transferz export", description=EXPORT)
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
    source.add_argument("--path", type=Path, metavar="DIR", help="a release directory")
    source.add_argument("--version", metavar="V", help="a published version, such as 1.0.0")
    parser.add_argument(
        "--config",
        metavar="C",
        help="default: that of the labels measured with many bands, else the first there",
    )
    parser.add_argument(
        "--split",
        action="append",
        default=[],
        metavar="S",
        help="a split to write; repeat for several (default: all)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace what is there")
    given = parser.parse_args(argv)
    if given.partition_rows is not None and not given.hats:
        parser.error("--partition-rows is for --hats")
    written = _export(given)
    splits = ", ".join(written.splits)
    _say(f"{given.hats or given.out}: {len(written.rows):,} rows of {written.config} ({splits})")
    return 0


def _export(given: argparse.Namespace) -> "Export":
    """Write what was asked for, as one file or as a HATS collection."""
    release = find_release(given.path, version=given.version)
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
            overwrite=given.overwrite,
        )
    from transferz.exporting import export as write_export

    return write_export(release, given.out, given.config, given.split, overwrite=given.overwrite)


def publish(argv: Sequence[str]) -> int:
    """Publish a release to the Hub."""
    parser = argparse.ArgumentParser(prog="transferz publish", description=PUBLISH)
    parser.add_argument(
        "--repo",
        required=True,
        metavar="ORG/NAME",
        help="the dataset repository; created if it is not there. A mock's name says mock",
    )
    add_release_option(parser, "--path")
    add = parser.add_argument
    add("--endpoint", metavar="URL", help="the Hub (default: HF_ENDPOINT, or huggingface.co)")
    add("--private", action="store_true", help="make a repository that is created private")
    add("--overwrite", action="store_true", help="replace files that were edited on the Hub")
    add("--dry-run", action="store_true", help="say what would be done, change nothing there")
    arguments = parser.parse_args(argv)
    _set_up_client(arguments.endpoint)

    from transferz.dataset.publish.publishing import publish as publish_release

    publish_release(
        find_release(arguments.path).path,
        arguments.repo,
        private=arguments.private,
        overwrite=arguments.overwrite,
        dry_run=arguments.dry_run,
        say=_say,
    )
    return 0


def deposit(argv: Sequence[str]) -> int:
    """Write a folder for Zenodo."""
    parser = argparse.ArgumentParser(prog="transferz deposit", description=DEPOSIT)
    parser.add_argument(
        "out", type=Path, metavar="OUT", help="the folder to write; an older deposit is replaced"
    )
    add_release_option(parser, "--path")
    arguments = parser.parse_args(argv)

    from transferz.dataset.publish.deposit import deposit as write_deposit

    others = write_deposit(find_release(arguments.path).path, arguments.out)
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
