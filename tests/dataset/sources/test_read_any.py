"""Any upstream file: read as declared, or refused with one error that names file and column."""

import gzip
import shutil

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table as AstropyTable
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.sources import catalogues
from transferz.dataset.sources.catalogues import matching, read_any
from transferz.dataset.sources.fields import origin
from transferz.schemas import COSMOS2020, Column, InputError, SchemaError, Table
from transferz.schemas.survey.frames import arrow_schema
from transferz.tables import table as limits

STARS = Table(
    "stars",
    (
        Column("star_id", "int64", "id", upstream=("ID",)),
        Column(
            "mag",
            "float32",
            "magnitude",
            ucd="phot.mag",
            nullable=True,
            upstream=("MAG_NEW", "MAG_OLD"),
            upstream_flux=("FLUX",),
        ),
        Column("bright", "bool", "flag", upstream=("BRIGHT",)),
        Column("filters", "int16", "count", upstream=("N",)),
        Column("name", "string", "name", nullable=True, upstream=("NAME",)),
        Column("made", "string", "ours alone", nullable=True),
    ),
    key="star_id",
)
BIG = 43158322433012345
COLUMNS = {
    "ID": np.array([BIG, 2, 3, 4, 5]),
    "MAG_OLD": np.array([20.5, -99.0, 99.0, np.nan, 21.25], dtype="f4"),
    "BRIGHT": np.array([True, False, True, False, True]),
    "N": np.array([32, -99, 0, 1, 2], dtype="i2"),
    "NAME": np.array(["NA", "N/A", "", "a b", "é"]),
    "unread": np.arange(5.0),
}


def write_fits(path, columns):
    texts = {
        name: np.char.replace(values, "é", "e")  # FITS is ASCII
        for name, values in columns.items()
        if values.dtype.kind == "U" and len(values)
    }
    AstropyTable(columns | texts).write(path, format="fits")


def csv_text(columns):
    rows = zip(*(values.tolist() for values in columns.values()), strict=True)
    return "\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows), ""])


def write_csv(path, columns):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8") as file:
        file.write(csv_text(columns))


def write_parquet(path, columns):
    pq.write_table(
        pa.table({name: pa.array(values.tolist()) for name, values in columns.items()}), path
    )


def write_hdf5(path, columns):
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            kind = h5py.string_dtype() if values.dtype.kind == "U" else values.dtype
            file.create_dataset(name, data=values.astype(kind))


def write_hats(path, columns):
    rows = pa.table({name: pa.array(values.tolist()) for name, values in columns.items()})
    parquet = path.with_name("whole.parquet")
    pq.write_table(rows, parquet)
    shutil.rmtree(path, ignore_errors=True)
    (path / "dataset/Norder=0/Dir=0").mkdir(parents=True)
    (path / "hats.properties").write_text(f"hats_nrows={len(rows)}\n")
    half = len(rows) // 2
    for pixel, part in ((3, rows.slice(0, half)), (7, rows.slice(half))):
        pq.write_table(part, path / f"dataset/Norder=0/Dir=0/Npix={pixel}.parquet")


WRITERS = {
    ".fits": write_fits,
    ".fits.gz": write_fits,
    ".csv": write_csv,
    ".csv.gz": write_csv,
    ".parquet": write_parquet,
    ".hdf5": write_hdf5,
}


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    """Write columns to a file of each format and return its path."""

    def written(columns):
        path = tmp_path / f"a{request.param}"
        WRITERS[request.param](path, columns)
        return path

    return written


def rows_of(path, table=STARS, **options):
    return pa.concat_tables(read_any(path, table, **options))


def expect_stars(rows):
    assert rows.schema.equals(arrow_schema(STARS))
    assert rows["star_id"].to_pylist() == [BIG, 2, 3, 4, 5]
    assert rows["mag"].to_pylist() == [20.5, None, None, None, 21.25]
    assert rows["bright"].to_pylist() == [True, False, True, False, True]
    assert rows["filters"].to_pylist() == [32, -99, 0, 1, 2]
    assert rows["name"].to_pylist()[:4] == ["NA", "N/A", None, "a b"]
    assert rows["name"].to_pylist()[4] in "eé"
    assert rows["made"].null_count == 5


def test_every_format_gives_the_same_rows(write):
    path = write(COLUMNS)
    expect_stars(rows_of(path))
    for chunk in read_any(path, STARS):
        file, names = origin(chunk)
        assert file == str(path)
        assert names["mag"] == "MAG_OLD" and "made" not in names


@pytest.mark.parametrize("chunk_rows", [1, 2, 5, 100])
def test_a_hats_catalogue_gives_the_same_rows(tmp_path, chunk_rows):
    path = tmp_path / "a.hats"
    write_hats(path, COLUMNS)
    expect_stars(rows_of(path, chunk_rows=chunk_rows))
    assert {origin(chunk)[0] for chunk in read_any(path, STARS)} == {str(path)}
    assert matching(tmp_path, "*", [".csv", ".hats"]) == [path]


