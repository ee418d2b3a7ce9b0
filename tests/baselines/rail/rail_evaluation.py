"""RAIL's own evaluation of forecasts, on a grid from 0 to 4 with a step of 0.01.

Run with a Python that has pz-rail-base: ``rail_evaluation.py FORECASTS.hdf5 TRUTH.hdf5 OUT.json``.
"""

import json
import sys
from pathlib import Path

from rail.core.data import QPHandle, TableHandle
from rail.evaluation.evaluator import OldEvaluator


def main(forecasts: str, truth: str, out: str) -> None:
    stage = OldEvaluator.make_stage(
        name="evaluate", zmax=4.0, nzbins=400, hdf5_groupname="photometry"
    )
    handles = QPHandle("forecasts", path=forecasts), TableHandle("truth", path=truth)
    found = stage.evaluate(*handles)()
    Path(out).write_text(json.dumps({name: float(one[0]) for name, one in found.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
