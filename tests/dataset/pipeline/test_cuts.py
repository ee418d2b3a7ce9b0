"""Cuts: each removes what its rule says, counts add up, and row order does not matter."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transferz.dataset.pipeline.stage import Counts
from transferz.dataset.select import Cut, apply_cuts, require_rows, sum_counts, with_label
from transferz.schemas import BANDS, ParameterError
from transferz.schemas.survey.survey import find_survey

WHERE = (("params.yaml", "test"), BANDS)


def cut(name, **rule):
    return Cut(name=name, source="our choice", **rule)


def frame(redshift, name=None):
    count = len(redshift)
    names = name if name is not None else [f"n{k}" for k in range(count)]
    return pd.DataFrame({"id": np.arange(count), "redshift": redshift, "name": names})


def test_rows_are_counted_by_the_first_cut_they_break():
    rows = frame([0.1, 0.5, 2.0, np.nan])
    cuts = [cut("low", keep="redshift > 0.2"), cut("high", keep="redshift < 1")]
    kept, counts, removed = apply_cuts(rows, cuts, "id", *WHERE)
    assert list(kept["id"]) == [1]
    assert counts == Counts(4, 1, {"low": 2, "high": 1})  # the missing redshift breaks `low`
    assert dict(zip(removed["id"], removed["cut"], strict=True)) == {0: "low", 3: "low", 2: "high"}


def test_band_stands_for_every_band():
    rows = pd.DataFrame({f"{band}_mag": [20.0, 20.0] for band in BANDS}).assign(id=[0, 1])
    rows.loc[1, "y_mag"] = np.nan
    kept, *_ = apply_cuts(rows, [cut("measured", keep="0 < {band}_mag < 50")], "id", *WHERE)
    assert list(kept["id"]) == [0]


def test_first_of_a_name_is_the_one_of_least_id_in_any_order():
    rows = frame([1.0] * 4, ["a", "b", "a", "b"])
    cuts = [cut("first", keep_first="name")]
    for seed in range(5):
        kept, counts, _ = apply_cuts(rows.sample(frac=1, random_state=seed), cuts, "id", *WHERE)
        assert set(kept["id"]) == {0, 1}
        assert counts.removed == {"first": 2}


def test_repeated_values_go_altogether():
    kept, counts, _ = apply_cuts(
        frame([1.0] * 4, ["a", "b", "a", "c"]),
        [cut("once", drop_repeated="name")],
        "id",
        WHERE,
        BANDS,
    )
    assert list(kept["name"]) == ["b", "c"]
    assert counts.removed == {"once": 2}


def test_first_of_a_name_is_the_same_in_any_order_though_ids_repeat():
    rows = pd.DataFrame({"id": [1, 1, 2], "value": [3.0, 2.0, 1.0], "name": ["a", "a", "a"]})
    for order in ([0, 1, 2], [1, 0, 2], [2, 1, 0]):
        kept, *_ = apply_cuts(rows.iloc[order], [cut("first", keep_first="name")], "id", *WHERE)
        assert kept["value"].tolist() == [2.0]


@pytest.mark.parametrize(
    "rule",
    ["1 < 2", "redshif > 1", "redshift >", "redshift + 1", "@pd.eval('1')", "name.__class__ == 1"],
)
def test_a_rule_that_cannot_be_evaluated_is_named(rule):
    with pytest.raises(ParameterError, match=r"cut 'test\.cuts\.odd'"):
        apply_cuts(frame([1.0, 2.0]), [cut("odd", keep=rule)], "id", *WHERE)


def test_an_unknown_column_is_named():
    with pytest.raises(ParameterError, match="names no column of the table: nome"):
        apply_cuts(frame([1.0]), [cut("odd", keep_first="nome")], "id", *WHERE)


def test_a_cut_that_leaves_nothing_is_an_error():
    cuts = [
        cut("low", keep="redshift > 1"),
        cut("high", keep="redshift > 5"),
        cut("any", keep="id >= 0"),
    ]
    parts = [apply_cuts(frame(z), cuts, "id", *WHERE)[1] for z in ([1.0, 2.0], [3.0])]
    with pytest.raises(ParameterError, match=r"'test\.cuts\.high' removed the last 2 of 3 rows"):
        require_rows(sum_counts(parts), WHERE[0])


redshifts = st.lists(st.floats(0, 6) | st.just(float("nan")), min_size=1, max_size=40)


@given(redshifts, st.floats(0, 3), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_counts_add_up_and_order_does_not_matter(values, limit, random):
    rows = frame([*values, 1.0], [*["same"] * len(values), "other"])
    cuts = [
        cut("any", keep=f"redshift >= {min(limit, 1.0)}"),
        cut("first", keep_first="name"),
    ]
    kept, counts, _ = apply_cuts(rows, cuts, "id", *WHERE)
    order = list(range(len(rows)))
    random.shuffle(order)
    again, counts_again, _ = apply_cuts(rows.iloc[order], cuts, "id", *WHERE)
    assert counts == counts_again
    assert set(kept["id"]) == set(again["id"])
    assert counts.rows_in - sum(counts.removed.values()) == counts.rows_out == len(kept)


def test_what_is_not_known_fails_the_cut_whatever_its_dtype():
    rows = pd.DataFrame(
        {
            "id": [0, 1, 2],
            "flag": pd.array([False, None, True], dtype="boolean"),
            "count": pd.array([3, None, 5], dtype="Int16"),
        }
    )
    for rule, left in (
        ("not flag", [0]),
        ("flag", [2]),
        ("count >= 3", [0, 2]),
        ("not (count < 3)", [0, 2]),
    ):
        kept, *_ = apply_cuts(rows, [cut("known", keep=rule)], "id", *WHERE)
        assert kept["id"].tolist() == left, rule


def test_rows_without_a_name_are_not_one_row():
    rows = frame([1.0] * 4, ["a", None, "a", None])
    kept, *_ = apply_cuts(rows, [cut("first", keep_first="name")], "id", *WHERE)
    assert kept["id"].tolist() == [0, 1, 3]


@pytest.mark.parametrize("label", ["ez_z", None])
def test_a_label_that_the_catalogue_does_not_have(label):
    entry = find_survey("cosmos2020").catalogues["cosmos2020"]
    words = f"'select.cosmos2020.label': found {label!r}, expected one of lp_zPDF, lp_zBEST"
    with pytest.raises(ParameterError, match=words):
        with_label(pd.DataFrame(), entry, label, "select.cosmos2020")
