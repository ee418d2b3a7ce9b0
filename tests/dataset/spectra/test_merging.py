"""One redshift for each object: by quality, error and name, whatever the order of the rows."""

import itertools

import numpy as np
import pandas as pd
import pytest

from transferz.dataset.spectra.merging import merge
from transferz.dataset.spectra.reading import as_measurements
from transferz.schemas import SPECZ, InputError, ParameterError
from transferz.schemas.survey.frames import check

ARCSEC = 1 / 3600.0


def measured(source, source_id, east=0.0, north=0.0, z=0.5, err=None, quality=3, at=(150.0, 0.0)):
    """A measurement, at an offset in arcsec from a place near the equator."""
    return as_measurements(
        {
            "specz_name": [f"{source}-{source_id}"],
            "source": [source],
            "source_id": [source_id],
            "ra": [(at[0] + east * ARCSEC) % 360.0],
            "dec": [at[1] + north * ARCSEC],
            "redshift": [z],
            "redshift_err": [err],
            "quality": [quality],
            "secure": [quality >= 3],
            "object_class": [None],
            "technique": ["spectrum"],
        }
    )


def best(*parts, **more):
    return merge(parts, **more).compilation


@pytest.mark.parametrize(
    ("first", "second", "winner"),
    [
        ({"quality": 4}, {"quality": 3, "err": 1e-5}, "a-1"),
        ({"quality": 2, "err": 1e-5}, {"quality": 3}, "b-1"),
        ({"err": 2e-4}, {"err": 1e-4}, "b-1"),
        ({"err": None}, {"err": 0.5}, "b-1"),
        ({"err": 1e-4}, {"err": 1e-4}, "a-1"),
        ({}, {}, "a-1"),
    ],
    ids=["quality", "quality before error", "error", "an error before none", "name", "name too"],
)
def test_the_best_of_two(first, second, winner):
    rows = measured("a", "1", **first), measured("b", "1", east=0.5, **second)
    for parts in (rows, rows[::-1]):
        whole = best(*parts)
        assert whole["specz_name"].tolist() == [winner]
        assert whole["n_measurements"].tolist() == [2]
        assert whole["other_names"].tolist() == [({"a-1", "b-1"} - {winner}).pop()]
        check(whole, SPECZ)


def test_ties_within_a_catalogue_go_by_identifier_then_by_value():
    assert best(measured("a", "2"), measured("a", "1"))["source_id"].tolist() == ["1"]
    again = measured("a", "1", z=0.51), measured("a", "1", z=0.5)
    assert best(*again)["redshift"].tolist() == [0.5]
    assert best(*again)["n_measurements"].tolist() == [2]


