import os
import subprocess
import sys
from pathlib import Path

import astropy.units as u
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from astropy_healpix import HEALPix
from hypothesis import given, settings
from hypothesis import strategies as st

import transferz
import transferz.dataset
import transferz.schemas
import transferz.tables
from transferz.dataset.splits.hashing import (
    hash_ids,
    hash_rows,
    object_keys,
    split_by_hash,
    split_by_sky_block,
    split_published,
)
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.catalogues import SPLITS

FRACTIONS = {"train": 0.7, "validation": 0.1, "calibration": 0.1, "test": 0.1}
SALT = "test"


def hashes_of(*values):
    return np.array(values, dtype=np.uint64)


def assert_realised(names, fractions):
    """Each share within five binomial standard deviations."""
    for split, fraction in fractions.items():
        allowed = 5 * np.sqrt(fraction * (1 - fraction) / len(names)) + 1e-12
        assert abs(np.mean(names == split) - fraction) <= allowed, split


# By hash


@pytest.mark.parametrize(
    "fractions",
    [
        FRACTIONS,
        {"train": 0.5, "test": 0.5},
        {"train": 0.0, "validation": 0.25, "test": 0.75},
        {"train": 0.998, "calibration": 0.001, "test": 0.001},
        {"validation": 1.0},
    ],
)
def test_fractions_are_realised(fractions):
    ids = 41_000_000_000_000_000 + np.arange(100_000)
    names = split_by_hash(hash_ids(ids, SALT), fractions)
    assert_realised(names, fractions)
    assert set(names.tolist()) == {name for name, value in fractions.items() if value > 0}


def test_cuts_are_exact():
    half = {"train": 0.5, "test": 0.5}
    names = split_by_hash(hashes_of(0, 2**63 - 1, 2**63, 2**64 - 1), half)
    assert names.tolist() == ["train", "train", "test", "test"]
    first, second = 7 * 2**64 // 10, 8 * 2**64 // 10  # not whole: the cuts lie just above
    edges = hashes_of(first, first + 1, second, second + 1)
    names = split_by_hash(edges, FRACTIONS)
    assert names.tolist() == ["train", "validation", "validation", "calibration"]


def test_the_order_of_the_fractions_does_not_matter():
    hashes = hash_ids(np.arange(1000), SALT)
    backwards = dict(reversed(FRACTIONS.items()))
    np.testing.assert_array_equal(
        split_by_hash(hashes, backwards), split_by_hash(hashes, FRACTIONS)
    )


@pytest.mark.parametrize("off", [-9e-10, 9e-10])
def test_the_last_split_takes_the_rest(off):
    fractions = {"train": 0.5, "validation": 0.5 + off, "test": 1e-12}
    names = split_by_hash(hashes_of(0, 2**64 - 1), fractions)
    assert names.tolist() == ["train", "test"]
    assert split_by_hash(hashes_of(2**64 - 1), {"train": 1.0, "test": 0.0}).tolist() == ["train"]


@settings(deadline=None, max_examples=50)
@given(
    old=st.lists(st.integers(0, 2**63 - 1), unique=True),
    new=st.lists(st.integers(0, 2**63 - 1), unique=True),
)
def test_new_objects_move_none(old, new):
    everything = np.array(sorted({*old, *new}), dtype=np.int64)
    names = split_by_hash(hash_ids(everything, SALT), FRACTIONS)
    later = dict(zip(everything.tolist(), names.tolist(), strict=True))
    before = split_by_hash(hash_ids(np.array(old, dtype=np.int64), SALT), FRACTIONS)
    assert before.tolist() == [later[i] for i in old]


@pytest.mark.parametrize(
    ("fractions", "said"),
    [
        (FRACTIONS | {"train": 0.6}, "sum to 1, found 0.9"),
        (FRACTIONS | {"train": 0.7 + 1e-8}, "sum to 1"),
        ({}, "sum to 1, found 0"),
        ({"train": 1.1, "test": -0.1}, "'test' must be 0 or more, found -0.1"),
        ({"train": np.nan, "test": 1.0}, "'train' must be 0 or more, found nan"),
        ({"train": np.inf}, "'train' must be 0 or more, found inf"),
        ({"training": 1.0}, r"Unknown splits \['training'\]"),
    ],
)
def test_wrong_fractions_are_refused(fractions, said):
    with pytest.raises(ParameterError, match=said):
        split_by_hash(hashes_of(1), fractions)


def test_signed_hashes_are_refused():
    with pytest.raises(InputError, match="uint64, found int64"):
        split_by_hash(np.array([-1]), FRACTIONS)


# By block of sky, and as published


def test_a_block_of_sky_goes_to_one_split():
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 5000), np.rad2deg(np.arcsin(rng.uniform(-1, 1, 5000)))
    names = split_by_sky_block(ra, dec, 8, SALT, FRACTIONS)
    blocks = HEALPix(8, order="nested").lonlat_to_healpix(ra * u.deg, dec * u.deg)
    np.testing.assert_array_equal(names, split_by_hash(hash_ids(blocks, SALT), FRACTIONS))
    used = np.unique(blocks)
    assert len(blocks) > 5 * len(used)
    assert len(set(zip(blocks.tolist(), names.tolist(), strict=True))) == len(used)
    assert set(names.tolist()) == set(SPLITS)


@pytest.mark.parametrize("nside", [0, 3, -4])
def test_nside_is_a_power_of_two(nside):
    with pytest.raises(ParameterError, match=f"power of two, found {nside}"):
        split_by_sky_block(np.array([1.0]), np.array([1.0]), nside, SALT, FRACTIONS)


