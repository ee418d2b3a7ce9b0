"""What tests leave out or do once, since most are not about it and it takes longest.

Error bars come from few resamples, and the page of a run has neither figures nor other methods'
scores. The tests of these things bring them back: `whole_reports` does.
"""

import contextlib
import hashlib
import pickle
import unittest.mock
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from transferz.baselines.benchmark import forecasts
from transferz.baselines.forecasts import plots
from transferz.baselines.leaderboard import comparing, entries, reporting
from transferz.baselines.scores.bootstrap import Draws
from transferz.dataset.page import figures
from transferz.dataset.verify import pages

FEW = Draws(5)

_drawn: dict[bytes, dict[str, bytes]] = {}


def draw_once(tables: Mapping[str, Any], manifest: Mapping[str, Any], release: Path) -> None:
    """Draw a release's figures to compare them with; those of the same rows and counts once."""
    counted = {k: v for k, v in manifest.items() if k not in ("files", "sha256", "content")}
    key = hashlib.sha256(pickle.dumps((dict(tables), counted))).digest()
    if key not in _drawn:
        figures.draw(tables, manifest, release)
        _drawn[key] = {name: (release / name).read_bytes() for name in figures.FIGURES.values()}
    for name, content in _drawn[key].items():
        (release / name).parent.mkdir(exist_ok=True)
        (release / name).write_bytes(content)


@contextlib.contextmanager
def quickly() -> Iterator[None]:
    """Leave out and do once what the module says."""
    with contextlib.ExitStack() as stack:
        for module, name, stand_in in (
            (forecasts, "DRAWS", FEW),
            (comparing, "DRAWS", FEW),
            (reporting, "draw", lambda *_: ()),
            (reporting, "own_entries", lambda survey: []),
            (pages, "draw", draw_once),
        ):
            stack.enter_context(unittest.mock.patch.object(module, name, stand_in))
        yield


@contextlib.contextmanager
def whole_reports() -> Iterator[None]:
    """Write pages of runs as users get them."""
    with (
        unittest.mock.patch.object(reporting, "draw", plots.draw),
        unittest.mock.patch.object(reporting, "own_entries", entries.own_entries),
    ):
        yield
