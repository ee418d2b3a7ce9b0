"""NN-Both: what a label's kind means, where points lie, what is unlike, and how it forecasts."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from transferz.baselines.benchmark.tables import band_columns, photometry
from transferz.baselines.methods import nn_both
from transferz.baselines.methods.median import TrainingMedian
from transferz.baselines.methods.nn_both import Labels, NNBoth, surprise
from transferz.baselines.scores.metrics import loss, normalised_error
from transferz.baselines.scores.probability import GaussianMixture, per_galaxy, score_probability
from transferz.schemas.errors import InputError


@pytest.fixture(scope="module", autouse=True)
def short():
    """Fewer steps than a real run has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn_both, "EPOCHS", 10)
        patch.setattr(nn_both, "STEPS", 600)
        yield


def labelled(table, kind, half=0.01):
    """The table with labels of a kind, and their intervals."""
    ends = {"redshift_lo": table["redshift"] - half, "redshift_hi": table["redshift"] + half}
    return table.assign(redshift_kind=kind, **ends)


@pytest.fixture(scope="module")
def parts(galaxies):
    """Training, validation and test set, drawn alike."""
    return galaxies(1200, 1), galaxies(300, 2), galaxies(600, 3)


@pytest.fixture(scope="module")
def fitted(parts):
    return NNBoth().fit(*(labelled(one, "spectroscopic") for one in parts[:2]), seed=0)


@pytest.fixture(scope="module")
def found(parts, fitted):
    return fitted.predict(seen(parts[2]))


def seen(table):
    """What a method may see when it forecasts."""
    return photometry(table, band_columns(table))


def test_photometry_beats_the_training_median(parts, found):
    redshift = parts[2]["redshift"].to_numpy()
    trivial = TrainingMedian().fit(*parts[:2], seed=0).predict(seen(parts[2]))
    known, unknown = (loss(normalised_error(each.point, redshift)) for each in (found, trivial))
    assert known < 0.3 * unknown


def test_intervals_hold_about_what_they_should(parts, found):
    redshift = parts[2]["redshift"].to_numpy()
    scores = score_probability(per_galaxy(found.distribution, redshift), redshift, found.point)
    assert 0.5 < scores["coverage_68"] < 0.9
    assert 0.75 < scores["coverage_90"] < 1.0


def test_a_forecast_hangs_on_its_galaxy_alone_and_a_seed_gives_it_again(parts, fitted, found):
    table = seen(parts[2])
    rows = np.random.default_rng(5).permutation(len(table))[:77]
    again = NNBoth().fit(*(labelled(one, "spectroscopic") for one in parts[:2]), seed=0)
    for other in (fitted, again):
        some = other.predict(table.iloc[rows].reset_index(drop=True))
        np.testing.assert_array_equal(some.point, found.point[rows])
        np.testing.assert_array_equal(some.flag, found.flag[rows])


def test_no_galaxies_make_no_forecasts_and_missing_magnitudes_are_refused(parts, fitted):
    table = seen(parts[2])
    assert len(fitted.predict(table.iloc[:0])) == 0
    table.loc[[4, 7], "y_cmodel_mag"] = np.nan
    with pytest.raises(InputError, match=r"NN-Both must have every magnitude: 2 of 600 .*; drop"):
        fitted.predict(table)


def test_the_point_has_the_least_expected_error(found):
    mixture = GaussianMixture([[0.6, 0.4]], means=[[0.4, 2.5]], sigmas=[[0.05, 0.3]])
    (point,), (error,) = NNBoth().best_points(mixture)

    def expected(z):
        """Its expected |dz|, integrated by other means, and normalised to redshifts above 0."""

        def integrand(true):
            density = 0.6 * norm.pdf(true, 0.4, 0.05) + 0.4 * norm.pdf(true, 2.5, 0.3)
            return abs(z - true) / (1.0 + true) * density

        return quad(integrand, 0.0, 6.0, points=[0.4, z, 2.5], limit=200)[0]

    assert error == pytest.approx(expected(point), rel=1e-3)
    assert expected(point) < min(expected(point - 0.01), expected(point + 0.01))
    assert point < mixture.quantiles([0.5])[0, 0]  # the median is that of least |z_pred - z|


def test_a_density_beyond_all_redshifts_has_a_point_all_the_same():
    mixture = GaussianMixture(np.ones((2, 1)), means=[[-0.35], [8.9]], sigmas=[[0.01], [0.01]])
    point, error = NNBoth().best_points(mixture)
    np.testing.assert_allclose(point, [0.0, 8.0], atol=0.05)
    assert np.isfinite(error).all()


def test_a_photometric_label_is_a_measurement_and_a_spectroscopic_one_is_the_truth(parts):
    method = NNBoth()
    for kind, error, wrong in (("spectroscopic", 0.0, 0.0), ("photometric", 0.02, nn_both.WRONG)):
        known = method.known(labelled(parts[0], kind, half=0.02))
        np.testing.assert_allclose(known.error, error, atol=1e-6)
        np.testing.assert_allclose(known.wrong, wrong, atol=1e-8)
    assert method.known(parts[0]).error.max() == 0.0  # a table of one's own says nothing of kinds


def test_the_likelihood_adds_errors_in_quadrature_and_knows_wrong_labels():
    forecast = (
        torch.log(torch.tensor([[0.3, 0.7]])),
        torch.tensor([[0.5, 1.0]]),
        torch.tensor([[0.03, 0.4]]),
    )
    for redshift, error, wrong in ((0.52, 0.0, 0.0), (0.52, 0.04, 0.03), (5.0, 0.04, 0.03)):
        known = Labels(*(torch.tensor([value]) for value in (redshift, error, wrong)))
        density = sum(
            weight * norm.pdf(redshift, mean, math.hypot(width, error))
            for weight, mean, width in ((0.3, 0.5, 0.03), (0.7, 1.0, 0.4))
        )
        wanted = -math.log((1.0 - wrong) * density + wrong / nn_both.LAST)
        assert float(surprise(forecast, known)) == pytest.approx(wanted, rel=1e-4)


def test_flags_tell_galaxies_unlike_those_learned_from(parts, fitted, found):
    assert (found.flag >= 1.0).mean() < 0.02
    strange = seen(parts[2])
    strange["g_cmodel_mag"] -= 6.0
    assert (fitted.predict(strange).flag >= 1.0).mean() > 0.9


def test_gaussians_at_no_redshift_are_moved_and_others_stay():
    logs = np.log(np.full((3, 2), 0.5))
    means = np.array([[0.5, 1.0], [-1.0, 1.0], [1e4, 1.0]])
    widths = np.array([[0.1, 0.2], [0.0, 0.2], [1e3, 0.2]])
    mixture = nn_both.gaussians(logs, means, widths)
    assert not mixture.missing.any()
    np.testing.assert_array_equal(mixture.means[0], means[0])
    np.testing.assert_allclose(mixture.means[1:, 0], [-0.4, 8.0])
    assert np.isfinite(NNBoth().best_points(mixture)).all()


def test_flags_order_errors(parts, found):
    error = np.abs(normalised_error(found.point, parts[2]["redshift"].to_numpy()))
    trusted = found.flag < np.median(found.flag)
    assert error[trusted].mean() < error[~trusted].mean()
