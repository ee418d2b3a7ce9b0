"""Files that differ from the plain one in ways that mean nothing: read equal to it."""

import gzip
import io

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from transferz.dataset.sources.catalogues import read_any
from transferz.schemas import Column, InputError, SchemaError, Table

SKY = Table(
    "sky",
    (
        Column("object_id", "int64", "id", upstream=("object_id",)),
        Column("mag", "float32", "mag", ucd="phot.mag", nullable=True, upstream=("HSC_mag",)),
        Column("chi2", "float32", "fit", nullable=True, missing_below=0.0, upstream=("chi2",)),
        Column("visits", "int16", "visits", nullable=True, upstream=("visits",)),
        Column("edge", "bool", "flag", nullable=True, upstream=("edge",)),
        Column("name", "string", "name", nullable=True, upstream=("name",)),
    ),
    key="object_id",
)
NAMES = tuple(column.upstream[0] for column in SKY)
BIG = 43158322433012345
EXPECTED = {
    "object_id": [BIG, 2, 3],
    "mag": [20.5, None, 21.25],
    "chi2": [1.5, 0.0, None],
    "visits": [3, 0, 7],
    "edge": [True, False, True],
    "name": ["NA", None, "a b"],
}
ROWS = (
    (str(BIG), "20.5", "1.5", "3", "True", "NA"),
    ("2", "", "0.0", "0", "False", ""),
    ("3", "21.25", "", "7", "True", "a b"),
)


def rows_of(path):
    return pa.concat_tables(read_any(path, SKY)).to_pydict()


def csv_text(rows=ROWS, names=NAMES, *, delimiter=",", end="\n", first="", index=None):
    """Rows as text; `index` is the name of a column of row numbers, before the others."""
    lines = [names, *rows]
    if index is not None:
        lines = [(index if k == 0 else str(k - 1), *line) for k, line in enumerate(lines)]
    return first + "".join(delimiter.join(line) + end for line in lines)


def cells(column, spelt):
    """The rows, with the texts of a column replaced by others."""
    at = NAMES.index(column)
    return [(*r[:at], spelt.get(r[at], r[at]), *r[at + 1 :]) for r in ROWS]


def padded(texts):
    return [tuple(f"  {text} \t" for text in row) for row in texts]


def with_null_flag(column, gone, placeholder):
    """A column of null flags, and something that no reader may take for a value."""
    at = NAMES.index(column)
    rows = [
        (*r[:at], placeholder if k == gone else r[at], *r[at + 1 :], "tf"[k != gone])
        for k, r in enumerate(ROWS)
    ]
    return csv_text(rows, (*NAMES, f"{column}_isnull"))


