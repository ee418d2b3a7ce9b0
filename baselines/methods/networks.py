"""Forecast with networks: the paper's NN-Base, NN-TL, NN-Combo, NN-Spec, a mixture, a Bayesian one.

All seeds are trained at once. `transferz train` trains the same classes with a schedule, a device
or a model to start from of the user's choice, which are arguments of their constructors.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
import pandas as pd
import torch

from transferz.baselines.benchmark.loading import Kept
from transferz.baselines.benchmark.tables import CONFIG, Sample, band_columns
from transferz.baselines.methods import METHODS
from transferz.baselines.methods.common import labels, require_bands
from transferz.baselines.networks import MODEL_FILE
from transferz.baselines.networks.ensemble import Ensemble, Floats, Model, ensemble_bytes
from transferz.baselines.networks.environment import Epoch, default_threads, find_device
from transferz.baselines.networks.network import (
    COMPONENTS,
    BayesianNetworks,
    MixtureNetworks,
    StackedNetworks,
    components,
)
from transferz.baselines.networks.training import PAPER, Make, Schedule, train
from transferz.baselines.scores.probability import GaussianMixture, Prediction
from transferz.schemas.errors import InputError
from transferz.schemas.survey.release import CONFIGS

Progress = Callable[[Epoch], None]

PAPERS = "Soriano et al. 2024, arXiv:2411.18054"
FOLLOW_UP = "arXiv:2601.17222"

DRAWS = 32
"""Of the weights, for a forecast (our choice)."""


class NetworkMethod:
    """A method that trains networks, all seeds at once; a GPU is used where there is one.

    The schedule is by default the method's own, the device ``cpu``, ``cuda``, ... or ``auto``, CPU
    threads those of `default_threads`. With `tf32` a GPU may round the factors of matrix products.
    `show` takes what is being trained and returns a context with what is called after each epoch,
    or None; `transferz.baselines.networks.environment.epoch_line` is one.

    Once trained, `ensemble` is one seed's network, `whole` those of all seeds that were trained
    together, and `bands` their columns of magnitudes.
    """

    name: str
    train = ""  # all that there is
    version = "1"
    trial = False  # it would take as many epochs
    shows_epochs = True  # it takes `show`
    schedule = PAPER
    ensemble: Ensemble
    whole: Ensemble
    bands: list[str]

    def __init__(
        self,
        *,
        schedule: Schedule | None = None,
        device: str = "auto",
        threads: int | None = None,
        tf32: bool = False,
        show: Callable[[str], AbstractContextManager[Progress | None]] | None = None,
    ) -> None:
        if schedule:
            self.schedule = schedule
        self.device, self.threads, self.tf32 = device, threads, tf32
        self.show = show or (lambda title: nullcontext())

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> Self:
        """Train one seed's network."""
        (fitted,) = self.fit_seeds(train, validation, seeds=[seed])
        self.ensemble, self.whole = fitted.ensemble, fitted.whole
        return self

    def fit_seeds(
        self, train: pd.DataFrame, validation: pd.DataFrame, *, seeds: Sequence[int]
    ) -> list[Self]:
        """Train a network per seed; returns a method for each."""
        self.bands = band_columns(train)
        whole = self.train_seeds(train, validation, seeds)
        methods = [copy(self) for _ in seeds]
        for method, seed in zip(methods, seeds, strict=True):
            method.whole, method.ensemble = whole, whole.take([seed])
        return methods

    def train_seeds(
        self, training: pd.DataFrame, validation: pd.DataFrame, seeds: Sequence[int]
    ) -> Ensemble:
        """Train all seeds' networks."""
        return self._train(training, validation, seeds, self.schedule)

    def maker(self, galaxies: int) -> Make:
        """Return what makes new networks for a training set of so many galaxies."""
        return StackedNetworks.from_seeds

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a redshift per galaxy."""
        return Prediction(self.ensemble.predict(self._magnitudes(table))[0])

    def _train(
        self,
        training: pd.DataFrame,
        validation: pd.DataFrame,
        seeds: Sequence[int],
        schedule: Schedule,
        start: Ensemble | None = None,
        title: str = "",
    ) -> Ensemble:
        torch.set_num_threads(self.threads or default_threads())
        torch.set_float32_matmul_precision("high" if self.tf32 else "highest")
        sets = [Sample(self._magnitudes(table), labels(table)) for table in (training, validation)]
        with self.show(title or self.name) as progress:
            return train(
                *sets,
                seeds=seeds,
                schedule=schedule,
                start=start,
                make=self.maker(len(training)),
                device=find_device(self.device),
                progress=progress,
            )

    def _magnitudes(self, table: pd.DataFrame) -> Floats:
        require_bands(table, self.bands, f"it was trained on {', '.join(self.bands)}")
        return table[self.bands].to_numpy("float64")

    def _scaled(self, table: pd.DataFrame) -> torch.Tensor:
        """Return what the networks take, shape (N, B)."""
        return self.ensemble.scaled(self._magnitudes(table))


class KeptMethod(NetworkMethod):
    """A method whose model can be kept and applied to tables.

    It is called `key` in a model's file; `origin` tells, once trained, what the networks were that
    training started from.
    """

    key: str
    origin: dict[str, Any] | None = None

    @classmethod
    def keep(
        cls, fitted: Sequence[Self], *, bands: Sequence[str], source: Mapping[str, Any]
    ) -> Kept:
        """Return the model's file, for `transferz predict`, and how it was trained.

        `fitted` is what `fit_seeds` returned, `bands` what tables to forecast call the magnitudes,
        `source` what was learned from.
        """
        first = fitted[0]  # all hold the same
        facts = {"schedule": asdict(first.schedule), "start": first.origin, "tf32": first.tf32}
        provenance = {"method": cls.key, "source": dict(source)} | facts
        spans = {}
        for name in ("epochs", "best_epoch", "validation_loss"):
            values = [float(getattr(fit, name)) for fit in first.whole.fits]
            mean = sum(values) / len(values)
            spans[name] = {"mean": mean, "min": min(values), "max": max(values)}
        start = _start_facts(first.origin) if first.origin else None
        written = find_spec("safetensors") is not None
        model = ensemble_bytes(first.whole, bands, provenance) if written else b""
        return Kept(facts | {"start": start} | spans, MODEL_FILE, model)


def _start_facts(origin: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an entry says of a model that was fine-tuned."""
    source, learned = origin.get("source", {}), None
    if table := source.get("table"):
        learned = {table["file"]: table["sha256"]}
    elif release := source.get("release"):
        parts = release["content"].items()
        learned = {
            f"{config}/{split}": held for config, part in parts for split, held in part.items()
        }
    return {"method": origin["method"], "schedule": origin["schedule"], "learned": learned}


