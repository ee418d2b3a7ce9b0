"""The upstream catalogues: where each one's files lie in a folder, and their rows in our columns.

Each function ``read_*(raw)`` takes the folder with a catalogue's files and gives chunks of rows:
pyarrow tables of exactly the columns that `transferz.schemas` declares for it, as `read_any` makes
them. It raises `InputError` where a file is missing, is one of several, or is not what it should
be.

COSMOS2020 (Weaver et al. 2022, ApJS 258, 11), CLASSIC or FARMER: IRSA and CDS distribute each as a
FITS table (``COSMOS2020_CLASSIC_R1_v2.2_p3.fits`` and the like), CDS exports CSV too. An export may
have any name where no other file lies beside it.

GalaxiesML (Do et al. 2024, arXiv:2410.00271): Zenodo record 11117528 has a file per published
split, as CSV and as HDF5 with images, which stay unread; 10145347 has
``hsc_{train,validation,test}.csv``, and 5528827 the whole compilation ``HSC_v6.csv`` without
splits.

TransferZ as its authors released it: Zenodo record 16541823, one CSV file per split.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.dataset.sources.fields import find_fields, make_chunk, share_found, stored_fields
from transferz.dataset.sources.values import declared_values
from transferz.schemas import COSMOS2020, GALAXIESML, HSC, TRANSFERZ, InputError, Table
from transferz.tables.reading import open_table

CHUNK_ROWS = 1 << 17  # bounds the memory that reading takes

CSV = (".csv", ".csv.gz")
TEXT = (*CSV, ".tsv", ".tsv.gz", ".txt", ".txt.gz")
HDF5 = (".hdf5", ".h5")
FITS = (".fits", ".fits.gz")

COSMOS2020_NAME = "COSMOS2020_*_R1_*"
COSMOS2020_ENDINGS = (*FITS, *CSV, ".parquet")

GALAXIESML_EDITIONS: tuple[Mapping[str, str], ...] = (
    {"train": "*_training*", "validation": "*_validation*", "test": "*_testing*"},
    {"train": "hsc_train", "validation": "hsc_validation", "test": "hsc_test"},
    {"": "HSC_v6"},
)
"""Our name of a published split to its file's name, for each way the set was published."""

TRANSFERZ_FILES = {
    "train": "transferz_TRAINING",
    "validation": "transferz_VALIDATION",
    "calibration": "transferz_CONFORMAL",
    "test": "transferz_TESTING",
}
"""Our name of a split to the published file's."""


def read_cosmos2020(raw: Path) -> Iterator[pa.Table]:
    """Read COSMOS2020 in chunks of the columns of `transferz.schemas.COSMOS2020`."""
    name = _cosmos2020_name(raw)
    return read_any(find_file(raw, name, COSMOS2020_ENDINGS, "put CLASSIC or FARMER"), COSMOS2020)


def is_mock(raw: Path) -> bool:
    """Return whether one of COSMOS2020's files says of itself that its galaxies are simulated."""
    return any(map(says_mock, matching(raw, _cosmos2020_name(raw), COSMOS2020_ENDINGS)))


def _cosmos2020_name(raw: Path) -> str:
    """What the file's name matches: anything, where none is named as distributed."""
    named = matching(raw, COSMOS2020_NAME, COSMOS2020_ENDINGS)
    return COSMOS2020_NAME if named or not matching(raw, "*", COSMOS2020_ENDINGS) else "*"


def read_hsc(raw: Path) -> Iterator[pa.Table]:
    """Read HSC-SSP's objects (PDR2 or PDR3) from a folder with the archive's query result alone."""
    return read_any(find_file(raw, "*", (*CSV, *FITS, ".parquet"), "put the query's result"), HSC)


