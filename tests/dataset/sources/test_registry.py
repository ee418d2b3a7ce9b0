"""The registry of upstream files, the SQL beside it, and the command that lists both."""

import json
import re
from pathlib import Path

import pytest
import yaml

from transferz.cli import main
from transferz.dataset.fetch import FetchParams
from transferz.dataset.pipeline.params import read_params
from transferz.dataset.sources import registry
from transferz.dataset.sources.registry import Edition, UpstreamFile, find_edition, load_registry
from transferz.schemas import BANDS, COSMOS2020, HSC, ParameterError
from transferz.schemas.survey.survey import find_survey, surveys

MARGIN = 0.01  # deg: no object that the archive returns lies outside by rounding

ROOT = Path(__file__).parents[3]
EDITIONS = load_registry()
CATALOGUES = {name for survey in surveys() for name in find_survey(survey).catalogues}
RELEASES = {"hsc_pdr2": "magsigma", "hsc_pdr3": "magerr"}


@pytest.mark.parametrize("key", EDITIONS)
def test_every_edition_says_where_it_comes_from_and_on_what_terms(key):
    edition = EDITIONS[key]
    assert edition.catalogue in CATALOGUES
    assert edition.columns.name == edition.table
    assert edition.licence and edition.title and edition.citation.text
    assert re.search(r"[Vv]erified|[Ss]econd-hand|[Aa]ssume|[Oo]ur own", edition.note)
    assert edition.citation.doi or edition.citation.url.startswith("https://")


def test_the_parameters_choose_editions_of_their_catalogues():
    params = read_params("fetch", FetchParams, ROOT / "params.yaml")
    for catalogue in CATALOGUES:
        assert find_edition(params.edition(catalogue), catalogue).catalogue == catalogue


def test_an_edition_of_another_catalogue():
    with pytest.raises(
        ParameterError, match=r"'fetch.hsc': found 'transferz', expected one of hsc"
    ):
        find_edition("transferz", "hsc")


def test_copies_and_names():
    url = "https://archive.example.org/a%20b.fits"
    file = UpstreamFile(name="a b.fits", urls=(url, f"{url}.gz", "https://mirror.org/a%20b.fits"))
    assert file.copies == {
        "a b.fits": (url, "https://mirror.org/a%20b.fits"),
        "a b.fits.gz": (f"{url}.gz",),
    }
    assert file.fits("a b.fits") and file.fits("a b.fits.gz")
    assert not file.fits("b.fits")
    assert UpstreamFile(name="x_*.csv").fits("x_1.csv")
    assert not UpstreamFile(name="x_*.csv").fits("x_1.csv.gz")


VALID = {
    "title": "t",
    "catalogue": "hsc",
    "table": "hsc",
    "licence": "l",
    "citation": {"text": "c"},
    "note": "n",
    "files": [{"name": "a.csv", "urls": ["https://a.org/a.csv"]}],
}


@pytest.mark.parametrize(
    "change",
    [
        {"table": "nothing"},
        {"files": []},
        {"zenodo": 5},
        {"files": [{"name": "a.csv"}]},
        {"files": [{"name": "a.csv", "urls": ["http://a.org/a.csv"]}]},
        {"files": [{"name": "a.csv", "urls": ["https://a.org/a.csv"], "md5": "12"}]},
        {"colour": "blue"},
    ],
)
def test_an_entry_that_breaks_the_form(change, tmp_path, monkeypatch):
    Edition.model_validate(VALID)
    (tmp_path / "registry.yaml").write_text(yaml.safe_dump({"one": VALID | change}))
    monkeypatch.setattr(registry.importlib.resources, "files", lambda package: tmp_path)
    with pytest.raises(ParameterError, match=r"registry\.yaml is not a registry of sources"):
        load_registry.__wrapped__()


def statement(key):
    """The query without comments, on one line."""
    text = EDITIONS[key].by_hand.query_path.read_text(encoding="utf-8")
    return " ".join(re.sub(r"--.*", "", text).split())


@pytest.mark.parametrize(("key", "error"), RELEASES.items())
def test_the_query_selects_exactly_the_columns_that_the_reader_needs(key, error):
    selected = re.fullmatch(r"SELECT (.+) FROM (\w+)\.forced WHERE (.+) ;", statement(key))
    names = selected[1].split(", ")
    assert len(names) == len(set(names))
    assert all(name in column.upstream for name, column in zip(names, HSC, strict=True))
    errors = [name for name in names if name.endswith(("magsigma", "magerr"))]
    assert errors == [f"{band}_cmodel_{error}" for band in BANDS]


@pytest.mark.parametrize("key", RELEASES)
def test_the_query_is_of_its_release_and_restricted_to_the_field_alone(key):
    ra, dec = ((HSC[name].minimum, HSC[name].maximum) for name in ("ra", "dec"))
    edges = (ra[0] + MARGIN, ra[1] - MARGIN, dec[0] + MARGIN, dec[1] - MARGIN)
    box = f"boxSearch(coord, {', '.join(f'{edge:.2f}' for edge in edges)})"
    assert re.search(
        rf"FROM {key.removeprefix('hsc_')}_\w+\.forced WHERE {re.escape(box)} ;", statement(key)
    )


def test_the_command_lists_every_edition(capsys):
    assert main(["sources"]) == 0
    said = capsys.readouterr().out
    for key, edition in EDITIONS.items():
        assert f"\n{key}\n" in f"\n{said}"
        for file in edition.files:
            assert file.name in said
    assert all(query in said for query in ("hsc_pdr2.sql", "hsc_pdr3.sql"))


def test_the_command_lists_one_as_json(capsys):
    assert main(["sources", "--json", "cosmos2020_classic"]) == 0
    (entry,) = json.loads(capsys.readouterr().out).values()
    assert list(entry["columns"]) == [column.name for column in COSMOS2020 if column.upstream]
    assert entry["columns"]["i_mag_auto"][0] == "HSC_i_MAG_AUTO"
    assert entry["files"][0]["name"] == "COSMOS2020_CLASSIC_R1_v2.2_p3.fits"


def test_the_command_knows_no_other_editions(capsys):
    with pytest.raises(SystemExit):
        main(["sources", "nonesuch"])
    said = capsys.readouterr().err
    assert "no survey or edition 'nonesuch'; the surveys that are fetched are authors" in said
    assert "the editions cosmos2020_classic" in said


def test_the_command_lists_all_that_a_survey_can_be_made_from(capsys):
    assert main(["sources", "--json", "cosmos2025", "des"]) == 0
    listed = json.loads(capsys.readouterr().out)
    catalogues = {"cosmos2025", "hsc", "galaxiesml", "des"}
    assert [*listed] == [key for key, one in EDITIONS.items() if one.catalogue in catalogues]
    assert {"cosmos2025_v1", "hsc_pdr3", "galaxiesml", "des_dnf"} < {*listed}
