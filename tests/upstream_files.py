"""Small sound files with the columns that are read of an upstream catalogue, in every format."""

import gzip
import io

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from transferz.schemas import COSMOS2020, GALAXIESML, TRANSFERZ

AUTHORS_RECORD, GALAXIESML_RECORD = 16541823, 11117528
AUTHORS = [f"transferz_{part}.csv" for part in ("CONFORMAL", "TESTING", "TRAINING", "VALIDATION")]
GALAXIESML_NAMES = [
    f"5x127x127_{part}_with_morphology.csv" for part in ("training", "validation", "testing")
]


def columns_of(table):
    """The columns that are read, under the first of their upstream names."""
    return [column.upstream[0] for column in table if column.upstream]


def file_of(table, kind=".csv", rows=4000, renamed=None, first=1):
    """A file of some kind, with some of the columns `renamed`."""
    names = [(renamed or {}).get(name, name) for name in columns_of(table)]
    if kind.endswith(".gz"):
        return packed(file_of(table, kind.removesuffix(".gz"), rows, renamed, first))
    if kind == ".csv":
        cells = ",0.5" * (len(names) - 1)
        lines = [",".join(names), *(f"{first + row}{cells}" for row in range(rows))]
        return "\n".join([*lines, ""]).encode()
    random, file = np.random.default_rng(first), io.BytesIO()
    values = {name: random.random(rows) for name in names}  # which can't be packed much
    if kind == ".fits":
        columns = [fits.Column(name, "D", array=array) for name, array in values.items()]
        fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]).writeto(file)
    elif kind == ".parquet":
        pq.write_table(pa.table(values), file)
    else:
        with h5py.File(file, "w") as content:
            content["image"] = np.zeros((rows, 50))  # which is not to be read
            for name, array in values.items():
                content[name] = array
    return file.getvalue()


def packed(data, level=9):
    """Gzip: the same bytes at any time."""
    return gzip.compress(data, level, mtime=0)


def authors_csv(name):
    """One of the authors' tables, larger than what is first asked of it."""
    return file_of(TRANSFERZ, first=len(name) * 10**6)


def place_authors(upstream):
    """Put all that the survey `authors` fetches on a server."""
    for name in AUTHORS:
        (upstream.record(AUTHORS_RECORD) / name).write_bytes(authors_csv(name))
    for name in GALAXIESML_NAMES:
        (upstream.record(GALAXIESML_RECORD) / name).write_bytes(file_of(GALAXIESML, rows=10))


def cosmos2020_fits(rows=1000):
    """COSMOS2020 as it is distributed, larger than what is first asked of it."""
    return file_of(COSMOS2020, ".fits", rows)
