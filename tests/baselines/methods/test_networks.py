"""The networks as plug-ins: a seed is the network that training alone gives."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark.tables import Sample
from transferz.baselines.methods import networks
from transferz.baselines.networks import training
from transferz.baselines.networks.ensemble import load_ensemble
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
    """Short trainings; those of a distribution end anywhere unless their steps are small."""
    small = dataclasses.replace(SHORT, learning_rate=1e-3)
    for kind in METHODS:
        monkeypatch.setattr(kind, "schedule", small if kind in METHODS[4:] else SHORT)
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
    # Over eight seeds each: 0.04 for point networks, 0.06 to 0.15 for those of distributions.
    trivial = score(np.full(200, np.median(train["redshift"])), unseen["redshift"])["rmse"]
    assert score(second, unseen["redshift"])["rmse"] < 0.4 * trivial


@pytest.mark.parametrize("kind", METHODS)
def test_a_seed_repeats(kind, short, monkeypatch):
    for holder in (kind, networks):
        name = "PAPER" if holder is networks else "schedule"
        monkeypatch.setattr(holder, name, dataclasses.replace(SHORT, max_epochs=2))
    first, again = (kind().fit(*sets(kind), seed=1).predict(table(9, 2)) for _ in range(2))
    assert np.array_equal(first.point, again.point)


NOISE = 0.2


def noisy(count, seed):
    """Redshifts with noise that no method can foresee: it is wider than what training leaves."""
    rows = table(count, seed)
    noise = np.random.default_rng(seed + 100).normal(0, NOISE, count)
    return rows.assign(redshift=0.5 + rows["redshift"] + noise)


@pytest.mark.parametrize("kind", METHODS[4:])
def test_widths_are_those_of_the_labels_noise(kind, short):
    """The mean of three seeds, whose coverage scatters by 0.04 and CRPS by 2 %."""
    unseen = noisy(2000, 30)
    redshift = unseen["redshift"].to_numpy()
    coverage, crps = [], []
    for fitted in kind().fit_seeds(noisy(600, 0), noisy(150, 1), seeds=range(3)):
        forecast = fitted.predict(unseen[BANDS])
        scores = per_galaxy(forecast.distribution, redshift)
        coverage.append(np.mean((scores["low_68"] <= redshift) & (redshift <= scores["high_68"])))
        crps.append(np.mean(scores["crps"]))
    assert np.mean(coverage) == pytest.approx(0.68, abs=0.15)
    least = NOISE / np.sqrt(np.pi)  # of a forecast that knows all but the noise
    assert 0.95 * least < np.mean(crps) < 1.15 * least


def test_a_networks_seed_is_transferz_trains(short):
    train, validation = sets(networks.NNBase)
    ours = networks.NNBase().fit_seeds(train, validation, seeds=range(3))[2]
    samples = [Sample(one[BANDS].to_numpy(), one["redshift"].to_numpy()) for one in sets(None)]
    theirs = training.train(*samples, seeds=range(3), schedule=SHORT)
    unseen = table(50, 7)
    expected = theirs.take([2]).predict(unseen[BANDS].to_numpy())[0]
    assert np.array_equal(ours.predict(unseen[BANDS]).point, expected)


def test_what_was_kept_of_mixtures_forecasts_as_the_method_did(monkeypatch, tmp_path):
    kind = networks.MixtureDensityNetwork
    monkeypatch.setattr(kind, "schedule", dataclasses.replace(SHORT, max_epochs=2))
    fitted = kind().fit_seeds(*sets(kind), seeds=[4, 1])
    kind.keep(fitted, bands=BANDS, source={}).write(tmp_path)
    model, unseen = load_ensemble(tmp_path), table(50, 7)
    assert model.provenance["method"] == "mixture_density"
    found = model.ensemble.mixtures(unseen[BANDS].to_numpy())
    for method, mixture in zip(fitted, found, strict=True):
        wanted = method.predict(unseen[BANDS])
        np.testing.assert_allclose(mixture.means, wanted.distribution.means, rtol=1e-5)
        np.testing.assert_allclose(mixture.sigmas, wanted.distribution.sigmas, rtol=1e-5)


def test_transfer_learning_needs_both_sets(short):
    with pytest.raises(InputError, match=r"of two, found transferz; give train=label\+spec"):
        networks.NNTL().fit(table(60, 0, "transferz"), table(60, 1, "transferz"), seed=0)


def test_another_tables_bands_are_refused(short):
    method = networks.NNSpec().fit(table(60, 0), table(60, 1), seed=0)
    with pytest.raises(InputError, match="lacks g_mag"):
        method.predict(table(5, 2)[BANDS[1:]])
