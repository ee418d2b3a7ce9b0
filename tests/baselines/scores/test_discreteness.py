"""How discrete forecasts are, against counting by hand."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transferz.baselines.scores.discreteness import discreteness


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200))
def test_it_is_what_counting_finds(values):
    counts = Counter(values)
    found = discreteness([np.array(values) / 16.0])
    assert found["distinct"] == len(counts)
    common = sum(count for _, count in counts.most_common(10))
    assert found["most_common"] == pytest.approx(common / len(values))


def test_seeds_are_counted_each_by_itself():
    rng = np.random.default_rng(0)
    smooth = rng.uniform(0.0, 2.0, 1_000)
    found = discreteness([smooth, np.round(smooth, 1), np.full(1_000, 0.5)])
    assert found["distinct"].tolist() == [np.unique(smooth.astype(np.float32)).size, 21, 1]
    assert found["most_common"][0] == pytest.approx(0.01, abs=0.002)
    assert 0.4 < found["most_common"][1] < 0.6 and found["most_common"][2] == 1.0
