"""The training loop: its loss, its scaling, when it stops, what it keeps."""

import numpy as np
import pytest
import torch

from transferz.baselines import metrics
from transferz.baselines.tables import Sample
from transferz.baselines.training import Scaler, Schedule, forecast, tanaka_loss, train
from transferz.schemas import InputError

QUICK = Schedule(learning_rate=2e-3, batch_size=50, max_epochs=40, patience=5)


def sample(count, seed):
    """Three bands whose colours follow redshift, with little noise."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.1, 1.5, count)
    colours = redshift[:, None] * [1.0, 0.0, -0.5] + rng.normal(22.0, 0.5, (count, 1))
    return Sample(colours + rng.normal(0, 0.01, (count, 3)), redshift)


@pytest.fixture(scope="module")
def trained():
    losses = []
    network = train(
        sample(600, 0),
        sample(200, 1),
        seed=0,
        schedule=QUICK,
        progress=lambda epoch, loss, best: losses.append(loss),
    )
    return network, losses


def test_the_loss_is_the_metric():
    predicted, true = torch.rand(50, dtype=torch.float64), torch.rand(50, dtype=torch.float64)
    dz = metrics.normalised_error(predicted, true)
    assert tanaka_loss(predicted, true).item() == pytest.approx(float(metrics.loss(dz)))


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
    network, _ = trained
    test = sample(300, 2)
    scores = metrics.score(network.predict(test.magnitudes), test.redshift)
    assert scores["scatter"] < 0.05
    assert scores["outlier_rate"] < 0.05
    untrained = metrics.score(np.full(300, test.redshift.mean()), test.redshift)
    assert scores["rmse"] < 0.25 * untrained["rmse"]


def test_the_best_weights_are_kept_and_patience_ends_it(trained):
    network, losses = trained
    assert network.epochs == len(losses) <= QUICK.max_epochs
    assert network.validation_loss == min(losses) == losses[network.best_epoch - 1]
    if network.epochs < QUICK.max_epochs:
        assert network.epochs - network.best_epoch == QUICK.patience
    validation = sample(200, 1)
    dz = metrics.normalised_error(network.predict(validation.magnitudes), validation.redshift)
    assert float(metrics.loss(dz)) == pytest.approx(network.validation_loss, rel=1e-12)


def test_patience_counts_from_the_best_epoch():
    """Labels without any relation to the magnitudes: validation soon stops improving."""
    rng = np.random.default_rng(5)
    noise = [Sample(rng.normal(22, 1, (120, 3)), rng.uniform(0, 2, 120)) for _ in range(2)]
    losses = []
    schedule = Schedule(learning_rate=5e-3, batch_size=30, max_epochs=300, patience=4)
    network = train(
        *noise, seed=0, schedule=schedule, progress=lambda epoch, loss, best: losses.append(loss)
    )
    assert network.epochs < 300
    assert network.epochs == network.best_epoch + 4
    assert min(losses[network.best_epoch :]) >= network.validation_loss


def test_a_seed_fixes_the_result():
    short = Schedule(max_epochs=3)
    runs = [train(sample(150, 0), sample(50, 1), seed=s, schedule=short) for s in (7, 7, 8)]
    first, again, other = (run.predict(sample(20, 2).magnitudes) for run in runs)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_global_random_state_is_left_alone():
    before = torch.random.get_rng_state()
    train(sample(60, 0), sample(20, 1), seed=0, schedule=Schedule(max_epochs=1))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_forecasts_in_chunks_are_the_forecasts(trained, monkeypatch):
    network, _ = trained
    scaled = network.scaler(sample(101, 3).magnitudes)
    whole = forecast(network.network, scaled)
    monkeypatch.setattr("transferz.baselines.training.CHUNK_ROWS", 10)
    assert whole.dtype == torch.float64
    torch.testing.assert_close(forecast(network.network, scaled), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore:overflow encountered in cast")
def test_what_can_not_be_trained_on_is_refused():
    good, flat = sample(30, 0), sample(30, 1)
    flat.magnitudes[:, 1] = 21.5
    with pytest.raises(InputError, match=r"band number 2 .* 21\.5"):
        train(flat, good, seed=0)
    with pytest.raises(InputError, match="at least one"):
        train(good, good.take(np.zeros(30, bool)), seed=0)
    absurd = sample(30, 2)
    absurd.magnitudes[:] = 1e300
    with pytest.raises(InputError, match="no validation loss was finite"):
        train(good, absurd, seed=0, schedule=Schedule(max_epochs=2))
