"""`transferz magnitudes`: what it counts, what it writes, what it refuses."""

import csv
import gzip
import math
import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from transferz import cli
from transferz.cli.photometry import convert
from transferz.schemas import InputError
from transferz.tables.reading import open_table, read_whole

CSV = """\
id,f_g,ferr_g,name,f_r,ferr_r
1,3.631e-20,3.631e-22,a b,-1e-30,1e-31
2,nan,1,,,
3,-99,-99,x,0,1
"""


def table(tmp_path, text=CSV, name="t.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def lines(text):
    return {words[0]: words[1:] for words in map(str.split, text.splitlines())}


def test_it_prints_a_line_per_band_and_the_sum(tmp_path, capsys):
    assert cli.main(["magnitudes", str(table(tmp_path)), "--unit", "cgs"]) == 0
    said = capsys.readouterr()
    assert said.err == "fluxes (and their errors): f_g (ferr_g), f_r (ferr_r)\n"
    printed = lines(said.out)
    assert printed["f_g"] == ["3", "1", "0", "0", "1", "0", "1", "0", "0"]
    assert printed["f_r"] == ["3", "2", "1", "1", "0", "1", "0", "0", "0"]
    assert printed["all"] == ["6", "3", "1", "1", "1", "1", "1", "0", "0"]


@pytest.mark.parametrize("name", ["out.csv", "out.csv.gz", "out.parquet"])
def test_the_table_comes_back_with_magnitudes(tmp_path, name):
    out = tmp_path / name
    convert(table(tmp_path), "cgs", out)
    read = pd.read_parquet if name.endswith("parquet") else pd.read_csv
    frame = read(out)
    assert list(frame) == [
        *CSV.split("\n")[0].split(","),
        "f_g_mag",
        "f_g_magerr",
        "f_r_mag",
        "f_r_magerr",
    ]
    np.testing.assert_array_equal(frame["f_g_mag"], [-0.0001, np.nan, np.nan])  # 23.9 is rounded
    np.testing.assert_array_equal(frame["f_g_magerr"], [0.0109, np.nan, np.nan])
    np.testing.assert_array_equal(frame["f_r"], [-1e-30, np.nan, 0.0])  # a flux stays one
    assert frame["f_r_mag"].isna().all()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["t.csv", name])


def test_all_formats_and_chunk_sizes_give_the_same(tmp_path, monkeypatch):
    rng = np.random.default_rng(1)
    columns = {"ID": np.arange(50), "note": np.array(["x"] * 50)}
    columns |= {"g_FLUX": rng.normal(1, 1, 50).astype(">f4"), "g_FLUXERR": rng.random(50)}
    columns["g_FLUX"][::7] = np.nan
    for name in ("t.fits", "t.fits.gz"):
        Table(columns).write(tmp_path / name)
    frame = Table(columns).to_pandas()
    frame.to_parquet(tmp_path / "t.parquet")
    frame.assign(g_FLUX=frame["g_FLUX"].astype(str)).to_csv(tmp_path / "t.csv")
    results = []
    for chunk in (7, 1000):
        monkeypatch.setattr("transferz.cli.photometry.CHUNK_ROWS", chunk)
        for name in ("t.fits", "t.fits.gz", "t.parquet", "t.csv"):
            counts = convert(tmp_path / name, "ujy", tmp_path / "o.parquet")["g_FLUX"]
            results.append(pq.read_table(tmp_path / "o.parquet").to_pandas())
            assert (counts.rows, counts.measured) == (50, 42)
            # pandas and FITS have one kind of missing value each; CSV and parquet keep NaN apart
            assert counts.not_a_number + counts.empty == 8
    for one in results[1:]:
        for name in ("g_FLUX_mag", "g_FLUX_magerr"):
            np.testing.assert_array_equal(one[name], results[0][name])


