"""Read a HATS collection, or a catalogue of one, leaf by leaf."""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyarrow as pa

from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import Column
from transferz.schemas.survey.files import file_digest
from transferz.tables.parquet import ParquetTable
from transferz.tables.printing import first_few
from transferz.tables.table import TableFile

COLLECTION = "collection.properties"
CATALOGUE = ("hats.properties", "properties")
"""Names of a catalogue's properties: today's, and the only one before 1.0."""

PARTITIONS = "partition_info.csv"
DATASET = "dataset"
METADATA, COMMON = "_metadata", "_common_metadata"
"""Files in `DATASET`: the footers of all leaves; and what their columns are."""

DEEPEST = 29
"""The finest order of HEALPix that has a number for each pixel in 64 bits."""

HEALPIX = f"_healpix_{DEEPEST}"
"""The column that leaves are sorted by: the pixel of that order in which a row lies."""

HEALPIX_COLUMN = Column(
    HEALPIX,
    "int64",
    f"HEALPix pixel of the position: order {DEEPEST}, nested scheme, ICRS",
    ucd="pos.healpix",
    minimum=0,
)

HELD = ("object", "source")
"""Types of catalogues whose rows are of that catalogue alone; a margin's are copies."""

AGAIN = "fetch the collection again or write it anew"

_LEAF = re.compile(r"Norder=(\d+)/Dir=\d+/Npix=(\d+)(?:\D.*)?")
_PIXELS_PER_FOLDER = 10_000


def is_hats(path: Path) -> bool:
    """Whether a path is the folder of a HATS collection or catalogue.

    Examples
    --------
    >>> is_hats(Path("galaxies.parquet"))
    False
    """
    try:
        if any((path / name).is_file() for name in (COLLECTION, CATALOGUE[0])):
            return True
        return (path / DATASET).is_dir() and (path / CATALOGUE[1]).is_file()
    except OSError:  # no folder that can be looked into
        return False


@dataclass(frozen=True)
class HatsTable(TableFile):
    """The rows of a HATS catalogue, in the order of their leaves; its margin is not read.

    Columns are those of the leaves, ``_healpix_29`` among them. `kinds` has their types.
    """

    leaves: tuple[Path, ...]
    kinds: pa.Schema

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read the properties and every leaf's footer.

        An `InputError` says that a leaf is missing, damaged, or not named in `PARTITIONS`, that
        leaves differ in their columns, or that they hold another number of rows than is stated.
        """
        folder = _catalogue_folder(path)
        properties = read_properties(folder)
        _require_catalogue(folder, properties)
        leaves = _leaves(folder, properties.get("hats_npix_suffix", ".parquet"))
        common = folder / DATASET / COMMON
        described = ParquetTable.open(common) if common.is_file() else None
        tables = [ParquetTable.open(leaf) for leaf in leaves]
        whole = [*tables, described] if described else tables
        if not whole:
            raise InputError(f"can't read {path}: it has neither rows nor {DATASET}/{COMMON}")
        rows = sum(table.rows or 0 for table in tables)
        stated = properties.get("hats_nrows", "")
        if stated.isdecimal() and int(stated) != rows:
            raise InputError(
                f"{folder}: expected {int(stated):,} rows, as its properties say, found {rows:,} "
                f"in {len(leaves)} partitions; {AGAIN}"
            )
        first = whole[0]
        units = {**(described.units if described else {}), **first.units}
        notes = (*(text for pair in properties.items() for text in pair), *first.notes)
        kinds = _common_types(whole)
        return cls(path, first.names, rows, leaves, kinds, units=units, notes=notes)

    def schema(self, columns: Sequence[str]) -> pa.Schema:
        """As `TableFile.schema`."""
        return pa.schema([self.kinds.field(name) for name in columns], self.kinds.metadata)

    def chunks(self, columns: Sequence[str], rows: int) -> Iterator[pa.Table]:
        """As `TableFile.chunks`; how rows are divided among leaves makes no difference."""
        schema = self.schema(columns)
        waiting = schema.empty_table()
        for leaf in self.leaves:
            for chunk in ParquetTable.open(leaf).chunks(columns, rows):
                waiting = pa.concat_tables([waiting, chunk.cast(schema)])
                while len(waiting) >= rows:
                    yield waiting.slice(0, rows).combine_chunks()
                    waiting = waiting.slice(rows)
        if len(waiting):
            yield waiting.combine_chunks()


def listing(path: Path) -> str:
    """Return the names and sha256 (hexadecimal) of a catalogue's leaves: what it holds, in short.

    A line each, in order, as ``sha256sum`` has them. What is broken is an `InputError`.
    """
    folder = _catalogue_folder(path)
    leaves = _leaves(folder, read_properties(folder).get("hats_npix_suffix", ".parquet"))
    names = (leaf.relative_to(folder).as_posix() for leaf in leaves)
    hashes = (file_digest(leaf)["sha256"] for leaf in leaves)
    return "".join(f"{found}  {name}\n" for found, name in zip(hashes, names, strict=True))


def read_properties(folder: Path) -> dict[str, str]:
    """Read what a catalogue says of itself: a Java properties file, one entry a line."""
    for name in CATALOGUE:
        if (folder / name).is_file():
            return _properties(folder / name)
    raise InputError(f"no HATS catalogue in {folder}: it has no {CATALOGUE[0]}; {AGAIN}")


def _properties(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"can't read {path}: {error}; {AGAIN}") from None
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith(("#", "!")))
    return {key.strip(): re.sub(r"\\(.)", r"\1", value.strip()) for key, _, value in pairs if key}


def _catalogue_folder(path: Path) -> Path:
    """The folder of a collection's catalogue; a path to a catalogue itself comes back."""
    if not (path / COLLECTION).is_file():
        return path
    named = _properties(path / COLLECTION).get("hats_primary_table_url", "")
    inside = (path / named).resolve().is_relative_to(path.resolve())
    if not named or "://" in named or not inside:
        raise InputError(
            f"can't read {path}: its catalogue lies elsewhere ({named or 'nowhere'}), which is not "
            "read; name the folder of that catalogue"
        )
    return path / named


