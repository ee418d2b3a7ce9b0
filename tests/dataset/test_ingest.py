"""The stage `ingest`: whole tables or nothing, and errors that name what is at fault."""

import gzip
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import Table as AstropyTable

from transferz.dataset.ingest import ingest
from transferz.dataset.pipeline.stage import COUNTS, TABLE, Layout
from transferz.schemas import COSMOS2020, ERRORS, MAGNITUDES, InputError, SchemaError

COSMOS_FILE = "COSMOS2020_CLASSIC_R1_v2.2_p3.fits"
SPLITS = ("TRAINING", "VALIDATION", "CONFORMAL", "TESTING")


@pytest.fixture
def layout(tmp_path):
    return Layout("cosmos2020", tmp_path)


def put(layout, catalogue):
    folder = layout.raw / catalogue
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cosmos(rows=50, **columns):
    names = {column.name: column.upstream[0] for column in COSMOS2020}
    values = dict.fromkeys(names, np.full(rows, 1.0, "f4"))
    values |= {
        "cosmos_id": np.arange(rows)[::-1],
        "ra": np.linspace(149.5, 150.5, rows),
        "dec": np.linspace(1.7, 2.7, rows),
        "i_mag_auto": np.full(rows, 24.0),
    }
    return AstropyTable({names[name]: one for name, one in (values | columns).items()})


def put_cosmos(layout, table, name=COSMOS_FILE):
    path = put(layout, "cosmos2020") / name
    table.write(path, format="fits", overwrite=True)
    return path


def put_authors(layout):
    for number, split in enumerate(SPLITS):
        columns = {name: np.full(20, 22.0 + number) for name in MAGNITUDES}
        columns |= dict.fromkeys(ERRORS, np.full(20, 0.1))
        ids = 100 - 10 * number + np.arange(0, 200, 10) * 7
        frame = pd.DataFrame({"hsc_id": ids + number, "z": 0.5, **columns})
        frame.to_csv(put(layout, "transferz") / f"transferz_{split}.csv", index=False)


def test_a_table_is_written_with_its_counts(layout):
    put_cosmos(layout, cosmos())
    ingest(layout, "cosmos2020")
    directory = layout.interim("ingest", "cosmos2020")
    assert pq.read_table(directory / TABLE)["cosmos_id"].to_pylist() == list(range(50))
    assert '"rows_out": 50' in (directory / COUNTS).read_text()


def test_the_authors_tables_become_one(tmp_path):
    layout = Layout("authors", tmp_path)
    put_authors(layout)
    ingest(layout, "transferz")
    rows = pq.read_table(layout.interim("ingest", "transferz") / TABLE).to_pandas()
    assert rows["object_id"].is_monotonic_increasing and len(rows) == 80
    counted = rows["published_split"].value_counts().to_dict()
    assert counted == dict.fromkeys(["train", "validation", "calibration", "test"], 20)
    assert (rows.loc[rows["published_split"] == "calibration", "g_cmodel_mag"] == 24).all()


def test_an_object_in_two_of_the_authors_tables_is_kept_twice(tmp_path):
    """A later cut drops repeats: which rows the authors repeat is for it to count."""
    layout = Layout("authors", tmp_path)
    put_authors(layout)
    folder = layout.raw / "transferz"
    shutil.copy(folder / "transferz_TRAINING.csv", folder / "transferz_TESTING.csv")
    ingest(layout, "transferz")
    rows = pq.read_table(layout.interim("ingest", "transferz") / TABLE).to_pandas()
    splits = rows.groupby("object_id")["published_split"].agg(sorted)
    assert len(rows) == 80
    assert splits.map(lambda names: names == ["test", "train"]).sum() == 20


def html(path):
    path.write_text("<!DOCTYPE html><html>Sign in</html>")


def truncated(path):
    path.write_bytes(path.read_bytes()[:9000])


def without_permission(path):
    path.unlink()
    path.mkdir()  # what can't be read even by root


BAD_FILES = [
    (html, "is a web page, probably a login or an error page"),
    (truncated, "no sound FITS file .cut short: 9,000 of at least"),
    (without_permission, "can't be read: Is a directory"),
]
BAD_TABLES = [
    (cosmos(0), "holds no rows"),
    (cosmos(cosmos_id=np.zeros(50, int)), "rule 'unique values' broken in 50 rows, first 0, 0"),
    (cosmos(ra=np.full(50, 10.0)), "look like hours"),
    (cosmos(ra=np.full(50, 2.6), dec=np.full(50, 0.04)), "look like radians"),
    (cosmos(dec=np.full(50, 45.0)), "column 'dec': rule '<= 3.7' broken in 50 rows"),
    (cosmos(dec=np.full(50, np.nan)), "column 'dec': rule 'no missing values' broken in 50"),
    (cosmos(i_mag_auto=np.full(50, 0.3)), "column 'i_mag_auto' .*looks like a flux"),
    (cosmos(lp_type=np.full(50, 0.5)), "column 'lp_type': expected int16, found 0.5"),
    (cosmos(ra=np.full(50, "10h")), "column 'ra' .*expected float64, found string"),
]


def expect_refusal(layout, message):
    """One error, not blamed on the writing; nothing written, and an old output left alone."""
    output = layout.interim("ingest", "cosmos2020")
    for old in (False, True):
        if old:
            output.mkdir(parents=True)
            (output / TABLE).write_text("old")
        with pytest.raises((InputError, SchemaError), match=message) as caught:
            ingest(layout, "cosmos2020")
        assert "cannot write" not in str(caught.value)
        assert COSMOS_FILE in str(caught.value)
        assert [path.name for path in output.parent.glob("*")] == (["cosmos2020"] if old else [])
    assert [path.read_text() for path in output.iterdir()] == ["old"]


@pytest.mark.parametrize(("damage", "message"), BAD_FILES, ids=lambda value: str(value)[:20])
def test_a_bad_file_leaves_nothing(layout, damage, message):
    damage(put_cosmos(layout, cosmos()))
    expect_refusal(layout, message)


@pytest.mark.parametrize(("table", "message"), BAD_TABLES, ids=[m[:30] for _, m in BAD_TABLES])
def test_a_bad_table_leaves_nothing(layout, table, message):
    put_cosmos(layout, table)
    expect_refusal(layout, message)


@pytest.mark.parametrize("packed", [False, True])
def test_the_mock_is_refused_as_a_real_survey_packed_or_not(layout, packed):
    table = cosmos()
    table.meta["MOCK"] = True
    path = put_cosmos(layout, table)
    if packed:
        path.with_name(f"{COSMOS_FILE}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    for catalogue in layout.catalogues:
        with pytest.raises(
            InputError, match="holds the mock's catalogue, which cannot be released"
        ):
            ingest(layout, catalogue)
    assert not layout.interim("ingest").exists()
