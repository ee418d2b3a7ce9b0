"""Averages over splits of the data: what is in their errors, and which galaxies differ."""

from types import SimpleNamespace

import numpy as np
import pytest

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.paper.splits import PoolDraws, Splits
from transferz.baselines.paper.splits_tables import figure, numbers, tables
from transferz.baselines.scores.bootstrap import Draws

GALAXIES, SPLITS, SEEDS = 3000, 6, 3
TITLES = {"nn_base": "NN-Base", "nn_tl": "NN-TL"}


def run(key, ids, redshift, dz):
    point = redshift + dz * (1.0 + redshift)
    i_mag = 20.0 + 0.001 * ids
    tested = SetForecasts(ids, *(a.astype(np.float32) for a in (redshift, i_mag, point)), {})
    named = SimpleNamespace(name=TITLES.get(key, key))
    entry = SimpleNamespace(method=named, seeds=len(dz))
    return SimpleNamespace(entry=entry, forecasts={"spectroscopic": tested, "labels": tested})


def made(widths, offset=0.0, seed=1):
    """Runs of methods whose dz are a galaxy's own number times a width, and a split's offset."""
    rng = np.random.default_rng(seed)
    redshift, own = rng.uniform(0.31, 1.49, GALAXIES), rng.normal(size=GALAXIES)
    runs = {key: {} for key in widths}
    for split in range(SPLITS):
        ids = np.sort(rng.choice(GALAXIES, GALAXIES // 10, replace=False))
        moved = offset * rng.normal()
        for key, width in widths.items():
            dz = np.tile(width * own[ids] + moved, (SEEDS, 1))
            runs[key][str(split)] = run(key, ids.astype(np.int64), redshift[ids], dz)
    return Splits(runs, resamples=100)


PLACE = ("spectroscopic", "cosmological")


def test_a_ratio_is_that_of_the_errors_and_sure_where_galaxies_agree():
    found = made({"nn_base": 0.06, "nn_tl": 0.03}).ratio("nn_base", "nn_tl", *PLACE, "rmse")
    assert found.value == pytest.approx(2.0, rel=1e-4)
    assert (found.low, found.high) == pytest.approx((2.0, 2.0), rel=1e-3)


def test_the_error_holds_what_splits_differ_by():
    steady, moved = (
        made({"nn_base": 0.03}, offset).summary("nn_base", *PLACE, "bias") for offset in (0.0, 0.02)
    )
    assert moved.spread > 3 * steady.spread
    assert moved.error == pytest.approx(np.hypot(steady.error, moved.spread / SPLITS**0.5), rel=0.4)
    # A median of N normal errors has 1.25 times the error of their mean; both terms are of that.
    pool = len(made({"nn_base": 0.03}).pool("spectroscopic"))
    least = 1.25 * 0.03 / pool**0.5
    assert least < steady.error < 3 * least


def test_a_galaxy_of_two_splits_is_drawn_for_both_or_neither():
    first, second = (
        np.stack([*PoolDraws(20, 7, np.array(place), 5).counts(3)])
        for place in ((0, 1, 2), (2, 3, 4))
    )
    assert np.array_equal(first[:, 2], second[:, 0])
    assert np.array_equal(first, [counts[:3] for counts in Draws(20, 7).counts(5)])
    with pytest.raises(ValueError, match="2 galaxies for draws of 3"):
        next(PoolDraws(20, 7, np.arange(3), 5).counts(2))


def test_what_both_methods_share_is_no_difference():
    splits = made({"nn_base": 0.03, "nn_tl": 0.03}, offset=0.02)
    assert splits.difference("nn_base", "nn_tl", *PLACE, "rmse").p == 1.0
    apart = made({"nn_base": 0.033, "nn_tl": 0.03}, offset=0.02)
    found = apart.difference("nn_base", "nn_tl", *PLACE, "rmse")
    assert found.difference > 0 and found.p < 0.05
    alone = apart.summary("nn_base", *PLACE, "rmse").error
    assert found.error < alone / 3  # the splits' common luck is not in it


@pytest.mark.parametrize("by", ["i", "redshift"])
def test_bins_hold_all_galaxies_and_the_whole_difference(by):
    splits = made({"nn_base": 0.06, "nn_tl": 0.03})
    rows = splits.bins(["nn_base", "nn_tl"], *PLACE, by)
    assert sum(row.n for row in rows) == pytest.approx(GALAXIES / 10)
    assert sum(row.share["nn_tl"] for row in rows) == pytest.approx(1.0)
    for row in rows:
        assert row.scores["nn_base"]["rmse"] == pytest.approx(2 * row.scores["nn_tl"]["rmse"], 1e-3)


def test_a_method_that_ran_on_fewer_splits_is_compared_on_those():
    splits = made({"nn_base": 0.06, "nn_tl": 0.03})
    del splits.runs["nn_tl"]["0"]
    assert splits.common("nn_base", "nn_tl") == ["1", "2", "3", "4", "5"]
    assert splits.ratio("nn_base", "nn_tl", *PLACE, "rmse").value == pytest.approx(2.0, rel=1e-4)


def test_tables_and_figure_show_every_method_on_both_sets():
    splits = made({"nn_base": 0.06, "nn_tl": 0.03, "trees": 0.02})
    shown = tables(splits)
    assert set(shown) == {"scores", "ratios", "paired", "bins"}
    first = shown["scores"][0].markdown()
    assert "6 × 3" in first and all(name in first for name in ("NN-Base", "NN-TL", "trees"))
    assert "| NN-TL | " in shown["ratios"][0].markdown()
    assert "Soriano et al. 2024 | 5 | 1.5 |" in shown["ratios"][0].markdown()
    assert numbers(splits)["labels"]["all"]["trees"]["splits"] == 6
    drawn = figure(splits, "Title").axes
    assert [label.get_text() for label in drawn[0].get_yticklabels()] == ["NN-Base", "NN-TL"]
