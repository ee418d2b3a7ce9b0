"""Small valid files in every upstream format: what the mutators start from."""

import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from fuzzing.values import table_of, with_null_flags
from transferz.schemas import COSMOS2020, GALAXIESML, HSC, TRANSFERZ, Table

ROWS = 40


@dataclass(frozen=True)
class Seed:
    """A valid set of files for one catalogue.

    Attributes
    ----------
    name : str
        The format, as the report calls it.
    catalogue : str
        The catalogue that `ingest` reads it as.
    files : dict of str to bytes
        File name to content.
    splits : dict of str to str
        File name to the split that its rows belong to, where the catalogue publishes splits.
    """

    name: str
    catalogue: str
    files: dict[str, bytes]
    splits: dict[str, str | None]

    @property
    def table(self) -> Table:
        return TABLES[self.catalogue]

    @property
    def kind(self) -> str:
        """``fits``, ``csv``, ``parquet`` or ``hdf5``."""
        name = next(iter(self.files)).removesuffix(".gz")
        return name.rsplit(".", 1)[1]


TABLES = {"cosmos2020": COSMOS2020, "hsc": HSC, "galaxiesml": GALAXIESML, "transferz": TRANSFERZ}

COSMOS = "COSMOS2020_CLASSIC_R1_v2.2_p3"
FARMER = "COSMOS2020_FARMER_R1_v2.2_p3"
ZENODO = {"5x127x127_training_with_morphology": "train"} | {
    f"5x127x127_{word}_with_morphology": split
    for word, split in (("validation", "validation"), ("testing", "test"))
}
IMAGES = {name.replace("127", "64"): split for name, split in ZENODO.items()}
RANDOM_SPLITS = {"hsc_train": "train", "hsc_validation": "validation", "hsc_test": "test"}
AUTHORS = {
    "transferz_TRAINING": "train",
    "transferz_VALIDATION": "validation",
    "transferz_CONFORMAL": "calibration",
    "transferz_TESTING": "test",
}


def as_fits(columns: dict[str, np.ndarray], *, checksum: bool = False) -> bytes:
    """Encode as a primary HDU, a small table of something else, and the table."""
    other = fits.BinTableHDU.from_columns([fits.Column("note", "4A", array=np.array(["abcd"]))])
    table = fits.BinTableHDU(_records(columns), name="PHASE3CATALOG")
    table.header["TNULL1"] = -1
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), other, table]).writeto(buffer, checksum=checksum)
    return buffer.getvalue()


def _records(columns: dict[str, np.ndarray]) -> np.ndarray:
    fixed = {
        name: np.char.encode(values, "ascii", "replace") if values.dtype.kind == "U" else values
        for name, values in columns.items()
    }
    dtype = [(name, values.dtype) for name, values in fixed.items()]
    records = np.empty(len(next(iter(fixed.values()))), dtype)
    for name, values in fixed.items():
        records[name] = values
    return records


def as_csv(columns: dict[str, np.ndarray], *, line_end: str = "\n", na: str = "nan") -> bytes:
    """Encode as the archives do: True and False, nan or nothing for a missing value."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=line_end)
    writer.writerow(columns)
    writer.writerows(zip(*(_texts(v, na) for v in columns.values()), strict=True))
    return buffer.getvalue().encode()


def _texts(values: np.ndarray, na: str) -> list[str]:
    return [na if text == "nan" else text for text in map(str, values)]


def as_parquet(columns: dict[str, np.ndarray], *, checksum: bool = False) -> bytes:
    """Encode as parquet of two row groups; text as dictionary, NaN as null."""
    arrow = pa.Table.from_pandas(pd.DataFrame(columns), preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(
        arrow, buffer, row_group_size=25, compression="zstd", write_page_checksum=checksum
    )
    return buffer.getvalue()


def as_hdf5(columns: dict[str, np.ndarray]) -> bytes:
    """Encode as GalaxiesML's image files are: a dataset per column, and the images."""
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, values in columns.items():
            text = values.dtype.kind == "U"
            kind = h5py.string_dtype() if text else values.dtype
            file.create_dataset(name, data=values.astype(object) if text else values, dtype=kind)
        images = np.zeros((len(values), 5, 4, 4), "float32")
        file.create_dataset("image", data=images, chunks=(1, 5, 4, 4), compression="gzip")
    return buffer.getvalue()


