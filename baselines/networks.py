"""The photometry network of Soriano et al. 2024 (arXiv:2411.18054), in its closest public form.

Shapes: N galaxies, B bands, H units per hidden layer.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

HIDDEN_LAYERS = 4
HIDDEN_UNITS = 200


class PhotometryNetwork(nn.Module):
    """Magnitudes to redshift: four hidden layers, and the input again before the last one.

    With five bands it has 122,006 weights. Weights start as Keras starts them: Glorot-uniform
    matrices and zero biases.

    Parameters
    ----------
    bands : int
        Number of magnitudes per galaxy, B.
    generator : torch.Generator, optional
        Source of the initial weights; the global one by default.
    """

    def __init__(self, bands: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        widths = [bands] + [HIDDEN_UNITS] * HIDDEN_LAYERS
        self.hidden = nn.ModuleList(
            skip_init(nn.Linear, before, after) for before, after in pairwise(widths)
        )
        self.head = skip_init(nn.Linear, bands + HIDDEN_UNITS, 1)
        for layer in (*self.hidden, self.head):
            nn.init.xavier_uniform_(layer.weight, generator=generator)
            nn.init.zeros_(layer.bias)

    def forward(self, scaled: Tensor) -> Tensor:
        """Predict redshifts.

        Parameters
        ----------
        scaled : Tensor, shape (N, B)
            Magnitudes, scaled to the training set's range.

        Returns
        -------
        Tensor, shape (N,)
            Redshifts, unbounded.
        """
        features = scaled  # (N, B)
        for layer in self.hidden:
            features = torch.relu(layer(features))  # (N, H)
        joined = torch.cat((scaled, features), dim=1)  # (N, B + H)
        redshift: Tensor = self.head(joined).squeeze(1)  # (N,)
        return redshift


def count_weights(network: nn.Module) -> int:
    """Count the numbers that training adjusts."""
    return sum(weight.numel() for weight in network.parameters())
