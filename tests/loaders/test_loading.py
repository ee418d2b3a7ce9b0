"""load_dataset: what comes back is what the files hold, as datasets gives it."""

import re
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
from tampering import edit_manifest

from transferz import load_dataset, to_pandas, to_torch
from transferz.schemas import RELEASE, ParameterError, ReleaseError
from transferz.schemas.survey.files import CARD_FILE, file_digest


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
    edit_manifest(place, lambda manifest: manifest["columns"]["ra"].update(unit="rad"))
    words = r"ra \('rad', expected 'deg'\).*install the version"
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
        (VALIDATION, flip, r"validation-00000.* damaged .* found others"),
        ("transferz/test-00002-of-00003.parquet", Path.touch, r"holds 'transferz/test-00002-of"),
        (".huggingface.yaml", Path.touch, r"holds '\.huggingface\.yaml', which its MANIFEST"),
    ],
)
def test_files_that_are_not_the_manifests_are_one_clear_error(
    name, harm, words, tiny_release, tmp_path
):
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    harm(place / name)
    for load in (load_dataset, to_pandas, to_torch):
        with pytest.raises(ReleaseError, match=words):
            load(path=place) if load is load_dataset else load(place)
    with pytest.raises(ReleaseError, match=words):
        load_dataset(path=place, streaming=True)


def test_rows_of_another_split_are_not_kept_unchecked(tiny_release, tmp_path):
    """What `datasets` keeps has all splits of a config, whichever was asked for."""
    place, cache = shutil.copytree(tiny_release, tmp_path / "transferz"), str(tmp_path / "cache")
    flip(place / VALIDATION)
    with pytest.raises(ReleaseError, match=r"validation-00000.* damaged"):
        load_dataset(path=place, split="test", cache_dir=cache)
    stream = load_dataset(path=place, split="test", cache_dir=cache, streaming=True)
    assert len(list(stream)) == 70
    shutil.copy(tiny_release / VALIDATION, place / VALIDATION)
    assert load_dataset(path=place, split="test", cache_dir=cache).num_rows == 70


def test_a_manifest_that_names_no_file_has_no_rows(tiny_release, tmp_path):
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    edit_manifest(place, lambda manifest: manifest.pop("files"))
    for load in (load_dataset, to_pandas):
        with pytest.raises(ReleaseError, match="no config 'transferz'; it has: none"):
            load(path=place) if load is load_dataset else load(place)


def test_what_stops_datasets_is_one_clear_error(load):
    words = "datasets can't load config 'transferz' of .*; check the arguments"
    for arguments in ({"split": "train[:10%"}, {"nonsense": 1}, {"filters": "no filter"}):
        with pytest.raises(ReleaseError, match=words):
            load(**arguments)


@pytest.mark.parametrize("name", ["dataset_info.json", "transferz-test.arrow"])
def test_a_damaged_cache_of_datasets_is_named_and_helped_by_deleting_it(load, tmp_path, name):
    before = load(split="test").to_list()
    (path,) = (tmp_path / "cache").rglob(name)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ReleaseError) as error:
        load(split="test")
    (folder,) = re.findall(r"keeps in (\S+) is damaged, delete that folder", str(error.value))
    shutil.rmtree(folder)
    assert load(split="test").to_list() == before


def test_a_cache_that_can_not_be_written_is_said_and_another_helps(tiny_release, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ReleaseError, match=r"file/cache.*another with cache_dir= or HF_DATASETS_"):
        load_dataset(path=tiny_release, split="test", cache_dir=str(tmp_path / "file" / "cache"))
    loaded = load_dataset(path=tiny_release, split="test", cache_dir=str(tmp_path / "other"))
    assert loaded.num_rows == 70


def test_whole_splits_are_streamed(load):
    for split in ("train[:10%]", ["test", "train[:10%]"]):
        words = r"'train\[:10%\]' can't be streamed.*take and skip"
        with pytest.raises(ParameterError, match=words):
            load(split=split, streaming=True)
    with pytest.raises(ParameterError, match=r"num_proc= .*num_workers= instead"):
        load(streaming=True, num_proc=2)
    assert len(list(load(split="test+validation", streaming=True))) == 130
    test, train = load(split=["test", "train"], streaming=True)
    assert (list(test), len(list(train))) == (load(split="test").to_list(), 300)


