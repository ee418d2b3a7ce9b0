"""Scores of several samples, summed up over seeds and printed."""

import json

import numpy as np
import pytest

from transferz.baselines.benchmark.samples import Sample
from transferz.baselines.scores import metrics
from transferz.baselines.scores.evaluation import format_scores, score_samples, summary


def predict(magnitudes):
    """Forecasts of three seeds, by a rule."""
    return magnitudes[:, 0] * np.array([[0.9], [1.0], [1.1]])


def make_sample(redshifts):
    redshifts = np.asarray(redshifts, dtype=np.float64)
    return Sample(np.column_stack([redshifts, redshifts + 20.0]), redshifts)


def test_every_sample_is_scored_whole_and_in_the_cosmological_range():
    sample = make_sample([0.1, 0.3, 0.5, 1.0, 1.5, 2.5])
    found = score_samples(predict, {"test": sample})["test"]
    assert {name: part["n"] for name, part in found.items()} == {"all": 6, "cosmological": 3}
    kept = metrics.in_cosmological_range(sample.redshift)
    expected = metrics.score(predict(sample.magnitudes)[:, kept], sample.redshift[kept])
    assert tuple(found["cosmological"]["metrics"]) == metrics.METRICS
    for name, values in expected.items():
        one = found["cosmological"]["metrics"][name]
        assert one["seeds"] == values.tolist()
        assert one["mean"] == pytest.approx(values.mean())
        assert one["spread"] == pytest.approx(values.std(ddof=1))


def test_a_summary_holds_no_nan():
    assert summary(np.array([np.nan, 1.0]), np.nan, keep_seeds=True) == {
        "mean": None,
        "spread": None,
        "error": None,
        "seeds": [None, 1.0],
    }
    assert summary(np.array([2.0])) == {"mean": 2.0, "spread": None}


def test_an_empty_range_is_printed_as_a_dash_and_one_seed_without_spread():
    found = score_samples(
        lambda magnitudes: predict(magnitudes)[:1], {"far": make_sample([2.0, 3])}
    )
    json.dumps(found, allow_nan=False)
    head, whole, cosmological = format_scores(found).splitlines()
    assert head.split()[:5] == ["sample", "range", "n", "bias", "scatter"]
    assert "±" not in whole
    assert f"{found['far']['all']['metrics']['bias']['mean']:.4f}" in whole
    assert cosmological.split() == ["far", "0.3", "<", "z", "<=", "1.5", "0", *"-----"]


def test_several_seeds_are_printed_with_their_spread():
    found = score_samples(predict, {"test": make_sample([0.5, 1.0])})
    bias = found["test"]["all"]["metrics"]["bias"]
    assert f"{bias['mean']:.4f} ± {bias['spread']:.4f}" in format_scores(found)
