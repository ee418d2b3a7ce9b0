"""Everything that is said of a method's forecasts, against the pieces it is made of."""

import dataclasses
import json

import numpy as np
import pytest

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.scoring import (
    BINNED,
    FEWEST,
    samples_text,
    score_set,
    scores_text,
    summary,
)
from transferz.baselines.forecasts import as_forecasts
from transferz.baselines.scores import metrics
from transferz.baselines.scores.bootstrap import Draws, replicate
from transferz.schemas.benchmark.scores import RANGES, EntryScores

DRAWS = Draws(resamples=20)  # as conftest has it for all


def make_forecasts(seeds=3, size=600, noise=0.03, bands="gi"):
    """Mock forecasts: a truth, labels with noise, and seeds that err by a bias and a spread."""
    rng = np.random.default_rng(6)
    truth = rng.gamma(2.0, 0.5, size)
    label = truth + 0.02 * (1 + truth) * rng.standard_normal(size)
    point = truth + (1 + truth) * (0.01 + noise * rng.standard_t(3.0, (seeds, size)))
    g, i = (rng.uniform(19.0, 26.0, size) + (0.0 if band in bands else np.nan) for band in "gi")
    label, i, point, g, truth = (one.astype(np.float32) for one in (label, i, point, g, truth))
    return SetForecasts(np.arange(size), label, i, point, {}, g, truth)


@pytest.fixture(scope="module")
def forecasts():
    return make_forecasts()


@pytest.fixture(scope="module")
def found(forecasts):
    return score_set(forecasts)


def test_the_result_is_json_and_repeats(forecasts, found):
    text = json.dumps(found, allow_nan=False)
    assert json.dumps(score_set(forecasts), allow_nan=False) == text
    assert list(found) == ["n", "completeness", "ranges", "pit", "bins", "truth"]
    assert found["n"] == 600


def test_ranges_are_of_the_label_and_have_every_metric_with_its_errors(forecasts, found):
    i = forecasts.i_mag
    label = forecasts.redshift
    kept = {
        "all": label < np.inf,
        "cosmological": (label > 0.3) & (label <= 1.5),
        "lsst": (label > 0.3) & (label < 3.0) & (i < 25.0),
    }
    assert list(found["ranges"]) == list(kept)
    for part, rows in kept.items():
        made = replicate(forecasts.point[:, rows], label[rows], draws=DRAWS)
        assert found["ranges"][part]["n"] == rows.sum()
        for name in metrics.METRICS:
            one = found["ranges"][part]["metrics"][name]
            assert one["mean"] == pytest.approx(made.scores[name].mean())
            assert one["spread"] == pytest.approx(made.scores[name].std(ddof=1))
            assert one["error"] == pytest.approx(made.error(name))


def test_requirements_are_judged_in_every_range(found):
    for part in found["ranges"].values():
        verdict = part["requirements"]["bias"]
        assert verdict["value"] == part["metrics"]["bias"]["mean"]
        assert not verdict["met"]  # the forecasts are off by 0.01
        assert part["requirements"]["scatter"]["met"] is False
        assert part["requirements"]["outlier_rate_3sigma"]["met"] is True


def test_the_cost_of_label_noise_is_the_difference_on_the_same_galaxies(forecasts, found):
    rows = metrics.in_cosmological_range(forecasts.redshift)
    against = metrics.score(forecasts.point[:, rows], forecasts.truth[rows])
    label = found["ranges"]["cosmological"]["metrics"]
    truth = found["truth"]["cosmological"]
    assert truth["n"] == found["ranges"]["cosmological"]["n"]
    for name, values in against.items():
        assert truth["metrics"][name]["mean"] == pytest.approx(values.mean())
        difference = truth["difference"][name]["mean"]
        assert difference == pytest.approx(label[name]["mean"] - values.mean(), abs=1e-12)
    noise = truth["difference"]["rmse"]
    assert noise["mean"] > 0.0
    assert noise["error"] < label["rmse"]["error"]  # paired


def test_without_a_truth_nothing_is_said_of_it(forecasts):
    assert "truth" not in score_set(dataclasses.replace(forecasts, truth=None))


def test_objects_without_a_truth_are_left_out_of_that_comparison_alone(forecasts):
    truth = np.where(np.arange(len(forecasts.truth)) % 3, forecasts.truth, np.nan)
    partly = score_set(dataclasses.replace(forecasts, truth=truth))
    assert partly["ranges"] == score_set(forecasts)["ranges"]
    known = np.isfinite(truth)
    expected = score_set(forecasts.take(known))["truth"]
    assert partly["truth"] == expected
    assert partly["truth"]["all"]["n"] == known.sum()


def test_labels_that_are_the_truth_cost_nothing(forecasts):
    same = score_set(dataclasses.replace(forecasts, truth=forecasts.redshift))
    for part in same["truth"].values():
        assert all(one == {"mean": 0.0, "error": 0.0} for one in part["difference"].values())


def test_bins_hold_each_galaxy_once_and_their_scores_are_their_members(forecasts, found):
    assert list(found["bins"]) == ["true_redshift", "predicted_redshift", "i", "g-i"]
    for bins in found["bins"].values():
        assert sum(one["n"] for one in bins) == pytest.approx(600, abs=len(bins))
    one = next(b for b in found["bins"]["true_redshift"] if b["from"] == 0.5)
    rows = (forecasts.redshift > 0.5) & (forecasts.redshift <= 0.7)
    scores = metrics.score(forecasts.point[:, rows], forecasts.redshift[rows], BINNED)
    assert one["n"] == rows.sum()
    assert one["middle"] == pytest.approx(np.median(forecasts.redshift[rows]))
    assert set(one["metrics"]) == set(BINNED)
    for name, values in scores.items():
        assert one["metrics"][name]["mean"] == pytest.approx(values.mean())
        assert one["metrics"][name]["error"] >= 0.0


