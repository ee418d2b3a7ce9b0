"""The template fit as a method: it finds the redshifts of its own templates, and nothing else's."""

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark.tables import band_columns, photometry
from transferz.baselines.scores.metrics import normalised_error, outlier_rate, scatter
from transferz.baselines.scores.probability import per_galaxy, score_probability
from transferz.schemas.errors import InputError
from transferz.schemas.survey.columns import ERRORS, MAGNITUDES

for package in ("speclite", "sedpy", "skypy", "astropy"):
    pytest.importorskip(package, reason="the template fit's packages are not installed")

from transferz.baselines.methods.templates import TemplateFit  # noqa: E402
from transferz.photometry.bands import HSC_BANDS  # noqa: E402
from transferz.photometry.flux import to_magnitude  # noqa: E402
from transferz.photometry.templates import model_grid  # noqa: E402

ERROR = 0.02
OFFSETS = np.array([1.08, 0.97, 1.0, 0.95, 1.05])


def seen(table):
    """What a method may see when it forecasts."""
    return photometry(table, band_columns(table))


@pytest.fixture(scope="module")
def models():
    return model_grid(tuple(HSC_BANDS.values()))


@pytest.fixture(scope="module")
def survey(models):
    """Galaxies that are templates at 0.3 < z < 1, with noise."""
    rng = np.random.default_rng(11)
    count = 500
    at_z, model = rng.integers(30, 100, count), rng.integers(0, models.flux.shape[1], count)
    flux = models.flux[at_z, model] * 10 ** rng.uniform(0, 1, (count, 1))
    magnitudes = to_magnitude(flux) + rng.normal(0.0, ERROR, flux.shape)
    table = pd.DataFrame(dict(zip(MAGNITUDES, magnitudes.T, strict=True)))
    table[[*ERRORS]] = ERROR
    return table.assign(object_id=np.arange(count), redshift=models.redshift[at_z])


@pytest.fixture(scope="module")
def method(survey):
    return TemplateFit().fit(survey[:150], survey[150:250], seed=0)


def test_it_finds_the_redshifts_of_templates(method, survey):
    test = survey[250:]
    redshift = test["redshift"].to_numpy()
    found = method.predict(seen(test))
    dz = normalised_error(found.point, redshift)
    trivial = normalised_error(np.full(len(test), survey["redshift"].median()), redshift)
    assert scatter(dz) < 0.3 * scatter(trivial)
    assert outlier_rate(dz) < 0.6 * outlier_rate(trivial)  # five bands leave some ambiguous
    scores = score_probability(per_galaxy(found.distribution, redshift), redshift, found.point)
    assert scores["coverage_90"] > 0.85  # its errors are 1.5 times those that are quoted
    assert np.isfinite([scores["crps"], scores["cde_loss"], scores["log_score"]]).all()


def test_the_point_is_the_median_of_the_pdf(method, survey):
    found = method.predict(seen(survey[250:300]))
    middle = found.distribution.quantiles([0.5])[:, 0]
    np.testing.assert_allclose(found.point, middle, atol=0.006)  # within a cell of the grid


def test_offsets_are_learned_where_they_help(survey, method):
    wrong = survey.copy()
    wrong[[*MAGNITUDES]] += 2.5 * np.log10(OFFSETS)  # too faint by these factors
    found = TemplateFit().fit(wrong[:150], wrong[150:250], seed=0)
    ratio = found.offsets / OFFSETS
    np.testing.assert_allclose(ratio / ratio.mean(), 1.0, atol=0.02)
    np.testing.assert_allclose(method.offsets, 1.0, atol=0.02)


def test_offsets_that_do_not_help_are_left_out(survey):
    wrong = survey[:150].copy()
    wrong[[*MAGNITUDES]] += 2.5 * np.log10(OFFSETS)  # the training set alone is off
    found = TemplateFit().fit(wrong, survey[150:250], seed=0)
    np.testing.assert_array_equal(found.offsets, 1.0)


def test_the_seed_changes_nothing(survey, method):
    again = TemplateFit().fit(survey[:150], survey[150:250], seed=9)
    one, other = (which.predict(seen(survey[250:])) for which in (method, again))
    np.testing.assert_array_equal(one.point, other.point)


def test_a_galaxy_with_a_missing_band_has_a_forecast_one_with_none_has_not(method, survey):
    test = seen(survey[250:253]).copy()
    test.iloc[0, test.columns.get_loc("y_cmodel_mag")] = np.nan
    test.loc[1, list(MAGNITUDES)] = np.nan
    found = method.predict(test)
    np.testing.assert_array_equal(np.isnan(found.point), [False, True, False])
    density = found.distribution.density(survey["redshift"][250:253])
    np.testing.assert_array_equal(np.isnan(density), [False, True, False])


def test_an_error_that_was_rounded_to_nothing_is_still_one(method, survey):
    test = seen(survey[250:260]).copy()
    test[[*ERRORS]] = 0.0
    assert np.isfinite(method.predict(test).point).all()


@pytest.mark.parametrize("absent", ("g_cmodel_mag", "y_cmodel_magsigma"))
def test_other_bands_are_refused(survey, method, absent):
    other = survey.rename(columns={absent: "u_mag"})
    for act in (
        lambda: TemplateFit().fit(other[:150], other[150:250], seed=0),
        lambda: method.predict(other.drop(columns="redshift")),
    ):
        with pytest.raises(InputError, match=f"HSC's grizy alone.*the table lacks {absent}$"):
            act()
