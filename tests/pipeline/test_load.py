"""A built release loads in one line, here and with the stock library."""

import datasets
import pytest
from huggingface_hub import DatasetCard

import transferz
from transferz.schemas import RELEASE, SPLITS


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TRANSFERZ_RELEASE", raising=False)


def test_one_line_in_the_checkout(built, monkeypatch, capsys):
    monkeypatch.chdir(built.root)
    found = transferz.load_dataset("transferz")
    assert tuple(found) == SPLITS
    assert found["train"].column_names == list(RELEASE.names)
    said = capsys.readouterr().err
    assert "2.0.0+mock" in said and "mock" in said


def test_a_config_and_a_split(built, monkeypatch):
    monkeypatch.chdir(built.root)
    test = transferz.load_dataset("transferz", "combo", split="test")
    assert set(test["redshift_kind"]) == {"photometric", "spectroscopic"}


def test_features_are_those_of_the_schema(built, monkeypatch):
    monkeypatch.chdir(built.root)
    features = transferz.load_dataset("transferz")["train"].features
    assert {name: feature.dtype for name, feature in features.items()} == {
        column.name: column.dtype for column in RELEASE
    }


def test_the_stock_library_loads_the_directory(built):
    stock = datasets.load_dataset(str(built.release), "truth", split="validation")
    assert set(stock["redshift_kind"]) == {"true"}


def test_the_card_is_valid_and_says_what_is_in_it(built):
    card = DatasetCard.load(built.release / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert [config["config_name"] for config in card.data.configs] == [
        *("transferz", "galaxiesml", "combo", "truth")
    ]
    assert "This is a mock" in card.text
    for column in RELEASE:
        assert f"| `{column.name}` |" in card.text
    assert (built.release / "figures/distributions.png").read_bytes().startswith(b"\x89PNG")
