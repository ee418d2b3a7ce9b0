"""Marks: how often they are wrong of methods with known differences, and that they agree."""

import numpy as np
import pytest

from transferz.baselines.scores.bootstrap import Draws, Replicates, replicate
from transferz.baselines.scores.paired import COMPARED, SIGNIFICANCE, Loss, loss, paired_difference
from transferz.baselines.scores.standing import Mark, standing
from transferz.schemas.benchmark.scores import MARGINS

MARGIN, TRIALS, RESAMPLES = 0.002, 1200, 60


def mark(losses, margin=MARGIN):
    """Mark methods by their losses with errors."""
    pairs = [[paired_difference(a, b) for b in losses] for a in losses]
    numbers = [[(pair.difference, pair.half, pair.p) for pair in row] for row in pairs]
    return standing([one.value for one in losses], numbers, margin)


def estimates(rng, truth, galaxies, seeds, count=5):
    """Signed values of methods and of their resamples: luck in common, of their own, of seeds."""
    truth, galaxies, seeds = np.broadcast_arrays(*map(np.float64, (truth, galaxies, seeds)))
    shape = (RESAMPLES + 1, truth.size)
    noise = rng.normal(0, 3 * galaxies.mean(), (shape[0], 1)) + rng.normal(0, galaxies, shape)
    trained = truth + rng.normal(0, seeds, (count, truth.size))
    return trained + noise[0], noise[1:] + trained.mean(axis=0) + noise[0]


def losses(rng, truth, galaxies, seeds=0.0):
    values, resampled = estimates(rng, truth, galaxies, seeds)
    return [
        Loss(v.mean(), r, v.var(ddof=1) / v.size if np.any(seeds) else 0.0, v.size)
        for v, r in zip(values.T, resampled.T, strict=True)
    ]


def biases(rng, truth, galaxies, seeds):
    values, resampled = estimates(rng, truth, galaxies, seeds)
    return [
        loss("bias", Replicates({"bias": v}, {"bias": r[:, None]}))
        for v, r in zip(values.T, resampled.T, strict=True)
    ]


def rates(make, *arguments, trials=TRIALS):
    """How often each method gets each mark."""
    rng = np.random.default_rng(11)
    marks = np.array([mark(make(rng, *arguments)) for _ in range(trials)])
    return {one: (marks == one).mean(axis=0) for one in Mark}


@pytest.mark.parametrize("seeds", [0.0, 0.002, [0.0, 0.0, 0.02, 0.0005, 0.002]])
def test_the_truly_best_is_rarely_called_worse(seeds):
    found = rates(losses, np.full(5, 0.03), 0.001, seeds)
    assert found[Mark.WORSE].max() <= SIGNIFICANCE


def test_nor_is_an_unbiased_method_whatever_the_signs():
    found = rates(biases, np.zeros(5), [0.004, 0.0002, 0.0002, 0.001, 0.001], 0.0)
    assert found[Mark.WORSE].max() <= SIGNIFICANCE


@pytest.mark.parametrize("galaxies", [0.0001, 0.0006, 0.002])
def test_one_that_is_worse_by_the_margin_is_rarely_called_as_good(galaxies):
    truth = 0.03 + np.array([0.0, 0.0, MARGIN, MARGIN, MARGIN])
    found = rates(losses, truth, galaxies, trials=600)
    assert found[Mark.EQUAL][2:].max() <= SIGNIFICANCE


def test_nor_is_a_bias_by_the_margin():
    truth, galaxies = [0.0, 0.0, MARGIN, -MARGIN], [0.01, 0.0003, 0.0003, 0.0003]
    assert rates(biases, truth, galaxies, 0.0)[Mark.EQUAL][2:].max() <= SIGNIFICANCE


def test_enough_galaxies_tell_and_too_few_do_not():
    truth = [0.03, 0.0305, 0.035]
    told = rates(losses, truth, 0.0002, trials=100)
    assert told[Mark.BEST][0] > 0.9 and told[Mark.EQUAL][1] > 0.9 and told[Mark.WORSE][2] > 0.9
    few = rates(losses, truth, 0.01, trials=100)
    assert few[Mark.EQUAL].max() == 0.0
    assert few[Mark.WORSE].max() < 0.2


def test_one_known_badly_takes_no_mark_from_the_others():
    """Its seeds spread so much that it may be the best; what others beat is worse all the same."""
    found = rates(biases, [0.0, 0.001, 0.024], 0.0002, [0.02, 0.0001, 0.0001], trials=200)
    assert found[Mark.WORSE][2] > 0.9
    assert found[Mark.EQUAL][2] == 0.0


def test_marks_of_forecasts_with_known_scatter():
    """The whole way: galaxies, seeds, metrics, resamples, marks."""
    wrong = 0
    for trial in range(40):
        rng = np.random.default_rng((5, trial))
        true = rng.uniform(0.3, 1.5, 400)
        shared, found = rng.normal(0, 0.02, 400), []
        for width in (0.02, 0.02, 0.06):
            own = rng.normal(0, width, 400) + rng.normal(0, 0.1 * width, (3, 400))
            points = true + (shared + own) * (1 + true)
            found.append(loss("scatter", replicate(points, true, ("scatter",), draws=Draws(60))))
        marks = mark(found)
        assert marks[2] == Mark.WORSE
        wrong += Mark.WORSE in marks[:2]
    assert wrong <= 6  # 2 x 5 % of 40, and somewhat more


def test_what_is_as_good_stands_below_no_value_that_is_not():
    rng = np.random.default_rng(3)
    for _ in range(300):
        truth = rng.uniform(0.03, 0.036, 6)
        made = losses(rng, truth, rng.uniform(0.0001, 0.003, 6), rng.uniform(0, 0.002, 6))
        places = np.argsort([one.value for one in made], kind="stable")
        ordered = [mark(made)[place] for place in places]
        assert ordered[0] == Mark.BEST and Mark.BEST not in ordered[1:]
        equal = [one == Mark.EQUAL for one in ordered[1:]]
        assert equal == sorted(equal, reverse=True)


def test_what_was_not_compared_is_open():
    nan = np.full((3, 3, 3), np.nan)
    assert standing([0.1, 0.2, 0.3], nan, 0.05) == [Mark.BEST, Mark.OPEN, Mark.OPEN]
    assert standing([0.1], nan[:1, :1], 0.05) == [Mark.BEST]


def test_there_is_a_margin_for_all_that_is_compared():
    assert set(MARGINS) == set(COMPARED)
    assert min(MARGINS.values()) > 0
