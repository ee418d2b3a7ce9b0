"""The loss that the networks are trained with."""

import torch
from torch import Tensor

from transferz.baselines.scores.metrics import OUTLIER_LIMIT


def tanaka_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Tanaka et al. 2018: ``mean(1 - 1 / (1 + (dz / 0.15)²))``, dz divided by ``1 + z_true``.

    Parameters
    ----------
    predicted : Tensor, shape (..., N)
        Forecasts; leading axes (seeds, say) stay.
    true : Tensor, shape (N,) or (..., N)
        True redshifts.

    Returns
    -------
    Tensor, shape (...)
    """
    dz = (predicted - true) / (1.0 + true)
    return (1.0 - 1.0 / (1.0 + torch.square(dz / OUTLIER_LIMIT))).mean(dim=-1)
