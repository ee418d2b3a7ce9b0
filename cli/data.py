"""Commands about a release."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from transferz.releases import Release, find_release
from transferz.schemas.errors import ReleaseError


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
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        )
        for row in table
    )
    head = [f"version  {release.version}", f"survey   {release.survey}", f"path     {release.path}"]
    if release.mock:
        head.append("these are MOCK galaxies, not real ones")
    return "\n".join([*head, "", *lines]) + "\n"
