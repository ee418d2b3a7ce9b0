"""load_dataset: what comes back is what the files hold, as datasets gives it."""

import json
import shutil
from pathlib import Path

import datasets
import pyarrow.parquet as pq
import pytest
from datasets import (
    DownloadConfig,
    DownloadMode,
    Features,
    ReadInstruction,
    Split,
    Value,
    VerificationMode,
)

from transferz import load_dataset
from transferz.schemas import RELEASE, ParameterError, ReleaseError
from transferz.schemas.survey.files import MANIFEST_FILE


@pytest.fixture
def load(tiny_release, tmp_path, monkeypatch):
    """load_dataset on the tiny release with a cache of its own."""
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))

    def call(*args, **kwargs):
        return load_dataset(*args, cache_dir=str(tmp_path / "cache"), **kwargs)

    return call


def test_the_bare_name_gives_every_split_of_the_default_config(load, tiny_release):
    loaded = load("transferz")
    assert list(loaded) == ["train", "validation", "calibration", "test"]
    for split, data in loaded.items():
        stored = pq.read_table(sorted((tiny_release / "transferz").glob(f"{split}-*")))
        assert data.with_format("arrow")[:].to_pydict() == stored.to_pydict()
    assert tuple(loaded["train"].column_names) == RELEASE.names
    assert type(loaded).__module__.startswith("datasets.")


def test_config_and_split_as_datasets_spells_them(load):
    test = load("transferz", "combo", split="test")
    assert test.num_rows == 70
    assert test[0]["redshift_kind"] == "spectroscopic"
    assert load("transferz", name="combo", split="test").data == test.data
    assert load(config="combo", split="test").data == test.data
    assert load("transferz", "combo", "test").data == test.data


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("transferz", "combination"), "no config 'combination'.*transferz, galaxiesml, combo"),
        (("transferz", "combo", "dev"), "no split 'dev'.*train, validation, calibration, test"),
        (("transferz", None, "train+dev[:5]"), "no split 'dev'"),
        (("mnist",), "loads 'transferz', not 'mnist'"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(load, args, words):
    with pytest.raises(ReleaseError, match=words):
        load(*args)


def test_two_different_configs_or_versions_are_refused(load):
    with pytest.raises(ReleaseError, match=r"two configs.*give one"):
        load("transferz", "combo", name="truth")
    with pytest.raises(ReleaseError, match=r"two versions.*give one"):
        load("transferz", version="1.0.0", revision="v1.0.1")


def test_every_load_says_source_and_version(load, tiny_release, capsys):
    for _ in range(2):
        load(split="test")
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("transferz")]
    said = f"transferz 1.0.0+mock (MOCK galaxies, not real ones) from {tiny_release}"
    assert lines == [said, said]


def test_a_release_in_other_units_is_refused(release_builder, tmp_path):
    place = release_builder(tmp_path / "transferz")
    text = (place / MANIFEST_FILE).read_text()
    (place / MANIFEST_FILE).write_text(text.replace('"unit": "deg"', '"unit": "rad"'))
    words = r"ra \('rad', expected 'deg'\), dec .*install the version"
    with pytest.raises(ReleaseError, match=words):
        load_dataset(path=place, cache_dir=str(tmp_path / "cache"))


DOUBLE = {"features": Features({name: Value("float64") for name in ("ra", "redshift")})}


@pytest.mark.parametrize(
    "arguments",
    [
        {"split": "train[:10%]"},
        {"split": "train[250:]+test[-5%:]"},
        {"split": ["validation", "test[3:9]"]},
        {"split": "all"},
        {"split": Split.TEST},
        {"split": ReadInstruction("train", from_=10, to=20, unit="abs")},
        {"split": "test", "streaming": True},
        {"streaming": True},
        {"split": "all", "streaming": True},
        {"keep_in_memory": True},
        {"num_proc": 2, "split": "test"},
        {"download_mode": "force_redownload", "split": "test"},
        {"download_mode": DownloadMode.REUSE_CACHE_IF_EXISTS, "split": "test"},
        {"verification_mode": "all_checks"},
        {"verification_mode": VerificationMode.NO_CHECKS, "save_infos": True},
        {"download_config": DownloadConfig(max_retries=1), "split": "test"},
        {"token": False, "storage_options": {}, "trust_remote_code": False, "split": "test"},
        {"columns": ["redshift", "object_id"], "split": "test"},
        {"filters": [("redshift", "<", 1.0)], "batch_size": 50, "split": "test"},
        DOUBLE | {"columns": ["ra", "redshift"], "split": "test"},
        {"data_files": {"mine": "galaxiesml/test-*.parquet"}, "split": "mine"},
        {"data_files": "galaxiesml/test-*.parquet", "split": "train"},
    ],
    ids=str,
)
def test_arguments_mean_what_they_mean_to_datasets(arguments, tiny_release, tmp_path):
    """Ours and stock, each with a cache of its own, on the same directory."""
    place, config = str(tiny_release), "combo"
    ours = load_dataset("transferz", config, path=place, cache_dir=str(tmp_path / "a"), **arguments)
    stock = datasets.load_dataset(place, config, cache_dir=str(tmp_path / "b"), **arguments)
    same(ours, stock)


