"""Networks whose forecast is a mixture of Gaussians in redshift, all seeds side by side.

Mixture density networks (Bishop 1994). The layers are those of the photometry network; its head
gives, for each of K components, a weight, a mean and a width. Trained with the negative log
likelihood. Shapes as in `transferz.baselines.networks.network`; O = 3 K.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from transferz.baselines.networks.network import StackedNetworks

COMPONENTS = 5
"""K (our choice)."""

LEAST_WIDTH = 1e-3
"""Of a component, in redshift: below what five bands can tell, it keeps the likelihood finite."""


class MixtureNetworks(StackedNetworks):
    """S mixture density networks side by side; the parameters are as of `StackedNetworks`."""

    OUTPUTS = 3 * COMPONENTS

    def forward(self, scaled: Tensor) -> Tensor:
        """Compute the heads' outputs, shape (S, N, O), that `components` reads."""
        return self.outputs(scaled)

    def loss(self, predicted: Tensor, true: Tensor) -> Tensor:
        """Mean negative log likelihood of the labels, shape (S,)."""
        return -log_likelihood(predicted, true).mean(dim=-1)


class GaussianNetworks(MixtureNetworks):
    """The same with one component: a mean and a width."""

    OUTPUTS = 3


def components(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Read a head's outputs.

    Parameters
    ----------
    outputs : Tensor, shape (..., 3 K)
        Logits, means and widths before their softplus.

    Returns
    -------
    log_weights, means, widths : Tensor, shape (..., K)
    """
    logits, means, raw = outputs.chunk(3, dim=-1)
    return torch.log_softmax(logits, dim=-1), means, softplus(raw) + LEAST_WIDTH


def log_likelihood(outputs: Tensor, true: Tensor) -> Tensor:
    """Natural logarithm of the forecast density at the true redshifts.

    Parameters
    ----------
    outputs : Tensor, shape (..., N, 3 K)
        Of the heads.
    true : Tensor, shape (N,) or (..., N)
        Redshifts.

    Returns
    -------
    Tensor, shape (..., N)
    """
    log_weights, means, widths = components(outputs)
    pull = (true[..., None] - means) / widths
    each = log_weights - torch.log(widths) - 0.5 * torch.square(pull)
    return torch.logsumexp(each, dim=-1) - 0.5 * math.log(2.0 * math.pi)
