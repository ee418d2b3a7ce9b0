"""n(z) in bins of forecast redshift, against loops over galaxies and stacks on a grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from transferz.baselines.forecasts.qp import as_distribution
from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.probability import GaussianMixture, per_galaxy
from transferz.baselines.scores.tomography import OUTSIDE, TOMOGRAPHIES, score_bins, sort_into_bins

DRAWS = Draws(resamples=8)


def make(seeds=2, size=300):
    rng = np.random.default_rng(4)
    true = rng.gamma(2.0, 0.4, size)
    point = true + 0.05 * (1 + true) * rng.standard_t(3.0, (seeds, size)) + 0.02
    return point, true


def loop(point, true, members):
    """The scores of one bin and seed, number by number."""
    chosen = [k for k in range(len(true)) if members[k]]
    labels, points = [true[k] for k in chosen], [point[k] for k in chosen]
    mean = sum(labels) / len(labels)
    by_points = sum(points) / len(points)
    return {
        "mean": mean,
        "width": (sum((z - mean) ** 2 for z in labels) / len(labels)) ** 0.5,
        "bias_points": (by_points - mean) / (1 + mean),
        "width_points": (sum((z - by_points) ** 2 for z in points) / len(points)) ** 0.5,
        "outlier_rate": np.mean(
            [abs(p - z) > 0.15 * (1 + z) for p, z in zip(points, labels, strict=True)]
        ),
    }


def test_each_bin_is_what_a_loop_over_its_galaxies_finds():
    point, true = make()
    numbers, edges = sort_into_bins(point, 5)
    found = score_bins(point, true, numbers, 5, draws=DRAWS)
    assert len(found) == 5 and "bias_stacked" not in found[0].scores
    for k, one in enumerate(found):
        for seed in range(2):
            low, high = edges[seed, k : k + 2]
            members = [low < np.float32(p) <= high for p in point[seed]]
            assert np.array_equal(members, numbers[seed] == k)
            for name, value in loop(point[seed], true, members).items():
                assert one.scores[name][seed] == pytest.approx(value, abs=1e-12), name


def test_resamples_are_those_of_the_same_draws_and_give_the_error():
    point, true = make()
    numbers, _ = sort_into_bins(point, 5)
    found = score_bins(point, true, numbers, 5, draws=DRAWS)
    for r, counts in enumerate(DRAWS.counts(true.size)):
        drawn = np.repeat(np.arange(true.size), counts)
        for k in (0, 4):
            expected = loop(point[1, drawn], true[drawn], numbers[1, drawn] == k)
            for name, value in expected.items():
                assert found[k].resampled[name][r, 1] == pytest.approx(value, abs=1e-12), name
    many = score_bins(point, true, numbers, 5, draws=Draws(resamples=400))
    members = numbers[0] == 2
    error = np.std(point[0, members] - true[members]) / np.sqrt(members.sum())
    one = many[2].resampled["bias_points"][:, 0].std()
    assert one == pytest.approx(error / (1 + true[members].mean()), rel=0.2)


def test_a_stack_of_densities_has_the_mean_and_width_that_its_moments_say():
    rng = np.random.default_rng(0)
    point, true = make(seeds=1)
    weights = rng.uniform(0.1, 1.0, (true.size, 2))
    sigmas = rng.uniform(0.03, 0.2, (true.size, 2))
    mixture = GaussianMixture(weights, point[0][:, None] + [0.0, 0.3], sigmas)
    each = per_galaxy(mixture, true)
    numbers, _ = sort_into_bins(point, 5)
    moments = each["pdf_mean"][None], each["pdf_std"][None]
    found = score_bins(point, true, numbers, 5, moments, draws=DRAWS)
    grid = np.linspace(-3.0, 9.0, 12_001)
    for k, one in enumerate(found):
        rows = np.flatnonzero(numbers[0] == k)
        stack = sum(mixture.take(np.full(grid.size, row)).density(grid) for row in rows)
        stack /= stack.sum()
        mean = (grid * stack).sum()
        label = true[rows].mean()
        assert one.scores["bias_stacked"][0] == pytest.approx(
            (mean - label) / (1 + label), abs=1e-6
        )
        width = np.sqrt(((grid - mean) ** 2 * stack).sum())
        assert one.scores["width_stacked"][0] == pytest.approx(width, rel=1e-6)


def test_the_stack_is_that_of_qp():
    qp = pytest.importorskip("qp")
    point, true = make(seeds=1, size=60)
    grid = np.linspace(0.0, 8.0, 801)
    pdf = np.exp(-0.5 * ((grid - np.maximum(point[0], 0.5)[:, None]) / 0.15) ** 2)
    ensemble = qp.Ensemble(qp.interp, data={"xvals": grid, "yvals": pdf})
    stack = np.asarray(ensemble.pdf(grid)).mean(axis=0)
    each = per_galaxy(as_distribution(ensemble), true)
    moments = each["pdf_mean"][None], each["pdf_std"][None]
    (one,) = score_bins(point, true, np.zeros((1, 60), int), 1, moments, draws=DRAWS)
    mean = (grid * stack).sum() / stack.sum()
    label = true.mean()
    assert one.scores["bias_stacked"][0] == pytest.approx((mean - label) / (1 + label), abs=1e-4)
    width = np.sqrt(((grid - mean) ** 2 * stack).sum() / stack.sum())
    assert one.scores["width_stacked"][0] == pytest.approx(width, rel=1e-3)


def test_a_perfect_forecast_has_no_bias_and_the_true_width():
    _, true = make()
    true = true.astype(np.float32)
    numbers, _ = sort_into_bins(true[None], 10)
    for one in score_bins(true[None], true, numbers, 10, draws=DRAWS):
        assert np.abs(one.scores["bias_points"]).max() < 1e-12
        assert one.error("bias_points") < 1e-12
        assert one.scores["width_points"] == pytest.approx(one.scores["width"], abs=1e-9)
        assert one.scores["outlier_rate"] == 0.0


ROWS = arrays.arrays(
    np.float32, st.tuples(st.just(2), st.integers(1, 40)), elements=st.floats(0, 4, width=16)
)


@settings(deadline=None, max_examples=50)
@given(ROWS, st.integers(2, 10))
def test_bins_of_equal_number_hold_every_galaxy_once_in_order(points, count):
    numbers, edges = sort_into_bins(points, count)
    assert numbers.min() >= 0 and numbers.max() < count
    for row, number, edge in zip(points, numbers, edges, strict=True):
        assert np.all(np.diff(number[np.argsort(row, kind="stable")]) >= 0)
        assert np.all((edge[number] < row) & (row <= edge[number + 1]))
        if np.unique(row).size == row.size:
            assert np.ptp(np.bincount(number, minlength=count)) <= 1


def test_edges_that_are_given_leave_out_what_lies_beyond_them():
    numbers, edges = sort_into_bins([[0.1, 0.2, 0.3, 0.5, 0.6, 0.7]], [0.2, 0.5, 0.625])
    assert numbers.tolist() == [[OUTSIDE, OUTSIDE, 0, 0, 1, OUTSIDE]]
    assert edges == pytest.approx(np.array([[0.2, 0.5, 0.625]]), rel=1e-6)


def test_a_constant_forecast_leaves_bins_empty_and_their_scores_nan():
    numbers, _ = sort_into_bins(np.full((1, 30), 0.5), 5)
    assert numbers.max() == 0
    first, second, *_ = score_bins(np.full((1, 30), 0.5), np.ones(30), numbers, 5, draws=DRAWS)
    assert first.scores["bias_points"] == pytest.approx(-0.25)
    assert all(np.isnan(values).all() for values in second.scores.values())


def test_the_bins_are_lssts_and_euclids():
    assert {name: tuple(bins) for name, bins in TOMOGRAPHIES.items()} == {
        "lsst": (5, 0.001),
        "euclid": (10, 0.002),
    }
