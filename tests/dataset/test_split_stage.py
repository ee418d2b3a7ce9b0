"""The promises about splits, as properties of the whole stage on both samples together."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from transferz.dataset.split import SplitParams, all_rows, assign, split_rows
from transferz.schemas import SPLITS, ParameterError

RADIUS = 1.0
ARCSEC = 1 / 3600
PARAMS = SplitParams(
    scheme="hash",
    salt="test",
    fractions={"train": 0.4, "validation": 0.2, "calibration": 0.2, "test": 0.2},
    sky_block_nside=256,
    published_calibration=0.2,
)


def sample(seed: int, count: int = 60):
    """TransferZ and GalaxiesML rows in crowded knots, some objects in both, some near in both."""
    rng = np.random.default_rng(seed)
    knots = rng.uniform(-20, 20, (count // 4 + 1, 2))
    at = knots[rng.integers(len(knots), size=2 * count)] + rng.normal(0, 0.7, (2 * count, 2))
    rows = pd.DataFrame(
        {
            "object_id": rng.permutation(10_000)[: 2 * count] + 43158322433012345,
            "ra": (at[:, 0] * ARCSEC) % 360,  # across RA 0/360
            "dec": at[:, 1] * ARCSEC,
        }
    )
    spectroscopic = rows.iloc[: count // 2 + 10]
    photometric = rows.iloc[count // 2 :]  # ten objects are in both
    published = pd.array(rng.choice(["train", "validation", "test"], len(spectroscopic)))
    return photometric, spectroscopic.assign(published_split=published.astype("string[pyarrow]"))


def assigned(matched, galaxiesml, params=PARAMS):
    objects, counts = split_rows(all_rows(matched, galaxiesml), params, RADIUS)
    return objects.set_index("object_id"), counts


def close_pairs(frame):
    """Index pairs of a frame within the radius, by brute force on the sphere."""
    lon, lat = np.radians(frame["ra"]), np.radians(frame["dec"])
    xyz = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)
    return cKDTree(xyz).query_pairs(
        2 * np.sin(np.radians(RADIUS * ARCSEC) / 2), output_type="ndarray"
    )


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.sampled_from(["hash", "sky_block", "published"]))
@settings(max_examples=40, deadline=None)
def test_no_object_and_no_close_pair_is_in_two_splits(seed, scheme):
    matched, galaxiesml = sample(seed)
    objects, counts = assigned(matched, galaxiesml, PARAMS.model_copy(update={"scheme": scheme}))
    rows = pd.concat([matched, galaxiesml])
    rows = rows[rows["object_id"].isin(objects.index)].reset_index(drop=True)
    split = rows["object_id"].map(objects["split"]).to_numpy()
    pairs = close_pairs(rows)
    assert (split[pairs[:, 0]] == split[pairs[:, 1]]).all()
    assert objects.index.is_unique
    assert counts.rows_in == rows["object_id"].nunique() + counts.removed["split_conflict"]


@given(seeds)
@settings(max_examples=25, deadline=None)
def test_row_order_changes_nothing(seed):
    matched, galaxiesml = sample(seed)
    objects, counts = assigned(matched, galaxiesml)
    shuffled = (frame.sample(frac=1, random_state=seed % 2**31) for frame in (matched, galaxiesml))
    again, counts_again = assigned(*shuffled)
    columns = ["split", "group_id"]
    pd.testing.assert_frame_equal(objects[columns].sort_index(), again[columns].sort_index())
    assert counts == counts_again


@given(seeds, st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_more_rows_never_move_an_object(seed, fewer):
    matched, galaxiesml = sample(seed)
    before, _ = assigned(matched.iloc[:-fewer], galaxiesml)
    after, _ = assigned(matched, galaxiesml)
    both = before.index.intersection(after.index)
    assert (before.loc[both, "split"] == after.loc[both, "split"]).all()
    added = matched["object_id"].iloc[-fewer:]
    assert set(after.index) - set(before.index) <= set(added)  # nothing comes back


def test_conflicts_do_occur_and_the_spectroscopic_object_stays():
    dropped = 0
    for seed in range(20):
        matched, galaxiesml = sample(seed)
        objects, counts = assigned(matched, galaxiesml)
        dropped += counts.removed["split_conflict"]
        near = galaxiesml.iloc[:1].assign(object_id=1)
        again, _ = assigned(pd.concat([matched, near.drop(columns="published_split")]), galaxiesml)
        first = galaxiesml["object_id"].iloc[0]
        assert (first in again.index) == (first in objects.index)
    assert dropped > 50


def test_group_is_the_least_linked_id():
    matched, galaxiesml = sample(3)
    objects, _ = assigned(matched, galaxiesml)
    assert (objects["group_id"] <= objects.index).all()
    assert set(objects["group_id"]) <= set(objects.index)
    assert objects.groupby("group_id")["split"].nunique().max() == 1


def test_published_splits_are_kept_and_calibration_is_carved_from_train():
    matched, galaxiesml = sample(5, count=400)
    params = PARAMS.model_copy(update={"scheme": "published"})
    objects, _ = assigned(matched, galaxiesml, params)
    published = galaxiesml.set_index("object_id")["published_split"].reindex(objects.index).dropna()
    split = objects.loc[published.index, "split"]
    for name in ("validation", "test"):
        assert (split[published == name] == name).all()
    carved = split[published == "train"]
    assert set(carved) == {"train", "calibration"}
    assert 0.1 < (carved == "calibration").mean() < 0.32


@pytest.mark.parametrize(
    "fractions", [{"train": 0.5, "test": 0.4}, {"train": 1.5, "test": -0.5}, {"training": 1.0}]
)
def test_wrong_fractions_are_refused(fractions):
    matched, galaxiesml = sample(0)
    with pytest.raises(ParameterError):
        assigned(matched, galaxiesml, PARAMS.model_copy(update={"fractions": fractions}))


def test_all_splits_are_used():
    matched, galaxiesml = sample(1, count=400)
    assert set(assigned(matched, galaxiesml)[0]["split"]) == set(SPLITS)


def test_conflicts_take_from_every_split_alike():
    """By the hash that assigns the splits, train would win every conflict with the others."""
    before = dict.fromkeys(SPLITS, 0)
    after = dict(before)
    for seed in range(30):
        matched, galaxiesml = sample(seed, count=300)
        rows = all_rows(matched, galaxiesml.iloc[:0])
        for name, count in assign(rows, PARAMS).value_counts().items():
            before[name] += count
        kept, _ = assigned(matched, galaxiesml.iloc[:0])
        for name, count in kept["split"].value_counts().items():
            after[name] += count
    lost = {name: 1 - after[name] / before[name] for name in SPLITS}
    assert min(lost.values()) > 0.5 * max(lost.values()) > 0.05