@pytest.mark.parametrize("chunk_rows", [1, 2, 5, 100])
def test_chunks_of_any_size_give_the_same_rows(write, chunk_rows):
    expect_stars(rows_of(write(COLUMNS), chunk_rows=chunk_rows))


@pytest.mark.parametrize("block_bytes", [40, 64, 1000])
def test_csv_blocks_of_any_size_give_the_same_rows(tmp_path, monkeypatch, block_bytes):
    monkeypatch.setattr(limits, "BLOCK_BYTES", block_bytes)
    write_csv(tmp_path / "a.csv", COLUMNS)
    expect_stars(rows_of(tmp_path / "a.csv"))


@given(rows=st.integers(0, 40), chunk_rows=st.integers(1, 50), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_rows_do_not_depend_on_chunks(tmp_path_factory, rows, chunk_rows, seed):
    rng = np.random.default_rng(seed)
    columns = {
        "ID": rng.integers(0, 2**60, rows),
        "MAG_NEW": rng.normal(22, 3, rows).astype("f4"),
        "BRIGHT": rng.random(rows) < 0.5,
        "N": rng.integers(0, 40, rows),
    }
    table = Table("stars", STARS.columns[:4], "star_id")
    folder = tmp_path_factory.mktemp("rows")
    for ending in (".parquet", ".hdf5", ".csv"):
        path = folder / f"a{ending}"
        if ending == ".parquet":
            pq.write_table(pa.table(columns), path)
        else:
            WRITERS[ending](path, columns)
        read = rows_of(path, table, chunk_rows=chunk_rows)
        for ours, theirs in zip(table.names, columns, strict=True):
            np.testing.assert_array_equal(read[ours].to_numpy(), columns[theirs])


def test_a_table_without_rows_gives_one_empty_chunk(write):
    chunks = list(read_any(write({n: v[:0] for n, v in COLUMNS.items()}), STARS))
    assert [len(chunk) for chunk in chunks] == [0]
    assert chunks[0].schema.equals(arrow_schema(STARS))


def test_missing_columns_are_named_with_all_their_spellings(write):
    path = write({"ID": COLUMNS["ID"], "N": COLUMNS["N"]})
    missing = "missing MAG_NEW or MAG_OLD or FLUX, BRIGHT"
    expected = f"{path.name}: expected the columns of table 'stars', {missing}"
    with pytest.raises(InputError, match=expected):
        rows_of(path)


def test_the_newest_of_several_names_is_read(write):
    columns = COLUMNS | {"MAG_NEW": np.arange(5) + 1.0, "FLUX": np.arange(5.0)}
    assert rows_of(write(columns))["mag"].to_pylist() == [1, 2, 3, 4, 5]


def test_a_flux_stands_in_for_a_magnitude(write):
    columns = {name: values for name, values in COLUMNS.items() if name != "MAG_OLD"}
    flux = np.array([1.0, -3.5, 0.0, np.nan, 100.0])
    magnitudes = rows_of(write(columns | {"FLUX": flux}))["mag"].to_pylist()
    assert magnitudes == pytest.approx([23.9, None, None, None, 18.9], abs=1e-4)


WRONG = [
    ("BRIGHT", np.array([0, 1, 2, 0, 1]), "column 'bright' .*expected bool, found '?2"),
    (
        "ID",
        np.array([1.0, 2.0, 3.5, 4.0, 5.0]),
        "column 'star_id' .*expected int64, found '?3.5",
    ),
    ("N", np.array([1.0, 2.0, 3.5, 4.0, 5.0]), "column 'filters' .*expected int16, found 3.5"),
    ("N", np.array([0, 65536, 1, 2, 3]), "column 'filters' .*expected int16, found 65536"),
    ("MAG_OLD", np.array(["20", "b", "2", "3", "4"]), "column 'mag' .*expected float32, found"),
    ("MAG_OLD", np.array([20, 1e39, 1, 2, 3]), "column 'mag' .*expected float32, found 1e"),
]


@pytest.mark.parametrize(("name", "values", "message"), WRONG)
def test_values_of_the_wrong_type_are_refused(write, name, values, message):
    path = write(COLUMNS | {name: values})
    with pytest.raises(InputError, match=f"{path.name}: {message}.*fetch the file again"):
        rows_of(path)


def test_whole_numbers_fit_whatever_their_type(write):
    columns = COLUMNS | {"N": np.arange(5.0), "BRIGHT": np.array([1, 0, 1, 0, 0])}
    rows = rows_of(write(columns))
    assert rows["filters"].to_pylist() == [0, 1, 2, 3, 4]
    assert rows["bright"].to_pylist() == [True, False, True, False, False]


def test_a_missing_count_is_refused_not_invented(write):
    path = write(COLUMNS | {"N": np.array([1, 2, np.nan, 4, 5])})
    expected = rf"{path.name}: column 'filters' \('N' in the file\): expected a value in every row"
    with pytest.raises(SchemaError, match=expected):
        rows_of(path)


def test_99_is_a_value_except_for_redshifts_and_magnitudes(write):
    columns = tuple(
        Column(name, "float32", name, ucd=ucd, nullable=True, upstream=(name,))
        for name, ucd in (("chi2", "stat.fit.chi2"), ("z", "src.redshift.phot"))
    )
    values = np.array([99.0, -99.0, np.inf, 1.0, 2.0], dtype="f4")
    path = write(COLUMNS | {"chi2": values, "z": values})
    rows = rows_of(path, Table("fit", columns, key="z"))
    assert rows["chi2"].to_pylist() == [99.0, None, None, 1.0, 2.0]
    assert rows["z"].to_pylist() == [None, None, None, 1.0, 2.0]


def test_a_column_that_must_have_values_keeps_its_99(write):
    table = Table("sky", (Column("ra", "float64", "ra", upstream=("RA",)),), key="ra")
    rows = rows_of(write(COLUMNS | {"RA": np.array([99.0, -99.0, np.inf, np.nan, 1.0])}), table)
    assert rows["ra"].to_pylist() == [99.0, -99.0, np.inf, None, 1.0]


@pytest.mark.parametrize(
    "page", ["<!DOCTYPE html>\n<html>", "\n <HTML><head>", "<html>Please log in"]
)
@pytest.mark.parametrize("ending", WRITERS)
def test_a_web_page_saved_as_data_is_named(tmp_path, ending, page):
    path = tmp_path / f"a{ending}"
    path.write_text(page * 200)
    with pytest.raises(InputError, match=f"{path.name} is a web page, probably a login or an err"):
        rows_of(path)


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", bytes(5000), b"\x1f\x8b", b"\x89HDF\r\n\x1a\n"]
)
@pytest.mark.parametrize("ending", WRITERS)
def test_other_bytes_saved_as_data_are_refused(tmp_path, ending, content):
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"a\{ending}(: it is no sound|: expected )"):
        rows_of(path)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(write, keep):
    path = write({name: np.tile(values, 2000) for name, values in COLUMNS.items()})
    content = path.read_bytes()
    if path.suffix == ".fits":
        content = content.rstrip(b"\0")  # the padding may lack
    path.write_bytes(content[: int(keep * len(content))])
    if path.suffix == ".csv":
        return  # text has no length of its own
    with pytest.raises(InputError, match=f"{path.name}: it is no sound .* file"):
        rows_of(path)


