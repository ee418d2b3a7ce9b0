"""The networks as plug-ins: a seed is the network that training alone gives."""

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark.samples import Sample
from transferz.baselines.methods import networks
from transferz.baselines.methods import networks as bayesian
from transferz.baselines.methods import networks as mixture_density
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
    mixture_density.MixtureDensityNetwork,
    bayesian.BayesianNetwork,
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
def test_each_beats_the_median_and_a_seed_repeats(kind, short):
    train, validation = sets(kind)
    first, second = kind().fit_seeds(train, validation, seeds=[4, 1])
    alone = kind().fit(train, validation, seed=1)
    unseen = table(200, 20)
    points = [one.predict(unseen[BANDS]).point for one in (first, second, alone)]
    assert not np.array_equal(points[0], points[1])
    trivial = score(np.full(200, np.median(train["redshift"])), unseen["redshift"])["rmse"]
    assert score(points[1], unseen["redshift"])["rmse"] < 0.4 * trivial
    again = kind().fit(train, validation, seed=1).predict(unseen[BANDS])
    assert np.array_equal(again.point, points[2])


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
