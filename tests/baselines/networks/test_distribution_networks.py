"""Networks that forecast distributions: mixtures, and Bayesian networks."""

import math

import numpy as np
import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal, kl_divergence
from torch.nn.functional import softplus

from transferz.baselines.benchmark.tables import Sample
from transferz.baselines.networks import network as bayesian_networks
from transferz.baselines.networks import training as run
from transferz.baselines.networks.network import (
    COMPONENTS,
    LAYERS,
    BayesianNetworks,
    GaussianNetworks,
    MixtureNetworks,
    StackedNetworks,
    components,
    log_likelihood,
)
from transferz.baselines.networks.training import Schedule, train

STOPPING = Schedule(learning_rate=3e-3, batch_size=40, max_epochs=8, patience=2)
MAKERS = {
    "mixture": MixtureNetworks.from_seeds,
    "gaussian": GaussianNetworks.from_seeds,
    "bayesian": BayesianNetworks.maker(130),
}


def sample(count, seed):
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.1, 1.5, count)
    colours = redshift[:, None] * [1.0, 0.0, -0.5] + rng.normal(22.0, 0.5, (count, 1))
    return Sample(colours + rng.normal(0, 0.05, (count, 3)), redshift)


def generators(seeds):
    return [torch.Generator().manual_seed(seed) for seed in seeds]


def fit(kind, seeds, **options):
    sets = sample(130, 0), sample(60, 1)
    options = {"schedule": STOPPING, "dtype": torch.float64, "make": MAKERS[kind]} | options
    return train(*sets, seeds=seeds, **options)


def test_the_likelihood_is_that_of_torchs_mixtures():
    outputs = torch.randn(2, 7, 3 * COMPONENTS, dtype=torch.float64)
    true = torch.rand(7, dtype=torch.float64)
    log_weights, means, widths = components(outputs)
    mixture = MixtureSameFamily(Categorical(logits=log_weights), Normal(means, widths))
    torch.testing.assert_close(log_likelihood(outputs, true), mixture.log_prob(true))


@pytest.mark.parametrize("kind", MAKERS)
def test_all_seeds_at_once_are_each_alone(kind):
    together = fit(kind, [3, 0, 5])
    for seed in together.seeds:
        alone = fit(kind, [seed])
        assert alone.fits[0].best_epoch == together.take([seed]).fits[0].best_epoch
        pairs = zip(
            together.take([seed]).networks.parameters(), alone.networks.parameters(), strict=True
        )
        for ours, others in pairs:
            torch.testing.assert_close(ours, others, rtol=0, atol=1e-9)


@pytest.mark.parametrize("kind", ["mixture", "bayesian"])
def test_training_improves_the_likelihood(kind):
    losses = []
    fit(kind, range(2), progress=lambda epoch: losses.append(epoch.best_loss))
    assert losses[-1] < losses[0] - 0.1


def test_a_bimodal_truth_gets_two_components():
    """The same colours at two redshifts: one Gaussian can't say so, a mixture does."""
    rng = np.random.default_rng(1)
    redshift = np.where(rng.random(500) < 0.5, 0.3, 1.2) + rng.normal(0, 0.03, 500)
    blind = Sample(rng.normal(22.0, 1.0, (500, 3)), redshift)
    schedule = Schedule(learning_rate=3e-3, batch_size=50, max_epochs=25, patience=25)
    losses = {
        name: train(blind, blind, seeds=[0], schedule=schedule, make=MAKERS[name])
        .fits[0]
        .validation_loss
        for name in ("mixture", "gaussian")
    }
    assert losses["mixture"] < losses["gaussian"] - 0.5


def bayesian(units=200):
    """Two networks of three bands; with fewer units, they are the first ones of each layer."""
    networks = BayesianNetworks.maker(100)(3, [0, 1]).double()
    if units < 200:
        shapes = [(3, units), *[(units, units)] * (LAYERS - 2), (units + 3, 3)]
        weights = [
            w.detach()[:, :n, :m] for w, (n, m) in zip(networks.weights, shapes, strict=True)
        ]
        biases = [b.detach()[..., :m] for b, (_, m) in zip(networks.biases, shapes, strict=True)]
        raw = [[torch.full_like(tensor, -4.0) for tensor in those] for those in (weights, biases)]
        networks = BayesianNetworks(weights, biases, *raw, 100)
    with torch.no_grad():
        for raw in (*networks.raw_weight_widths, *networks.raw_bias_widths):
            raw += 0.5 * torch.rand(raw.shape, generator=torch.Generator().manual_seed(2)).double()
    return networks


