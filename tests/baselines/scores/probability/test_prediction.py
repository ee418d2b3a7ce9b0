"""What a method may hand in, and what it is told when it may not."""

import numpy as np
import pytest

from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Prediction,
    Quantiles,
    Samples,
)
from transferz.schemas.errors import InputError

POINT = [0.5, 1.0]
MIXTURE = GaussianMixture([[1.0], [1.0]], [[0.5], [1.0]], [[0.1], [0.1]])
PAIR = {"grid": [0.0, 1.0, 2.0], "pdf": np.ones((2, 3))}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({}, type(None)),
        ({"samples": np.ones((2, 4))}, Samples),
        ({"levels": [0.16, 0.84], "quantiles": np.ones((2, 2))}, Quantiles),
        (PAIR, GridPDF),
        ({"mixture": MIXTURE}, GaussianMixture),
        ({"distribution": MIXTURE}, GaussianMixture),
    ],
)
def test_at_most_one_form(given, kind):
    prediction = Prediction(POINT, **given)
    assert isinstance(prediction.distribution, kind)
    assert prediction.point.dtype == np.float64
    assert prediction.object_id is None and len(prediction) == 2


def test_ids_are_kept_whole():
    ids = np.array([2**62 + 1, 7], np.uint64)
    assert Prediction(POINT, object_id=ids).object_id.tolist() == ids.tolist()
    assert Prediction(POINT, object_id=ids).object_id.dtype == np.int64


def test_a_missing_point_is_nan():
    assert np.isnan(Prediction([np.nan, 1.0]).point[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"point": [[0.5], [1.0]]}, r"shape \(N,\); found shape \(2, 1\)"),
        ({"point": [0.5, np.inf]}, "found infinity"),
        ({"object_id": [1]}, r"2 whole numbers.*shape \(1,\)"),
        ({"object_id": [1.0, 2.0]}, "dtype float64"),
        ({"pdf": np.ones((2, 3))}, "pdf is given without grid"),
        ({"levels": [0.1, 0.5]}, "levels is given without quantiles"),
        ({"samples": np.ones((3, 4))}, "2 points, but distributions of 3 galaxies"),
        ({"samples": np.ones((2, 4)), **PAIR}, "at most one of samples.*found 2"),
        ({"mixture": ([0.5, 1.0], [0.1, 0.1])}, "expected a GaussianMixture; found tuple"),
        ({"levels": [0.1, 0.5], "quantiles": [[1, 2], [2, 1]]}, "quantiles: row 1 decreases"),
    ],
)
def test_what_is_wrong_is_said_once(given, said):
    arguments = {"point": POINT, **given}
    with pytest.raises(InputError, match=said):
        Prediction(arguments.pop("point"), **arguments)
