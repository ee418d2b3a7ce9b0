"""Upstream files: read as declared, or refused with one error that names file and column."""

import gzip

import numpy as np
import pytest
from astropy.table import Table as AstropyTable

from transferz.dataset.sources import galaxiesml, reading
from transferz.dataset.sources.reading import read_csv, read_fits
from transferz.schemas import COSMOS2020, GALAXIESML, Column, InputError, SchemaError, Table

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
        ),
        Column("bright", "bool", "flag", upstream=("BRIGHT",)),
        Column("made", "string", "ours alone", nullable=True),
    ),
    key="star_id",
)
BIG = 43158322433012345
COLUMNS = {
    "ID": np.array([BIG, 2, 3, 4, 5]),
    "MAG_OLD": np.array([20.5, -99.0, 99.0, np.nan, 21.25], dtype=">f4"),
    "BRIGHT": np.array([True, False, True, False, True]),
    "unread": np.arange(5.0),
}


def write_fits(path, **columns):
    AstropyTable(columns or COLUMNS).write(path, format="fits", overwrite=True)
    return path


def expect_stars(frame):
    assert list(frame.columns) == ["star_id", "mag", "bright"]
    assert frame["star_id"].tolist() == [BIG, 2, 3, 4, 5]
    assert frame["mag"].dtype == np.float32 and frame["mag"].dtype.isnative
    np.testing.assert_array_equal(frame["mag"], [20.5, np.nan, np.nan, np.nan, 21.25])
    assert frame["bright"].tolist() == [True, False, True, False, True]


@pytest.mark.parametrize("chunk_rows", [1, 2, 5, 100])
def test_fits_in_chunks_of_any_size(tmp_path, chunk_rows):
    expect_stars(read_fits(write_fits(tmp_path / "a.fits"), STARS, chunk_rows))


def test_fits_table_is_found_by_its_columns(tmp_path):
    from astropy.io import fits

    other, wanted = (AstropyTable(c) for c in ({"x": [1.0]}, COLUMNS))
    hdus = [fits.PrimaryHDU(), *(fits.table_to_hdu(table) for table in (other, wanted, other))]
    fits.HDUList(hdus).writeto(tmp_path / "a.fits")
    expect_stars(read_fits(tmp_path / "a.fits", STARS))


def test_empty_fits_table_gives_an_empty_frame(tmp_path):
    empty = {name: values[:0] for name, values in COLUMNS.items()}
    assert len(read_fits(write_fits(tmp_path / "a.fits", **empty), STARS)) == 0


def csv_text(mag="20.5"):
    rows = [f"{BIG},{mag},True", "2,-99,False", "3,99.0,True", "4,,False", "5,21.25,True"]
    return "\n".join(["ID,MAG_NEW,BRIGHT", *rows, ""])


def test_csv_plain_and_compressed(tmp_path):
    (tmp_path / "a.csv").write_text(csv_text())
    with gzip.open(tmp_path / "a.csv.gz", "wt") as file:
        file.write(csv_text())
    expect_stars(read_csv(tmp_path / "a.csv", STARS))
    expect_stars(read_csv(tmp_path / "a.csv.gz", STARS))


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9])
def test_truncated_fits_is_refused(tmp_path, keep):
    path = write_fits(tmp_path / "a.fits")
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(InputError, match=r"a\.fits is no sound FITS file"):
        read_fits(path, STARS)


def test_html_saved_as_fits_is_refused(tmp_path):
    path = tmp_path / "a.fits"
    path.write_text("<html>Please log in</html>" * 200)
    with pytest.raises(InputError, match=r"a\.fits is no sound FITS file"):
        read_fits(path, STARS)


def test_truncated_gzip_is_refused(tmp_path):
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(csv_text().encode() * 500)[:-200])
    with pytest.raises(InputError, match=r"a\.csv\.gz is no sound CSV file"):
        read_csv(path, STARS)


