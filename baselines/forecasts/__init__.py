"""Forecasts that people already have, in arrays, a table or a qp file, and their scores.

`score_forecasts` takes arrays; ``transferz score`` takes files. qp's ensembles of distributions are
what RAIL's estimators write. `encode_pdfs` and `decode_pdfs` keep a density in a few bytes.
"""

from typing import TYPE_CHECKING

from transferz.schemas.later import import_later

if TYPE_CHECKING:
    from transferz.baselines.forecasts.compact import decode_pdfs, encode_pdfs
    from transferz.baselines.forecasts.qp import QpFile, is_qp, read_qp, to_qp, write_qp
    from transferz.baselines.forecasts.scoring import as_forecasts, score_forecasts

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

# Whoever reads a column of densities needs neither PyTorch nor what scores are recorded with.
__getattr__, __dir__ = import_later(
    __name__,
    {
        "QpFile": "qp",
        "as_forecasts": "scoring",
        "decode_pdfs": "compact",
        "encode_pdfs": "compact",
        "is_qp": "qp",
        "read_qp": "qp",
        "score_forecasts": "scoring",
        "to_qp": "qp",
        "write_qp": "qp",
    },
)
