"""Scales of the page's figures."""

from dataclasses import replace

import pytest

from transferz.baselines.leaderboard.figures import (
    FAR,
    LETTERS,
    Scale,
    limits,
    line_charts,
    twins,
)
from transferz.tables.printing import shortened


def test_a_scale_draws_its_ends_at_its_ends_and_nothing_beyond():
    scale = Scale(-1.0, 3.0, 100.0, 20.0)
    assert [scale(value) for value in (-1, 3, 1, -7, 9)] == [100.0, 20.0, 60.0, 100.0, 20.0]
    assert scale.beyond(5) == -20.0


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, [0, 0.25, 0.5, 0.75, 1]),
        (-0.0124, 0.0081, [-0.01, 0.0]),
        (-0.011, 0.009, [-0.01, -0.005, 0.0, 0.005]),
        (64.0, 101.0, [70, 80, 90, 100]),
    ],
)
def test_ticks_are_round_and_within(low, high, expected):
    assert Scale(low, high, 0.0, 1.0).ticks() == pytest.approx(expected)


def test_one_value_far_away_does_not_press_the_others_together():
    low, high = limits([0.024, 0.025, 0.026, 0.03, 0.33], [0.0])
    assert low == 0.0
    assert 0.03 < high < 0.04
    assert limits([0.02, 0.05], [0.0])[1] > 0.05  # not as far as that


def test_limits_hold_what_is_to_be_shown():
    low, high = limits([-0.0001, 0.0002, 0.009], [0.0, -0.003, 0.003])
    assert low < -0.003
    assert high > 0.009
    assert FAR * 0.003 > 0.009


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [0.5], [-0.5, -0.5]])
def test_any_values_have_a_scale_with_ticks(values):
    low, high = limits(values, [0.0])
    assert low < high
    assert Scale(low, high, 0.0, 1.0).ticks()


def test_names_that_begin_alike_are_told_apart():
    name = "Gradient-boosted trees"
    names = [name, f"{name}, conformal", f"{name}, conformal by magnitude"]
    shown = [shortened(one, LETTERS) for one in names]
    assert shown[0] == name
    assert len(set(shown)) == 3 and max(map(len, shown)) <= LETTERS


def test_methods_of_the_same_redshifts_are_one(board):
    first, *others = board.rows
    method = first.entry.method.model_copy(update={"key": "twin", "name": "a longer name"})
    twin = replace(first, entry=first.entry.model_copy(update={"method": method}))
    found = twins([twin, *others, first], "transferz", "cosmological")
    assert [[row.key for row in group] for group in found] == [
        [first.key, "twin"],
        *([row.key] for row in others),
    ]


def test_every_bin_of_a_line_is_drawn_or_pointed_at(board):
    """Here the charts end before their farthest values, or not."""
    for config in board.configs:
        for chart in line_charts(board, config):
            for line in chart["lines"]:
                bins = line["points"].split()
                assert len(bins) == len(line["marks"]) + len(line["beyond"])
