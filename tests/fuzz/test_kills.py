"""A command killed at any moment leaves the old output or the new one, and a rerun clears the rest.

`python tests/fuzz/kills.py` kills all commands; here are a few of them.
"""

from pathlib import Path

import pytest
from fuzzing.kills import Work, all_works, report, run_kills

CHOSEN = ("predict out.csv", "export out.hdf5", "score --plot", "leaderboard add", "stage fetch")


def test_a_few_kills():
    with all_works() as works:
        tallies = run_kills([work for work in works if work.name in CHOSEN], 10, seed=2024)
    assert sum(tally.kills for tally in tallies) == 10
    assert not any(tally.failures for tally in tallies), report(tallies)


def in_place():
    Path("out").write_text("half")
    Path("out").write_text("whole")


def other_files():
    Path("input").write_text("other")
    Path("input").write_text("input")
    Path("out").write_text("whole")


def stops_the_next_run():
    Path("lock").touch(exist_ok=False)
    Path("out").write_text("whole")
    Path("lock").unlink()


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (in_place, "out is neither old nor new"),
        (other_files, "changed ['input']"),
        (stops_the_next_run, "the next run ended with 70"),
    ],
)
def test_what_is_looked_for_is_found(run, said):
    work = Work("work", run, ("out",), lambda: Path("input").write_text("input") and None)
    (tally,) = run_kills([work], 20, seed=1)
    assert tally.kills == 20
    assert any(said in failure for failure in tally.failures), tally.failures
