"""The promises about splits, as properties of the whole stage on both samples together."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from transferz.dataset.pipeline.params import SplitParams
from transferz.dataset.split import (
    all_rows,
    assign,
    moved_rows,
    published_splits,
    shared_photometry,
    split_rows,
)
from transferz.schemas import SPLITS, ParameterError
from transferz.schemas.survey.survey import find_survey

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
    ids = photometric["object_id"].astype("Int64")
    photometric = photometric.assign(
        published_split=pd.Series(pd.NA, photometric.index, dtype="string[pyarrow]"),
        spectroscopic_id=ids.where(ids.isin(spectroscopic["object_id"])),
    )
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
        again, _ = assigned(pd.concat([matched, near.assign(published_split=pd.NA)]), galaxiesml)
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
    objects, _ = assigned(matched, galaxiesml, PUBLISHED)
    published = galaxiesml.set_index("object_id")["published_split"].reindex(objects.index).dropna()
    split = objects.loc[published.index, "split"]
    for name in ("validation", "test"):
        assert (split[published == name] == name).all()
    carved = split[published == "train"]
    assert set(carved) == {"train", "calibration"}
    assert 0.1 < (carved == "calibration").mean() < 0.32


PUBLISHED = PARAMS.model_copy(update={"scheme": "published"})
STRING = "string[pyarrow]"


BASE = 43158322433012345  # of an HSC id: two of them to a float


def published_pair():
    """TransferZ without positions, and GalaxiesML, with published splits; both hold BASE+10..29."""
    names = np.array(["train", "validation", "calibration", "test"])
    matched = pd.DataFrame({"object_id": np.arange(10, 210) + BASE, "ra": np.nan, "dec": np.nan})
    own = np.resize(names, len(matched))
    ids = matched["object_id"].astype("Int64")
    matched = matched.assign(
        published_split=pd.Series(own, dtype=STRING), spectroscopic_id=ids.where(ids < BASE + 30)
    )
    galaxiesml = pd.DataFrame({"object_id": np.arange(-170, 30) + BASE})
    galaxiesml = galaxiesml.assign(
        ra=np.arange(200) * 0.01,
        dec=0.0,
        published_split=pd.Series(np.resize(names[[0, 0, 0, 1, 3]], 200), dtype=STRING),
    )
    return matched, galaxiesml


def test_published_tables_keep_their_splits_and_shared_objects_follow_galaxiesml():
    matched, galaxiesml = published_pair()
    objects, counts = assigned(matched, galaxiesml, PUBLISHED)
    assert counts.removed == {"split_conflict": 0}
    alone = matched.loc[matched["object_id"] >= BASE + 30].set_index("object_id")["published_split"]
    assert (objects["split"].reindex(alone.index) == alone).all()  # calibration is not carved here
    theirs = galaxiesml.set_index("object_id")["published_split"]
    got = objects["split"].reindex(theirs.index)
    assert (got[theirs != "train"] == theirs[theirs != "train"]).all()
    assert set(got[theirs == "train"]) == {"train", "calibration"}


def test_moved_rows_are_those_whose_own_split_is_another():
    matched, galaxiesml = published_pair()
    rows = all_rows(matched, galaxiesml)
    split = assign(rows, PUBLISHED)
    moved = moved_rows(rows, split, PUBLISHED)
    own = matched.set_index("object_id")["published_split"]
    by_id = dict(zip(rows["object_id"], split, strict=True))
    expected = {
        number: f"{own[number]} to {by_id[number]}" for number in range(BASE + 10, BASE + 30)
    }
    expected = {key: way for key, way in expected.items() if own[key] != by_id[key]}
    assert 5 < len(expected) < 20
    assert {number: way for way, ids in moved.items() for number in ids} == expected


def test_a_twin_of_another_id_follows_galaxiesml_in_scheme_published():
    matched, galaxiesml = published_pair()
    twin = matched.iloc[[-1]].assign(spectroscopic_id=BASE - 170)  # published in train
    hidden = twin.assign(published_split=pd.Series("test", twin.index, dtype=STRING))
    rows = all_rows(hidden, galaxiesml)
    split = assign(rows, PUBLISHED)
    assert split.iloc[-1] == split.iloc[0] != "test"
    assert published_splits(rows, PUBLISHED).iloc[-1] == "test"


def test_a_row_without_position_is_its_own_group_unless_its_object_has_one():
    matched, galaxiesml = published_pair()
    objects, _ = assigned(matched, galaxiesml, PUBLISHED)
    assert (objects["group_id"] == objects.index).all()
    near = galaxiesml.assign(ra=np.arange(200) // 2 * 0.02)  # two at each place
    near = near.assign(published_split=pd.Series("test", near.index, dtype=STRING))
    objects, _ = assigned(matched, near, PUBLISHED)
    assert objects.loc[BASE + 29, "group_id"] == BASE + 28
    assert objects.loc[BASE + 30, "group_id"] == BASE + 30


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


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_label_near_a_spectrum_of_another_split_in_every_band_is_left_out(seed):
    rng = np.random.default_rng(seed)
    survey = find_survey("cosmos_lite")
    names = [band.magnitude for band in survey.described_bands]
    labels, spectra = (
        rows.assign(**dict(zip(names, rng.uniform(20, 20.6, (4, len(rows))), strict=True)))
        for rows in sample(seed, 40)
    )
    rows = all_rows(labels, spectra)
    split = dict(zip(rows["object_id"], assign(rows, PARAMS), strict=True))
    expected = [
        label.object_id
        for label in labels.itertuples()
        if any(
            split[label.object_id] != split[spectrum.object_id]
            and max(abs(getattr(label, name) - getattr(spectrum, name)) for name in names)
            <= survey.shared_photometry
            for spectrum in spectra.itertuples()
        )
    ]
    assert shared_photometry(labels, spectra, rows, PARAMS, survey).tolist() == expected
