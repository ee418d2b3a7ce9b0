"""to_torch: the rows, in their order, as tensors; from a directory without `datasets`."""

import shutil
import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from datasets import Value

import transferz
from transferz.schemas import BANDS, ERRORS, MAGNITUDES, SPLITS, ParameterError, ReleaseError


def stored(release, split, config="transferz"):
    return pq.read_table(sorted((release / config).glob(f"{split}-*"))).to_pandas()


def same(tensors, frame, bands=BANDS):
    columns = [f"{band}_cmodel_mag" for band in bands]
    assert np.array_equal(tensors.features, frame[columns])
    assert np.array_equal(tensors.errors, frame[[f"{name}sigma" for name in columns]])
    assert np.array_equal(tensors.redshift, frame["redshift"])
    assert np.array_equal(tensors.object_id, frame["object_id"])


def test_a_directory_gives_every_split(tiny_release):
    found = transferz.to_torch(tiny_release)
    assert tuple(found) == SPLITS
    for split, tensors in found.items():
        same(tensors, stored(tiny_release, split))
        assert tensors.features.shape == tensors.errors.shape == (len(tensors.redshift), 5)
        assert [tensor.dtype for tensor in tensors] == [torch.float32] * 3 + [torch.int64]
        assert all(tensor.is_contiguous() for tensor in tensors)


def test_bands_config_and_split(tiny_release):
    for bands in ("zg", ["z", "g"]):
        tensors = transferz.to_torch(str(tiny_release), bands=bands, config="combo", split="test")
        same(tensors, stored(tiny_release, "test", "combo"), "zg")


def test_a_dataset_gives_the_same_as_its_directory(loaded, tiny_release):
    for split, tensors in transferz.to_torch(loaded).items():
        same(tensors, stored(tiny_release, split))
    same(transferz.to_torch(loaded, split="test"), stored(tiny_release, "test"))
    same(transferz.to_torch(loaded["test"]), stored(tiny_release, "test"))


def test_selection_and_order_count_and_formats_do_not(loaded):
    """datasets' own rows are the judge."""
    test = loaded["test"]
    changed = (
        test.shuffle(seed=1),
        test.select([5, 3, 3, 60]),
        test.select(range(10, 20)),
        test.filter(lambda row: row["redshift"] > 1).sort("redshift"),
        test.shuffle(seed=2).with_format("numpy", columns=["redshift"]),
        test.train_test_split(0.5, seed=3)["test"],
        test.select(range(9)).map(lambda row: {"redshift": row["redshift"] + 1}),
        test.shard(3, 1),
        test.take(0),
    )
    for data in changed:
        same(transferz.to_torch(data), data.with_format(None).to_pandas())


def test_a_stream_is_read_to_its_end(tiny_release):
    stream = transferz.load_dataset(path=tiny_release, split="train", streaming=True)
    same(transferz.to_torch(stream), stored(tiny_release, "train"))


def test_the_meta_device_is_taken(tiny_release):
    tensors = transferz.to_torch(tiny_release, split="test", device="meta")
    assert {tensor.device.type for tensor in tensors} == {"meta"}


NO_BANDS = {
    "of no such name": "u",
    "repeated": "gg",
    "none": "",
    "columns": ["g_cmodel_mag"],
    "unordered": {"g", "y"},
    "iterator": iter("gr"),
    "array": np.array(["g", "r"]),
    "number": 5,
    "nested": [["g"]],
}


@pytest.mark.parametrize("bands", NO_BANDS.values(), ids=NO_BANDS)
def test_unknown_bands_are_refused(bands, tiny_release):
    with pytest.raises(ParameterError, match="expected some of g, r, i, z, y, each once"):
        transferz.to_torch(tiny_release, bands=bands)


