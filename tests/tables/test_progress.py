"""Progress: a line on a terminal, a line now and then elsewhere, nothing where it is quiet."""

import io
import sys

import pytest

from transferz.tables import printing as progress
from transferz.tables.printing import progress_line


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by 20 s whenever it is looked at."""
    seconds = iter(range(0, 1000, 20))
    monkeypatch.setattr(progress, "EVERY", 30.0)
    monkeypatch.setattr(progress.time, "monotonic", lambda: float(next(seconds)))


def test_a_log_gets_a_line_now_and_then(clock, capsys):
    with progress_line("comparing", total=1200, unit=" pairs") as line:
        for _ in range(4):  # after 20, 40, 60 and 80 s
            line.set_postfix_str("as said", refresh=False)
            line.update(100)
    assert capsys.readouterr().err.splitlines() == [
        "comparing: 200 of 1,200 pairs, as said, about 3:20 left",
        "comparing: 400 of 1,200 pairs, as said, about 2:40 left",
    ]


def test_without_a_total_no_time_is_left(clock, capsys):
    with progress_line(unit=" epochs") as line:
        line.update()
        line.update()
    assert capsys.readouterr().err == "2 epochs\n"


def test_a_terminal_gets_a_line_that_is_wiped(monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_line("comparing", total=2, unit=" pairs", delay=0.0, mininterval=0.0) as line:
        line.update()
    shown = sys.stderr.getvalue()
    assert "comparing:  50%" in shown and "1/2" in shown
    assert shown.endswith("\r") and "\n" not in shown


def test_what_is_short_shows_nothing_on_a_terminal(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress_line("comparing", total=2) as line:
        line.update()
    assert "comparing" not in sys.stderr.getvalue()


def test_quiet_is_nothing(capsys):
    with progress_line("comparing", quiet=True) as line:
        assert line is None
    assert capsys.readouterr().err == ""


def test_without_tqdm_it_is_a_log(monkeypatch, capsys, clock):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress_line("comparing", total=2) as line:
        line.update()
        line.update()
    assert capsys.readouterr().err == "comparing: 2 of 2, about 0:00 left\n"
