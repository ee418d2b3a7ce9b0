"""load_dataset: what comes back is what the files hold, as datasets gives it."""

import os
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from transferz import load_dataset
from transferz.schemas import RELEASE, ReleaseError


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


def test_split_expressions_and_other_arguments_pass_through(load):
    assert load(split="train[:10%]").num_rows == 30
    assert load(split="train+validation").num_rows == 360
    assert [part.num_rows for part in load(split=["train", "test"])] == [300, 70]
    assert load(split="all").num_rows == 480
    streamed = load(split="test", streaming=True)
    assert len(list(streamed)) == 70


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


def test_two_different_configs_are_refused(load):
    with pytest.raises(ReleaseError, match="give one"):
        load("transferz", "combo", name="truth")


def test_a_rebuilt_release_is_not_served_from_the_cache(release_builder, tmp_path):
    place, cache = tmp_path / "transferz", str(tmp_path / "cache")
    first = load_dataset(path=release_builder(place), split="test", cache_dir=cache)
    shutil.rmtree(place)
    rebuilt = release_builder(place, version="1.0.1+mock", seed=500)
    second = load_dataset(path=rebuilt, split="test", cache_dir=cache)
    assert first["object_id"][0] != second["object_id"][0]
    assert second["object_id"][0] == 10_000 * 504


def test_a_damaged_file_is_one_clear_error(release_builder, tmp_path):
    place = release_builder(tmp_path / "transferz")
    broken = place / "transferz" / "validation-00000-of-00001.parquet"
    broken.write_bytes(broken.read_bytes()[:100])
    with pytest.raises(ReleaseError, match=r"can't load config 'transferz'.*make repro"):
        load_dataset(path=place, cache_dir=str(tmp_path / "cache"))


def test_the_bare_name_works_in_stock_datasets_after_the_first_load(tiny_release, tmp_path):
    """Offline and from a folder that holds nothing: datasets serves its cache by name."""
    code = (
        "import transferz, datasets\n"
        f"ours = transferz.load_dataset('transferz', 'combo', path={str(tiny_release)!r})\n"
        "stock = datasets.load_dataset('transferz', 'combo')\n"
        "assert {k: v.num_rows for k, v in stock.items()} == {\n"
        "    k: v.num_rows for k, v in ours.items()}, stock\n"
    )
    environment = os.environ | {"HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