def test_missing_columns_are_named_with_all_their_spellings(tmp_path):
    path = write_fits(tmp_path / "a.fits", ID=COLUMNS["ID"])
    with pytest.raises(InputError, match="missing MAG_NEW or MAG_OLD, BRIGHT"):
        read_fits(path, STARS)
    (tmp_path / "a.csv").write_text("ID\n1\n")
    with pytest.raises(InputError, match="missing MAG_NEW or MAG_OLD, BRIGHT"):
        read_csv(tmp_path / "a.csv", STARS)


def test_a_value_of_the_wrong_type_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text(csv_text(mag="bright"))
    with pytest.raises(InputError, match=r"a\.csv is no sound CSV file"):
        read_csv(tmp_path / "a.csv", STARS)


def test_a_missing_id_or_flag_is_refused_not_invented(tmp_path):
    (tmp_path / "a.csv").write_text("ID,MAG_NEW,BRIGHT\n1,20,\n")
    with pytest.raises(SchemaError, match="'bright': expected a value in every row"):
        read_csv(tmp_path / "a.csv", STARS)


def test_the_file_is_found_or_its_absence_explained(tmp_path):
    with pytest.raises(InputError, match=r"\*\.fits is missing; run the stage"):
        reading.find_file(tmp_path, "*.fits", "run the stage 'survey'")
    for name in "ab":
        write_fits(tmp_path / f"{name}.fits")
    with pytest.raises(InputError, match=r"expected one file .*found a\.fits, b\.fits; keep one"):
        reading.find_file(tmp_path, "*.fits", "")


def test_galaxiesml_notes_the_published_split(tmp_path):
    names = [column.upstream[0] for column in GALAXIESML if column.upstream]
    for number, split in enumerate(("training", "validation", "testing")):
        row = dict.fromkeys(names, "1") | {"object_id": str(number)}
        text = ",".join(row) + "\n" + ",".join(row.values()) + "\n"
        (tmp_path / f"5x127x127_{split}_with_morphology.csv").write_text(text)
    frame = galaxiesml.read(tmp_path)
    assert frame["published_split"].tolist() == ["train", "validation", "test"]
    assert frame["object_id"].tolist() == [0, 1, 2]


def test_every_ingested_column_has_an_upstream_name():
    assert all(column.upstream for column in COSMOS2020)


def test_an_integer_that_does_not_fit_is_refused_not_wrapped(tmp_path):
    table = Table("flags", (Column("flag", "int16", "mask", upstream=("FLAG",)),), key="flag")
    path = write_fits(tmp_path / "a.fits", FLAG=np.array([0, 65536], dtype="i4"))
    with pytest.raises(InputError, match="flag: a value is no int16"):
        read_fits(path, table)


def test_99_is_a_value_except_for_redshifts_and_magnitudes(tmp_path):
    columns = tuple(
        Column(name, "float32", name, ucd=ucd, nullable=True, upstream=(name,))
        for name, ucd in (("chi2", "stat.fit.chi2"), ("z", "src.redshift.phot"))
    )
    values = np.array([99.0, -99.0, np.inf, 1.0], dtype="f4")
    path = write_fits(tmp_path / "a.fits", chi2=values, z=values)
    frame = read_fits(path, Table("fit", columns, key="z"))
    np.testing.assert_array_equal(frame["chi2"], [99.0, np.nan, np.nan, 1.0])
    np.testing.assert_array_equal(frame["z"], [np.nan, np.nan, np.nan, 1.0])


def test_na_may_be_a_name(tmp_path):
    table = Table("names", (Column("name", "string", "name", upstream=("NAME",)),), key="name")
    (tmp_path / "a.csv").write_text("NAME\nNA\nN/A\n")
    assert read_csv(tmp_path / "a.csv", table)["name"].tolist() == ["NA", "N/A"]
    (tmp_path / "a.csv").write_text("NAME,OTHER\n,1\n")
    with pytest.raises(SchemaError, match=r"a\.csv: column 'name': expected a value"):
        read_csv(tmp_path / "a.csv", table)
