"""The card's front matter, read back by those who read it: huggingface_hub and datasets."""

import datasets
import pytest
import yaml
from datasets import DownloadConfig, load_dataset, load_dataset_builder
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard, DatasetCardData
from releases import read_manifest, remake

from transferz.dataset.page.card_text import front_matter
from transferz.dataset.page.citation import licence, licence_url
from transferz.schemas import RELEASE
from transferz.schemas.survey.files import CARD_FILE, data_files

DOCUMENTED = {
    *("language", "license", "license_name", "license_link", "license_details", "tags"),
    *("annotations_creators", "language_creators", "language_details", "pretty_name"),
    *("size_categories", "source_datasets", "task_categories", "task_ids", "paperswithcode_id"),
    *("configs", "dataset_info", "extra_gated_fields", "extra_gated_prompt", "train-eval-index"),
    *("multilinguality", "viewer"),
}
"""What the Hub documents: hub-docs, datasetcard.md; `multilinguality` in DatasetCardData."""

ANNOTATIONS = {
    *("found", "crowdsourced", "expert-generated", "machine-generated", "no-annotation", "other"),
}
SIZES = ("n<1K", "1K<n<10K", "10K<n<100K", "100K<n<1M", "1M<n<10M")
TASKS = {"tabular-regression": {"tabular-single-column-regression"}}
"""From the Hub's list of tasks, packages/tasks/src/pipelines.ts in huggingface.js."""


@pytest.fixture(scope="module")
def front(small_release):
    return DatasetCard.load(small_release / CARD_FILE).data.to_dict()


@pytest.fixture(scope="module")
def authors(small_release):
    """The front matter where a release passes on the authors' table."""
    sources = {"transferz": "transferz", "galaxiesml": "galaxiesml"}
    other = {"survey": "authors", "mock": False, "version": "1.0.0", "sources": sources}
    return read_manifest(small_release) | other


def test_every_key_and_value_is_one_that_the_hub_documents(front):
    assert set(front) <= DOCUMENTED
    assert front["license"] == "cc-by-4.0"
    assert front["language"] == ["en"]
    assert set(front["annotations_creators"]) <= ANNOTATIONS
    assert front["source_datasets"] == ["original"]
    (task,) = front["task_categories"]
    assert set(front["task_ids"]) <= TASKS[task]
    assert "arxiv:2411.18054" in front["tags"]
    assert all(isinstance(tag, str) and 0 < len(tag) < 50 for tag in front["tags"])


def test_the_size_category_is_that_of_all_rows(small_release, front):
    content = read_manifest(small_release)["content"]
    rows = sum(facts["rows"] for splits in content.values() for facts in splits.values())
    position = sum(rows >= limit for limit in (10**3, 10**4, 10**5, 10**6))
    assert front["size_categories"] == [SIZES[position]]


def test_a_mock_is_tagged_and_named_as_one(small_release, tmp_path):
    assert "mock" in DatasetCard.load(small_release / CARD_FILE).data.tags
    real = DatasetCard.load(remake(small_release, tmp_path / "transferz") / CARD_FILE).data
    assert "mock" not in [*real.tags, real.pretty_name]
    assert real.pretty_name == "TransferZ"


def test_a_licence_that_is_not_ours_is_linked(authors):
    data = yaml.safe_load(front_matter(authors, "2411.18054"))
    assert licence(authors) == data["license"] == "other"
    assert data["license_link"] == licence_url(authors) == "https://zenodo.org/records/16541823"
    assert data["license_name"] == data["license_name"].lower()
    assert " " not in data["license_name"]


def test_writing_it_back_changes_nothing(small_release):
    """What `DatasetCard.push_to_hub` would send is what lies here."""
    text = (small_release / CARD_FILE).read_text(encoding="utf-8")
    card = DatasetCard(text)
    assert isinstance(card.data, DatasetCardData)
    again = DatasetCard(str(card))
    assert again.data.to_dict() == card.data.to_dict()
    assert again.text.strip() == card.text.strip()
    assert card.text.strip().startswith("# TransferZ")


def test_datasets_reads_the_configs_and_their_files(small_release):
    data = DatasetCard.load(small_release / CARD_FILE).data
    configs = MetadataConfigs.from_dataset_card_data(data)
    assert list(configs) == list(data_files(small_release))
    assert configs.get_default_config_name() == "transferz"


def test_datasets_reads_rows_types_and_units(small_release):
    infos = DatasetInfosDict.from_dataset_card_data(
        DatasetCard.load(small_release / CARD_FILE).data
    )
    content = read_manifest(small_release)["content"]
    assert list(infos) == list(content)
    for name, info in infos.items():
        rows = {split: one.num_examples for split, one in info.splits.items()}
        assert rows == {split: facts["rows"] for split, facts in content[name].items()}
        assert info.dataset_size == sum(facts["bytes"] for facts in content[name].values())
        found = {key: (value.dtype, value.id or "") for key, value in info.features.items()}
        assert found == {column.name: (column.dtype, column.unit) for column in RELEASE}


def test_the_stock_library_loads_it_whole_and_keeps_the_units(small_release, tmp_path):
    """`all_checks` compares the rows with those that the front matter states."""
    loaded = load_dataset(
        str(small_release),
        "combo",
        cache_dir=str(tmp_path),
        verification_mode="all_checks",
        download_config=DownloadConfig(local_files_only=True),
    )
    units = {column.name: column.unit for column in RELEASE}
    for part in loaded.values():
        assert {name: value.id or "" for name, value in part.features.items()} == units
    renamed = loaded["test"].select(range(3)).rename_column("ra", "alpha")
    assert renamed.features["alpha"].id == "deg"


def test_a_wrong_count_in_the_front_matter_is_noticed_by_the_stock_library(
    small_release, tmp_path, release_copy
):
    rows = read_manifest(small_release)["content"]["transferz"]["test"]["rows"]
    card = release_copy / CARD_FILE
    card.write_text(card.read_text().replace(f"num_examples: {rows}", f"num_examples: {rows + 1}"))
    with pytest.raises(datasets.exceptions.NonMatchingSplitsSizesError):
        load_dataset(str(release_copy), cache_dir=str(tmp_path))


@pytest.fixture
def release_copy(small_release, tmp_path):
    import shutil

    return shutil.copytree(small_release, tmp_path / "copy" / "transferz")


def test_a_change_of_content_is_another_cache_entry(small_release, tmp_path):
    """`datasets` caches a directory by its card: the configs' descriptions name the content."""
    other = remake(
        small_release,
        tmp_path / "transferz",
        mock=True,
        edit=lambda config, rows: rows.iloc[:-1],
    )
    caches = [
        load_dataset_builder(str(one), cache_dir=str(tmp_path / "cache")).cache_dir
        for one in (small_release, other)
    ]
    assert caches[0] != caches[1]