class PhotometryMethod(KeptMethod):
    """A method of the paper's."""

    description: str

    @classmethod
    def describe_for(cls, task: Any) -> dict[str, str]:
        """Say what it was trained on, where that is no release with the paper's configs."""
        if set(getattr(task.data, "content", ())) <= set(CONFIGS):
            return {}
        trained, learned = cls.description.split(" on ")[0], task.learned.set.split("+")[-1]
        return {"description": f"{trained} on {learned}"}


class NNBase(PhotometryMethod):
    """NN-Base: learns from redshifts measured with many bands, TransferZ's say."""

    key = "nn_base"
    name = METHODS["nn_base"].title
    train = METHODS["nn_base"].role
    citation = PAPERS
    description = "The photometry network, trained on TransferZ"


class NNCombo(PhotometryMethod):
    """NN-Combo: learns from the union of both kinds of redshift."""

    key = "nn_combo"
    name = METHODS["nn_combo"].title
    train = METHODS["nn_combo"].role
    citation = PAPERS
    description = "The photometry network, trained on TransferZ and GalaxiesML together"


class NNSpec(PhotometryMethod):
    """NN-Spec: learns from spectroscopic redshifts only."""

    key = "nn_spec"
    name = METHODS["nn_spec"].title
    train = METHODS["nn_spec"].role
    citation = FOLLOW_UP
    description = "The photometry network, trained on GalaxiesML"


