"""Read upstream files with astropy, pandas and h5py, and nothing of the pipeline's readers."""

import csv
import gzip
import io
import re
import tempfile
import warnings
import zlib

import fitsio
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from astropy import log
from astropy.io import fits
from astropy.table import Table as AstropyTable

from fuzzing.rules import (
    NO_NUMBER,
    NO_TEXT,
    MustRefuse,
    boolean_text,
    check_promises,
    declared_value,
    find_column,
    null_flag,
)
from fuzzing.seeds import Seed
from transferz.schemas import Column, Table

log.setLevel("CRITICAL")  # astropy logs what it makes of damaged files

GRAVE = ("Checksum verification failed", "Datasum verification failed", "File may have been trunc")
"""Warnings of astropy's that mean damage. Others tell of cards that it ignores."""

GZIP = b"\x1f\x8b"
BLOCK = 2880  # bytes of FITS
FLAG = Column("flag", "bool", "where another column has no value", nullable=True)
NUMBER = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf|infinity)", re.I)
NAN = re.compile(r"[+-]?nan(\(\w*\))?", re.I)  # as C spells it
INTEGER = re.compile(r"([+-]?[0-9]+)(\.0+)?")


def expected_rows(seed: Seed, files: dict[str, bytes]) -> dict[str, list]:
    """What `ingest` should make of the files: our columns, rows sorted.

    Raises
    ------
    MustRefuse
        Where the other reader can't read them, or the documented rules forbid it.
    """
    table = seed.table
    rows: dict[str, list] = {column.name: [] for column in table}
    for name, content in files.items():
        part = _read(seed.kind, _unpacked(content), table)
        count = len(part[table.key])
        part |= {"published_split": [seed.splits[name]] * count}
        for column in table:
            rows[column.name] += part[column.name]
    check_promises(rows, table)
    return sort_rows(rows, table)


def sort_rows(rows: dict[str, list], table: Table) -> dict[str, list]:
    """Sort by the key, rows that share one by everything else."""
    names = [table.key, *(name for name in table.names if name != table.key)]
    count = len(rows[table.key])
    order = sorted(
        range(count),
        key=lambda k: [(rows[n][k] is None, str(type(rows[n][k])), rows[n][k] or 0) for n in names],
    )
    return {name: [rows[name][k] for k in order] for name in table.names}


def _unpacked(content: bytes) -> bytes:
    if not content.startswith(GZIP):
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise MustRefuse(f"gzip: {error}") from None


def _read(kind: str, content: bytes, table: Table) -> dict[str, list]:
    try:
        return {"fits": _fits, "csv": _csv, "parquet": _parquet, "hdf5": _hdf5}[kind](
            content, table
        )
    except MustRefuse:
        raise
    except Exception as error:  # whatever the other reader stumbles over
        raise MustRefuse(f"{type(error).__name__}: {error}") from error


def _columns(names: list[str], table: Table, values_of, any_case=False) -> dict[str, list]:
    rows = {}
    for column in table:
        found = find_column(column, names, any_case)
        if found:
            values = _unflagged(found[0], column, names, values_of)
            rows[column.name] = [declared_value(column, value, found[1]) for value in values]
    return rows


def _unflagged(name: str, column: Column, names: list[str], values_of) -> list:
    """A column's values, None where its null flag is true."""
    flag = null_flag(name, names)
    values = values_of(name, column)
    if not flag:
        return values
    flags = [declared_value(FLAG, one) for one in values_of(flag, FLAG)]
    return [None if gone else value for value, gone in zip(values, flags, strict=True)]


def _fits(content: bytes, table: Table) -> dict[str, list]:
    """With astropy; where that raises, with fitsio, which is another library altogether.

    Both want the last block whole, which the rules do not.
    """
    content += bytes(-len(content) % BLOCK)
    try:
        return _astropy(content, table)
    except MustRefuse:
        raise
    except Exception as error:
        try:
            return _fitsio(content, table)
        except Exception as second:
            raise MustRefuse(f"astropy: {error!r}; fitsio: {second!r}") from error


