"""The configuration of the redshift catalogues: its form, and which of them a file is taken for."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from transferz.dataset.spectra.catalogues import load_catalogues, open_catalogue
from transferz.schemas import InputError, ParameterError

ROOT = Path(__file__).parents[3]
CATALOGUES = load_catalogues()
NINE = {
    *("vvds", "vuds", "vandels", "primus", "ozdes"),
    *("desi_dr1", "jades", "3dhst", "astrodeep_gs43"),
}

OWN = """
mine:
  title: A catalogue of one's own
  citation: {text: nobody 2026}
  note: Our choice.
  columns: {id: [field, number], ra: {column: alpha, unit: hourangle}, dec: delta, redshift: zed}
  quality:
    - {of: class, values: {sure: 4, unsure: 1}}
  technique: spectrum
"""


@pytest.fixture
def own(tmp_path):
    """Write a file of catalogues, with text replaced, and return its path."""

    def write(*replaced):
        text = OWN
        for old, new in replaced:
            assert old in text
            text = text.replace(old, new)
        path = tmp_path / "own.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def file(tmp_path):
    """Write a file with some columns and one row, and return its path."""

    def write(names):
        path = tmp_path / "file.parquet"
        pq.write_table(pa.table({name: ["1"] for name in names}), path)
        return path

    return write


def test_there_are_nine():
    assert set(CATALOGUES) == NINE


@pytest.mark.parametrize("name", CATALOGUES)
def test_every_catalogue_says_what_it_is_and_how_far_that_is_verified(name):
    catalogue = CATALOGUES[name]
    assert catalogue.title and catalogue.citation.text
    assert catalogue.citation.url.startswith("https://")
    assert re.search(r"[Vv]erified|[Ss]econd-hand|[Oo]ur choice", catalogue.note)


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_page_names_every_catalogue_and_its_source(name):
    page = (ROOT / "docs/specz.md").read_text(encoding="utf-8")
    assert f"`{name}`" in page
    assert CATALOGUES[name].citation.url in page


@pytest.mark.parametrize("name", CATALOGUES)
def test_a_file_is_taken_for_the_catalogue_whose_columns_it_has(name, file):
    names = CATALOGUES[name].table.names
    taken, _ = open_catalogue(file([*names, "something else"]), CATALOGUES)
    assert taken.name == name


def test_a_file_that_is_none_of_them_is_told_which_there_are_and_how_to_add_one(file):
    names = [one for one in CATALOGUES["vvds"].table.names if one != "ZFLAGS"]
    with pytest.raises(InputError) as error:
        open_catalogue(file(names), CATALOGUES)
    assert all(name in str(error.value) for name in NINE)
    assert "nearest to vvds, which has columns ZFLAGS too" in str(error.value)
    assert "docs/specz.md says how to add one, in a file for --catalogues" in str(error.value)


def test_an_own_catalogue_is_added_as_the_error_says(own, file):
    catalogues = load_catalogues(own())
    assert set(catalogues) == NINE | {"mine"}
    taken, _ = open_catalogue(file(catalogues["mine"].table.names), catalogues)
    assert taken.name == "mine"


def test_an_own_catalogue_takes_the_place_of_ours_of_that_name(own):
    assert load_catalogues(own(("mine:", "vvds:")))["vvds"].title == "A catalogue of one's own"


def test_a_file_of_two_catalogues_is_refused_and_of_a_narrower_one_too_is_not(own, file):
    path = own(("class", "flag"), ("zed", "z"))
    text = path.read_text(encoding="utf-8")
    narrower = yaml.safe_load(text)["mine"]
    rival = narrower | {"quality": [{"of": "other", "values": {"a": 4}}]}
    wider = narrower | {"leave_out": {"bad": {"other": "b"}}}
    names = ["field", "number", "alpha", "delta", "z", "flag", "other"]
    path.write_text(yaml.safe_dump({"mine": narrower, "wider": wider}), encoding="utf-8")
    assert open_catalogue(file(names), load_catalogues(path))[0].name == "wider"
    path.write_text(yaml.safe_dump({"mine": narrower, "rival": rival}), encoding="utf-8")
    with pytest.raises(InputError, match="the columns of mine, rival: leave those of all"):
        open_catalogue(file(names), load_catalogues(path))
    assert open_catalogue(file(names[:-1]), load_catalogues(path))[0].name == "mine"
    path.write_text(yaml.safe_dump({"mine": narrower, "again": narrower}), encoding="utf-8")
    with pytest.raises(InputError, match="the columns of again, mine"):
        open_catalogue(file(names), load_catalogues(path))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sure: 4, unsure", "sure: 5, unsure", r"quality: expected one of .*, found 5"),
        ("unsure: 1", "1: 1", "compared with string and float64"),
        ("spectrum", "photometry", "technique: expected one of .*, found 'photometry'"),
        ("title:", "titel:", "titel"),
        ("hourangle", "parsec", "unit"),
        ("of: class, values: {sure: 4, unsure: 1}", "of: class", "'of' with 'values'"),
        ("of: class, values", "when: {class: {min: 1, not_in: [2]}}, is", "not_in, or min and max"),
        ("mine:", "My Own:", "pattern"),
        ("  quality:\n    - {of: class, values: {sure: 4, unsure: 1}}\n", "", "quality"),
        ("mine:", "mine: [", "lists no catalogues"),
        (OWN, "nothing", "lists no catalogues"),
    ],
)
def test_a_file_that_breaks_the_form_is_refused(old, new, said, own):
    path = own((old, new))
    with pytest.raises(ParameterError, match=said) as error:
        load_catalogues(path)
    assert str(path) in str(error.value)


def test_a_file_that_is_missing(tmp_path):
    with pytest.raises(InputError, match=r"own.yaml is missing; name a file that exists"):
        load_catalogues(tmp_path / "own.yaml")