BAD = {
    "no fluxes": ("t.csv", b"id,z\n1,2\n", "holds no fluxes with errors"),
    "text for a flux": ("t.csv", b"f_g,ferr_g\nbright,1\n", "column 'f_g' holds something other"),
    "a column twice": ("t.csv", b"f_g,ferr_g,f_g\n1,1,1\n", "more than one column 'f_g'"),
    "a ragged row": ("t.csv", b"f_g,ferr_g\n1,1\n1\n", "can't read"),
    "nothing": ("t.csv", b"", "can't read"),
    "html as fits": ("t.fits", b"<html>" * 900, "can't read"),
    "html as parquet": ("t.parquet", b"<html>" * 900, "can't read"),
    "cut gzip": ("t.csv.gz", gzip.compress(CSV.encode() * 90)[:-20], "can't read"),
    "another kind": ("t.xlsx", b"PK\x03\x04", "expected FITS, parquet"),
    "made before": ("t.csv", b"f_g,ferr_g,f_g_mag\n1,1,1\n", "already has a column 'f_g_mag'"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_error_and_no_file(case, tmp_path, capsys):
    name, content, message = BAD[case]
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "out.csv"
    assert cli.main(["magnitudes", str(tmp_path / name), "--unit", "cgs", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert message in error and name in error and error.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_damaged_table_leaves_the_old_output(tmp_path):
    out = tmp_path / "out.csv"
    convert(table(tmp_path), "cgs", out)
    before = out.read_bytes()
    path = table(tmp_path, CSV + "4,5\n")
    assert cli.main(["magnitudes", str(path), "--unit", "cgs", "--out", str(out)]) == 2
    assert out.read_bytes() == before


@pytest.mark.parametrize(
    ("out", "message"),
    [
        ("t.csv", "is the table itself"),
        ("nowhere/o.csv", "name a file in a folder that exists"),
        ("o.txt", "expected a name that ends in .csv"),
        ("folder.csv", "can't write"),
    ],
)
def test_an_output_that_cannot_be(out, message, tmp_path, capsys):
    (tmp_path / "folder.csv").mkdir()
    path = table(tmp_path)
    status = cli.main(["magnitudes", str(path), "--unit", "ujy", "--out", str(tmp_path / out)])
    assert status == 2
    assert message in capsys.readouterr().err
    assert path.read_text() == CSV
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder.csv", "t.csv"]


@pytest.fixture
def real_data():
    folder = os.environ.get("TRANSFERZ_REAL_DATA")
    if not folder:
        pytest.skip("TRANSFERZ_REAL_DATA does not name the folder of real tables")
    return Path(folder)


def recount(rows, flux, error, factor):
    """Count and convert one band with nothing but the standard library."""
    counts = dict.fromkeys(("negative", "zero", "nan", "empty", "sentinel", "limit", "none"), 0)
    magnitudes = []
    for row in rows:
        text, sigma = row[flux], row[error]
        value = Decimal(text) if text else None
        kind = (
            "empty"
            if value is None
            else "nan"
            if value.is_nan()
            else "sentinel"
            if value == -99
            else "negative"
            if value < 0
            else "zero"
            if value == 0
            else ""
        )
        if kind:
            counts[kind] += 1
        has_sigma = sigma not in ("", "nan", "-99.0", "-99")
        if kind not in ("empty", "nan", "sentinel"):
            counts["none"] += not has_sigma
            counts["limit"] += has_sigma and Decimal(sigma) <= 0
        upper = has_sigma and Decimal(sigma) < 0
        good = not kind and not upper
        magnitudes.append(-2.5 * math.log10(value * factor / 3631) if good else None)
    return counts, magnitudes


REAL = {
    "cosmos2020_lephare100_cgs.csv": ("cgs", "f_", 30, Decimal("1e23")),
    "cosmos2020_classic_specz_zge2p5_mJy.csv.gz": ("mjy", "", 35, Decimal("1e-3")),
}
TOTALS = {
    "cosmos2020_lephare100_cgs.csv": (3_000, 2_758, 39, 0, 0, 242, 0, 0, 0),
    "cosmos2020_classic_specz_zge2p5_mJy.csv.gz": (185_990, 182_695, 0, 0, 0, 3_295, 0, 10_113, 0),
}


@pytest.mark.parametrize("name", REAL)
def test_real_rows_are_counted_right(name, real_data, tmp_path, capsys):
    """Band by band, against a count of the file's text; the sums are the ones documented."""
    unit, prefix, bands, to_jansky = REAL[name]
    out = tmp_path / "out.parquet"
    command = ["magnitudes", str(real_data / name), "--unit", unit, "--out", str(out)]
    assert cli.main(command) == 0
    printed = lines(capsys.readouterr().out.replace(",", ""))
    opener = gzip.open if name.endswith(".gz") else open
    with opener(real_data / name, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    written = pq.read_table(out).to_pydict()
    assert len(printed) == bands + 2
    for flux in printed.keys() - {"flux", "all"}:
        error = "ferr_" + flux.removeprefix("f_") if prefix else f"{flux}_err"
        counts, magnitudes = recount(rows, flux, error, to_jansky)
        n, measured, *rest = map(int, printed[flux])
        assert rest == list(counts.values())
        assert n == len(rows)
        assert measured == n - counts["nan"] - counts["empty"] - counts["sentinel"]
        for ours, theirs in zip(written[f"{flux}_mag"], magnitudes, strict=True):
            assert (ours is None) == (theirs is None)
            assert ours is None or math.isclose(ours, theirs, abs_tol=2.5e-4)  # 23.9 is rounded
    assert tuple(map(int, printed["all"])) == TOTALS[name]
    document = (Path(__file__).parents[2] / "docs/real-galaxies.md").read_text(encoding="utf-8")
    cells = " | ".join(f"{total:,}" for total in TOTALS[name])
    assert f"| {cells} |" in document


def test_columns_of_arrays_are_passed_through_or_refused(tmp_path):
    columns = {"f_g": [1.0, 2.0], "ferr_g": [0.1, 0.1], "pdf": [[1.0, 2.0], [3.0, 4.0]]}
    Table(columns).write(tmp_path / "t.fits")
    convert(tmp_path / "t.fits", "ujy", tmp_path / "o.parquet")
    assert pq.read_table(tmp_path / "o.parquet")["pdf"].to_pylist() == columns["pdf"]
    with pytest.raises(
        InputError, match=r"column 'pdf' is .*, which CSV can't hold; write .parquet"
    ):
        convert(tmp_path / "t.fits", "ujy", tmp_path / "o.csv")


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".fits"])
def test_texts_that_look_like_numbers_are_passed_through(tmp_path, ending):
    codes = ["000001", "2E1", "0x1001", "GN#0"]
    rows = "".join(f"{code},1.0,0.1\n" for code in codes)
    convert(table(tmp_path, f"code,f_g,ferr_g\n{rows}"), "ujy", tmp_path / f"o{ending}")
    written = open_table(tmp_path / f"o{ending}")
    assert read_whole(written, ["code"])["code"].to_pylist() == codes