@pytest.mark.parametrize("value", [None, float("nan")])
def test_missing_values_are_refused(value, loaded):
    holed = loaded["test"].map(
        lambda row, k: {"r_cmodel_mag": value if k == 2 else 20.0}, with_indices=True
    )
    with pytest.raises(ParameterError, match=r"missing \(null or NaN\) in r_cmodel_mag \(1\)"):
        transferz.to_torch(holed)
    assert len(transferz.to_torch(holed, bands="giz").redshift) == 70


def test_what_does_not_fit_is_refused(loaded, tiny_release):
    with pytest.raises(ParameterError, match="no column 'z_cmodel_magsigma'"):
        transferz.to_torch(loaded["test"].remove_columns("z_cmodel_magsigma"))
    with pytest.raises(ParameterError, match="config= is for a release directory"):
        transferz.to_torch(loaded, config="combo")
    with pytest.raises(ParameterError, match="split= is for several splits"):
        transferz.to_torch(loaded["test"], split="test")
    with pytest.raises(ParameterError, match="no split 'dev'; there are: train"):
        transferz.to_torch(loaded, split="dev")
    with pytest.raises(ReleaseError, match="no config 'all'"):
        transferz.to_torch(tiny_release, config="all")
    for device in ("no-device", object(), "cuda:4096"):
        with pytest.raises(ParameterError, match=r"device=.* can't be used: .*'cpu'"):
            transferz.to_torch(loaded["test"], device=device)


@pytest.mark.parametrize(
    ("name", "dtype", "value", "words"),
    [
        ("redshift", "string", "0.5", "'redshift' is string, expected numbers"),
        ("redshift", "bool", True, "'redshift' is bool, expected numbers"),
        ("object_id", "float64", 1.0, "'object_id' is double, expected integers"),
        ("object_id", "uint64", 2**63, r"too large for int64 in object_id \(70\)"),
        ("g_cmodel_mag", "float32", float("inf"), r"infinite.* in g_cmodel_mag \(70\)"),
        ("g_cmodel_mag", "float64", 1e300, r"too large for float32, in g_cmodel_mag \(70\)"),
    ],
)
def test_what_is_no_number_for_training_is_refused(name, dtype, value, words, loaded):
    data = loaded["test"].remove_columns(name)
    with pytest.raises(ParameterError, match=words):
        transferz.to_torch(data.add_column(name, [value] * 70, feature=Value(dtype)))


def test_a_damaged_page_is_found(tiny_release, tmp_path):
    release = shutil.copytree(tiny_release, tmp_path / "transferz")
    path = release / "transferz/train-00000-of-00001.parquet"
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    path.write_bytes(whole)
    with pytest.raises(ReleaseError, match=r"train-00000-of-00001\.parquet is damaged"):
        transferz.to_torch(release)


def test_a_directory_with_other_files_than_its_manifest_says_is_refused(tiny_release, tmp_path):
    release = shutil.copytree(tiny_release, tmp_path / "transferz")
    shard = release / "transferz/test-00001-of-00002.parquet"
    shutil.copy(shard, release / "transferz/train-00001-of-00002.parquet")
    with pytest.raises(ReleaseError, match=r"holds 'transferz/train-00001-of-00002\.parquet'"):
        transferz.to_torch(release)
    (release / "transferz/train-00001-of-00002.parquet").unlink()
    shard.unlink()
    with pytest.raises(ReleaseError, match=r"test-00001-of-00002\.parquet is missing"):
        transferz.to_torch(release, split="test")


def test_a_directory_is_read_without_datasets(tiny_release):
    blocked = ("datasets", "huggingface_hub", "pandas", "astropy", "pandera", "dvc", "fsspec")
    code = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({blocked}))\n"
        "import transferz\n"
        f"print(transferz.to_torch({str(tiny_release)!r})['test'].features.shape)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "torch.Size([70, 5])\n", done.stderr


def test_the_names_are_the_schemas():
    assert [f"{band}_cmodel_mag" for band in BANDS] == list(MAGNITUDES)
    assert [f"{band}_cmodel_magsigma" for band in BANDS] == list(ERRORS)
