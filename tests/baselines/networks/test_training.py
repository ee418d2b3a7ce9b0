"""The training loop: all seeds at once as each alone, when they stop, what they keep."""

import dataclasses
from dataclasses import astuple

import numpy as np
import pytest
import torch
from training_reference import single, train_alone

from transferz.baselines.benchmark.tables import Sample
from transferz.baselines.networks import ensemble as ensembles
from transferz.baselines.networks import training as run
from transferz.baselines.networks.ensemble import Scaler
from transferz.baselines.networks.environment import find_device
from transferz.baselines.networks.network import StackedNetworks, tanaka_loss
from transferz.baselines.networks.training import Schedule, train
from transferz.baselines.scores import metrics
from transferz.schemas import InputError, ParameterError

QUICK = Schedule(learning_rate=2e-3, batch_size=50, max_epochs=40, patience=5)
STOPPING = Schedule(learning_rate=5e-3, batch_size=40, max_epochs=30, patience=2)


def sample(count, seed):
    """Three bands whose colours follow redshift, with little noise."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.1, 1.5, count)
    colours = redshift[:, None] * [1.0, 0.0, -0.5] + rng.normal(22.0, 0.5, (count, 1))
    return Sample(colours + rng.normal(0, 0.01, (count, 3)), redshift)


def noise(count, seed):
    """Labels without any relation to the magnitudes: validation soon stops improving."""
    rng = np.random.default_rng(seed)
    return Sample(rng.normal(22, 1, (count, 3)), rng.uniform(0, 2, count))


def tensors(galaxies, scaler, dtype):
    return scaler(galaxies.magnitudes, dtype), torch.from_numpy(galaxies.redshift).to(dtype)


def same_fits(first, second):
    """The same epochs; the losses but for what the order of sums does in float64."""
    for one, other in zip(first.fits, second.fits, strict=True):
        assert one == dataclasses.replace(other, validation_loss=one.validation_loss)
        assert one.validation_loss == pytest.approx(other.validation_loss, abs=1e-12)


@pytest.fixture(scope="module")
def trained():
    seen = []
    ensemble = train(
        sample(600, 0), sample(200, 1), seeds=[0], schedule=QUICK, progress=seen.append
    )
    return ensemble, seen


def test_the_loss_is_the_metric():
    predicted, true = torch.rand(3, 50, dtype=torch.float64), torch.rand(50, dtype=torch.float64)
    dz = metrics.normalised_error(predicted, true)
    np.testing.assert_allclose(tanaka_loss(predicted, true), metrics.loss(dz))


def test_scaling_maps_the_training_range_to_0_1():
    magnitudes = sample(100, 0).magnitudes
    scaler = Scaler.of(magnitudes)
    scaled = scaler(magnitudes)
    assert scaled.dtype == torch.float32
    assert scaled.min(dim=0).values.tolist() == [0, 0, 0]
    assert scaled.max(dim=0).values.tolist() == [1, 1, 1]
    beyond = scaler(scaler.maximum[None] + (scaler.maximum - scaler.minimum))
    torch.testing.assert_close(beyond, torch.full((1, 3), 2.0))


def test_it_learns(trained):
    ensemble, _ = trained
    test = sample(300, 2)
    scores = metrics.score(ensemble.predict(test.magnitudes)[0], test.redshift)
    assert scores["scatter"] < 0.05
    assert scores["outlier_rate"] < 0.05
    untrained = metrics.score(np.full(300, test.redshift.mean()), test.redshift)
    assert scores["rmse"] < 0.25 * untrained["rmse"]


@pytest.mark.parametrize("frozen", [(), (1, 2)])
@pytest.mark.parametrize("kind", [sample, noise])
def test_all_at_once_is_each_alone_in_float64(kind, frozen):
    """Over whole runs with early stops, at different epochs, and a last batch that is smaller."""
    training, validation, dtype = kind(230, 0), kind(90, 1), torch.float64
    start = train(training, validation, seeds=range(6), schedule=Schedule(max_epochs=1))
    schedule = Schedule(STOPPING.learning_rate, 40, 30, 2, frozen)
    together = train(
        training,
        validation,
        seeds=range(6),
        schedule=schedule,
        start=start if frozen else None,
        dtype=dtype,
    )
    stops = {fit.epochs for fit in together.fits}
    assert len(stops) > 1
    assert min(stops) < schedule.max_epochs
    sets = [tensors(one, together.scaler, dtype) for one in (training, validation)]
    for position, fit in enumerate(together.fits):
        network = single(start.networks, fit.seed).to(dtype) if frozen else None
        for layer in (network.layers[one - 1] for one in frozen):
            layer.requires_grad_(False)
        alone, losses = train_alone(*sets, fit.seed, schedule, network, adam_of_the_unfrozen)
        assert (fit.epochs, fit.best_epoch) == (len(losses), 1 + int(np.argmin(losses)))
        assert fit.validation_loss == pytest.approx(min(losses), abs=1e-12)
        ours = single(together.networks, position).state_dict()
        for name, value in alone.state_dict().items():
            torch.testing.assert_close(ours[name], value, rtol=0, atol=1e-8)


def adam_of_the_unfrozen(network, schedule):
    weights = [one for one in network.parameters() if one.requires_grad]
    return torch.optim.Adam(weights, lr=schedule.learning_rate)


def test_float32_agrees_with_each_alone_in_distribution():
    training, validation = sample(400, 0), sample(150, 1)
    schedule = Schedule(2e-3, 50, 25, 6)
    together = train(training, validation, seeds=range(6), schedule=schedule)
    sets = [tensors(one, together.scaler, torch.float32) for one in (training, validation)]
    alone = [min(train_alone(*sets, seed, schedule)[1]) for seed in range(6)]
    found = [fit.validation_loss for fit in together.fits]
    error = np.hypot(np.std(alone, ddof=1), np.std(found, ddof=1)) / np.sqrt(6)
    assert np.mean(found) == pytest.approx(np.mean(alone), abs=3 * error)
    assert np.std(found) == pytest.approx(np.std(alone), rel=1.0)


def test_a_seed_is_the_same_in_any_company():
    sets = noise(120, 0), noise(60, 1)
    many = train(*sets, seeds=[3, 8, 5, 1], schedule=STOPPING, dtype=torch.float64)
    few = train(*sets, seeds=[5, 3], schedule=STOPPING, dtype=torch.float64)
    assert [fit[:3] for fit in map(astuple, few.fits)] == [
        fit[:3] for fit in map(astuple, many.take([5, 3]).fits)
    ]
    for ours, others in zip(few.networks.weights, many.networks.weights, strict=True):
        torch.testing.assert_close(ours, others[[2, 0]], rtol=0, atol=1e-10)


def test_the_best_weights_are_kept_and_patience_ends_it(trained):
    ensemble, seen = trained
    (fit,) = ensemble.fits
    losses = [one.loss for one in seen]
    assert fit.epochs == len(losses) <= QUICK.max_epochs
    assert fit.validation_loss == min(losses) == losses[fit.best_epoch - 1]
    if fit.epochs < QUICK.max_epochs:
        assert fit.epochs - fit.best_epoch == QUICK.patience
    validation = sample(200, 1)
    predicted = ensemble.predict(validation.magnitudes)
    dz = metrics.normalised_error(predicted, validation.redshift)
    # Training and forecasts add the same products up in another order.
    assert float(metrics.loss(dz)[0]) == pytest.approx(fit.validation_loss, rel=1e-5)


def test_finished_seeds_leave_the_batch(monkeypatch):
    """The work of an epoch follows the number of seeds that are still training."""
    sizes, seen = [], []
    real = run.eager_step

    def counting(networks, *rest):
        step = real(networks, *rest)

        def counted(rows):
            sizes.append(len(networks))
            assert len(rows) == len(networks)
            step(rows)

        return counted

    monkeypatch.setattr(run, "eager_step", counting)
    train(noise(120, 0), noise(60, 1), seeds=range(5), schedule=STOPPING, progress=seen.append)
    per_epoch = sizes[:: -(-120 // STOPPING.batch_size)]
    still = [5, *(one.training for one in seen)]
    assert per_epoch == still[:-1]
    assert len(set(per_epoch)) > 1
    assert [one.seeds for one in seen] == [5] * len(seen)
    assert all(one.seconds_left >= 0 for one in seen)


def test_seeds_kept_in_the_batch_after_their_end_do_not_change(monkeypatch):
    """As on a GPU, where a few finished seeds are carried along."""
    sets = noise(120, 0), noise(60, 1)
    plain = train(*sets, seeds=range(5), schedule=STOPPING, dtype=torch.float64)
    monkeypatch.setattr(run.TrainingRun, "_least_finished", lambda self: 3)
    carried = train(*sets, seeds=range(5), schedule=STOPPING, dtype=torch.float64)
    same_fits(carried, plain)
    for ours, others in zip(carried.networks.weights, plain.networks.weights, strict=True):
        torch.testing.assert_close(ours, others, rtol=0, atol=1e-10)


def test_replayed_steps_are_the_eager_ones(monkeypatch):
    """The bookkeeping of CUDA graphs, with a recording that runs its function again."""
    sets = noise(130, 0), noise(60, 1)
    plain = train(*sets, seeds=range(4), schedule=STOPPING, dtype=torch.float64)
    captured = []

    def capture(function):
        captured.append(function)
        return function

    eager = run.eager_step
    monkeypatch.setattr(run, "make_step", lambda *a: run.ReplayedStep(eager(*a), capture))
    replayed = train(*sets, seeds=range(4), schedule=STOPPING, dtype=torch.float64)
    same_fits(replayed, plain)
    for ours, others in zip(replayed.networks.weights, plain.networks.weights, strict=True):
        torch.testing.assert_close(ours, others, rtol=0, atol=1e-10)
    assert 1 < len(captured) <= 4  # anew when seeds drop out, and then only


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_a_gpus_graphs_do_what_its_eager_steps_do(monkeypatch):
    sets = noise(130, 0), noise(60, 1)
    options = {"seeds": range(9), "schedule": STOPPING, "dtype": torch.float64, "device": "cuda"}
    graphed = train(*sets, **options)
    monkeypatch.setattr(run, "make_step", run.eager_step)
    eager = train(*sets, **options)
    assert [fit.best_epoch for fit in graphed.fits] == [fit.best_epoch for fit in eager.fits]
    for ours, others in zip(graphed.networks.weights, eager.networks.weights, strict=True):
        torch.testing.assert_close(ours, others, rtol=0, atol=1e-8)


def test_a_seed_fixes_the_result():
    short = Schedule(max_epochs=3)
    runs = [train(sample(150, 0), sample(50, 1), seeds=[s], schedule=short) for s in (7, 7, 8)]
    first, again, other = (one.predict(sample(20, 2).magnitudes) for one in runs)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_global_random_state_is_left_alone():
    before = torch.random.get_rng_state()
    train(sample(60, 0), sample(20, 1), seeds=[0], schedule=Schedule(max_epochs=1))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_forecasts_in_chunks_are_the_forecasts(trained, monkeypatch):
    ensemble, _ = trained
    scaled = ensemble.scaler(sample(101, 3).magnitudes)
    whole = ensembles.forecast(ensemble.networks, scaled)
    monkeypatch.setattr(ensembles, "CHUNK_FORECASTS", 10)
    assert whole.dtype == torch.float64
    assert whole.shape == (1, 101)
    chunked = ensembles.forecast(ensemble.networks, scaled)
    torch.testing.assert_close(chunked, whole, rtol=1e-5, atol=1e-6)


def test_fine_tuning_starts_from_each_seeds_own_network_and_keeps_the_scaler():
    base = train(sample(200, 0), sample(80, 1), seeds=range(3), schedule=Schedule(max_epochs=2))
    fainter = sample(200, 2)
    fainter.magnitudes[:] += 1.0
    still = Schedule(learning_rate=1e-30, max_epochs=1)
    tuned = train(fainter, sample(80, 3), seeds=[2, 0], schedule=still, start=base)
    assert tuned.scaler is base.scaler
    assert tuned.seeds == (2, 0)
    for ours, others in zip(tuned.networks.weights, base.networks.weights, strict=True):
        torch.testing.assert_close(ours, others[[2, 0]])
    assert base.networks.weights[0].requires_grad is False


def test_frozen_layers_keep_their_weights():
    base = train(sample(200, 0), sample(80, 1), seeds=range(2), schedule=Schedule(max_epochs=2))
    schedule = Schedule(max_epochs=3, frozen=(1, 3))
    tuned = train(sample(200, 4), sample(80, 5), seeds=range(2), schedule=schedule, start=base)
    same = [
        torch.equal(one, other)
        for one, other in zip(tuned.networks.weights, base.networks.weights, strict=True)
    ]
    assert same == [True, False, True, False, False]


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_what_can_not_be_trained_on_is_refused():
    good, flat = sample(30, 0), sample(30, 1)
    flat.magnitudes[:, 1] = 21.5
    with pytest.raises(InputError, match=r"band number 2 .* 21\.5"):
        train(flat, good, seeds=[0])
    with pytest.raises(InputError, match="at least one"):
        train(good, good.take(np.zeros(30, bool)), seeds=[0])
    absurd = sample(30, 2)
    absurd.magnitudes[:] = 1e300
    with pytest.raises(InputError, match="no validation loss was finite"):
        train(good, absurd, seeds=[0], schedule=Schedule(max_epochs=2))
    base = train(good, good, seeds=[0], schedule=Schedule(max_epochs=1))
    with pytest.raises(ParameterError, match=r"1 seeds, 0 to 0, and none for seed 1"):
        train(good, good, seeds=[0, 1], start=base)
    four = Sample(np.column_stack([good.magnitudes, good.magnitudes[:, 0]]), good.redshift)
    with pytest.raises(ParameterError, match="takes 3 bands, the table gives 4"):
        train(four, four, seeds=[0], start=base)
    with pytest.raises(ParameterError, match="no layer 6 to freeze"):
        train(good, good, seeds=[0], schedule=Schedule(frozen=(6,)))
    with pytest.raises(ParameterError, match="all 5 layers are frozen"):
        train(good, good, seeds=[0], schedule=Schedule(frozen=(1, 2, 3, 4, 5)))


def test_devices():
    assert find_device("cpu") == torch.device("cpu")
    assert find_device("auto").type in ("cpu", "cuda")
    with pytest.raises(ParameterError, match="no device 'abacus' here"):
        find_device("abacus")


def test_stacked_optimisers_go_on_with_those_that_are_kept():
    networks = StackedNetworks.from_seeds(3, range(3))
    optimiser = run.make_optimiser(networks, 1e-3)
    features, labels = torch.rand(20, 3), torch.rand(20)
    step = run.make_step(networks, optimiser, features, labels)
    step(torch.arange(20).expand(3, 20))
    rows = torch.tensor([2])
    kept = networks.take(rows)
    taken = run.take_optimiser(optimiser, kept, rows)
    for old, new in zip(networks.parameters(), kept.parameters(), strict=True):
        assert torch.equal(optimiser.state[old]["exp_avg"][2:], taken.state[new]["exp_avg"])
        assert taken.state[new]["step"] == 1