def same(ours, stock):
    assert type(ours) is type(stock)
    if isinstance(stock, dict):
        assert list(ours) == list(stock)
        for split in stock:
            same(ours[split], stock[split])
    elif isinstance(stock, list):
        assert len(ours) == len(stock)
        for one, other in zip(ours, stock, strict=True):
            same(one, other)
    else:
        assert ours.features == stock.features
        assert [*ours] == [*stock]
        assert len(getattr(ours, "cache_files", ())) == len(getattr(stock, "cache_files", ()))


def test_a_rebuilt_release_is_not_served_from_the_cache(release_builder, tmp_path):
    place, cache = tmp_path / "transferz", str(tmp_path / "cache")
    first = load_dataset(path=release_builder(place), split="test", cache_dir=cache)
    shutil.rmtree(place)
    rebuilt = release_builder(place, version="1.0.1+mock", seed=500)
    second = load_dataset(path=rebuilt, split="test", cache_dir=cache)
    assert first["object_id"][0] != second["object_id"][0]
    assert second["object_id"][0] == 10_000 * 504


VALIDATION = "transferz/validation-00000-of-00001.parquet"


def cut(path):
    path.write_bytes(path.read_bytes()[:100])


def flip(path):
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)


@pytest.mark.parametrize(
    ("name", "harm", "words"),
    [
        (VALIDATION, cut, r"validation-00000.* damaged .* found 100 bytes; build or fetch"),
        (VALIDATION, Path.unlink, r"validation-00000.* is missing, which MANIFEST\.json names"),
        ("README.md", Path.unlink, r"README\.md is damaged .* found 0 bytes"),
        ("transferz/test-00002-of-00003.parquet", Path.touch, r"holds 'transferz/test-00002-of"),
        (".huggingface.yaml", Path.touch, r"holds '\.huggingface\.yaml', which its MANIFEST"),
    ],
)
def test_files_that_are_not_the_manifests_are_one_clear_error(
    name, harm, words, tiny_release, tmp_path
):
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    harm(place / name)
    for streaming in (False, True):
        with pytest.raises(ReleaseError, match=words):
            load_dataset(path=place, cache_dir=str(tmp_path / "cache"), streaming=streaming)


def test_one_changed_bit_is_found_before_it_is_streamed(tiny_release, tmp_path):
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    flip(place / VALIDATION)
    with pytest.raises(ReleaseError, match=r"validation-00000.* damaged .* found others"):
        load_dataset(path=place, streaming=True)


def test_what_stops_datasets_is_one_clear_error(load, tiny_release, tmp_path, monkeypatch):
    words = r"datasets can't load config 'transferz' of .*transferz verify"
    for arguments in ({"split": "train[:10%"}, {"nonsense": 1}):
        with pytest.raises(ReleaseError, match=words):
            load(**arguments)
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    for harm in ("README.md", VALIDATION):
        (place / harm).write_text("---\n: [bad\n---\n")
    sealed = json.loads((place / MANIFEST_FILE).read_text())
    del sealed["files"]  # a manifest that vouches for no file: datasets meets the damage itself
    (place / MANIFEST_FILE).write_text(json.dumps(sealed))
    with pytest.raises(ReleaseError, match=words):
        load_dataset(path=place, cache_dir=str(tmp_path / "own"))
    shutil.copy(tiny_release / "README.md", place)
    with pytest.raises(ReleaseError, match=words):
        load_dataset(path=place, cache_dir=str(tmp_path / "own"))


def test_a_slice_can_not_be_streamed(load):
    with pytest.raises(ParameterError, match=r"'train\[:10%\]' can't be streamed.*take and skip"):
        load(split="train[:10%]", streaming=True)
    assert len(list(load(split="test+validation", streaming=True))) == 130


def test_files_that_are_not_of_the_release_may_lie_beside_it(load, tiny_release, tmp_path):
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    for name in ("LICENSE", "transferz/.DS_Store"):
        (place / name).write_text("x")
    assert load(path=place, split="test").num_rows == 70