def some_rows(count, seed):
    """Measurements in crowds, with ties of all kinds."""
    rng = np.random.default_rng(seed)
    return [
        measured(
            str(rng.choice(["a", "b", "c"])),
            str(k),
            *rng.integers(0, 6, 2) * 0.7,
            z=float(rng.choice([0.5, 0.501, 0.9])),
            err=rng.choice([None, 1e-4, 2e-4]),
            quality=int(rng.integers(1, 5)),
        )
        for k in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_files_and_rows_changes_nothing(seed):
    parts = some_rows(40, seed)
    whole = merge(parts)
    shuffled = pd.concat(parts).sample(frac=1.0, random_state=seed)
    again = merge([shuffled[25:], shuffled[:25]])
    pd.testing.assert_frame_equal(
        whole.compilation.sort_values("specz_name", ignore_index=True),
        again.compilation.sort_values("specz_name", ignore_index=True),
    )
    assert (whole.members, whole.all_pairs, whole.by_pair) == (
        again.members,
        again.all_pairs,
        again.by_pair,
    )


@pytest.mark.parametrize("seed", range(5))
def test_groups_winners_and_pairs_against_a_plain_search(seed):
    parts = some_rows(40, seed)
    rows = pd.concat(parts, ignore_index=True)
    x, y = rows["ra"].to_numpy() / ARCSEC, rows["dec"].to_numpy() / ARCSEC
    near = np.hypot(x[:, None] - x, y[:, None] - y) <= 1.0
    linked = near.copy()
    for k in range(len(rows)):  # Warshall: what is reached by steps
        linked |= linked[:, [k]] & linked[[k], :]
    z = rows["redshift"].to_numpy()
    apart = np.abs(z[:, None] - z) / (1 + (z[:, None] + z) / 2) > 0.01
    winners = set()
    for row in linked:
        group = rows[row].assign(err=rows["redshift_err"].fillna(np.inf), quality=-rows["quality"])
        winners.add(group.sort_values(["quality", "err", "specz_name"])["specz_name"].iloc[0])
    merged = merge(parts)
    assert set(merged.compilation["specz_name"]) == winners
    pairs = np.triu(near, 1)
    assert (merged.all_pairs.pairs, merged.all_pairs.disagreeing) == (
        pairs.sum(),
        (pairs & apart).sum(),
    )
    disagreeing = {rows["specz_name"][i] for i in np.flatnonzero((near & apart & linked).any(1))}
    named = merged.compilation.assign(
        all_names=merged.compilation["specz_name"]
        + ";"
        + merged.compilation["other_names"].fillna("")
    )
    said = {name for names in named[named["disagrees"]]["all_names"] for name in names.split(";")}
    assert disagreeing <= said
    assert not any(set(n.split(";")) & disagreeing for n in named[~named["disagrees"]]["all_names"])


def test_redshifts_are_linked_by_steps():
    chain = [measured("a", str(k), east=0.9 * k) for k in range(4)]
    merged = merge(chain)
    assert merged.members == {4: 1} and merged.all_pairs.pairs == 3
    assert merge([chain[0], chain[2]]).members == {1: 2}


@pytest.mark.parametrize(
    ("first", "second"),
    [((0.0001, 10.0), (359.9999, 10.0)), ((10.0, 89.9999), (190.0, 89.9999))],
)
def test_ra_zero_and_the_pole_are_places_like_any_other(first, second):
    two = measured("a", "1", at=first), measured("b", "1", at=second)
    assert merge(two).members == {2: 1}
    assert merge(two, radius_arcsec=0.7).members == {1: 2}


def test_the_radius_is_a_parameter_and_included():
    two = measured("a", "1"), measured("b", "1", north=1.0)
    assert merge(two).members == {2: 1}
    assert merge(two, radius_arcsec=0.99).members == {1: 2}


def test_disagreement_is_of_a_difference_over_one_plus_z():
    two = measured("a", "1", z=1.0), measured("b", "1", z=1.02)
    dz = 0.02 / 2.01
    assert merge(two, disagreement=dz * 1.001).all_pairs.disagreeing == 0
    merged = merge(two, disagreement=dz * 0.999)
    assert merged.all_pairs.disagreeing == 1 and merged.compilation["disagrees"].tolist() == [True]


def test_each_two_catalogues_are_counted():
    far = (151.0, 0.0)
    merged = merge(
        [
            *(measured("b", "1"), measured("a", "1", east=0.2), measured("b", "2", east=0.4)),
            *(measured("a", "9", at=far, quality=2), measured("b", "9", 0.3, z=0.7, at=far)),
        ]
    )
    found = {(one.first, one.second): one for one in merged.by_pair}
    assert set(found) == {("a", "b"), ("b", "b")}
    across = found["a", "b"]
    assert (across.pairs, across.disagreeing, across.secure) == (3, 1, 2)
    assert across.secure_disagreeing == 0
    assert across.median == pytest.approx(0.2) and across.most == pytest.approx(0.29)
    assert found["b", "b"].median == pytest.approx(0.4)
    assert merged.members == {2: 1, 3: 1}


def test_a_row_that_is_there_twice_counts_once():
    one, other = measured("a", "1"), measured("b", "1")
    merged = merge([one, one, other])
    assert merged.repeated == 1 and merged.members == {2: 1}


def test_an_identifier_at_two_places_is_one_object_near_by_and_an_error_far_off():
    near = [measured("a", "1"), measured("a", "1", east=3.0)]
    assert best(*near)["n_measurements"].tolist() == [2]
    for parts in itertools.permutations([*near, measured("a", "1", east=11.0)]):
        with pytest.raises(
            InputError, match=r"'a': identifier '1' occurs at two places .*columns.id"
        ):
            merge(parts)
    merge([measured("a", "1"), measured("b", "1", east=11.0)])


@pytest.mark.parametrize("radius", [0.0, -1.0, 3601.0, float("nan")])
def test_a_radius_out_of_range(radius):
    with pytest.raises(ParameterError, match="arcsec"):
        merge([measured("a", "1")], radius_arcsec=radius)


@pytest.mark.parametrize("threshold", [0.0, -0.1, float("nan"), float("inf")])
def test_a_threshold_out_of_range(threshold):
    with pytest.raises(ParameterError, match="threshold of disagreement"):
        merge([measured("a", "1")], disagreement=threshold)


def test_nothing_to_merge():
    merged = merge([measured("a", "1")[:0]])
    assert len(merged.compilation) == 0 and merged.members == {} and merged.by_pair == ()
    check(merged.compilation, SPECZ)