def _astropy(content: bytes, table: Table) -> dict[str, list]:
    """With `astropy.table.Table.read`; checksums by `astropy.io.fits`.

    The first binary table that has all columns counts.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for reason in GRAVE:
            warnings.filterwarnings("error", f".*{reason}")
        with fits.open(io.BytesIO(content), checksum=True, memmap=False) as hdus:
            for hdu in hdus:
                _ = hdu.data  # checks the sums
            tables = [k for k, hdu in enumerate(hdus) if isinstance(hdu, fits.BinTableHDU)]
            number = next(k for k in tables if _has_all(hdus[k].columns.names, table))
            unset = _unset_logicals(hdus[number])
        read = AstropyTable.read(io.BytesIO(content), format="fits", hdu=number, mask_invalid=False)

    def values_of(name, column):
        values = read[name]
        if values.size != len(read):
            raise MustRefuse(f"{name} has shape {values.shape}")
        values = values.reshape(len(read)).tolist()  # masked values become None
        gone = unset.get(name, [False] * len(read))
        return [None if empty else value for value, empty in zip(values, gone, strict=True)]

    return _columns([name.strip() for name in read.colnames], table, values_of, any_case=True)


def _unset_logicals(hdu: fits.BinTableHDU) -> dict[str, list[bool]]:
    """Where logicals hold the zero byte: the standard's missing value, astropy's False."""
    raw = hdu.data.view(np.ndarray)
    columns = zip(hdu.columns, raw.dtype.names, strict=True)
    return {
        one.name.strip(): (raw[name] == 0).reshape(len(raw)).tolist()
        for one, name in columns
        if str(one.format) in ("L", "1L")
    }


def _fitsio(content: bytes, table: Table) -> dict[str, list]:
    with tempfile.NamedTemporaryFile(suffix=".fits") as file:
        file.write(content)
        file.flush()
        with fitsio.FITS(file.name) as hdus:
            tables = [hdu for hdu in hdus if isinstance(hdu, fitsio.hdu.TableHDU)]
            hdu = next(hdu for hdu in tables if _has_all(hdu.get_colnames(), table))
            names = hdu.get_colnames()
            return _columns(names, table, lambda name, _: hdu.read_column(name).tolist(), True)


def _has_all(names: list[str], table: Table) -> bool:
    try:
        return all(find_column(column, names, True) for column in table if column.upstream)
    except MustRefuse:
        return False


def _csv(content: bytes, table: Table) -> dict[str, list]:
    """With `pandas.read_csv`, as text; what it lets pass by the standard library's `csv`.

    Bytes that are no UTF-8 do not matter in columns that nobody reads.
    """
    names, delimiter, rows = _header(content.decode("utf-8-sig", "surrogateescape"), table)
    lines = [
        line for line in csv.reader(io.StringIO(rows, newline=""), delimiter=delimiter) if line
    ]
    if any(len(line) != len(names) for line in lines):
        raise MustRefuse("rows of different length")
    frame = pd.read_csv(
        io.BytesIO(rows.encode("utf-8", "surrogateescape")),
        encoding_errors="surrogateescape",
        sep=delimiter,
        header=None,
        names=range(len(names)),
        dtype=object,
        keep_default_na=False,
        na_filter=False,
        index_col=False,
    )
    if len(frame) != len(lines):
        raise MustRefuse(f"pandas counts {len(frame)} rows, csv {len(lines)}")

    def values_of(name, column):
        return [_scalar(text, column) for text in frame[names.index(name)]]

    return _columns(names, table, values_of)


def _header(text: str, table: Table) -> tuple[list[str], str, str]:
    """The names, their delimiter, and the text of the rows.

    Blank lines and comments may stand above the rows; of the comments and the first line without
    #, the one with most of the table's names holds them.
    """
    wanted = {name for column in table for name in (*column.upstream, *column.upstream_flux)}
    best: tuple[int, list[str], str] = (-1, [], ",")
    start = end = 0
    while end < len(text):
        start, end = end, text.find("\n", end) + 1 or len(text)
        line = text[start:end].strip(" \r\n")
        line = line if line.strip() else ""
        bare = line.lstrip("# ")
        delimiter = max(",;\t|", key=bare.count)
        names = next(csv.reader([bare], delimiter=delimiter, skipinitialspace=True), [])
        names = [name.strip() for name in names]
        is_best = bool(line) and len(wanted & set(names)) >= best[0]
        if is_best:
            best = (len(wanted & set(names)), names, delimiter)
        if line and not line.lstrip().startswith("#"):
            return best[1], best[2], text[end:] if is_best else text[start:]
    return best[1], best[2], ""


def _scalar(text: str, column):
    """Text as the value it spells."""
    text = text.strip(" \t")
    if column.dtype == "string":
        text.encode()  # fails on bytes that were no UTF-8
        return None if text in NO_TEXT else text
    if column.dtype == "bool":
        return boolean_text(text)
    if text in NO_NUMBER or NAN.fullmatch(text):
        return None
    if whole := INTEGER.fullmatch(text):
        return int(whole[1])
    if not NUMBER.fullmatch(text):
        raise MustRefuse(f"{text!r} for a number")
    return float(text)


def _parquet(content: bytes, table: Table) -> dict[str, list]:
    """With `pandas.read_parquet`; where pandas' own notes in the file are spoilt, without them."""
    names = pq.read_schema(io.BytesIO(content)).names
    pairs = [find_column(column, names) for column in table if column.upstream]
    wanted = [pair[0] for pair in pairs if pair]
    wanted += [flag for flag in (null_flag(name, names) for name in wanted) if flag]
    try:
        frame = pd.read_parquet(io.BytesIO(content), columns=wanted, dtype_backend="pyarrow")
    except Exception:
        read = pq.read_table(io.BytesIO(content), columns=wanted)
        frame = read.replace_schema_metadata(None).to_pandas(types_mapper=pd.ArrowDtype)

    def values_of(name, column):
        return [None if value is pd.NA else value for value in frame[name]]

    return _columns(list(frame.columns), table, values_of)


def _hdf5(content: bytes, table: Table) -> dict[str, list]:
    """With `h5py`: each column a dataset of the root."""
    with h5py.File(io.BytesIO(content), "r") as file:

        def values_of(name, column):
            held = file[name]
            if not isinstance(held, h5py.Dataset) or held.shape not in (
                (len(held),),
                (len(held), 1),
            ):
                raise MustRefuse(f"{name} is {held}")
            text = h5py.check_string_dtype(held.dtype)
            return (held.asstr()[()] if text else held[()]).reshape(len(held)).tolist()

        return _columns(list(file), table, values_of)
