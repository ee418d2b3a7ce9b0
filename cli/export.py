"""The command that turns a config of a release into a file for astronomers' tools."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from transferz.releases import find_release

DESCRIPTION = """\
Write a config of a release as one table with every unit, UCD and description: VOTable (.vot or
.xml), FITS (.fits) or ECSV (.ecsv); or ids, redshifts and photometry as the stages of RAIL read
them (.hdf5). The release is the one that transferz.load_dataset would load, unless --path or
--version says otherwise. FITS is by far the fastest of the tables.
"""


def export(argv: Sequence[str]) -> int:
    """Write a config of a release as VOTable, FITS or ECSV, or as RAIL reads it."""
    parser = argparse.ArgumentParser(prog="transferz export", description=DESCRIPTION)
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
