"""Methods ranked over several boards."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from transferz.baselines.leaderboard.overall import overall, overall_text
from transferz.cli import main
from transferz.schemas.errors import InputError


class Told:
    """A board whose pairs are told."""

    def __init__(self, said, trivial=()):
        self.said, self.trivial = said, trivial

    configs = ("galaxiesml",)

    def ranges(self, config):
        return ["all"]

    def row(self, key):
        named = SimpleNamespace(method=SimpleNamespace(name=key.upper()))
        return SimpleNamespace(key=key, entry=named, trivial=key in self.trivial)

    def pairs(self, config, part, metric):
        return [(self.row(a), self.row(b), None, said) for a, b, said in self.said]


FIRST = Told([("a", "b", "better"), ("a", "c", "open"), ("b", "c", "worse")])
SECOND = Told([("a", "b", "same"), ("a", "d", "better"), ("b", "d", "better")], trivial="d")


def test_shares_are_means_over_contests_of_what_is_won():
    ranked = {one.key: one for one in overall({"one": FIRST, "two": SECOND}, "scatter")}
    assert list(ranked) == ["a", "b", "c"]  # d is trivial, c not in the second
    assert [one.ranked for one in ranked.values()] == [True, True, False]
    assert ranked["a"].share == pytest.approx((0.75 + 0.5) / 2)
    assert ranked["b"].share == pytest.approx((0.0 + 0.5) / 2)
    assert ranked["c"].share == pytest.approx(0.75)  # in the first alone
    assert (ranked["a"].won, ranked["a"].tied, ranked["a"].lost) == (1, 2, 0)
    assert [ranked[key].contests for key in "abc"] == [2, 2, 1]


def test_the_interval_is_over_contests():
    ranked = {one.key: one for one in overall({"one": FIRST, "two": SECOND}, "scatter")}
    assert (ranked["a"].low, ranked["a"].high) == (0.5, 0.75)
    assert (ranked["c"].low, ranked["c"].high) == (0.75, 0.75)


def test_the_interval_is_as_wide_as_the_spread_over_many_contests_says():
    rng, count = np.random.default_rng(5), 400
    boards = {
        str(n): Told([("a", "b", "better" if rng.random() < 0.7 else "worse")])
        for n in range(count)
    }
    best = overall(boards, "scatter")[0]
    width = 2 * 1.96 * np.sqrt(best.share * (1 - best.share) / count)
    assert best.high - best.low == pytest.approx(width, rel=0.1)


def test_what_was_never_compared_is_refused():
    with pytest.raises(InputError, match="no two methods were compared by 'scatter' on one"):
        overall({"one": Told([])}, "scatter")


def test_the_real_board_is_ranked(board):
    ranked = overall({"mock": board}, "rmse")
    assert {one.key for one in ranked} >= {"sharp", "sharp_too", "blunt"}
    assert ranked[-1].key == "blunt"
    text = overall_text(ranked, "rmse", ["mock"])
    assert "By rmse, over mock." in text
    assert "not ranked" not in text


def test_what_is_not_in_every_contest_stands_below_and_is_said_to(board):
    text = overall_text(overall({"one": FIRST, "two": SECOND}, "scatter"), "scatter", ["one"])
    assert [line.split()[0] for line in text.splitlines()[1:4]] == ["A", "B", "C"]
    assert "At the end, not ranked: methods that are not in every contest." in text


def test_the_command_ranks_the_projects_own_entries(capsys):
    assert main(["leaderboard", "overall", "--json"]) == 0
    ranked = json.loads(capsys.readouterr().out)
    places = [(one["ranked"], one["share"]) for one in ranked]
    assert places == sorted(places, reverse=True)
    assert all(one["low"] <= one["share"] <= one["high"] for one in ranked)
    assert main(["leaderboard", "overall", "--survey", "nowhere"]) == 2
    assert "has no entries of nowhere" in capsys.readouterr().err
