"""Entries of methods, compared and shown: in a terminal, as one HTML page, as files for the Hub.

`read_board` reads a folder of entries; `adding.add_run` takes a run of the benchmark in, once its
scores are seen to be its forecasts'; `compare_runs` finds which methods can't be told apart. No
code of a method's is ever imported or run here.
"""

from transferz.baselines.leaderboard.board import Board, Row, read_board
from transferz.baselines.leaderboard.comparing import compare_runs, read_runs, write_comparisons
from transferz.baselines.leaderboard.comparisons import Comparisons, read_comparisons
from transferz.baselines.leaderboard.entries import Run, read_run

__all__ = [
    "Board",
    "Comparisons",
    "Row",
    "Run",
    "compare_runs",
    "read_board",
    "read_comparisons",
    "read_run",
    "read_runs",
    "write_comparisons",
]
