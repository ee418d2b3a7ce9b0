"""Forecasts that people already have, in arrays, a table or a qp file, and their scores.

`score_forecasts` takes arrays; ``transferz score`` takes files. qp's ensembles of distributions are
what RAIL's estimators write.
"""

from transferz.baselines.forecasts.qp import QpFile, is_qp, read_qp, write_qp
from transferz.baselines.forecasts.scoring import as_forecasts, score_forecasts

__all__ = ["QpFile", "as_forecasts", "is_qp", "read_qp", "score_forecasts", "write_qp"]
