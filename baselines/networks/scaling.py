"""Min-max scaling of magnitudes by the training set's range."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from transferz.schemas.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scaler:
    """Min-max scaling by the training set's range.

    Attributes
    ----------
    minimum, maximum : ndarray, shape (B,)
        Range of each band's magnitudes in the training set.
    """

    minimum: Floats
    maximum: Floats

    @classmethod
    def of(cls, magnitudes: Floats) -> "Scaler":
        """Take the range of magnitudes of shape (N, B).

        Raises
        ------
        InputError
            Where a band has one value only.
        """
        low, high = magnitudes.min(axis=0), magnitudes.max(axis=0)
        if (constant := np.flatnonzero(low == high)).size:
            raise InputError(
                f"band number {constant[0] + 1} has the same magnitude, {low[constant[0]]:g}, in "
                "every training row; leave the band out or give more rows"
            )
        return cls(low, high)

    def __call__(self, magnitudes: Floats, dtype: torch.dtype = torch.float32) -> Tensor:
        """Scale (N, B) magnitudes to about 0-1."""
        scaled = (magnitudes - self.minimum) / (self.maximum - self.minimum)
        return torch.from_numpy(scaled).to(dtype)