def test_a_file_that_is_missing_or_not_readable(tmp_path, write):
    path = write(COLUMNS)
    path.unlink()
    with pytest.raises(InputError, match=f"{path.name}: it can't be read: No such file"):
        rows_of(path)
    path.mkdir()
    with pytest.raises(InputError, match=f"{path.name}: it can't be read: Is a directory"):
        rows_of(path)


@pytest.mark.parametrize("name", ["a", "a.fits", "a.csv", "a.hdf5"])
def test_what_a_file_is_its_content_says(tmp_path, name):
    for ending, written in WRITERS.items():
        written(tmp_path / f"plain{ending}", COLUMNS)
        (tmp_path / name).write_bytes((tmp_path / f"plain{ending}").read_bytes())
        expect_stars(rows_of(tmp_path / name))


def test_a_workbook_is_refused_as_one(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"PK\x03\x04...")
    with pytest.raises(InputError, match=r"a\.csv: expected FITS, .*found a zip archive or a work"):
        rows_of(tmp_path / "a.csv")


def test_the_file_is_found_or_its_absence_explained(tmp_path):
    endings = (".fits", ".csv")
    with pytest.raises(InputError, match=r"cat_\*\.fits \(or \.csv\) is missing; .*fetch it"):
        catalogues.find_file(tmp_path, "cat_*", endings, "fetch it")
    for name in ("cat_a.fits", ".cat_b.fits", "cat_c.fits.part", "dog.csv"):
        (tmp_path / name).touch()
    assert catalogues.find_file(tmp_path, "cat_*", endings, "").name == "cat_a.fits"
    (tmp_path / "cat_b.csv").touch()
    with pytest.raises(InputError, match=r"expected one file, found cat_a\.fits, cat_b\.csv; keep"):
        catalogues.find_file(tmp_path, "cat_*", endings, "")


def test_every_ingested_column_has_an_upstream_name():
    assert all(column.upstream for column in COSMOS2020)
