"""Commands on the release in use: what it holds, and a config of it as a file."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from transferz.releases import Release, find_release
from transferz.schemas.errors import ReleaseError
from transferz.tables.printing import aligned

EXPORT = """\
Write a config of a release as one table with every unit, UCD and description: VOTable (.vot or
.xml), FITS (.fits) or ECSV (.ecsv); or ids, redshifts and photometry as the stages of RAIL read
them (.hdf5). The release is the one that transferz.load_dataset would load, unless --path or
--version says otherwise. FITS is by far the fastest of the tables.
"""


def info(argv: Sequence[str]) -> int:
    """Print a release's source, version, and rows per config and split."""
    parser = argparse.ArgumentParser(
        prog="transferz info", description="What the release in use is and holds."
    )
    parser.add_argument(
        "--path", type=Path, metavar="DIR", help="a release directory (default: the one found)"
    )
    release = find_release(parser.parse_args(argv).path)
    counts = {config: _rows(files) for config, files in release.files().items()}
    sys.stdout.write(_report(release, counts))
    return 0


def _rows(files: Mapping[str, Sequence[Path]]) -> dict[str, int]:
    """Count the rows of each split, from the files' footers."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def count(path: Path) -> int:
        try:
            return int(pq.read_metadata(path).num_rows)
        except (OSError, pa.ArrowInvalid) as error:
            raise ReleaseError(f"can't read {path}: {error}; run 'make repro'") from None

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
    return "\n".join([*head, "", *aligned(table, right=True)]) + "\n"


def export(argv: Sequence[str]) -> int:
    """Write a config of a release as VOTable, FITS or ECSV, or as RAIL reads it."""
    parser = argparse.ArgumentParser(prog="transferz export", description=EXPORT)
    parser.add_argument("out", type=Path, metavar="OUT", help="the file; its ending says how")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--path", type=Path, metavar="DIR", help="a release directory")
    source.add_argument("--version", metavar="V", help="a published version, such as 1.0.0")
    parser.add_argument("--config", default="transferz", metavar="C", help="default: %(default)s")
    parser.add_argument(
        "--split",
        action="append",
        default=[],
        metavar="S",
        help="a split to write; repeat for several (default: all)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace OUT if it is there")
    given = parser.parse_args(argv)

    from transferz.exporting import export as write_export

    release = find_release(given.path, version=given.version)
    written = write_export(release, given.out, given.config, given.split, overwrite=given.overwrite)
    splits = ", ".join(written.splits)
    sys.stdout.write(f"{given.out}: {len(written.rows):,} rows of {given.config} ({splits})\n")
    return 0
