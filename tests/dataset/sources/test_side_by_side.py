"""Rows that are spread over several tables, joined by their order: read in step, or refused."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits

from transferz.dataset.sources.catalogues import read_catalogue, read_side_by_side
from transferz.schemas import Column, InputError, Table
from transferz.schemas.survey.survey import CatalogueEntry

ROWS = 1000
TABLE = Table(
    "tide",
    (
        Column("id", "int64", "Number", upstream=("id",)),
        Column("mag", "float32", "Magnitude", ucd="phot.mag", nullable=True, upstream=("mag-i",)),
        Column("z", "float32", "Redshift", nullable=True, missing_below=0, upstream=("zfinal",)),
        Column("kind", "int16", "Type", nullable=True, upstream=("type",)),
    ),
    "id",
)


def columns(rows=ROWS):
    number = np.arange(rows)
    first = {"id": number[::-1].copy(), "mag-i": 20.0 + number / rows, "other": number * 0.5}
    second = {"zfinal": np.where(number % 7, number / rows, -99.0), "type": number % 3}
    return first, second


def write_fits(path, *tables):
    hdus = [fits.PrimaryHDU()]
    for number, table in enumerate(tables):
        made = [
            fits.Column(n, {"i": "K", "f": "D"}[v.dtype.kind], array=v) for n, v in table.items()
        ]
        hdus.append(fits.BinTableHDU.from_columns(made, name=f"PART{number}"))
    fits.HDUList(hdus).writeto(path)
    return path


def write(path, table):
    if path.suffix == ".fits":
        return write_fits(path, table)
    if path.suffix == ".csv":
        rows = zip(*table.values(), strict=True)
        lines = [",".join(table), *(",".join(map(str, row)) for row in rows)]
        path.write_text("\n".join(lines) + "\n")
    else:
        pq.write_table(pa.table(table), path, row_group_size=170)
    return path


def whole(paths, chunk_rows=1 << 17):
    return pa.concat_tables(read_side_by_side(paths, TABLE, chunk_rows))


def is_right(table, rows=ROWS):
    first, second = columns(rows)
    assert table["id"].to_pylist() == first["id"].tolist()
    assert table["mag"].to_numpy() == pytest.approx(first["mag-i"])
    assert table["kind"].to_pylist() == second["type"].tolist()
    expected = np.where(second["zfinal"] < 0, np.nan, second["zfinal"])
    assert table["z"].to_numpy() == pytest.approx(expected, nan_ok=True)
    return True


@pytest.mark.parametrize("chunk_rows", [64, 333, ROWS, 1 << 17])
@pytest.mark.parametrize("second", [".fits", ".csv", ".parquet"])
def test_tables_of_any_format_are_read_in_step(tmp_path, second, chunk_rows):
    one, two = columns()
    paths = [write(tmp_path / "one.fits", one), write(tmp_path / f"two{second}", two)]
    chunks = list(read_side_by_side(paths, TABLE, chunk_rows))
    assert max(map(len, chunks)) <= chunk_rows
    assert is_right(pa.concat_tables(chunks))


def test_two_tables_of_one_file(tmp_path):
    path = write_fits(tmp_path / "master.fits", *columns(), {"mass": np.arange(ROWS) * 1.0})
    assert is_right(whole([path, path]))


def test_the_order_in_which_the_files_are_named_does_not_matter(tmp_path):
    one, two = columns()
    paths = [write(tmp_path / "one.fits", one), write(tmp_path / "two.fits", two)]
    assert is_right(whole(paths[::-1]))


@pytest.mark.parametrize("ending", [".fits", ".csv", ".parquet"])
@pytest.mark.parametrize("chunk_rows", [64, 1 << 17])
def test_other_numbers_of_rows_are_refused(tmp_path, ending, chunk_rows):
    one, _ = columns()
    _, two = columns(ROWS - 1)
    paths = [write(tmp_path / f"one{ending}", one), write(tmp_path / f"two{ending}", two)]
    with pytest.raises(
        InputError, match=r"same rows in the same order, found rows: .*one.*two"
    ) as found:
        whole(paths, chunk_rows)
    assert str(tmp_path) in str(found.value)
    if ending != ".csv":
        assert "1,000 in one" in str(found.value) and "999 in two" in str(found.value)


def test_a_column_that_no_table_has(tmp_path):
    one, two = columns()
    del two["type"]
    paths = [write(tmp_path / "one.fits", one), write(tmp_path / "two.fits", two)]
    with pytest.raises(InputError, match=r"one.fits and .*two.fits: expected .* missing type"):
        whole(paths)


ENTRY = CatalogueEntry(
    role="label",
    description="",
    endings=((".fits",),),
    remedy="put both parts",
    columns=(),
    files=({"": ["cat_v*_a", "cat_v*_b"]}, {"": ["cat_v[0-9]", "cat_v[0-9]"]}),
)


def test_the_way_that_is_there_is_read(tmp_path):
    one, two = columns()
    parts, master = tmp_path / "parts", tmp_path / "master"
    for folder in (parts, master):
        folder.mkdir()
    write(parts / "cat_v1_a.fits", one), write(parts / "cat_v1_b.fits", two)
    write_fits(master / "cat_v1.fits", one, two)
    for folder in (parts, master):
        assert is_right(pa.concat_tables(read_catalogue(folder, ENTRY, TABLE)))
    (parts / "cat_v1_b.fits").unlink()
    with pytest.raises(InputError, match=r"cat_v\*_b.fits .* is missing; .* put both parts"):
        read_catalogue(parts, ENTRY, TABLE)
    (master / "cat_v1.fits").rename(parts / "cat_v1.fits")
    with pytest.raises(InputError, match="expected one edition of the catalogue"):
        read_catalogue(parts, ENTRY, TABLE)


def test_a_catalogue_in_one_table_is_not_joined_to_another(tmp_path):
    """What is not configured so is never joined by the order of its rows."""
    write_fits(tmp_path / "cat.fits", *columns())
    alone = ENTRY.model_copy(update={"files": ({"": ("cat",)},)})
    assert not alone.is_side_by_side and ENTRY.is_side_by_side
    with pytest.raises(InputError, match="missing"):
        list(read_catalogue(tmp_path, alone, TABLE))