def test_the_divergence_is_torchs():
    networks = bayesian()
    expected = torch.zeros(2, dtype=torch.float64)
    for layer in range(LAYERS):
        _, inputs, outputs = networks.weights[layer].shape
        prior = math.sqrt(2 / (inputs + outputs))
        for means, raws in (
            (networks.weights, networks.raw_weight_widths),
            (networks.biases, networks.raw_bias_widths),
        ):
            posterior = Normal(means[layer], prior * softplus(raws[layer]))
            both = kl_divergence(posterior, Normal(torch.zeros(()).double(), prior))
            expected += both.sum(dim=(1, 2)).detach()
    torch.testing.assert_close(networks.divergence().detach(), expected)


def test_noise_in_the_units_is_noise_in_the_weights():
    """One layer's output has the mean and variance that drawn weights give."""
    networks, scaled = bayesian(units=20), torch.rand(3, dtype=torch.float64)
    many = scaled.expand(2, 20_000, 3)
    networks.renew(generators([0, 1]), 20_000)
    with torch.no_grad():
        noisy = networks._noisy_layer(0, many, networks._noise[:, :, :20])  # (2, 20000, 20)
        drawn = []
        for chance in range(2000):
            one = networks.draw(generators([chance, chance + 5000]))
            drawn.append(one.biases[0][:, 0] + torch.einsum("b,sbh->sh", scaled, one.weights[0]))
    drawn = torch.stack(drawn, dim=1)
    torch.testing.assert_close(noisy.std(dim=1), drawn.std(dim=1), rtol=0.1, atol=0)
    error = drawn.std(dim=1) / math.sqrt(2000)
    assert (((noisy.mean(dim=1) - drawn.mean(dim=1)) / error).abs() < 5).all()


def test_drawn_weights_repeat_and_differ_between_draws():
    networks = bayesian()
    chance = generators([4, 9])
    first, second = networks.draw(chance), networks.draw(chance)
    again = networks.draw(generators([4, 9]))
    assert torch.equal(first.weights[1], again.weights[1])
    assert not torch.equal(first.weights[1], second.weights[1])
    alone = bayesian().take(torch.tensor([1])).draw(generators([9]))
    torch.testing.assert_close(alone.weights[1][0], first.weights[1][1])


def test_the_objective_is_the_noisy_likelihood_and_the_divergences_share():
    networks = bayesian()
    scaled, true = torch.rand(2, 30, 3).double(), torch.rand(2, 30).double()
    networks.renew(generators([0, 1]), 30)
    share = bayesian_networks.KL_WEIGHT / 100
    expected = networks.loss(networks.noisy(scaled), true) + share * networks.divergence()
    torch.testing.assert_close(networks.objective(scaled, true), expected)
    assert not torch.allclose(networks.noisy(scaled), networks(scaled))


def test_replayed_steps_are_the_eager_ones(monkeypatch):
    """The noise stays where a recorded step finds it, also after a smaller last batch."""
    plain = fit("bayesian", range(3))
    eager = run.eager_step
    monkeypatch.setattr(
        run, "make_step", lambda *a: run.ReplayedStep(eager(*a), lambda function: function)
    )
    replayed = fit("bayesian", range(3))
    assert replayed.fits == plain.fits
    assert torch.equal(replayed.networks.weights[2], plain.networks.weights[2])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
@pytest.mark.parametrize("kind", ["mixture", "bayesian"])
def test_a_gpus_graphs_do_what_its_eager_steps_do(kind, monkeypatch):
    graphed = fit(kind, range(5), device="cuda")
    monkeypatch.setattr(run, "make_step", run.eager_step)
    eager = fit(kind, range(5), device="cuda")
    for ours, others in zip(graphed.networks.weights, eager.networks.weights, strict=True):
        torch.testing.assert_close(ours, others, rtol=0, atol=1e-8)


def test_point_networks_need_no_chance():
    networks = StackedNetworks.from_seeds(3, [0])
    networks.renew(generators([0]), 10)
    assert networks.loss(torch.zeros(1, 4), torch.zeros(4)).tolist() == [0.0]
