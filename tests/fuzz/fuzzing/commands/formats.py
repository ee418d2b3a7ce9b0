"""Write a table in every format that commands read, and read it by other people's readers."""

import bz2
import csv
import gzip
import io
import lzma
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from fuzzing.commands.workshop import Columns

NO_NUMBER = ("", "nan", "null", "none", "na", "n/a", "#n/a", "-", "--")
DIGITS = 15  # whole numbers of more are no floats
PACKED = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


def _delimited(mark: str, **options: Any):
    def encode(columns: Columns) -> bytes:
        buffer = io.StringIO(newline="")
        writer = csv.writer(buffer, delimiter=mark, lineterminator=options.get("end", "\n"))
        buffer.write(options.get("before", ""))
        writer.writerow(columns)
        rows = zip(*columns.values(), strict=True)
        writer.writerows(["" if cell is None else cell for cell in row] for row in rows)
        text = buffer.getvalue()
        return text.encode(options.get("encoding", "utf-8"), "surrogatepass")

    return encode


def _blanks(columns: Columns) -> bytes:
    """Columns parted by blanks under a line of names that starts with #, as TOPCAT writes."""

    def cell(value: Any) -> str:
        text = "nan" if value is None else str(value)
        return f'"{text}"' if " " in text or not text else text

    lines = ["# " + " ".join(map(cell, columns))]
    lines += [" ".join(map(cell, row)) for row in zip(*columns.values(), strict=True)]
    return ("\n".join(lines) + "\n").encode()


warnings.filterwarnings("ignore", module="astropy")


def _masked(columns: Columns) -> Table:
    table = Table()
    for name, values in columns.items():
        gone = [value is None for value in values]
        filler = next((value for value in values if value is not None), 0.0)
        plain = np.array([filler if value is None else value for value in values])
        if plain.dtype.kind not in "iufUb":
            raise ValueError(f"column {name!r} can't be written")
        table[name] = MaskedColumn(plain, mask=gone) if any(gone) else plain
    return table


def _fits(columns: Columns) -> bytes:
    buffer = io.BytesIO()
    table = _masked(columns)
    for name in table.colnames:
        if table[name].dtype.kind == "U":
            table[name] = np.char.encode(np.ma.filled(table[name], ""), "ascii")
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(table)]).writeto(buffer)
    return buffer.getvalue()


def _astropy(form: str, **options: Any):
    def encode(columns: Columns) -> bytes:
        buffer = io.StringIO() if form == "ascii.ecsv" else io.BytesIO()
        _masked(columns).write(buffer, format=form, **options)
        text = buffer.getvalue()
        return text.encode() if isinstance(text, str) else text

    return encode


def arrow(columns: Columns) -> pa.Table:
    """The columns as Arrow holds them; of mixed types, as text."""
    arrays = []
    for values in columns.values():
        try:
            arrays.append(pa.array(values))
        except (pa.ArrowException, OverflowError):
            arrays.append(pa.array([None if value is None else str(value) for value in values]))
    return pa.Table.from_arrays(arrays, names=list(columns))


def _parquet(columns: Columns) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(arrow(columns), buffer, write_page_checksum=True, row_group_size=50)
    return buffer.getvalue()


def _other_arrow(columns: Columns) -> bytes:
    """As newer writers do: views, large text, dictionaries."""
    table, buffer = arrow(columns), io.BytesIO()
    kinds = (pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()))
    for place, field in enumerate(table.schema):
        if field.type == pa.string():
            kind = kinds[place % 3]
            table = table.set_column(place, field.name, table.column(place).cast(kind))
    pq.write_table(table, buffer)
    return buffer.getvalue()


def _hdf5(columns: Columns) -> bytes:
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in _masked(columns).columns.items():
            plain = (
                values.filled(np.nan) if isinstance(values, MaskedColumn) else np.asarray(values)
            )
            text = plain.dtype.kind == "U"
            kind = h5py.string_dtype() if text else plain.dtype
            file.create_dataset(name, data=plain.astype(object) if text else plain, dtype=kind)
    return buffer.getvalue()


ENCODERS = {
    "csv": _delimited(","),
    "crlf.csv": _delimited(",", end="\r\n"),
    "bom.csv": _delimited(",", encoding="utf-8-sig"),
    "utf16.csv": _delimited(",", encoding="utf-16"),
    "semicolon.csv": _delimited(";"),
    "comments.csv": _delimited(",", before="# made by hand\n# twice\n"),
    "tsv": _delimited("\t"),
    "bars.txt": _delimited("|"),
    "dat": _blanks,
    "fits": _fits,
    "parquet": _parquet,
    "views.parquet": _other_arrow,
    "hdf5": _hdf5,
    "vot": _astropy("votable", tabledata_format="binary2"),
    "tabledata.vot": _astropy("votable", tabledata_format="tabledata"),
    "ecsv": _astropy("ascii.ecsv"),
}
PACKABLE = [name for name in ENCODERS if not name.endswith(("parquet", "hdf5"))]


