"""The networks of transferz as an informer and an estimator.

`TransferzInformer` trains several networks at once, with transferz's own trainer: the mixture
density network, or the photometry network of Soriano et al. 2024 (arXiv:2411.18054). The model is
the content of a file that ``transferz predict`` reads too, as bytes.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import qp
from ceci.config import StageParameter as Param
from rail.core.common_params import SharedParams
from rail.estimation.estimator import CatEstimator
from rail.estimation.informer import CatInformer

from transferz.baselines.methods.networks import MixtureDensityNetwork, NNBase
from transferz.baselines.networks import MODEL_FILE
from transferz.baselines.networks.ensemble import Ensemble, ensemble_bytes, load_ensemble
from transferz.baselines.networks.training import PAPER, Schedule
from transferz.baselines.scores.metrics import score
from transferz.baselines.scores.probability import GaussianMixture

NETWORKS = {"mixture_density": MixtureDensityNetwork, "photometry": NNBase}
WIDTH = "width"
"""In a model's notes: the scatter on galaxies that were held out, in units of 1 + z."""

PHOTOMETRY = ("bands", "nondetect_val", "mag_limits")


class TransferzInformer(CatInformer):
    """Train the networks of transferz.

    Part of the galaxies is held out: training of a network ends when it no longer gets better on
    those. A photometry network forecasts a redshift; the width of its Gaussians is the scatter on
    those galaxies (1.4826 MAD of dz / (1 + z)).
    """

    name = "TransferzInformer"
    entrypoint_function = "inform"
    config_options = CatInformer.config_options.copy()
    config_options.update(
        {name: SharedParams.copy_param(name) for name in (*PHOTOMETRY, "redshift_col")},
        network=Param(str, "mixture_density", msg="mixture_density or photometry"),
        n_networks=Param(int, 5, msg="networks of other initial weights, which are averaged"),
        seed=Param(int, 0, msg="seed of the first network, and of which galaxies are held out"),
        train_frac=Param(float, 0.75, msg="share of galaxies that is not held out"),
        learning_rate=Param(float, PAPER.learning_rate, msg="of Adam"),
        batch_size=Param(int, PAPER.batch_size, msg="galaxies of a step"),
        max_epochs=Param(int, PAPER.max_epochs, msg="epochs at most"),
        patience=Param(int, PAPER.patience, msg="epochs without a gain after which training ends"),
    )

    def run(self) -> None:
        """Train, and hand over the model."""
        config, group = self.config, self.config.hdf5_groupname
        if config.network not in NETWORKS:
            raise ValueError(f"network: expected {' or '.join(NETWORKS)}, found {config.network}")
        data = self.get_data("input")[group] if group else self.get_data("input")
        table = _magnitudes(data, config).assign(redshift=np.asarray(data[config.redshift_col]))
        order = np.random.default_rng(config.seed).permutation(len(table))
        kept = round(config.train_frac * len(table))
        training, held_out = (table.iloc[rows] for rows in (order[:kept], order[kept:]))
        schedule = Schedule(
            config.learning_rate, config.batch_size, config.max_epochs, config.patience
        )
        seeds = range(config.seed, config.seed + config.n_networks)
        method = NETWORKS[config.network](schedule=schedule)
        networks = method.fit_seeds(training, held_out, seeds=seeds)[0].whole
        point = networks.predict(held_out[_columns(config)].to_numpy()).mean(axis=0)
        width = float(score(point, held_out["redshift"].to_numpy(), ["scatter"])["scatter"])
        notes = {"method": method.key, WIDTH: width}
        self.model = ensemble_bytes(networks, config.bands, notes)
        self.add_data("model", self.model)


class TransferzEstimator(CatEstimator):
    """Forecast with the networks that `TransferzInformer` trained.

    Mixtures of all networks together (``mixmod``), or Gaussians about their mean (``norm``). The
    ancillary ``zmode`` is the mode on the grid of redshifts, or that mean.
    """

    name = "TransferzEstimator"
    entrypoint_function = "estimate"
    config_options = CatEstimator.config_options.copy()
    config_options.update({name: SharedParams.copy_param(name) for name in PHOTOMETRY})
    networks: Ensemble
    width: float

    def open_model(self, **kwargs: Any) -> None:
        """Read the model; an `InputError` of transferz's where it is damaged."""
        CatEstimator.open_model(self, **kwargs)
        if self.model is None:
            return
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / MODEL_FILE
            path.write_bytes(self.model)
            model = load_ensemble(path)
        if list(model.bands) != list(self.config.bands):
            raise ValueError(f"bands: the model has {model.bands}, found {self.config.bands}")
        self.networks, self.width = model.ensemble, model.provenance[WIDTH]

    def _process_chunk(self, start: int, end: int, data: Any, first: bool) -> None:
        magnitudes = _magnitudes(data, self.config).to_numpy()
        if self.networks.has_densities:
            whole = GaussianMixture.pooled(self.networks.mixtures(magnitudes))
            parts = {"weights": whole.weights, "means": whole.means, "stds": whole.sigmas}
            forecasts = qp.Ensemble(qp.mixmod, data=parts)
            grid = np.linspace(self.config.zmin, self.config.zmax, self.config.nzbins)
            mode = forecasts.mode(grid=grid)
        else:
            mode = self.networks.predict(magnitudes).mean(axis=0)[:, None]
            scale = self.width * (1.0 + np.maximum(mode, 0.0))
            forecasts = qp.Ensemble(qp.stats.norm, data={"loc": mode, "scale": scale})
        forecasts.set_ancil({"zmode": mode})
        self._do_chunk_output(forecasts, start, end, first, data=data)


def _columns(config: Any) -> list[str]:
    """Return what transferz calls the bands: its methods know magnitudes by how names end."""
    return [f"{band}_mag" for band in config.bands]


def _magnitudes(data: Any, config: Any) -> pd.DataFrame:
    """Return magnitudes, where a non-detection is the band's limit, as RAIL's stages have it."""

    def detected(band: str) -> npt.NDArray[np.float64]:
        values = np.array(data[band], np.float64)
        absent = np.isnan(values) | np.isclose(values, config.nondetect_val)
        if absent.any():
            values[absent] = config.mag_limits[band]
        return values

    return pd.DataFrame(dict(zip(_columns(config), map(detected, config.bands), strict=True)))
