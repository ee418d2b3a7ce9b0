"""`transferz specz`: the list, the compilation, and what is refused before anything is written."""

import pandas as pd
import pytest

from transferz import cli
from transferz.dataset.pipeline.tables import read_table
from transferz.schemas import SPECZ

VVDS = {
    "NUM": [11, 12, 13, 14],
    "ALPHA": [36.1, 36.2, 36.3, 36.4],
    "DELTA": [-4.5, -4.5, -4.5, -4.5],
    "Z": [0.5, 0.7, 9.9999, 0.9],
    "ZFLAGS": [4, 2, 0, 1],
}
OZDES = {
    "OzDES_ID": ["DES1", "DES2", "DES3"],
    "Alpha_J2000": [36.1, 36.2, 37.0],
    "Delta_J2000": [-4.4999, -4.5, -4.5],
    "z": [0.5001, 0.9, 0.0001],
    "qop": [3, 4, 6],
    "Comment": ["", "AGN", ""],
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(VVDS).to_csv("first.csv", index=False)
    pd.DataFrame(OZDES).to_parquet("second.parquet", index=False)
    return tmp_path


def run(capsys, *words):
    status = cli.main(["specz", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_without_a_file_the_catalogues_are_listed(capsys):
    status, out, _ = run(capsys)
    assert status == 0
    assert "vvds\n  is          VIMOS VLT Deep Survey" in out and "Second-hand" in out


def test_two_files_become_one_table(here, capsys):
    status, out, _ = run(capsys, "first.csv", "second.parquet", "--out", "all.parquet")
    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert ["first.csv", "vvds", "4", "1", "1", "1", "0", "1", "1", "0", "0"] in lines
    assert ["second.parquet", "ozdes", "3", "0", "0", "0", "1", "2", "2", "1", "1"] in lines
    assert "vvds         1     no redshift, says the flag" in out
    assert "6 redshifts of 4 objects (0 rows the same as another" in out
    assert "2 groups of redshifts within 1 arcsec: 2 of 2" in out
    assert "1 group with redshifts that differ by more than 0.01 (1 + z)" in out
    assert "ozdes vvds  " in out and "all.parquet: 4 objects, 2 with a secure redshift" in out
    whole = read_table(here / "all.parquet", SPECZ).set_index("specz_name")
    assert [*whole.index] == ["ozdes-DES2", "ozdes-DES3", "vvds-11", "vvds-14"]
    assert whole["other_names"].dropna().to_dict() == {
        "ozdes-DES2": "vvds-12",
        "vvds-11": "ozdes-DES1",
    }
    assert whole["disagrees"].to_dict()["ozdes-DES2"] and whole["disagrees"].sum() == 1


def test_radius_and_disagreement_are_parameters(here, capsys):
    files = ("first.csv", "second.parquet")
    _, out, _ = run(capsys, *files, "--radius", "0.1", "--disagreement", "0.2")
    assert "6 redshifts of 5 objects" in out and "0 groups with redshifts that differ" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["first.csv", "--out", "all.csv"], "--out all.csv: expected a name that ends in .parquet"),
        (["first.csv", "--out", "none/all.parquet"], "name a file in a folder that exists"),
        (["second.parquet", "--out", "second.parquet"], "is the table itself"),
        (["absent.csv"], "absent.csv"),
        (["first.csv", "--radius", "0"], "above 0 and at most 3600 arcsec"),
        (["first.csv", "--disagreement", "-1"], "threshold of disagreement must be above 0"),
        (["first.csv", "--catalogues", "absent.yaml"], "absent.yaml is missing"),
        (["other.csv", "first.csv"], "other.csv is none of the catalogues vvds, vuds"),
        (["flag.csv", "first.csv"], "column 'ZFLAGS' holds 77 in 1 rows"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(words, said, here, capsys):
    pd.DataFrame(VVDS).drop(columns="ZFLAGS").to_csv("other.csv", index=False)
    pd.DataFrame(VVDS | {"ZFLAGS": [4, 77, 0, 1]}).to_csv("flag.csv", index=False)
    before = {path.name: path.read_bytes() for path in here.iterdir()}
    out = [] if "--out" in words else ["--out", "all.parquet"]
    status, printed, err = run(capsys, *words, *out)
    assert (status, printed) == (2, "") and said in err
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_out_without_a_file_is_refused(capsys):
    with pytest.raises(SystemExit):
        cli.main(["specz", "--out", "all.parquet"])
    assert "there is no FILE to compile" in capsys.readouterr().err


def test_the_catalogue_that_the_page_describes_can_be_used(here, capsys):
    """The YAML of docs/specz.md, as it stands, reads a file of that layout."""
    import re
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs/specz.md").read_text(encoding="utf-8")
    (here / "my.yaml").write_text(re.search(r"```yaml\n(.*?)```", page, re.DOTALL)[1], "utf-8")
    rows = pd.DataFrame(
        {
            **{"mask": ["m", "m", "n", "n"], "slit": [1, 2, 1, 2], "RAJ2000": [1.0, 2.0, 3.0, 4.0]},
            **{
                "DEJ2000": 0.5,
                "z": [0.3, 0.4, -1.0, 0.5],
                "ez": 1e-3,
                "snr": [20.0, 5.0, 9.0, 9.0],
            },
            **{"flag": [3, 3, 4, 1], "class": ["GALAXY", "QSO", "GALAXY", "M"]},
            **{"target": ["T", "T", "T", "SKY"]},
        }
    )
    rows.to_csv("mine.csv", index=False)
    status, out, err = run(capsys, "mine.csv", "--catalogues", "my.yaml", "--out", "mine.parquet")
    assert status == 0, err
    whole = read_table(here / "mine.parquet", SPECZ)
    assert whole["specz_name"].tolist() == ["my_survey-m-1", "my_survey-m-2"]
    assert whole["quality"].tolist() == [4, 3] and "sky fibre" in out