def test_a_bin_of_predicted_redshift_scores_each_seeds_own_members(forecasts, found):
    one = next(b for b in found["bins"]["predicted_redshift"] if b["from"] == 0.7)
    biases, counts = [], []
    for row in forecasts.point:
        rows = (row > 0.7) & (row <= 0.9)
        biases.append(np.median(metrics.normalised_error(row[rows], forecasts.redshift[rows])))
        counts.append(rows.sum())
    assert one["n"] == round(np.mean(counts))
    assert one["metrics"]["bias"]["mean"] == pytest.approx(np.mean(biases))
    assert one["metrics"]["bias"]["spread"] == pytest.approx(np.std(biases, ddof=1))


def test_a_bin_of_few_galaxies_is_not_scored(found):
    few = [one for bins in found["bins"].values() for one in bins if one["n"] < FEWEST]
    assert few
    assert all(one["metrics"] is None for one in few)


def test_one_seed_has_no_spread_and_other_bands_no_bins_of_their_own():
    generic = make_forecasts(seeds=1, size=80, bands="")
    found = score_set(generic)
    assert list(found["ranges"]) == ["all", "cosmological"]
    assert list(found["bins"]) == ["true_redshift", "predicted_redshift"]
    bias = found["ranges"]["all"]["metrics"]["bias"]
    assert bias["spread"] is None
    assert bias["error"] > 0.0
    assert found["ranges"]["all"]["requirements"]["bias"]["error"] == bias["error"]


def test_an_empty_range_is_none_all_over():
    whole = make_forecasts(size=200)
    far = whole.take(whole.redshift > 1.5)
    found = score_set(far)
    json.dumps(found, allow_nan=False)
    empty = found["ranges"]["cosmological"]
    assert empty["n"] == 0
    assert empty["metrics"]["rmse"] == {"mean": None, "spread": None, "error": None}
    assert empty["requirements"]["bias"]["met"] is False


def test_perfect_forecasts_meet_every_requirement_for_sure():
    label = np.random.default_rng(1).gamma(2.0, 0.5, 300).astype(np.float32)
    faint = np.full(300, 22.0, np.float32)
    perfect = SetForecasts(np.arange(300), label, faint, np.tile(label, (2, 1)), {})
    for part in score_set(perfect)["ranges"].values():
        for verdict in part["requirements"].values():
            assert (verdict["value"], verdict["error"]) == (0.0, 0.0)
            assert verdict["met"]
            assert verdict["sure"]


def test_a_summary_holds_no_nan():
    none = {"mean": None, "spread": None, "error": None}
    assert summary(np.array([np.nan, 1.0]), np.nan) == none
    assert summary(np.array([2.0])) == {"mean": 2.0, "spread": None}


def test_plain_scores_of_samples_are_printed_with_their_spread():
    true = np.array([0.1, 0.3, 0.5, 1.0, 1.5, 2.5])
    predicted = true * np.array([[0.9], [1.0], [1.1]])
    head, whole, cosmological = samples_text({"test": (predicted, true)}).splitlines()
    assert head.split()[:5] == ["sample", "range", "galaxies", "bias", "scatter"]
    assert "outliers (%)" in head and "±" not in whole  # that is the bootstrap's, elsewhere
    rmse = metrics.score(predicted, true)["rmse"]
    assert f"{rmse.mean():.4f} ({rmse.std(ddof=1):.4f})" in whole
    kept = metrics.score(predicted[:, 2:5], true[2:5])["loss"]
    assert cosmological.split()[:7] == ["test", "0.3", "<", "z", "≤", "1.5", "3"]
    assert cosmological.endswith(f"{kept.mean():.4f} ({kept.std(ddof=1):.4f})")


def test_an_empty_range_is_printed_as_a_dash_and_one_seed_without_spread():
    true = np.array([2.0, 3.0])
    _, whole, cosmological = samples_text({"far": (true[None], true)}).splitlines()
    assert "±" not in whole
    assert cosmological.split() == ["far", "0.3", "<", "z", "≤", "1.5", "0", *"–––––"]


def test_rates_are_per_cent_a_zero_has_no_sign_and_lssts_own_range_is_printed():
    true = np.linspace(0.35, 1.45, 400)
    dz = np.where(np.arange(400) % 20, np.where(np.arange(400) % 2, 1e-6, -1e-6), 0.5)
    one = as_forecasts(true + dz * (1 + true), true, i_mag=np.full(400, 22.0))
    text = scores_text({"table": EntryScores.model_validate_json(json.dumps(score_set(one)))})
    assert "outliers (%)" in text and "5.00 ±" in text and "-0.0000" not in text
    rows = [line for line in text.splitlines() if line.startswith("table")]
    assert [any(title in row for row in rows) for title in RANGES.values()] == [True] * 3
    assert "  table, 0.3 < z < 3, i < 25: bias 0.0000 of 0.003 yes" in text
    assert "3σ outliers (%) 5.00 of 10 yes" in text
