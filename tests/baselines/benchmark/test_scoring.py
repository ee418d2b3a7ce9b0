"""Everything that is said of a method's forecasts, against the pieces it is made of."""

import dataclasses
import json

import numpy as np
import pytest
from quick import FEW

from transferz.baselines.benchmark.forecasts import SetForecasts
from transferz.baselines.benchmark.scoring import (
    BINNED,
    FEWEST,
    coverage_by_magnitude,
    samples_text,
    score_set,
    scores_text,
)
from transferz.baselines.forecasts import as_forecasts
from transferz.baselines.scores import metrics
from transferz.baselines.scores.bootstrap import replicate, summary
from transferz.baselines.scores.probability import GridPDF, per_galaxy
from transferz.schemas.benchmark.scores import RANGES, EntryScores, label_first


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
    parts = ["n", "completeness", "ranges", "pit", "bins", "truth"]
    assert list(found) == [*parts, "tomography", "discreteness", "risk"]
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
        made = replicate(forecasts.point[:, rows], label[rows], draws=FEW)
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
    assert "  table, 0.3 < z < 3, i < 25: bias 0.0000 (limit 0.003): met" in text
    assert "3σ outliers (%) 5.00 (limit 10): met" in text


# --- what surveys measure themselves by


@pytest.fixture(scope="module")
def wide():
    """Forecasts of one seed, with a density on a grid for each galaxy."""
    plain = make_forecasts(seeds=1)
    width = 0.03 * (1 + plain.truth[:, None]) * np.where(np.arange(600) % 3, 1.0, 2.0)[:, None]
    grid = np.linspace(0.0, 12.0, 601)
    pdf = np.exp(-0.5 * ((grid - plain.point[0][:, None]) / width) ** 2) + 1e-12
    each = per_galaxy(GridPDF(grid, pdf), plain.redshift)
    columns = {name: values[None].astype(np.float32) for name, values in each.items()}
    return dataclasses.replace(plain, columns=columns)