def read_galaxiesml(raw: Path) -> Iterator[pa.Table]:
    """Read the files of one edition of GalaxiesML and note the published split of each row.

    Where a split lies there both as CSV and as HDF5, the CSV is read.
    """
    first_files = [
        matching(raw, next(iter(edition.values())), TEXT + HDF5) for edition in GALAXIESML_EDITIONS
    ]
    present = [number for number, files in enumerate(first_files) if files]
    if len(present) > 1:
        names = ", ".join(first_files[number][0].name for number in present)
        raise InputError(f"{raw}: expected one edition of GalaxiesML, found {names}; keep one")
    parts = []
    for split, pattern in GALAXIESML_EDITIONS[present[0] if present else 0].items():
        endings = TEXT if matching(raw, pattern, TEXT) else CSV + HDF5
        path = find_file(raw, pattern, endings, "put GalaxiesML's tables")
        parts.append(read_any(path, GALAXIESML, published_split=split))
    return chain.from_iterable(parts)


def read_transferz(raw: Path) -> Iterator[pa.Table]:
    """Read the authors' four tables and note the published split of each row."""
    parts = []
    for split, name in TRANSFERZ_FILES.items():
        path = find_file(raw, name, CSV, "put the authors' four tables")
        parts.append(read_any(path, TRANSFERZ, published_split=split))
    return chain.from_iterable(parts)


def matching(directory: Path, pattern: str, endings: Sequence[str]) -> list[Path]:
    """Return the files whose name before its ending matches a pattern, sorted by name."""
    files = {path for ending in endings for path in directory.glob(pattern + ending)}
    return sorted(path for path in files if not path.name.startswith("."))


def find_file(directory: Path, pattern: str, endings: Sequence[str], remedy: str) -> Path:
    """Return the one file whose name matches a pattern and has one of the endings.

    `remedy` says what to put there where none does, or several: that is an `InputError`.
    """
    files = matching(directory, pattern, endings)
    if not files:
        raise InputError(
            f"{directory / pattern}{endings[0]} (or {', '.join(endings[1:])}) is missing; "
            f"run the stage before this one (`dvc repro`) or {remedy} there"
        )
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise InputError(f"{directory}: expected one file, found {names}; keep one")
    return files[0]


def says_mock(path: Path) -> bool:
    """Return whether a file says of itself that its galaxies are simulated.

    In FITS by a card named MOCK or MOCKSEED, say; in text by a comment above the names, in parquet
    by its metadata.
    """
    file = open_table(path, choose=partial(share_found, table=COSMOS2020))
    return any(_MOCK.search(note) for note in file.notes)


_MOCK = re.compile(r"(?<![A-Za-z])MOCK")  # no HAMMOCK


def read_any(
    path: Path, table: Table, chunk_rows: int = CHUNK_ROWS, *, published_split: str = ""
) -> Iterator[pa.Table]:
    """Read the declared columns of a file in any format that `transferz.tables` reads.

    Yields at least one chunk of at most `chunk_rows` rows: exactly the table's columns, of the
    declared Arrow types. Null are missing values, upstream's sentinels, what a column's null flag
    tells among them, and columns that no file has. `published_split`, unless empty, stands in each
    row of the column of that name. `fields` and `values` say what each is.

    Raises
    ------
    InputError
        If the file is missing, damaged, a web page, lacks a column, or holds a value that is
        not of the declared type.
    SchemaError
        If an integer, boolean or string is missing where none may be.
    """
    file = open_table(path, choose=partial(share_found, table=table), one_line=True)
    fields = find_fields(file.names, table, path)
    names = [field.name for field in stored_fields(fields)]
    fixed = {"published_split": published_split} if published_split else {}

    def declared(chunk: pa.Table) -> pa.Table:
        arrays = []
        for field in fields:
            missing = None
            if flag := field.null_flag:
                flags = declared_values(flag, chunk[flag.name], spelt=file.text)
                missing = np.asarray(flags.fill_null(False).to_numpy(zero_copy_only=False))
            arrays.append(declared_values(field, chunk[field.name], missing, spelt=file.text))
        return make_chunk(table, fields, arrays, fixed)

    made = None
    for made in map(declared, filter(len, file.chunks(names, chunk_rows))):
        yield made
    if made is None:
        kinds = [pa.type_for_alias(field.column.dtype) for field in fields]
        yield make_chunk(table, fields, [pa.nulls(0, kind) for kind in kinds])