def test_files_are_named_by_the_manifest_alone(load):
    for arguments in ({"data_dir": "transferz"}, {"data_files": {"train": "*.parquet"}}):
        with pytest.raises(ParameterError, match=r"is not taken: .*name a config"):
            load(**arguments)


CUT = "- config_name: transferz\n  filters: [[redshift, '<', 0.5]]\n"


@pytest.mark.parametrize("card", ["address", "absolute", "filtered", "none"])
def test_rows_are_the_manifests_whatever_the_card_says(
    card, tiny_release, release_builder, tmp_path
):
    """Sealed anew: the manifest vouches for the card, but its rows are its own files'."""
    other = release_builder(tmp_path / "other", seed=700) / "transferz/test-00000-of-00002.parquet"
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    text = (place / CARD_FILE).read_text()
    named = "path: transferz/test-*.parquet"
    assert named in text
    edited = {
        "address": text.replace(named, "path: http://127.0.0.1:9/evil.parquet"),
        "absolute": text.replace(named, f"path: {other}"),
        "filtered": text.replace("- config_name: transferz\n", CUT, 1),
        "none": "no front matter",
    }[card]
    assert edited != text
    (place / CARD_FILE).write_text(edited)
    digest = file_digest(place / CARD_FILE)
    edit_manifest(place, lambda manifest: manifest["files"].update({CARD_FILE: digest}))
    parts = sorted((tiny_release / "transferz").glob("test-*.parquet"))
    expected = pq.read_table(parts)["object_id"].to_pylist()
    cache = str(tmp_path / "cache")
    whole, stream = (
        load_dataset(path=place, split="test", cache_dir=cache, streaming=streaming)
        for streaming in (False, True)
    )
    assert whole["object_id"][:] == [row["object_id"] for row in stream] == expected
    assert to_pandas(place, split="test")["object_id"].tolist() == expected
    assert to_torch(place, split="test").object_id.tolist() == expected


@pytest.mark.parametrize("name", ["a[1]", "a?", "a*", "**", "a{1,2}", "a=1", "a b#c%20"])
def test_a_folder_of_any_name_is_read_itself(name, tiny_release, release_builder, tmp_path):
    place = shutil.copytree(tiny_release, tmp_path / name / name)
    for lure in ("a1", "ab", "abc"):  # what the name would match if it were a pattern
        release_builder(tmp_path / lure / lure, seed=700)
    cache = str(tmp_path / "cache")
    expected = to_pandas(tiny_release)["object_id"].tolist()
    whole, stream = (
        load_dataset(path=place, cache_dir=cache, streaming=streaming)
        for streaming in (False, True)
    )
    assert [one for part in whole.values() for one in part["object_id"]] == expected
    assert [row["object_id"] for part in stream.values() for row in part] == expected
    assert to_pandas(place)["object_id"].tolist() == expected


def test_a_copy_as_the_hubs_client_leaves_it_is_loaded(load, tiny_release, tmp_path):
    """A folder named by the commit, of links into a folder of contents."""
    place = tmp_path / "snapshots" / ("0" * 40)
    for path in (path for path in tiny_release.rglob("*") if path.is_file()):
        link = place / path.relative_to(tiny_release)
        link.parent.mkdir(parents=True, exist_ok=True)
        blob = tmp_path / file_digest(path)["sha256"]
        shutil.copy(path, blob)
        link.symlink_to(blob)
    assert load(path=place).shape == load(path=tiny_release).shape
    assert to_pandas(place).equals(to_pandas(tiny_release))


def test_files_that_are_not_of_the_release_may_lie_beside_it(load, tiny_release, tmp_path):
    place = shutil.copytree(tiny_release, tmp_path / "transferz")
    for name in ("LICENSE", "transferz/.DS_Store"):
        (place / name).write_text("x")
    assert load(path=place, split="test").num_rows == 70