def as_gzip(content: bytes) -> bytes:
    """Compress; the bytes repeat."""
    return gzip.compress(content, mtime=0)


def with_fluxes(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Replace the one magnitude of COSMOS2020 by the flux it is computed from."""
    column = COSMOS2020["i_mag_auto"]
    name = next(name for name in column.upstream if name in columns)
    magnitude = np.abs(columns.pop(name).astype("float64"))
    flux = 10.0 ** (-0.4 * (magnitude - 23.9))
    flux[::11] *= -1.0
    flux[3::11] = -99.0
    return columns | {column.upstream_flux[-1]: flux}


def make_seeds() -> list[Seed]:
    """All formats, always the same bytes for the same versions of the libraries."""
    return [*_cosmos2020(), *_hsc(), *_galaxiesml(), *_transferz()]


def _rng(number: int) -> np.random.Generator:
    return np.random.default_rng([2020, number])


def _cosmos2020() -> list[Seed]:
    classic = table_of(COSMOS2020, ROWS, _rng(1))
    farmer = with_fluxes(table_of(COSMOS2020, ROWS, _rng(2), spelling=-1))
    contents = {
        "COSMOS2020 FITS": (f"{COSMOS}.fits", as_fits(classic)),
        "COSMOS2020 FITS, checksums": (f"{COSMOS}.fits", as_fits(classic, checksum=True)),
        "COSMOS2020 FITS.gz": (f"{COSMOS}.fits.gz", as_gzip(as_fits(classic))),
        "COSMOS2020 FARMER, fluxes": (f"{FARMER}.fits", as_fits(farmer)),
        "COSMOS2020 CSV": (f"{COSMOS}.csv", as_csv(classic, na="")),
        "COSMOS2020 parquet": (f"{COSMOS}.parquet", as_parquet(classic)),
    }
    return [_single(name, "cosmos2020", *content) for name, content in contents.items()]


def _hsc() -> list[Seed]:
    pdr2 = table_of(HSC, ROWS, _rng(3))
    pdr3 = table_of(HSC, ROWS, _rng(4), spelling=-1)
    pdr3["object_id"] = pdr3.pop("hsc_id", pdr3.get("object_id"))
    contents = {
        "HSC CSV": ("hsc_pdr2_cosmos.csv", b"# the query\n# " + as_csv(pdr2, line_end="\r\n")),
        "HSC CSV.gz": ("hsc_pdr3_cosmos.csv.gz", as_gzip(as_csv(pdr3))),
        "HSC FITS": ("hsc_pdr2_cosmos.fits", as_fits(with_null_flags(pdr2, _rng(10)))),
        "HSC parquet": ("hsc_pdr3_cosmos.parquet", as_parquet(pdr3, checksum=True)),
    }
    return [_single(name, "hsc", *content) for name, content in contents.items()]


def _single(name: str, catalogue: str, file: str, content: bytes) -> Seed:
    return Seed(name, catalogue, {file: content}, {file: None})


def _galaxiesml() -> list[Seed]:
    whole = table_of(GALAXIESML, ROWS, _rng(5))
    return [
        _split("GalaxiesML CSVs", "galaxiesml", ZENODO, GALAXIESML, 6, as_csv),
        _split("GalaxiesML HDF5", "galaxiesml", IMAGES, GALAXIESML, 9, as_hdf5),
        _split("GalaxiesML hsc_*.csv", "galaxiesml", RANDOM_SPLITS, GALAXIESML, 7, as_csv),
        _single("GalaxiesML HSC_v6.csv", "galaxiesml", "HSC_v6.csv", as_csv(whole)),
    ]


def _transferz() -> list[Seed]:
    return [_split("TransferZ CSVs", "transferz", AUTHORS, TRANSFERZ, 8, as_csv, spelling=1)]


def _split(
    name: str,
    catalogue: str,
    names: dict[str, str],
    table: Table,
    number: int,
    encode: Callable[[dict[str, np.ndarray]], bytes],
    spelling: int = 0,
) -> Seed:
    ending = ".hdf5" if encode is as_hdf5 else ".csv"
    columns = table_of(table, 15 * len(names), _rng(number), spelling=spelling)
    files = {
        stem + ending: encode({key: values[k :: len(names)] for key, values in columns.items()})
        for k, stem in enumerate(names)
    }
    return Seed(name, catalogue, files, {stem + ending: split for stem, split in names.items()})