def test_n_of_z_is_scored_by_points_and_by_stacks_and_judged(wide):
    found = score_set(wide)["tomography"]
    assert [len(bins) for bins in found.values()] == [5, 10]
    for bins, limit in ((found["lsst"], 0.001), (found["euclid"], 0.002)):
        assert bins[0]["from"] is None and bins[-1]["to"] is None
        assert {one["n"] for one in bins} == {600 // len(bins)}
        for one in bins:
            rows = np.ones(600, bool)
            rows &= True if one["from"] is None else wide.point[0] > np.float32(one["from"])
            rows &= True if one["to"] is None else wide.point[0] <= np.float32(one["to"])
            label = wide.redshift[rows].astype(np.float64)
            stacked = wide.columns["pdf_mean"][0, rows].mean(dtype=np.float64)
            bias = (stacked - label.mean()) / (1 + label.mean())
            assert one["metrics"]["bias_stacked"]["mean"] == pytest.approx(bias, abs=1e-6)
            assert one["metrics"]["width"]["mean"] == pytest.approx(label.std())
            for by, verdict in one["requirement"].items():
                summed = one["metrics"][f"bias_{by}"]
                error = summed["error"]
                assert (verdict["value"], verdict["error"]) == (summed["mean"], error)
                assert verdict["met"] == (abs(summed["mean"]) < limit)
                assert verdict["sure"] == (abs(abs(summed["mean"]) - limit) > error)
    assert any(not one["requirement"]["points"]["sure"] for one in found["lsst"])


def test_points_alone_have_no_stack_and_no_risk(forecasts, found):
    assert list(found["tomography"]["lsst"][0]["requirement"]) == ["points"]
    assert found["risk"] is None and list(found["discreteness"]) == ["points"]
    distinct = found["discreteness"]["points"]["distinct"]
    assert distinct["mean"] == pytest.approx(np.mean([np.unique(r).size for r in forecasts.point]))


def test_modes_on_a_grid_are_more_discrete_than_points(wide):
    found = score_set(wide)["discreteness"]
    assert found["modes"]["distinct"]["mean"] < found["points"]["distinct"]["mean"]
    assert found["modes"]["most_common"]["mean"] > found["points"]["most_common"]["mean"]


def test_coverage_is_scored_in_bins_of_magnitude_and_colour(wide):
    bins = score_set(wide)["bins"]
    assert "coverage_68" not in bins["true_redshift"][0]["metrics"]
    colour = wide.g_mag - wide.i_mag
    for kind, values in (("i", wide.i_mag), ("g-i", colour)):
        for one in bins[kind]:
            rows = (values > (one["from"] or -99)) & (values <= (one["to"] or 99))
            assert rows.sum() == one["n"]
            if one["metrics"] is None:
                continue
            low, high = wide.columns["low_68"][0, rows], wide.columns["high_68"][0, rows]
            covered = np.mean((low <= wide.redshift[rows]) & (wide.redshift[rows] <= high))
            assert one["metrics"]["coverage_68"]["mean"] == pytest.approx(covered)
            assert one["metrics"]["coverage_68"]["error"] >= 0.0
    assert coverage_by_magnitude(score_set(wide))[0]["n"] == bins["i"][0]["n"]


def test_widths_stand_for_flags_where_the_method_gives_none(wide):
    by_width = score_set(wide)["risk"]
    assert (by_width["flag"], by_width["dropped"]) == ("width_68", [0, 5, 10, 20, 30, 50])
    error = np.abs(metrics.normalised_error(wide.point, wide.redshift)).astype(np.float32)
    own = dataclasses.replace(wide, columns=wide.columns | {"flag": error})
    by_flag = score_set(own)["risk"]
    assert by_flag["flag"] == "method"
    whole = score_set(wide)["ranges"]["all"]["metrics"]
    for name in ("scatter", "outlier_rate", "rmse"):
        assert by_flag["metrics"][name][0]["mean"] == pytest.approx(whole[name]["mean"])
        assert by_flag["metrics"][name][-1]["mean"] < by_width["metrics"][name][-1]["mean"]
        assert by_flag["area"][name]["mean"] < by_width["area"][name]["mean"]
        assert by_flag["area"][name]["error"] > 0.0


def test_a_flag_changes_no_other_score(forecasts, found):
    flags = np.ones(forecasts.point.shape, np.float32)
    flagged = score_set(dataclasses.replace(forecasts, columns={"flag": flags}))
    assert flagged["risk"]["flag"] == "method"
    assert flagged | {"risk": None} == found


def test_too_few_galaxies_have_no_bins_and_empty_bins_no_scores():
    few = score_set(make_forecasts(size=FEWEST - 1))
    assert not {"tomography", "discreteness", "risk"} & set(few)
    some = score_set(make_forecasts(size=5 * FEWEST))["tomography"]
    assert all(one["metrics"] for one in some["lsst"])
    assert all(one["metrics"] is None is one["requirement"] for one in some["euclid"])
    same = make_forecasts(seeds=1)
    same = score_set(dataclasses.replace(same, point=np.full_like(same.point, 0.5)))
    assert [one["n"] for one in same["tomography"]["lsst"]] == [600, 0, 0, 0, 0]
    assert same["discreteness"]["points"]["most_common"]["mean"] == 1.0
    text = scores_text({"t": EntryScores.model_validate_json(json.dumps(few))})
    assert "n(z)" not in text


def test_a_releases_own_labels_come_first_and_tables_last():
    one = EntryScores.model_validate_json(json.dumps(score_set(make_forecasts(size=60))))
    for spectra, labels in (("galaxiesml", "transferz"), ("spectroscopic", "labels")):
        text = scores_text(dict.fromkeys([spectra, labels, "test_table"], one))
        named = [line.split()[0] for line in text.splitlines() if "all redshifts" in line]
        assert list(dict.fromkeys(named)) == [labels, spectra, "test_table"]
    assert label_first(["table", "test_table"]) == ["table", "test_table"]


def test_perfect_forecasts_meet_the_requirement_on_n_of_z_for_sure():
    label = np.random.default_rng(1).gamma(2.0, 0.5, 300).astype(np.float32)
    perfect = SetForecasts(np.arange(300), label, np.full(300, np.nan), label[None], {})
    for bins in score_set(perfect)["tomography"].values():
        for one in bins:
            verdict = one["requirement"]["points"]
            assert abs(verdict["value"]) < 1e-12 and verdict["met"] and verdict["sure"]


def test_a_run_says_in_a_few_lines_how_n_of_z_and_flags_are(wide):
    one = EntryScores.model_validate_json(json.dumps(score_set(wide)))
    lines = scores_text({"mine": one}).splitlines()
    lsst, euclid = (line for line in lines if "(1 + z)): " in line)
    assert lsst.startswith("  mine, LSST's 5 bins (limit 0.001 (1 + z)): ") and "10 bins" in euclid
    verdicts = [bin_.requirement["stacked"] for bin_ in one.tomography["lsst"]]
    unsure = sum(not verdict.sure for verdict in verdicts)
    assert f", {unsure} ?; largest bias " in lsst and lsst.endswith("(n(z) from stacked densities)")
    (risk,) = (line for line in lines if "by the width of its 68 % intervals" in line)
    curve, area = one.risk.metrics["scatter"], one.risk.area["scatter"]
    numbers = f"{curve[0].mean:.4f} -> {curve[2].mean:.4f} ({area.mean:.4f})"
    assert f"scatter {numbers}, outliers (%) " in risk
