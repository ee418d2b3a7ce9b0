"""Bias, scatter and outliers of redshifts, by definitions of others and by properties."""

import numpy as np
import pytest
from astropy.stats import mad_std
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transferz.baselines.scores import metrics
from transferz.photometry.redshift_error import OUTLIER_LIMIT, redshift_error

REDSHIFTS = arrays(np.float64, st.integers(1, 60), elements=st.floats(0.0, 6.0))


@given(REDSHIFTS)
def test_a_perfect_label_has_none(redshifts):
    assert redshift_error(redshifts, redshifts) == (0.0, 0.0, 0.0)


def test_it_is_that_of_astropy_and_numpy():
    rng = np.random.default_rng(3)
    references = rng.gamma(2.0, 0.5, 5_000)
    labels = references + 0.1 * (1 + references) * rng.standard_t(3, 5_000)
    dz = (labels - references) / (1 + references)
    found = redshift_error(labels, references)
    assert found.bias == np.median(dz)
    assert found.scatter == pytest.approx(mad_std(dz), rel=1e-4)  # 1.4826 is rounded
    assert found.outliers == np.count_nonzero(np.abs(dz) > 0.15) / 5_000


def test_the_benchmarks_metrics_are_the_same_definitions():
    rng = np.random.default_rng(4)
    references = rng.gamma(2.0, 0.5, 1_001)
    labels = references + 0.1 * (1 + references) * rng.standard_t(3, 1_001)
    dz = metrics.normalised_error(labels, references)
    found = metrics.bias(dz), metrics.scatter(dz), metrics.outlier_rate(dz)
    assert found == pytest.approx(redshift_error(labels, references), rel=1e-12)
    assert metrics.OUTLIER_LIMIT == OUTLIER_LIMIT
