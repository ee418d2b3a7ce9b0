import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.sky.neighbours import drop_conflicts, group_ids
from transferz.dataset.sky.positions import angular_separation
from transferz.dataset.splits.hashing import hash_ids, split_by_hash
from transferz.schemas.errors import InputError, ParameterError

FRACTIONS = {"train": 0.5, "validation": 0.1, "calibration": 0.1, "test": 0.3}
SALT = "test"
RADIUS = 1.0


def rows_of(objects, seed):
    """Rows of a crowded field: some objects in one table, some in two a little apart."""
    rng = np.random.default_rng(seed)
    ids = rng.permutation(10 * objects)[:objects]
    x, y = rng.uniform(0, np.sqrt(objects) * RADIUS * 1.2 / 3600, (2, objects))
    spectroscopic = rng.uniform(size=objects) < 0.4
    both = np.flatnonzero(spectroscopic & (rng.uniform(size=objects) < 0.5))
    frame = pd.DataFrame({"object_id": ids, "ra": x, "dec": y, "spectroscopic": spectroscopic})
    twin = frame.iloc[both].assign(spectroscopic=False)
    twin[["ra", "dec"]] += rng.uniform(0, 0.3 * RADIUS / 3600, (len(both), 2))
    frame = pd.concat([frame, twin], ignore_index=True)
    frame["hash"] = hash_ids(frame["object_id"].to_numpy(), SALT)
    frame["split"] = split_by_hash(frame["hash"].to_numpy(), FRACTIONS)
    return frame


def dropped(frame, radius=RADIUS):
    names = ("object_id", "ra", "dec", "split", "spectroscopic", "hash")
    return drop_conflicts(*(frame[name].to_numpy() for name in names), radius)


def grouped(frame, radius=RADIUS):
    return group_ids(*(frame[name].to_numpy() for name in ("object_id", "ra", "dec")), radius)


def near(frame):
    """Whether rows lie within the radius, O(n^2)."""
    n = len(frame)
    i, j = (index.ravel() for index in np.indices((n, n)))
    ra, dec = frame["ra"].to_numpy(), frame["dec"].to_numpy()
    return (angular_separation(ra[i], dec[i], ra[j], dec[j]) <= RADIUS).reshape(n, n)


def dropped_by_loop(frame):
    """Ids that the rule leaves out, pair by pair."""
    spectroscopic = frame.groupby("object_id")["spectroscopic"].any()
    rows = frame[["object_id", "split", "hash"]].to_dict("records")
    lost = set()
    for i, j in np.argwhere(near(frame)):
        one, two = rows[i], rows[j]
        if one["object_id"] != two["object_id"] and one["split"] != two["split"]:
            ranked = sorted(
                (one, two),
                key=lambda r: (not spectroscopic[r["object_id"]], r["hash"], r["object_id"]),
            )
            lost.add(ranked[1]["object_id"])
    return lost


fields = {"objects": st.integers(0, 60), "seed": st.integers(0, 2**32)}


@settings(deadline=None, max_examples=80)
@given(**fields)
def test_the_lower_ranked_of_every_pair_is_left_out_so_that_no_two_splits_are_near(objects, seed):
    frame = rows_of(objects, seed)
    out = dropped(frame)
    expected = frame["object_id"].isin(dropped_by_loop(frame)).to_numpy()
    np.testing.assert_array_equal(out, expected)
    kept = frame[~out]
    split = kept["split"].to_numpy()
    assert not (near(kept) & (split[:, None] != split[None, :])).any()
    assert len(kept[["object_id", "split"]].drop_duplicates()) == kept["object_id"].nunique()


@settings(deadline=None, max_examples=60)
@given(**fields, share=st.floats(0, 1))
def test_more_objects_bring_none_back(objects, seed, share):
    later = rows_of(objects, seed)
    rng = np.random.default_rng(seed)
    ids = later["object_id"].unique()
    known = ids[rng.uniform(size=len(ids)) < share]
    earlier = later[later["object_id"].isin(known)]
    gone = set(earlier["object_id"][dropped(earlier)])
    assert gone <= set(later["object_id"][dropped(later)])


@settings(deadline=None, max_examples=40)
@given(**fields)
def test_row_order_changes_no_conflict_and_no_group(objects, seed):
    frame = rows_of(objects, seed)
    mixed = frame.sample(frac=1, random_state=1)
    again = pd.Series(dropped(mixed), mixed.index).reindex(frame.index)
    np.testing.assert_array_equal(again, dropped(frame))
    again = pd.Series(grouped(mixed), mixed.index).reindex(frame.index)
    np.testing.assert_array_equal(again, grouped(frame))


