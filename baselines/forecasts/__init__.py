"""Forecasts that people already have, in arrays, a table or a qp file, and their scores.

`score_forecasts` takes arrays; ``transferz score`` takes files. qp's ensembles of distributions are
what RAIL's estimators write. `encode_pdfs` and `decode_pdfs` keep a density in a few bytes.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transferz.baselines.forecasts.compact import decode_pdfs, encode_pdfs
    from transferz.baselines.forecasts.qp import QpFile, is_qp, read_qp, to_qp, write_qp
    from transferz.baselines.forecasts.scoring import as_forecasts, score_forecasts

_LATER = {
    "QpFile": "qp",
    "as_forecasts": "scoring",
    "decode_pdfs": "compact",
    "encode_pdfs": "compact",
    "is_qp": "qp",
    "read_qp": "qp",
    "score_forecasts": "scoring",
    "to_qp": "qp",
    "write_qp": "qp",
}
"""Name -> the module it is imported from when it is asked for: whoever reads a column of densities
needs neither PyTorch nor what scores are recorded with."""

__all__ = [
    "QpFile",
    "as_forecasts",
    "decode_pdfs",
    "encode_pdfs",
    "is_qp",
    "read_qp",
    "score_forecasts",
    "to_qp",
    "write_qp",
]


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(f"transferz.baselines.forecasts.{_LATER[name]}"), name)
    raise AttributeError(f"module 'transferz.baselines.forecasts' has no attribute '{name}'")
