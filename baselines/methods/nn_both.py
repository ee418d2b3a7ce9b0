"""Forecast with NN-Both, a network of this project for both kinds of redshift.

NN-TL and NN-Combo gain on spectroscopic galaxies and lose on TransferZ, NN-Base the other way
round. NN-Both is made to be good at both. What each of its parts does is measured by
``benchmarks/nn_both.py`` and told in docs/nn-both.md.

Shapes: N galaxies, F features, K Gaussians, C cells of redshift.
"""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
import torch
from scipy.spatial import KDTree
from scipy.special import ndtr
from sklearn.preprocessing import QuantileTransformer
from torch import Tensor, nn
from torch.nn.functional import pad, silu, softplus

from transferz.baselines.benchmark.tables import band_columns
from transferz.baselines.methods.common import Floats, complete_features, labels
from transferz.baselines.networks.network import COMPONENTS, HIDDEN_LAYERS, HIDDEN_UNITS
from transferz.baselines.scores.metrics import normalised_error
from transferz.baselines.scores.probability import GaussianMixture, Prediction

EPOCHS, STEPS, BATCH, RATE, DECAY = 40, 1600, 256, 3e-3, 1e-3
"""Chosen on validation sets, as all numbers here (our choice; docs/nn-both.md). Of a small training
set there are more epochs, for at least 1600 steps."""

AVERAGED = 0.995
"""What is kept, at each step, of the mean of the weights: some 200 steps count."""

RANKS, END = 1000, 4.0
"""Quantiles of a feature that are mapped to those of a normal distribution; it is cut at ± 4."""

WRONG, LAST = 0.03, 6.0
"""Share of photometric labels that say nothing: as likely at any redshift from 0 to 6."""

EDGES = np.expm1(np.linspace(0.0, math.log(9.0), 401))
"""Of the cells of redshift, from 0 to 8, in which a point is sought."""

NEIGHBOURS, KNOWN = 10, 0.999
"""A galaxy is unlike those learned from where its tenth neighbour among them is farther than the
tenth neighbours of 99.9 % of the validation galaxies are."""

PIECE = 512
"""Galaxies of a matrix product; the last is filled up, so that a forecast hangs on its galaxy alone
(our choice)."""


class Labels(NamedTuple):
    """What is known of N redshifts, each of shape (N,)."""

    redshift: Tensor
    error: Tensor  # 0 where the label is the truth
    wrong: Tensor  # the probability that the label says nothing