def pair(**changed):
    """Two objects half an arcsecond apart, in two splits; the first has the lower hash."""
    columns = {
        "object_id": [1, 2],
        "ra": [10.0, 10.0],
        "dec": [0.0, 0.5 / 3600],
        "split": ["train", "test"],
        "spectroscopic": [False, False],
        "hash": np.array([3, 4], dtype=np.uint64),
    }
    return pd.DataFrame(columns | changed)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, [False, True]),
        ({"hash": np.array([4, 3], dtype=np.uint64)}, [True, False]),
        ({"hash": np.array([4, 4], dtype=np.uint64)}, [False, True]),
        ({"object_id": [2, 1], "hash": np.array([4, 4], dtype=np.uint64)}, [True, False]),
        ({"spectroscopic": [False, True]}, [True, False]),
        ({"spectroscopic": [True, True]}, [False, True]),
        ({"split": ["test", "test"]}, [False, False]),
        ({"dec": [0.0, 1.1 / 3600]}, [False, False]),
        ({"dec": [0.0, 1.0 / 3600]}, [False, True]),
        ({"ra": [0.0, 360.0]}, [False, True]),
    ],
)
def test_who_is_left_out_of_a_pair(changed, expected):
    assert dropped(pair(**changed)).tolist() == expected


def test_an_object_in_two_tables_is_one():
    both = pair(object_id=[1, 1], split=["train", "train"], hash=np.full(2, 3, dtype=np.uint64))
    assert dropped(both).tolist() == [False, False]
    # its photometric row is the near one, but its spectrum, elsewhere in the table, ranks it first
    stranger = pair(object_id=[9, 1], hash=np.array([0, 3], dtype=np.uint64))
    spectrum = pair().iloc[:1].assign(dec=1.0, split="test", spectroscopic=True)
    assert dropped(pd.concat([stranger, spectrum])).tolist() == [True, False, False]
    # and where it loses it goes from both tables
    twin = pair().iloc[1:].assign(dec=1.0)
    assert dropped(pd.concat([pair(), twin])).tolist() == [False, True, True]


def test_a_row_without_a_position_has_no_say_but_goes_with_its_object():
    nowhere = pair().assign(ra=np.nan, dec=np.nan)
    assert dropped(nowhere).tolist() == [False, False]
    assert grouped(nowhere).tolist() == [1, 2]
    both = pd.concat([pair(), nowhere])
    assert dropped(both).tolist() == [False, True, False, True]
    assert grouped(both).tolist() == [1, 1, 1, 1]
    with pytest.raises(InputError, match="not finite"):
        dropped(pair(dec=[0.0, np.nan]))


def test_an_object_has_one_split_and_one_hash():
    with pytest.raises(InputError, match="share one split, but those of object 1 do not"):
        dropped(pair(object_id=[1, 1], hash=np.full(2, 3, dtype=np.uint64)))
    with pytest.raises(InputError, match="share one hash, but those of object 1 do not"):
        dropped(pair(object_id=[1, 1], split=["test", "test"]))


@pytest.mark.parametrize("radius", [0.0, -1.0, np.nan])
def test_a_wrong_radius_is_refused(radius):
    with pytest.raises(ParameterError, match="above 0"):
        dropped(pair(), radius)
    with pytest.raises(ParameterError, match="above 0"):
        grouped(pair(), radius)


def test_lengths_must_agree():
    columns = [pair()[name].to_numpy() for name in pair()]
    for i, said in [(1, "one length"), (3, "one split"), (4, "one spectro"), (5, "one hash")]:
        shorter = [c[:1] if k == i else c for k, c in enumerate(columns)]
        with pytest.raises(InputError, match=said):
            drop_conflicts(*shorter, RADIUS)


def test_object_ids_must_be_integers():
    with pytest.raises(InputError, match="integers, found float64"):
        dropped(pair(object_id=[1.0, 2.0]))


def test_nobody_conflicts_with_nobody():
    nobody = rows_of(0, 0)
    assert dropped(nobody).shape == (0,)
    assert grouped(nobody).shape == (0,)


def groups_by_loop(frame):
    """Least id reachable from each row, by spreading ids until nothing changes."""
    ids = frame["object_id"].to_numpy()
    linked = near(frame) | (ids[:, None] == ids[None, :])
    least = ids
    while True:
        spread = np.where(linked, least[None, :], np.iinfo(ids.dtype).max).min(axis=1)
        if (spread == least).all():
            return least
        least = spread


@settings(deadline=None, max_examples=60)
@given(objects=st.integers(1, 60), seed=st.integers(0, 2**32))
def test_groups_are_the_linked_objects(objects, seed):
    frame = rows_of(objects, seed)
    groups = grouped(frame)
    assert groups.dtype == frame["object_id"].dtype
    np.testing.assert_array_equal(groups, groups_by_loop(frame))