PLAIN = csv_text()
CSV = {
    "an index without a name": csv_text(index=""),
    "an index that pandas named": csv_text(index="Unnamed: 0"),
    "tabs": csv_text(delimiter="\t"),
    "tabs, an index without a name": csv_text(delimiter="\t", index=""),
    "tabs, Windows, an index": csv_text(delimiter="\t", index="", end="\r\n"),
    "Windows": csv_text(end="\r\n"),
    "a byte-order mark": "\ufeff" + PLAIN,
    "a commented header": csv_text(first="# "),
    "a byte-order mark and a commented header": csv_text(first="\ufeff# "),
    "a quoted position": csv_text(
        [(*r, '"(149.5, 2.2)"') for r in ROWS], (*NAMES, "coord"), end="\r\n"
    ),
    "everything padded": csv_text(padded(ROWS)),
    "the header padded too": csv_text(padded(ROWS), [f" {name} " for name in NAMES]),
    "small ids of floats": csv_text([*ROWS[:1], *((f"{r[0]}.0", *r[1:]) for r in ROWS[1:])]),
    "counts of floats": csv_text(cells("visits", {"3": "3.0", "0": "0.0", "7": "7.0"})),
    "an infinite magnitude": csv_text(cells("HSC_mag", {"": "inf"})),
    "a magnitude of 99": csv_text(cells("HSC_mag", {"": "99.0"})),
    "flagged magnitude": with_null_flag("HSC_mag", 1, "17.5"),
    "flagged fit": with_null_flag("chi2", 2, "north"),
    **{
        f"numbers {nothing!r}": csv_text(
            [tuple(nothing if k in (1, 2) and not t else t for k, t in enumerate(r)) for r in ROWS]
        )
        for nothing in ("nan", "NaN", "null", "NULL", "None", "NA", "N/A", "#N/A", "   ", " nan ")
    },
    **{
        f"names {nothing!r}": csv_text([(*r[:5], r[5] or nothing) for r in ROWS])
        for nothing in ("nan", "NaN", "null", "NULL", "   ")
    },
    **{
        f"sentinel {low}": csv_text([(*r[:2], r[2] or low, *r[3:]) for r in ROWS])
        for low in ("-99", "-99.9", "-9.99", "-1")
    },
    **{
        f"yes is {yes}": csv_text(cells("edge", {"True": yes, "False": no}))
        for yes, no in (("1.0", "0.0"), ("1", "0"), ("t", "f"), ("T", "F"), (" True ", " False "))
    },
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("variant", CSV)
def test_csv(tmp_path, variant, packed):
    path = tmp_path / ("a.csv.gz" if packed else "a.csv")
    for content in (PLAIN, CSV[variant]):
        path.write_bytes(gzip.compress(content.encode()) if packed else content.encode())
        assert rows_of(path) == EXPECTED


@pytest.mark.parametrize("nothing", ["", "nan", "None", "NA", "   "])
@pytest.mark.parametrize("column", ["visits", "edge"])
def test_csv_without_a_count_or_a_flag(tmp_path, column, nothing):
    at = NAMES.index(column)
    rows = [(*ROWS[0][:at], nothing, *ROWS[0][at + 1 :]), *ROWS[1:]]
    (tmp_path / "a.csv").write_text(csv_text(rows))
    assert rows_of(tmp_path / "a.csv") == EXPECTED | {column: [None, *EXPECTED[column][1:]]}


def columns(**changed):
    """The plain columns as arrays, NaN where a number lacks."""
    kinds = {
        "object_id": "i8",
        "mag": "f4",
        "chi2": "f4",
        "visits": "i2",
        "edge": "?",
        "name": "S3",
    }
    plain = {
        theirs: np.array(["" if ours == "name" and v is None else v for v in values], kinds[ours])
        for theirs, (ours, values) in zip(NAMES, EXPECTED.items(), strict=True)
    }
    return plain | changed


def fits_bytes(of=None, *, path, rename=str, **options):
    codes = {
        "i8": "K",
        "f4": "E",
        "i2": "I",
        "b1": "L",
        "S3": "3A",
        "S5": "5A",
        "f8": "D",
        "i4": "J",
    }
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column(rename(n), codes[v.dtype.str[1:]], array=v)
            for n, v in (of or columns()).items()
        ]
    )
    hdu.header["MADEBY"] = ("somebody", "u" * 9)
    for key in ("TTYPE2", "TFORM2"):
        hdu.header.comments[key] = "in uuuuuuuuu"
    hdu.writeto(path, overwrite=True, **options)
    return path.read_bytes()


def without_padding(content):
    with fits.open(io.BytesIO(content)) as hdus:
        table = hdus[-1]
        size = table.header["NAXIS1"] * table.header["NAXIS2"]
        return content[: table.fileinfo()["datLoc"] + size]