class NNTL(PhotometryMethod):
    """NN-TL: NN-Base, fine-tuned on spectroscopic redshifts.

    It starts from `start`, NN-Base with as many seeds; by default that is trained first, on the
    first of the two configs in the training set, with this schedule at the paper's learning rate.
    It goes on with the second, or the only one. Other options are those of `NetworkMethod`.
    """

    key = "nn_tl"
    name = METHODS["nn_tl"].title
    train = f"{METHODS['nn_base'].role}+{METHODS['nn_tl'].role}"
    citation = PAPERS
    description = "NN-Base, fine-tuned on GalaxiesML"
    schedule = replace(
        PAPER,
        learning_rate=METHODS["nn_tl"].learning_rate or PAPER.learning_rate,
        frozen=METHODS["nn_tl"].frozen,
    )

    def __init__(self, *, start: Model | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.start = start

    def train_seeds(
        self, training: pd.DataFrame, validation: pd.DataFrame, seeds: Sequence[int]
    ) -> Ensemble:
        """Train on the first config, unless that is done, then fine-tune on the second.

        An `InputError` where there are not two, and no model to start from was given.
        """
        configs = list(dict.fromkeys(training[CONFIG])) if CONFIG in training else []
        if self.start:
            base, self.origin = self.start.ensemble, self.start.provenance
        else:
            schedule = replace(self.schedule, learning_rate=PAPER.learning_rate, frozen=())
            if len(configs) != len(self.train.split("+")):
                raise InputError(
                    f"{NNTL.name} learns from two configs, one after the other: expected a "
                    f"training set of two, found {', '.join(configs) or 'none'}; give "
                    f"train={NNTL.train}",
                    train="--train ",
                )
            sets = _of_config(training, validation, configs[0])
            base = self._train(*sets, seeds, schedule, title=NNBase.name)
            described = {"config": configs[0], "schedule": asdict(schedule)}
            self.origin = {"method": NNBase.key} | described
        if len(configs) > 1:
            training, validation = _of_config(training, validation, configs[-1])
        return self._train(training, validation, seeds, self.schedule, start=base)


def _of_config(
    training: pd.DataFrame, validation: pd.DataFrame, config: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of a config, of both tables."""
    first, second = (table[table[CONFIG] == config] for table in (training, validation))
    if not len(second):
        raise InputError(f"{NNTL.name}: expected validation galaxies of '{config}', found none")
    return first, second


PHOTOMETRY = {kind.key: kind for kind in (NNBase, NNTL, NNCombo, NNSpec)}
"""The methods by key."""


class MixtureDensityNetwork(KeptMethod):
    """The photometry network with a mixture of Gaussians as output; its median is the point."""

    key = "mixture_density"
    name = "Mixture density network"
    citation = "Bishop 1994, Mixture density networks"
    description = f"The photometry network's layers, {COMPONENTS} Gaussians in redshift as output"

    def maker(self, galaxies: int) -> Make:
        """Return what makes new networks."""
        return MixtureNetworks.from_seeds

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a mixture per galaxy."""
        (mixture,) = self.ensemble.mixtures(self._magnitudes(table))
        return Prediction(mixture.quantiles([0.5])[:, 0], mixture=mixture)


class BayesianNetwork(NetworkMethod):
    """Four layers of 200 units whose weights are distributions, with a Gaussian output.

    The forecast is the mixture of the Gaussians of `DRAWS` draws of the weights, the point its
    mean. Batches are larger than the paper's: on validation sets that cost nothing (our choice).
    """

    name = "Bayesian network"
    citation = "after Jones et al. 2024, arXiv:2306.13179"
    description = f"Variational weights, a Gaussian per draw, {DRAWS} draws of the weights"
    schedule = Schedule(learning_rate=1e-3, batch_size=400)

    def maker(self, galaxies: int) -> Make:
        """Return what makes new networks for a training set of so many galaxies."""
        return BayesianNetworks.maker(galaxies)

    @torch.no_grad()
    def predict(self, table: pd.DataFrame) -> Prediction:
        """Forecast a mixture per galaxy; the draws are fixed by the seed."""
        networks, scaled = self.ensemble.networks, self._scaled(table)
        assert isinstance(networks, BayesianNetworks)  # noqa: S101 (for mypy: the maker's)
        chance = [torch.Generator().manual_seed(self.ensemble.seeds[0])]
        drawn = [networks.draw(chance)(scaled)[0].double() for _ in range(DRAWS)]  # (N, 3)
        _, *parts = components(torch.stack(drawn, dim=1))  # (N, draws, 1)
        means, widths = (part.squeeze(2).cpu().numpy() for part in parts)
        mixture = GaussianMixture(np.full(means.shape, 1.0 / DRAWS), means, widths)
        return Prediction(means.mean(axis=1), mixture=mixture)
