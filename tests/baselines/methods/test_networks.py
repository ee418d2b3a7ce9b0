"""The networks as plug-ins: a seed is the network that training alone gives."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark.samples import Sample
from transferz.baselines.methods import networks
from transferz.baselines.networks import training
from transferz.baselines.networks.training import Schedule
from transferz.baselines.scores.metrics import score
from transferz.baselines.scores.probability import per_galaxy
from transferz.schemas import InputError

BANDS = ["g_mag", "r_mag", "i_mag"]
SHORT = Schedule(learning_rate=3e-3, batch_size=50, max_epochs=25, patience=25)
METHODS = (
    networks.NNBase,
    networks.NNTL,
    networks.NNCombo,
    networks.NNSpec,
    networks.MixtureDensityNetwork,
    networks.BayesianNetwork,
)


def table(count, seed, config="combo"):
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.1, 1.5, count)
    colours = redshift[:, None] * [1.0, 0.0, -0.5] + rng.normal(22.0, 0.5, (count, 1))
    magnitudes = colours + rng.normal(0, 0.02, (count, 3))
    return pd.DataFrame(magnitudes, columns=BANDS).assign(redshift=redshift, config=config)


@pytest.fixture
def short(monkeypatch):
    for kind in METHODS:
        monkeypatch.setattr(kind, "schedule", SHORT)
    monkeypatch.setattr(networks, "PAPER", SHORT)


def both(rows, seed):
    return pd.concat([table(rows, seed, "transferz"), table(rows, seed + 1, "galaxiesml")])


def sets(kind):
    make = both if kind is networks.NNTL else table
    return make(400, 0), make(150, 10)


@pytest.mark.parametrize("kind", METHODS)
def test_each_beats_the_median(kind, short):
    train, validation = sets(kind)
    unseen = table(200, 20)
    fitted = kind().fit_seeds(train, validation, seeds=[4, 1])
    first, second = (method.predict(unseen[BANDS]).point for method in fitted)
    assert not np.array_equal(first, second)
    trivial = score(np.full(200, np.median(train["redshift"])), unseen["redshift"])["rmse"]
    assert score(second, unseen["redshift"])["rmse"] < 0.4 * trivial


@pytest.mark.parametrize("kind", METHODS)
def test_a_seed_repeats(kind, short, monkeypatch):
    for holder in (kind, networks):
        name = "PAPER" if holder is networks else "schedule"
        monkeypatch.setattr(holder, name, replace(SHORT, max_epochs=2))
    first, again = (kind().fit(*sets(kind), seed=1).predict(table(9, 2)) for _ in range(2))
    assert np.array_equal(first.point, again.point)


@pytest.mark.parametrize("kind", METHODS[4:])
def test_widths_are_about_right(kind, short):
    unseen = table(2000, 30)
    forecast = kind().fit(table(1000, 0), table(150, 1), seed=0).predict(unseen[BANDS])
    found = per_galaxy(forecast.distribution, unseen["redshift"].to_numpy())
    inside = (found["low_68"] <= unseen["redshift"]) & (unseen["redshift"] <= found["high_68"])
    assert 0.5 < inside.mean() < 0.97  # so short a training leaves the widths too large
    assert np.isfinite(found["crps"]).all()


def test_a_networks_seed_is_transferz_trains(short):
    train, validation = sets(networks.NNBase)
    ours = networks.NNBase().fit_seeds(train, validation, seeds=range(3))[2]
    samples = [Sample(one[BANDS].to_numpy(), one["redshift"].to_numpy()) for one in sets(None)]
    theirs = training.train(*samples, seeds=range(3), schedule=SHORT)
    unseen = table(50, 7)
    expected = theirs.take([2]).predict(unseen[BANDS].to_numpy())[0]
    assert np.array_equal(ours.predict(unseen[BANDS]).point, expected)


def test_transfer_learning_needs_both_sets(short):
    with pytest.raises(InputError, match=r"with galaxiesml.*--train transferz\+galaxiesml"):
        networks.NNTL().fit(table(60, 0, "transferz"), table(60, 1, "transferz"), seed=0)


def test_another_tables_bands_are_refused(short):
    method = networks.NNSpec().fit(table(60, 0), table(60, 1), seed=0)
    with pytest.raises(InputError, match="lacks g_mag"):
        method.predict(table(5, 2)[BANDS[1:]])