FLAGGED = {
    "HSC_mag": np.array([20.5, 17.0, 21.25], "f4"),
    "HSC_mag_isnull": np.array([False, True, False]),
    "name": np.array([b"NA", b"no", b"a b"]),
    "name_isnull": np.array([False, True, False]),
}
FITS = {
    "lower case": lambda path: fits_bytes(rename=str.lower, path=path),
    "upper case": lambda path: fits_bytes(rename=str.upper, path=path),
    "micro signs in comments": lambda path: fits_bytes(path=path).replace(
        b"uuuuuuuuu", b"\xb5" * 9
    ),
    "micro signs in UTF-8": lambda path: fits_bytes(path=path).replace(b"uuuuuu", "µµµ".encode()),
    "no padding": lambda path: without_padding(fits_bytes(path=path)),
    "sums, no padding": lambda path: without_padding(fits_bytes(path=path, checksum=True)),
    "null flags": lambda path: fits_bytes(columns(**FLAGGED), path=path),
    "null flags, upper case": lambda path: fits_bytes(
        columns(**FLAGGED), rename=str.upper, path=path
    ),
    "a null of an unread column": lambda path: fits_bytes(
        columns(other=np.arange(3, dtype="i4")), path=path
    ).replace(b"MADEBY  = 'somebody'", b"TNULL7  =  -99.5    "),
    "text for flags": lambda path: fits_bytes(
        columns(edge=np.array([b"True", b"False", b"True"])), path=path
    ),
    "sentinels": lambda path: fits_bytes(
        columns(chi2=np.array([1.5, 0.0, -9.99]), HSC_mag=np.array([20.5, np.inf, 21.25])),
        path=path,
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("variant", FITS)
def test_fits(tmp_path, variant, packed):
    path = tmp_path / "a.fits"
    for content in (fits_bytes(path=path), FITS[variant](path)):
        path.write_bytes(gzip.compress(content) if packed else content)
        assert rows_of(path) == EXPECTED
    assert content != fits_bytes(path=path)


HDF5 = {
    "flags as bytes": columns(edge=np.array([b"True", b"False", b"True"])),
    "flags as numbers": columns(edge=np.array([1.0, 0.0, 1.0])),
    "a name nan": columns(name=np.array([b"NA", b"nan", b"a b"])),
    "a blank name": columns(name=np.array([b"NA", b"  ", b"a b"])),
    "columns of shape (rows, 1)": {name: v[:, None] for name, v in columns().items()},
    "some of shape (rows, 1)": columns(name=columns()["name"][:, None]),
    "sentinels": columns(chi2=np.array([1.5, 0.0, -1.0])),
    "null flags": columns(**FLAGGED),
}


@pytest.mark.parametrize("variant", HDF5)
def test_hdf5(tmp_path, variant):
    for number, of in enumerate((columns(), HDF5[variant])):
        with h5py.File(tmp_path / f"{number}.hdf5", "w") as file:
            for name, values in of.items():
                file[name] = values
        assert rows_of(tmp_path / f"{number}.hdf5") == EXPECTED


TEXTS = {"name": ["NA", None, "a b"]}
PARQUET = {
    "null flags": columns(**FLAGGED | {"name": ["NA", "no", "a b"]}),
    "null flags with nulls": columns(HSC_mag_isnull=[False, None, None], **TEXTS),
    "flags as text": columns(edge=["True", "False", "True"], **TEXTS),
    "a name nan": columns(name=["NA", "nan", "a b"]),
    "sentinels": columns(chi2=[1.5, 0.0, -99.9], **TEXTS),
    "an integer flag": columns(edge=[1, 0, 1], **TEXTS),
}


@pytest.mark.parametrize("variant", PARQUET)
def test_parquet(tmp_path, variant):
    for number, of in enumerate((columns(**TEXTS), PARQUET[variant])):
        pq.write_table(pa.table(of), tmp_path / f"{number}.parquet")
        assert rows_of(tmp_path / f"{number}.parquet") == EXPECTED


def test_names_that_all_lack(tmp_path):
    """A column without any text comes as numbers that are all NaN, or as of no type at all."""
    nothing = np.full(3, np.nan)
    expected = EXPECTED | {"name": [None] * 3}
    pq.write_table(pa.table(columns(name=nothing)), tmp_path / "a.parquet")
    pq.write_table(pa.table(columns(name=pa.nulls(3))), tmp_path / "b.parquet")
    fits_bytes(columns(name=nothing), path=tmp_path / "a.fits")
    with h5py.File(tmp_path / "a.hdf5", "w") as file:
        for name, values in columns(name=nothing).items():
            file[name] = values
    (tmp_path / "a.csv").write_text(csv_text([(*row[:5], "nan") for row in ROWS]))
    for name in ("a.parquet", "b.parquet", "a.fits", "a.hdf5", "a.csv"):
        assert rows_of(tmp_path / name) == expected
    pq.write_table(pa.table(columns(name=[np.nan, np.nan, 1.5])), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="'name': expected string, found float64"):
        rows_of(tmp_path / "a.parquet")


def test_a_null_flag_that_is_no_boolean_is_refused(tmp_path):
    content = with_null_flag("chi2", 2, "1.5").replace("chi2_isnull\n", "chi2_isnull\n", 1)
    (tmp_path / "a.csv").write_text(content.replace(",t\n", ",maybe\n"))
    with pytest.raises(InputError, match="column 'chi2_isnull': expected bool, found 'maybe'"):
        rows_of(tmp_path / "a.csv")


def test_a_null_flag_does_not_excuse_what_must_be_there(tmp_path):
    (tmp_path / "a.csv").write_text(with_null_flag("object_id", 1, "2"))
    with pytest.raises(SchemaError, match="'object_id': expected a value in every row"):
        rows_of(tmp_path / "a.csv")
