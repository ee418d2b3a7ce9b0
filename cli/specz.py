"""The command that compiles published redshift catalogues."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.cli.options import command_parser
from transferz.cli.sources import labelled
from transferz.schemas.errors import InputError
from transferz.schemas.survey.spectra import QUALITIES, SPECZ
from transferz.tables.files import replace_file
from transferz.tables.printing import aligned, counted, printable
from transferz.tables.writing import check_place

if TYPE_CHECKING:
    from transferz.dataset.spectra.catalogues import Catalogue
    from transferz.dataset.spectra.merging import Merged, PairCounts
    from transferz.dataset.spectra.reading import FileCounts

SPECZ_TEXT = """\
Bring published redshift catalogues to one table with one scale of quality, and keep the best
redshift of each object. What a file is, its columns say. Without a file: list the catalogues.
"""


def specz(argv: Sequence[str]) -> int:
    """Compile the redshifts of some files, or list the catalogues that can be read."""
    from transferz.dataset.spectra.catalogues import load_catalogues
    from transferz.dataset.spectra.merging import DISAGREEMENT, RADIUS_ARCSEC

    parser = command_parser("specz", SPECZ_TEXT)
    parser.add_argument(
        "files", nargs="*", type=Path, metavar="FILE", help="a catalogue, in any format"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="write the compilation here (.parquet)"
    )
    parser.add_argument(
        "--radius",
        type=float,
        default=RADIUS_ARCSEC,
        metavar="ARCSEC",
        help="redshifts within it are of one object (default: %(default)s)",
    )
    parser.add_argument(
        "--disagreement",
        type=float,
        default=DISAGREEMENT,
        metavar="X",
        help="two redshifts disagree where abs(dz) / (1 + z) is above it (default: %(default)s)",
    )
    parser.add_argument(
        "--catalogues",
        type=Path,
        metavar="FILE",
        help="further catalogues, as YAML (docs/specz.md says how)",
    )
    arguments = parser.parse_args(argv)
    catalogues = load_catalogues(arguments.catalogues)
    if arguments.files:
        compile_files(arguments, catalogues)
    elif arguments.out:
        parser.error("--out: there is no FILE to compile")
    else:
        sys.stdout.write("\n".join(map(_described, catalogues.values())))
    return 0


def compile_files(arguments: argparse.Namespace, catalogues: "Mapping[str, Catalogue]") -> None:
    """Read the files, merge them, write the compilation if asked for, and print what was done."""
    from transferz.dataset.pipeline.tables import write_table
    from transferz.dataset.spectra.merging import merge
    from transferz.dataset.spectra.reading import read_catalogue

    out: Path | None = arguments.out
    if out is not None:
        if out.suffix.lower() != ".parquet":
            raise InputError(f"--out {out}: expected a name that ends in .parquet")
        for path in arguments.files:
            check_place(out, path)
    read = [read_catalogue(path, catalogues) for path in arguments.files]
    merged = merge([frame for frame, _ in read], arguments.radius, arguments.disagreement)
    counts = [one for _, one in read]
    text = _files(counts) + _merged(merged, arguments.radius, arguments.disagreement)
    if out is not None:
        with replace_file(out) as beside:
            write_table(merged.compilation, beside, SPECZ, described=True)
        secure = int(merged.compilation["secure"].sum())
        rows = counted(len(merged.compilation), "object")
        text += f"\n{printable(str(out))}: {rows}, {secure:,} with a secure redshift\n"
    sys.stdout.write(text)


def _files(counts: "Sequence[FileCounts]") -> str:
    """A line for each file, then one for each reason for which rows of it were left out."""
    qualities = [quality for quality in QUALITIES if quality]
    heading = ["file", "taken for", "rows", "left out", *(f"q{one}" for one in qualities)]
    lines = [[*heading, "secure", "stars", "AGN"]]
    for one in counts:
        numbers = [one.rows, one.rows - one.kept, *(one.qualities[key] for key in qualities)]
        numbers += [one.secure, one.classes.get("star", 0), one.classes.get("agn", 0)]
        lines.append([printable(one.path.name), one.catalogue, *(f"{n:,}" for n in numbers)])
    reasons = [["left out of", "rows", "because"]] + [
        [one.catalogue, f"{rows:,}", reason]
        for one in counts
        for reason, rows in one.left_out.items()
        if rows
    ]
    return "\n".join([*aligned(lines, right=True), "", *aligned(reasons)]) + "\n"


def _merged(merged: "Merged", radius: float, disagreement: float) -> str:
    """How many objects there are, and how the redshifts of one object compare."""
    measurements = sum(size * count for size, count in merged.members.items())
    sizes = ", ".join(f"{count:,} of {size}" for size, count in merged.members.items() if size > 1)
    disagreeing = int(merged.compilation["disagrees"].sum())
    several = sum(count for size, count in merged.members.items() if size > 1)
    said = [
        f"{counted(measurements, 'redshift')} of {counted(len(merged.compilation), 'object')} "
        f"({counted(merged.repeated, 'row')} the same as another, counted once)",
        f"{counted(several, 'group')} of redshifts within {radius:g} arcsec: {sizes or 'none'}",
        f"{counted(disagreeing, 'group')} with redshifts that differ by more than "
        f"{disagreement:g} (1 + z)",
    ]
    heading = ["pair", "pairs", 'median "', '95 % "', "differ", "secure", "differ"]
    lines = [heading, *(_pair(one) for one in merged.by_pair), _pair(merged.all_pairs)]
    return "\n".join(["", *said, "", *aligned(lines, right=True)]) + "\n"


def _pair(one: "PairCounts") -> list[str]:
    name = "all" if one.first == "all" else f"{one.first} {one.second}"
    distances = [f"{one.median:.2f}", f"{one.most:.2f}"] if one.pairs else ["", ""]
    numbers = (one.disagreeing, one.secure, one.secure_disagreeing)
    return [name, f"{one.pairs:,}", *distances, *(f"{number:,}" for number in numbers)]


def _described(catalogue: "Catalogue") -> str:
    citation = catalogue.citation
    lines = (
        ("is", catalogue.title),
        ("columns", ", ".join(catalogue.table.names)),
        ("cite", " ".join(filter(None, (f"{citation.papers}.", citation.doi, citation.url)))),
        ("note", catalogue.note),
    )
    return f"{catalogue.name}\n" + "".join(labelled(label, text) for label, text in lines)