def _require_catalogue(folder: Path, properties: Mapping[str, str]) -> None:
    kind = properties.get("dataproduct_type", HELD[0])
    if kind not in HELD:
        raise InputError(
            f"{folder} is a HATS {kind}, whose rows are no catalogue of their own: name the "
            "collection, or the folder of its catalogue"
        )


def _leaves(folder: Path, suffix: str) -> tuple[Path, ...]:
    """List the leaves' files; those of `PARTITIONS` must be there, and no others."""
    if not re.fullmatch(r"/|[\w.-]*", suffix):
        raise InputError(f"{folder}: leaves can't end in {suffix!r} (hats_npix_suffix); {AGAIN}")
    dataset, pixels = folder / DATASET, _pixels(folder / PARTITIONS)
    there: dict[tuple[int, int], Path] = {}
    for place in dataset.glob("Norder=*/Dir=*/Npix=*"):
        if match := _LEAF.fullmatch(place.relative_to(dataset).as_posix()):
            there[int(match[1]), int(match[2])] = place
    if pixels is None:  # made by hats-import, the file is no must
        pixels = sorted(there, key=lambda pixel: pixel[1] << 2 * (DEEPEST - pixel[0]))
    if others := set(there) - set(pixels):
        raise InputError(
            f"{there[min(others)]} is a partition that {PARTITIONS} does not name: expected "
            f"{len(pixels)} partitions, found {len(there)}; delete it if it is a stray, or {AGAIN}"
        )
    files: list[Path] = []
    for order, pixel in pixels:
        group = pixel // _PIXELS_PER_FOLDER * _PIXELS_PER_FOLDER
        place = dataset / f"Norder={order}" / f"Dir={group}" / f"Npix={pixel}{suffix.strip('/')}"
        if not place.exists():
            raise InputError(f"{place} is missing, a partition that {PARTITIONS} names; {AGAIN}")
        inner = [one for one in sorted(place.glob("*")) if not one.name.startswith(("_", "."))]
        files += inner if place.is_dir() else [place]
    return tuple(files)


def _pixels(path: Path) -> list[tuple[int, int]] | None:
    """Read orders and numbers of a catalogue's pixels; None where the list is not there."""
    if not path.is_file():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            pixels = [(int(row["Norder"]), int(row["Npix"])) for row in csv.DictReader(file)]
        bad = [
            one for one in pixels if not (0 <= one[0] <= DEEPEST and 0 <= one[1] < 12 << 2 * one[0])
        ]
        if bad or len(set(pixels)) < len(pixels):
            raise ValueError(f"partition {bad[0] if bad else 'named twice'}")
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError(
            f"can't read {path}: expected columns Norder and Npix of whole numbers ({error}); "
            f"{AGAIN}"
        ) from None
    return pixels


def _common_types(tables: Sequence[ParquetTable]) -> pa.Schema:
    """The types of the columns of all leaves; one that is null throughout fits to any."""
    names = tables[0].names
    kinds = {name: pa.null() for name in names}
    for table in tables:
        if odd := set(names) ^ set(table.names):
            raise InputError(
                f"{table.path}: expected the columns of {tables[0].path}, found others: "
                f"{first_few(sorted(odd))} in only one of them; {AGAIN}"
            )
        for field in table.schema(names):
            if pa.types.is_null(kinds[field.name]):
                kinds[field.name] = field.type
            elif not pa.types.is_null(field.type) and field.type != kinds[field.name]:
                raise InputError(
                    f"{table.path}: column '{field.name}' is {field.type}, and "
                    f"{kinds[field.name]} in {tables[0].path}; {AGAIN}"
                )
    fields = [pa.field(name, kind) for name, kind in kinds.items()]
    return pa.schema(fields, tables[0].stored.metadata)
