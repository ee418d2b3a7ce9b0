"""Scores of forecasts that people already have: in a table, a qp file, or arrays.

`score_forecasts` takes arrays; ``transferz score`` takes files.
"""

from transferz.baselines.scoring.arrays import as_forecasts, score_forecasts

__all__ = ["as_forecasts", "score_forecasts"]
