"""Each form of a forecast: by hand, by what must hold of all of them, and one against another."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.integrate import quad
from scipy.stats import norm

from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Quantiles,
    Samples,
    distribution,
    per_galaxy,
)

properties = settings(max_examples=50, deadline=None)
LEVELS = np.array([0.05, 0.16, 0.3, 0.5, 0.7, 0.84, 0.95])
FORMS = ("grid", "samples", "quantiles", "mixture")
lengths = st.floats(0.01, 2.0)


def make_grid(draw):
    size = draw(st.integers(2, 12))
    grid = draw(st.floats(-1, 1)) + np.cumsum(draw(arrays(float, size, elements=lengths)))
    heights = draw(arrays(float, (2, size), elements=st.floats(0, 5)))
    heights[:, draw(st.integers(0, size - 1))] += 1.0
    return GridPDF(grid, heights)


def make_samples(draw):
    shape = (2, draw(st.integers(1, 12)))
    return Samples(draw(arrays(float, shape, elements=st.integers(-7, 40).map(lambda n: n / 8))))


def make_quantiles(draw):
    steps = draw(arrays(float, (2, LEVELS.size), elements=lengths))
    return Quantiles(LEVELS, np.cumsum(steps, axis=1) - 1.0)


def make_mixture(draw):
    shape = (2, draw(st.integers(1, 4)))
    weights = draw(arrays(float, shape, elements=st.floats(0.01, 1.0)))
    means = draw(arrays(float, shape, elements=st.floats(-0.99, 5.0)))
    return GaussianMixture(weights, means, draw(arrays(float, shape, elements=lengths)))


MAKERS = dict(zip(FORMS, (make_grid, make_samples, make_quantiles, make_mixture), strict=True))


@st.composite
def made(draw, form):
    redshift = draw(arrays(float, 2, elements=st.floats(-3.0, 8.0)))
    return MAKERS[form](draw), redshift


def moved(forecast, scale, shift):
    """The forecast of ``scale z + shift``, scale > 0."""
    match forecast:
        case GridPDF():
            return GridPDF(scale * forecast.grid + shift, forecast.values)
        case Samples():
            return Samples(scale * forecast.values + shift)
        case Quantiles():
            return Quantiles(forecast.levels, scale * forecast.values + shift)
        case _:
            means, sigmas = scale * forecast.means + shift, scale * forecast.sigmas
            return GaussianMixture(forecast.weights, means, sigmas)


def test_a_triangle_worked_by_hand():
    triangle = GridPDF([0.0, 1.0, 2.0], [[0.0, 3.0, 0.0]])  # normalised: p = z, then 2 - z
    assert triangle.norm == pytest.approx(3.0)
    assert triangle.cdf([0.5]) == pytest.approx(0.125)
    assert triangle.density([1.25]) == pytest.approx(0.75)
    assert triangle.square_integral() == pytest.approx(2.0 / 3.0)
    # F = z²/2: ∫ F² = 1/20 left of the middle, and as much right of it of (1 - F)²
    assert triangle.crps([1.0]) == pytest.approx(0.1)
    # E abs(X - X') of the sum of two uniforms on [0, 1]: 7/15; E X = 1
    assert triangle.crps([-2.0]) == pytest.approx(3.0 - 7.0 / 30.0)
    assert triangle.crps([3.0]) == pytest.approx(2.0 - 7.0 / 30.0)
    np.testing.assert_allclose(triangle.quantiles([0.125, 0.5, 0.875]), [[0.5, 1.0, 1.5]])


def test_samples_worked_by_hand():
    samples = Samples([[3.0, 1.0, 2.0, 2.0]])
    assert samples.cdf([2.0]) == pytest.approx(0.5)  # one below, two equal
    assert samples.cdf([2.5]) == pytest.approx(0.75)
    ranks = Samples([[3.0, 1.0, 2.0, 2.0]] * 3).pit([0.0, 2.0, 4.0]) * 5.0
    assert [int(rank) for rank in ranks] == [0, int(ranks[1]), 4] and 1 <= ranks[1] < 4
    # E abs(X - 2.5) = 0.75; E abs(X - X') = (2·2 + 2·2·2·1) / 16 = 0.75
    assert samples.crps([2.5]) == pytest.approx(0.75 - 0.375)
    np.testing.assert_allclose(samples.quantiles([0.2, 0.5, 0.99]), [[1.0, 2.0, 3.0]])


def test_quantiles_worked_by_hand():
    levels = [0.0, 0.25, 0.5, 0.75, 1.0]
    uniform = Quantiles(levels, [[0.0, 0.5, 1.0, 1.5, 2.0]])
    assert uniform.crps([1.0]) == pytest.approx(2 * (1.0 / 3.0) * 0.25)
    assert uniform.cdf([0.3]) == pytest.approx(0.15)
    assert uniform.density([1.9]) == pytest.approx(0.5)
    assert uniform.square_integral() == pytest.approx(0.5)
    tails = Quantiles(LEVELS, [norm.ppf(LEVELS)])  # 0.05 more at the density of the next interval
    reach = 0.05 / 0.11 * (norm.ppf(0.16) - norm.ppf(0.05))
    np.testing.assert_allclose(tails.quantiles([0.0]), [[norm.ppf(0.05) - reach]])


def test_quantiles_that_coincide_are_a_jump():
    jump = Quantiles(LEVELS, [[0.0, 1.0, 1.0, 1.0, 2.0, 3.0, 4.0]])
    assert jump.cdf([1.0]) == pytest.approx((0.16 + 0.5) / 2)
    assert jump.density([1.0]) == pytest.approx(100.0)  # the jump is 0.0034 wide
    ends = [1.0 - 0.0017, 1.0 + 0.0017]
    whole, _ = quad(lambda z: jump.density([z])[0], -1.0, 9.0, limit=500, points=ends)
    assert whole == pytest.approx(1.0, abs=1e-3)
    assert 33.0 < jump.square_integral()[0] < 35.0
    assert "1 of 1 forecasts have quantiles that coincide" in jump.remarks()[0]
    assert jump.crps([1.0]) == pytest.approx(by_quadrature(jump, 1.0), abs=1e-6)


def test_quantiles_of_few_digits_change_the_density_loss_little():
    """Ties neither make the loss vanish nor dominate it."""
    rng = np.random.default_rng(5)
    true, sigma = rng.uniform(0.3, 2.0, 2000), 0.02
    values = (true + rng.normal(0.0, sigma, 2000))[:, None] + sigma * norm.ppf(LEVELS)
    exact, rounded = (per_galaxy(Quantiles(LEVELS, one), true) for one in (values, values.round(2)))
    for name in ("cde_loss", "log_score"):
        found, wanted = rounded[name].mean(), exact[name].mean()
        assert abs(found - wanted) < 0.3 * abs(wanted), name


def test_few_levels_give_those_quantiles_alone():
    few = Quantiles([0.16, 0.5, 0.84], [[0.8, 1.0, 1.3], [np.nan] * 3])
    found = few.quantiles([0.16, 0.84, 0.05])
    np.testing.assert_array_equal(found[0, :2], [0.8, 1.3])
    assert np.isnan(found[:, 2]).all() and np.isnan(found[1]).all()
    for values in (few.cdf(1.0), few.crps(1.0), few.density(1.0), few.square_integral()):
        assert np.isnan(values).all()


def by_quadrature(forecast, redshift):
    """CRPS by its definition, of the first galaxy, from the CDF alone."""
    low = min(redshift, float(forecast.quantiles([1e-9])[0, 0])) - 1e-9
    high = max(redshift, float(forecast.quantiles([1.0 - 1e-9])[0, 0])) + 1e-9
    one = forecast.take(slice(0, 1))

    def square(z):
        return float(one.cdf(z)[0] - (z >= redshift)) ** 2

    edges = np.linspace(low, high, 41)
    edges = np.unique(np.append(edges, redshift))
    return sum(quad(square, *pair, epsabs=1e-9, limit=100)[0] for pair in pairwise(edges))


@pytest.mark.parametrize("form", ["grid", "quantiles", "mixture"])
@pytest.mark.parametrize("redshift", [-2.0, 0.9, 1.31, 2.2, 9.0])
def test_crps_is_the_integral_that_defines_it(form, redshift):
    forecast = {
        "grid": GridPDF([0.0, 0.7, 1.0, 1.2, 2.0, 3.5], [[0.0, 1.0, 0.2, 2.0, 0.0, 0.3]]),
        "quantiles": Quantiles(LEVELS, [[0.5, 0.9, 1.0, 1.4, 1.5, 2.0, 3.0]]),
        "mixture": GaussianMixture([[1.0, 2.0]], [[0.8, 1.9]], [[0.1, 0.3]]),
    }[form]
    assert forecast.crps([redshift])[0] == pytest.approx(
        by_quadrature(forecast, redshift), abs=2e-7
    )


@pytest.mark.parametrize("form", FORMS)
@properties
@given(data=st.data())
def test_what_holds_of_every_form(form, data):
    forecast, redshift = data.draw(made(form))
    crps, cdf = forecast.crps(redshift), forecast.cdf(redshift)
    assert np.all(crps >= 0.0)
    assert np.all((cdf >= 0.0) & (cdf <= 1.0))
    assert np.all(forecast.cdf(redshift + data.draw(lengths)) >= cdf - 1e-12)
    assert np.all(np.diff(forecast.quantiles(LEVELS), axis=1) >= -1e-12)
    far = np.abs(redshift) + 1e3
    slope = forecast.crps(far + 1.0) - forecast.crps(far)
    np.testing.assert_allclose(slope, 1.0, atol=1e-9)


@pytest.mark.parametrize("form", FORMS)
@properties
@given(data=st.data(), scale=st.sampled_from([0.25, 3.0]), shift=st.sampled_from([-2.01, 0.7]))
def test_location_and_scale_move_all_alike(form, data, scale, shift):
    forecast, redshift = data.draw(made(form))
    other, place = moved(forecast, scale, shift), scale * redshift + shift
    tight = {"rtol": 1e-6, "atol": 1e-8}
    np.testing.assert_allclose(other.crps(place), scale * forecast.crps(redshift), **tight)
    if form != "samples" or forecast._bandwidth.min() > 0.02:  # else a density may be held back
        square = scale * other.square_integral()
        np.testing.assert_allclose(square, forecast.square_integral(), **tight)
    levels = forecast.quantiles(LEVELS)
    np.testing.assert_allclose(other.quantiles(LEVELS), scale * levels + shift, **tight)


@pytest.mark.parametrize("form", ["grid", "quantiles", "mixture"])
@properties
@given(data=st.data())
def test_quantiles_invert_the_cdf(form, data):
    forecast, _ = data.draw(made(form))
    levels = np.array([0.03, 0.16, 0.5, 0.77, 0.95])
    for column, level in zip(forecast.quantiles(levels).T, levels, strict=True):
        np.testing.assert_allclose(forecast.cdf(column), level, atol=1e-6)


@properties
@given(data=st.data())
def test_a_finer_grid_of_the_same_density_changes_nothing(data):
    coarse, redshift = data.draw(made("grid"))
    middle = (coarse.grid[1:] + coarse.grid[:-1]) / 2.0
    grid = np.sort(np.append(coarse.grid, middle))
    values = [np.interp(grid, coarse.grid, row) for row in coarse.values]
    fine = GridPDF(grid, values)
    for name in ("cdf", "crps", "density"):
        ours, theirs = getattr(fine, name)(redshift), getattr(coarse, name)(redshift)
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(fine.square_integral(), coarse.square_integral())


@properties
@given(arrays(float, 3, elements=st.floats(0.0, 6.0)), st.floats(1e-5, 1e-3))
def test_a_perfect_forecast_scores_zero(redshift, width):
    samples = Samples(np.repeat(redshift[:, None], 7, axis=1))
    np.testing.assert_allclose(samples.crps(redshift), 0.0, atol=1e-12)
    quantiles = Quantiles(LEVELS, np.repeat(redshift[:, None], LEVELS.size, axis=1))
    np.testing.assert_allclose(quantiles.crps(redshift), 0.0, atol=1e-12)
    sigmas = np.full((3, 1), width)
    narrow = GaussianMixture(np.ones((3, 1)), redshift[:, None], sigmas)
    np.testing.assert_allclose(narrow.crps(redshift), 0.2336949 * width, rtol=1e-5)  # (√2 - 1)/√π


def test_forms_of_one_gaussian_agree():
    rng = np.random.default_rng(5)
    mean, sigma = np.array([[0.8], [1.1], [2.0]]), np.array([[0.05], [0.2], [0.1]])
    true = np.array([0.83, 0.7, 2.25])
    mixture = GaussianMixture(np.ones((3, 1)), mean, sigma)
    grid = np.linspace(-1.0, 4.0, 5001)
    levels = np.arange(1, 2000) / 2000
    forms = {
        "grid": (GridPDF(grid, norm.pdf(grid, mean, sigma)), 1e-4),
        "quantiles": (Quantiles(levels, mixture.quantiles(levels)), 4e-3),
        "samples": (Samples(rng.normal(mean, sigma, (3, 200_000))), 0.02),
    }
    for name, (form, tolerance) in forms.items():
        for what in ("cdf", "crps"):
            wanted, found = getattr(mixture, what)(true), getattr(form, what)(true)
            np.testing.assert_allclose(found, wanted, atol=tolerance * 0.3, err_msg=name)
        near = form.density(true) / mixture.density(true)
        np.testing.assert_allclose(near, 1.0, atol=10 * tolerance, err_msg=name)
        square = form.square_integral() / mixture.square_integral()
        np.testing.assert_allclose(square, 1.0, atol=2 * tolerance, err_msg=name)
        ends = form.quantiles([0.05, 0.84]) - mixture.quantiles([0.05, 0.84])
        assert np.abs(ends).max() < 0.2 * tolerance, name


def test_the_density_of_samples_is_a_sum_of_gaussians():
    values = np.array([[0.4, 0.5, 0.7, 1.3], [1.0, 1.0, 1.0, 1.0]])
    samples = Samples(values)
    spread = values[0].std(ddof=1)
    low, high = samples.quantiles([0.25, 0.75])[0]
    width = 0.9 * min(spread, (high - low) / 1.349) * 4**-0.2
    wanted = GaussianMixture(np.ones((1, 4)), values[:1], np.full((1, 4), width))
    assert samples.density(0.6)[0] == pytest.approx(wanted.density(0.6)[0])
    assert samples.square_integral()[0] == pytest.approx(wanted.square_integral()[0])
    assert samples.density(1.0)[1] == pytest.approx(100.0)
    assert samples.square_integral()[1] == pytest.approx(100.0 / 2**0.5)
    assert "1 of 2 forecasts have samples that coincide" in samples.remarks()[1]


def test_many_samples_are_thinned_for_the_square_integral_alone():
    values = np.random.default_rng(2).normal(1.0, 0.1, (2, 400))
    width = Samples(values)._bandwidth[:, None]
    whole = GaussianMixture(np.ones((2, 400)), values, np.broadcast_to(width, values.shape))
    samples = Samples(values)
    np.testing.assert_allclose(samples.square_integral(), whole.square_integral(), rtol=0.02)
    np.testing.assert_allclose(samples.density(1.05), whole.density(1.05))


@pytest.mark.parametrize("form", FORMS)
def test_missing_forecasts_and_redshifts_are_nan_and_no_others(form):
    forecast = {
        "grid": GridPDF([0, 1, 2], [[1, 2, 1], [np.nan] * 3, [0, 2, 1]]),
        "samples": Samples([[1, 2, 3], [np.nan] * 3, [0.1, 0.2, 0.5]]),
        "quantiles": Quantiles(LEVELS, np.array([[1.0], [np.nan], [2.0]]) * np.arange(7)),
        "mixture": GaussianMixture([[1], [1], [1]], [[1], [np.nan], [2]], [[0.1], [0.2], [1]]),
    }[form]
    for true, known in (([0.5, 0.5, 0.5], [1, 0, 1]), ([np.nan, 0.5, 9.0], [0, 0, 1])):
        for what in (forecast.cdf, forecast.density, forecast.crps):
            np.testing.assert_array_equal(~np.isnan(what(true)), np.array(known, bool))
    np.testing.assert_array_equal(np.isnan(forecast.square_integral()), [False, True, False])
    missing = np.isnan(forecast.quantiles([0.3, 0.6]))
    np.testing.assert_array_equal(missing, [[False] * 2, [True] * 2, [False] * 2])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("block", [1, 40])
def test_blocks_change_nothing(form, block, monkeypatch):
    rng = np.random.default_rng(8)
    values, true = rng.uniform(0.1, 3.0, (30, 7)), rng.uniform(0.0, 3.0, 30)
    forecast = {
        "grid": lambda: GridPDF(np.arange(7) / 2, values.astype(np.float32)),
        "samples": lambda: Samples(values),
        "quantiles": lambda: Quantiles(LEVELS, np.sort(values, axis=1)),
        "mixture": lambda: GaussianMixture(values, values[::-1], values / 9),
    }[form]
    names = ("cdf", "density", "crps")
    whole = [getattr(forecast(), name)(true) for name in names]
    square, ends = forecast().square_integral(), forecast().quantiles([0.16, 0.9])
    monkeypatch.setattr(distribution, "BLOCK", block)
    for name, wanted in zip(names, whole, strict=True):
        np.testing.assert_allclose(getattr(forecast(), name)(true), wanted, rtol=1e-12)
    np.testing.assert_allclose(forecast().square_integral(), square, rtol=1e-12)
    np.testing.assert_allclose(forecast().quantiles([0.16, 0.9]), ends, rtol=1e-12)
    chosen = np.arange(30) % 3 == 0
    np.testing.assert_allclose(forecast().take(chosen).crps(true[chosen]), whole[2][chosen])


def test_a_grid_keeps_the_array_it_was_given():
    values = np.ones((5, 4), np.float32)
    forecast = GridPDF([0, 1, 2, 3], values)
    assert forecast.values is values
    assert forecast.take(slice(1, 3)).values.base is values


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: GridPDF([0, 1], [[1, 1], [1, -0.5]]), "row 1 has a negative density"),
        (lambda: GridPDF([1, 0], [[1, 1]]), "increasing"),
        (lambda: GridPDF([0, 0], [[1, 1]]), "increasing"),
        (lambda: GridPDF([0], [[1]]), "at least 2"),
        (lambda: GridPDF([0, 1], [[1, 1, 1]]), r"shape \(N, 2\); found \(1, 3\)"),
        (lambda: GridPDF([0, 1], [1, 1]), r"shape \(N, 2\); found \(2,\)"),
        (lambda: GridPDF([0, 1], [["a", "b"]]), "expected real numbers"),
        (lambda: Samples([1.0, 2.0]), "one row per galaxy"),
        (lambda: Samples(np.empty((3, 0))), "one row per galaxy"),
        (lambda: Quantiles([0.5, 0.1], [[1, 2]]), "increasing probabilities"),
        (lambda: Quantiles([0.5, 1.1], [[1, 2]]), "probabilities in"),
        (lambda: Quantiles([0.1, 0.5], [[1, 2], [2, 1]]), "row 1 decreases"),
        (lambda: Quantiles([0.1, 0.5], [[1, 2, 3]]), "quantiles: expected"),
        (lambda: GaussianMixture([[1, -0.5]], [[1, 1]], [[1, 1]]), "negative weight"),
        (lambda: GaussianMixture([[1]], [[1, 2]], [[1, 1]]), "means: expected"),
        (lambda: GaussianMixture([[1], [1]], [[1]], [[1]]), "differ: shapes"),
        (lambda: Samples([[1.0], [2.0]]).crps([1.0]), r"expected 2 redshifts.*found shape \(1,\)"),
        (lambda: Samples([[1.0]]).quantiles([1.5]), "probabilities in"),
    ],
)
def test_bad_input_is_named(make, said):
    with pytest.raises(ValueError, match=said):
        make()


@pytest.mark.parametrize("none", [np.nan, np.inf, -1.0, -9.0, -9.99, -99.0, 99.0, 999.0])
@pytest.mark.parametrize(
    "make",
    [
        lambda none: Samples([[0.4, 0.5, 0.6], [0.4, 0.5, none]]),
        lambda none: Quantiles([0.1, 0.3, 0.5, 0.7, 0.9], [np.arange(5), [none, 1, 2, 3, 4]]),
        lambda none: GaussianMixture([[1.0]] * 2, [[0.5]] * 2, [[0.1], [none]]),
        lambda none: GridPDF([0, 1, 2], [[0, 1, 0], [none if none < 0 else np.nan] * 3]),
    ],
)
def test_a_row_with_no_value_is_a_missing_forecast(make, none):
    forecast = make(none)
    assert forecast.missing.tolist() == [False, True]
    scores = per_galaxy(forecast, [0.5, 0.5])
    assert all(np.isnan(values[1]) for values in scores.values())
    assert np.isfinite(scores["crps"][0])


def test_a_density_that_is_0_throughout_is_a_missing_forecast():
    forecast = GridPDF([0, 1, 2], [[0, 1, 0], [0, 0, 0], [0, -1e-18, 0], [-1e-18, 1, 0]])
    assert forecast.missing.tolist() == [False, True, True, False]
    np.testing.assert_array_equal(forecast.values[3], [0, 1, 0])
    assert GaussianMixture([[0, 0]], [[1, 1]], [[1, 1]]).missing.tolist() == [True]


def test_near_quantiles_are_near_and_rows_do_not_disturb_each_other():
    rng = np.random.default_rng(1)
    widths = 10.0 ** rng.uniform(-3.0, 0.0, (400, 4))
    mixture = GaussianMixture(rng.random((400, 4)), rng.uniform(0.0, 3.0, (400, 4)), widths)
    levels = np.array([0.001, 0.05, 0.3, 0.5, 0.84, 0.999])
    found = mixture.near_quantiles(levels)
    reached = np.stack([mixture.cdf(place) for place in found.T], axis=1)
    assert np.abs(reached - levels).max() < 0.0005
    assert (np.diff(found, axis=1) >= 0.0).all()
    means = np.where(np.arange(400)[:, None] % 3 == 0, np.nan, mixture.means)
    holed = GaussianMixture(mixture.weights, means, widths).near_quantiles(levels)
    assert np.isnan(holed[::3]).all()
    np.testing.assert_allclose(holed[1::3], found[1::3], rtol=0, atol=1e-12)


def test_pooled_mixtures_are_the_mean_of_their_cdfs():
    rng = np.random.default_rng(2)
    made = [
        GaussianMixture(rng.random((9, k)), rng.random((9, k)), rng.random((9, k)) + 0.01)
        for k in (1, 3)
    ]
    mean = np.mean([one.cdf(0.4) for one in made], axis=0)
    np.testing.assert_allclose(GaussianMixture.pooled(made).cdf(0.4), mean)