class MixtureNetwork(nn.Module):
    """The photometry network's layers, which end in Gaussians whose widths grow with 1 + z."""

    def __init__(self, features: int) -> None:
        super().__init__()
        widths = [features] + [HIDDEN_UNITS] * HIDDEN_LAYERS
        self.hidden = nn.ModuleList(map(nn.Linear, widths[:-1], widths[1:]))
        self.head = nn.Linear(features + HIDDEN_UNITS, 3 * COMPONENTS)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return log weights, means and widths, each (N, K), of features (N, F)."""
        units = features
        for layer in self.hidden:
            units = silu(layer(units))
        logits, means, widths = self.head(torch.cat((features, units), dim=1)).chunk(3, dim=1)
        means = torch.expm1(means + 0.6)  # training begins near the middle of the redshifts
        widths = (1.0 + means) * (0.1 * softplus(widths) + 1e-3)
        return torch.log_softmax(logits, dim=1), means, widths


class NNBoth:
    """A mixture density network that knows colours, and what kind of redshift its labels are.

    - It learns from magnitudes and the colours of neighbouring bands, each mapped to a normal
      distribution by its ranks in the training set.
    - A spectroscopic label is the truth. A photometric one is a measurement: its error is half its
      68 % interval, and a share `WRONG` of them says nothing. The likelihood takes account of both.
    - Both kinds are learned together from the first step to the last, so that none is forgotten.
    - The point has the least expected error in units of 1 + z, which is what scores measure.
    - The flag is that expected error; 1 is added for a galaxy that is unlike all learned from.

    Subclasses in ``benchmarks/nn_both.py`` replace single parts.
    """

    name = "NN-Both"
    train = ""  # all that there is
    version = "1"
    citation = "this project, docs/nn-both.md"
    description = (
        f"Ranked magnitudes and colours, {HIDDEN_LAYERS} x {HIDDEN_UNITS} units, "
        f"{COMPONENTS} Gaussians; photometric labels are measurements with errors"
    )

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Train a network, and keep the epoch of the largest validation likelihood."""
        torch.set_num_threads(1)
        torch.manual_seed(seed)
        self.bands = band_columns(train)
        self.learn_features(train)
        learned, held_out = self.inputs(train), self.inputs(validation)
        known, true = self.known(train), self.known(validation)
        network = MixtureNetwork(learned.shape[1])
        mean, best = deepcopy(network).requires_grad_(False), math.inf
        optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=DECAY, fused=True)
        count = max(EPOCHS, math.ceil(STEPS / math.ceil(len(train) / BATCH)))
        epochs = [self.batches(train, epoch / count) for epoch in range(count)]
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, RATE, total_steps=sum(map(len, epochs)) + 1, pct_start=0.1
        )
        for batches in epochs:
            for rows in batches:
                loss = surprise(network(learned[rows]), Labels(*(one[rows] for one in known)))
                optimiser.zero_grad()
                loss.mean().backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                for own, new in zip(mean.parameters(), network.parameters(), strict=True):
                    own.lerp_(new, 1.0 - AVERAGED)
            with torch.no_grad():
                found = float(surprise(mean(held_out), true).mean())
            if found < best:
                best, self.network = found, deepcopy(mean)
        self.farthest = float(np.quantile(self.distance(validation), KNOWN))
        return self

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast mixtures, points and flags; an `InputError` where a magnitude is missing."""
        if table.empty:
            return Prediction(np.empty(0))
        inputs = self.inputs(table)
        pieces = pad(inputs, (0, 0, 0, -len(inputs) % PIECE)).split(PIECE)
        with torch.no_grad():
            found = [[one.double().numpy() for one in self.network(piece)] for piece in pieces]
        mixtures = [gaussians(*each) for each in found]
        best = [self.best_points(mixture) for mixture in mixtures]
        rows = slice(len(table))
        point, error = (np.concatenate(each)[rows] for each in zip(*best, strict=True))
        mixture = gaussians(*(np.concatenate(each)[rows] for each in zip(*found, strict=True)))
        unlike = self.distance(table) > self.farthest
        return Prediction(point, mixture=mixture, flag=error + unlike)

    def values(self, table: pd.DataFrame) -> Floats:
        """Return magnitudes and colours, shape (N, F)."""
        return complete_features(table, self.bands, self.name)

    def learn_features(self, train: pd.DataFrame) -> None:
        """Learn the ranks of the training set's features, and where its galaxies lie in them."""
        values = self.values(train)
        self.ranks = QuantileTransformer(
            n_quantiles=min(RANKS, len(values)), output_distribution="normal", random_state=0
        ).fit(values)
        self.scale = values.std(axis=0)
        self.learned = KDTree(values / self.scale)

    def inputs(self, table: pd.DataFrame) -> Tensor:
        """Return what the network takes, shape (N, F)."""
        return torch.from_numpy(self.ranks.transform(self.values(table)).clip(-END, END)).float()

    def distance(self, table: pd.DataFrame) -> Floats:
        """Return how far the tenth neighbour among the learned galaxies is, shape (N,).

        In features, each in units of its standard deviation in the training set.
        """
        nth = min(NEIGHBOURS, self.learned.n)
        return np.asarray(self.learned.query(self.values(table) / self.scale, k=[nth])[0][:, 0])

    def known(self, table: pd.DataFrame) -> Labels:
        """Return labels with errors; one without a kind or an interval is taken for the truth."""
        error = np.zeros(len(table))
        if "redshift_kind" in table:
            half = (table["redshift_hi"] - table["redshift_lo"]).to_numpy(np.float64) / 2.0
            error = np.where(table["redshift_kind"] == "photometric", np.nan_to_num(half), 0.0)
        columns = labels(table), error, WRONG * (error > 0.0)
        return Labels(*(torch.from_numpy(column).float() for column in columns))

    def batches(self, train: pd.DataFrame, done: float) -> Sequence[Tensor]:
        """Draw the rows of an epoch's steps, when so much of the training is done."""
        return torch.randperm(len(train)).split(BATCH)

    def best_points(self, mixture: GaussianMixture) -> tuple[Floats, Floats]:
        """Return the points of least expected error in units of 1 + z, and that error, each (N,).

        The error ``|z_pred - z| / (1 + z)`` is least at the median of the density over 1 + z.
        """
        scaled = (EDGES[:, None] - mixture.means[:, None]) / mixture.sigmas[:, None]  # (N, C+1, K)
        reached = np.einsum("nck,nk->nc", ndtr(scaled), mixture.weights)  # the CDF
        share = np.diff(reached, axis=1)  # (N, C)
        outside = np.flatnonzero(share.sum(axis=1) < 1e-9)  # all of it: the nearest cell has it
        share[outside, np.where(reached[outside, 0] > 0.5, 0, -1)] = 1.0
        middles = 0.5 * (EDGES[1:] + EDGES[:-1])
        weight = share / (1.0 + middles)
        total = np.cumsum(weight, axis=1)

        # The cell in which half is reached, and how far within it.
        half, galaxy = 0.5 * total[:, -1], np.arange(len(mixture))
        cell = (total < half[:, None]).sum(axis=1)
        left = (total[galaxy, cell] - half) / weight[galaxy, cell]
        point = EDGES[cell + 1] - left * (EDGES[cell + 1] - EDGES[cell])
        error = np.abs(normalised_error(point[:, None], middles))
        return point, (error * share).sum(axis=1) / share.sum(axis=1)


def gaussians(log_weights: Floats, means: Floats, widths: Floats) -> GaussianMixture:
    """Return the forecasts that a network gives for N galaxies, of arrays (N, K).

    For a galaxy like nothing that it learned from it may give Gaussians at no redshift, which would
    be no forecast: that galaxy's are moved to where redshifts are.
    """
    mixture = GaussianMixture(np.exp(log_weights), means, widths)
    odd = mixture.missing[:, None]
    if not odd.any():
        return mixture
    means = np.where(odd, means.clip(-0.4, EDGES[-1]), means)
    widths = np.where(odd, widths.clip(1e-3, EDGES[-1]), widths)
    return GaussianMixture(np.exp(log_weights), means, widths)


def surprise(forecast: tuple[Tensor, Tensor, Tensor], known: Labels) -> Tensor:
    """Return the negative log likelihood of N labels under forecasts of them, shape (N,).

    A Gaussian forecast and a Gaussian error of the label add in quadrature.
    """
    log_weights, means, widths = forecast
    variance = torch.square(widths) + torch.square(known.error)[:, None]
    pull = torch.square(known.redshift[:, None] - means) / variance
    each = log_weights - 0.5 * (pull + torch.log(2.0 * math.pi * variance))
    measured = torch.logsumexp(each, dim=1) + torch.log1p(-known.wrong)
    return -torch.logaddexp(measured, torch.log(known.wrong / LAST))
