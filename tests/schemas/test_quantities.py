"""What is no value of each kind of quantity."""

from pathlib import Path

import numpy as np
import pytest

from transferz.schemas.survey import quantities as q


@pytest.mark.parametrize(
    ("kind", "none", "values"),
    [
        (q.LABEL, [0.0, -0.01, -1, -9.99, 9.99, 9.999, 9.9999, 99, 999], [-0.001, 1e-4, 0.7, 14.4]),
        (q.FORECAST, [-1, -9, -9.99, -99, 9.9999, 99, 999], [-0.99, -0.02, 0, 9.99, 40]),
        (q.DRAW, [-1, -9, -9.99, -99, 99, 9.9999], [-1.2, -0.02, 0, 9.99]),
        (q.WIDTH, [0, -1, -9, -99, 99], [1e-9, 3]),
        (q.DENSITY, [-1, -9.99, -99, -999], [0, 99, 1e12, -0.3]),
        (q.MAGNITUDE, [0, -9, -99, 50, 99, 99.9, 999, -9.99], [3.2, 30, 41]),
        (q.MAGNITUDE_ERROR, [-1, -9.99, -99, 50, 99], [0, 1e-4, 9.99]),
        (q.FLUX, [-99, -99.9, -999, -9999], [-9, -1, 0, 99, -98.7, 1e9]),
        (q.ANGLE, [-99, -999, 99, 9999], [0, -3, 359.9, 90]),
    ],
    ids=lambda value: value.name if isinstance(value, q.Quantity) else "",
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_no_value(kind, none, values, dtype):
    for nothing in (*none, np.nan, np.inf, -np.inf):
        assert kind.is_missing(np.array([nothing], dtype)).all(), nothing
    assert not kind.is_missing(np.array(values, dtype)).any()
    assert kind.without_missing(array := np.array(values, dtype)) is array


def test_the_document_has_the_rules():
    words = (Path(__file__).parents[2] / "docs/tables.md").read_text(encoding="utf-8").split()
    document = " ".join(words).casefold()
    kinds = (q.MAGNITUDE, q.MAGNITUDE_ERROR, q.LABEL, q.FORECAST, q.DRAW, q.WIDTH, q.FLUX, q.ANGLE)
    assert [str(kind) for kind in kinds if str(kind).casefold() not in document] == []