def test_a_block_needs_a_position():
    with pytest.raises(InputError, match="not finite"):
        split_by_sky_block(np.array([np.nan]), np.array([1.0]), 8, SALT, FRACTIONS)


def test_published_splits_stay():
    rng = np.random.default_rng(1)
    published = rng.choice(["train", "validation", "test", None], 40_000, p=[0.6, 0.1, 0.1, 0.2])
    hashes = hash_ids(np.arange(40_000), SALT)
    names = split_published(published, hashes, FRACTIONS, carve=0.2)
    for split in ("validation", "test"):
        assert (names[published == split] == split).all()
    carved = names[published == "train"]
    assert_realised(carved, {"train": 0.8, "calibration": 0.2})
    without = published == None  # noqa: E711
    np.testing.assert_array_equal(names[without], split_by_hash(hashes[without], FRACTIONS))


def test_where_nothing_was_published_the_hash_decides():
    hashes = hash_ids(np.arange(100), SALT)
    names = split_published([None] * 100, hashes, FRACTIONS)
    assert (names == split_by_hash(hashes, FRACTIONS)).all()


def test_a_published_split_is_carved_by_the_fraction_of_calibration():
    hashes = hash_ids(np.arange(20_000), SALT)
    names = split_published(["train"] * 20_000, hashes, FRACTIONS)
    assert_realised(names, {"train": 0.9, "calibration": 0.1})
    kept = split_published(["train"] * 20_000, hashes, FRACTIONS, carve=0.0)
    assert set(kept.tolist()) == {"train"}


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
def test_any_null_is_no_published_split(missing):
    hashes = hash_ids(np.arange(3), SALT)
    names = split_published(pd.Series(["test", missing, "test"], dtype=object), hashes, FRACTIONS)
    expected = ["test", split_by_hash(hashes, FRACTIONS)[1], "test"]
    assert names.tolist() == expected


@pytest.mark.parametrize(
    ("published", "carve", "error", "said"),
    [
        (["training"], 0.1, InputError, r"\['training'\]"),
        (["train", "test"], 0.1, InputError, "2 published splits for 1 hashes"),
        (["train"], 1.1, ParameterError, "must be in"),
        (["train"], np.nan, ParameterError, "must be in"),
    ],
)
def test_wrong_published_splits_are_refused(published, carve, error, said):
    with pytest.raises(error, match=said):
        split_published(published, hashes_of(1), FRACTIONS, carve)


# Keys


def test_keys_are_ids_where_they_exist():
    big = 41_000_000_000_000_001
    frame = pa.table({"id": pa.array([big, None, 7], pa.int64()), "z": [0.5, 0.5, 1.0]})
    for stored in (frame, frame.to_pandas(types_mapper=pd.ArrowDtype)):
        keys = object_keys(stored, "id")
        assert keys.dtype == np.uint64
        assert keys.tolist() == [big, hash_rows(frame.select(["z"]))[1], 7]
    assert object_keys(frame.slice(0, 1), "id").tolist() == [big]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.5, np.nan, 21.0])), min_size=1))
def test_exact_duplicates_stay_together(rows):
    frame = pd.DataFrame(rows, columns=["n", "g_cmodel_mag"])
    keys = object_keys(frame)
    names = split_by_hash(hash_ids(keys, SALT), FRACTIONS)
    values = list(map(str, rows))
    assert len(set(zip(values, keys.tolist(), names.tolist(), strict=True))) == len(set(values))
    assert len(set(keys.tolist())) == len(set(values))


def test_named_columns_keep_keys_when_a_table_grows():
    frame = pd.DataFrame({"g": [1.0, 2.0], "r": [3.0, 4.0]})
    grown = frame.assign(new=[5, 6])
    assert (object_keys(grown) != object_keys(frame)).all()
    np.testing.assert_array_equal(object_keys(grown, columns=["r", "g"]), object_keys(frame))


@pytest.mark.parametrize(
    ("ids", "said"), [([1.5, 2.0], "'id' is of type double"), (["a", "b"], "'id' is of type large")]
)
def test_ids_must_be_integers(ids, said):
    with pytest.raises(InputError, match=said):
        object_keys(pd.DataFrame({"id": ids}), "id")
    with pytest.raises(InputError, match="No id column 'nope'"):
        object_keys(pd.DataFrame({"id": ids}), "nope")


def test_splits_are_made_where_only_numpy_and_pyarrow_are(bare_site):
    site = bare_site("numpy", "pyarrow")
    (site / "transferz").mkdir()
    for module in Path(transferz.__file__).parent.glob("*.py"):
        (site / "transferz" / module.name).symlink_to(module)
    for room in (transferz.dataset, transferz.schemas, transferz.tables):
        (site / "transferz" / room.__name__.split(".")[1]).symlink_to(next(iter(room.__path__)))
    program = (
        "import pyarrow as pa\n"
        "from transferz.dataset.splits.hashing import hash_ids\n"
        "from transferz.dataset.splits.hashing import object_keys, split_by_hash\n"
        "keys = object_keys(pa.table({'z': [0.5, 0.25, 0.5]}))\n"
        "hashes = hash_ids(keys, 'test')\n"
        "split = split_by_hash(hashes, {'train': 0.5, 'test': 0.5})\n"
        "print(*split)\n"
    )
    run = subprocess.run(
        [sys.executable, "-S", "-c", program],
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    first, _, third = run.stdout.split()
    assert first == third