def encode(columns: Columns, form: str) -> bytes:
    """The bytes of a file with these columns; any exception where the format can't hold them."""
    inner, _, packing = form.rpartition("+")
    content = ENCODERS[inner or form](columns)
    return PACKED[packing](content) if inner else content


def file_name(form: str) -> str:
    return "table." + form.replace("+", "")


def read_independently(path: Path, form: str) -> Columns:
    """Read a file without any code of ours; whatever the reader raises passes through."""
    content = path.read_bytes()
    if form.endswith("+.gz"):
        content = gzip.decompress(content)
    elif form.endswith("+.bz2"):
        content = bz2.decompress(content)
    elif form.endswith("+.xz"):
        content = lzma.decompress(content)
    kind = form.split("+")[0].rpartition(".")[2]
    return {
        "csv": _read_text, "tsv": _read_text, "txt": _read_text, "dat": _read_text,
        "fits": _read_fits, "parquet": _read_parquet, "hdf5": _read_hdf5,
        "vot": lambda data: _plain(Table.read(io.BytesIO(data), format="votable")),
        "ecsv": lambda data: _plain(Table.read(data.decode(), format="ascii.ecsv")),
    }[kind](content)  # fmt: skip


def _read_text(content: bytes) -> Columns:
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    lines = content.decode(encoding).splitlines(keepends=True)
    kept = (line.lstrip(" ") for line in lines if line.strip())
    lines = [line for line in kept if not line.startswith("#") or line.startswith("# object_id")]
    head = lines[0].removeprefix("# ")
    mark = next((mark for mark in (",", ";", "\t", "|") if mark in head), r"\s+")
    frame = pd.read_csv(
        io.StringIO(head + "".join(lines[1:])),
        sep=mark, dtype=str, keep_default_na=False, header=None, index_col=False,
    )  # fmt: skip
    stored = frame.iloc[0].tolist()
    names = [name.strip() for name in stored]
    names = stored if len(set(names)) < len(names) else names
    if len(set(names)) < len(names):
        raise ValueError("a name twice")
    cells = {name: frame.iloc[1:, place].tolist() for place, name in enumerate(names)}
    return {name: _typed(values) for name, values in cells.items()}


def _typed(values: list[Any]) -> list[Any]:
    """Numbers where all cells are numbers or empty."""
    texts = [value.strip() if isinstance(value, str) else "" for value in values]
    if any(len(text) > DIGITS and text.isdecimal() for text in texts):
        texts = [text if text.isdecimal() else "no integer" for text in texts]
    for kind in (int, float):
        try:
            return [None if text.lower() in NO_NUMBER else kind(text) for text in texts]
        except ValueError:
            pass
    return values


def _read_fits(content: bytes) -> Columns:
    with fits.open(io.BytesIO(content), checksum=True) as hdus:
        hdus.verify("exception")
    options = {"character_as_bytes": True, "mask_invalid": False}  # text may be no text
    return _plain(Table.read(io.BytesIO(content), format="fits", hdu=1, **options))


def _read_parquet(content: bytes) -> Columns:
    table = pq.ParquetFile(io.BytesIO(content), page_checksum_verification=True).read()
    table.validate(full=True)
    if len(set(table.column_names)) < table.num_columns:
        raise ValueError("a name twice")
    return table.to_pydict()


def _read_hdf5(content: bytes) -> Columns:
    with h5py.File(io.BytesIO(content)) as file:
        values = {name: dataset[()] for name, dataset in file.items()}
    return {
        name: [
            one.decode(errors="replace") if isinstance(one, bytes) else one
            for one in array.tolist()
        ]
        for name, array in values.items()
    }


def _plain(table: Table) -> Columns:
    for name in table.colnames:
        if table[name].dtype.kind == "S":
            table[name] = np.char.decode(np.ma.filled(table[name], b""), errors="replace")
    return {name: table[name].tolist() for name in table.colnames}


def comparable(value: Any) -> Any:
    """A value as outputs of two formats have it alike: NaN is null, -0.0 is 0."""
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float):
        return None if np.isnan(value) else value + 0.0
    return value
