"""An estimator of RAIL as a method: handed a release's tables, and its forecasts read."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.baselines.benchmark import Prediction
from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.benchmark.tables import (
    I_BANDS,
    ID,
    MAGNITUDE_END,
    band_columns,
    error_name,
)
from transferz.baselines.forecasts.qp import read_qp
from transferz.baselines.rail import worker
from transferz.baselines.rail.stages import Stage, Stages, call, working_folder
from transferz.exporting import RAIL_GROUP, rail_names
from transferz.schemas.survey.columns import magnitude_name
from transferz.schemas.survey.described import HSC_BANDS, Band
from transferz.tables.writing import hdf5_file

CITATION = "RAIL Team et al. 2025, arXiv:2505.02928; see the estimator's documentation for its own"

PER_BAND = ("replace_error_vals", "zp_errors", "zp_offsets")
"""Parameters that are a list of a number for each band."""

STEP = 0.01
"""Of the grid of redshifts, as RAIL's own default has it."""

HSC_NAMES = {magnitude_name(band.name): band.name for band in HSC_BANDS}


class RailMethod:
    """An estimator of RAIL, trained by its informer, in a Python of its own.

    The training split alone is learned from: informers set some of it aside themselves. What was
    learned is kept as the files that RAIL wrote, which only RAIL reads again.

    Parameters
    ----------
    stages : Stages
        The estimator and its informer.
    **settings
        Parameters of either; all else is the stage's default, or `band_settings`.

    Attributes
    ----------
    packages : dict of str to str
        Versions of RAIL, the estimator's package and others, for the record.
    peak_mb : float
        Highest memory of the other Python, 1e6 bytes.
    """

    citation = CITATION

    def __init__(self, *, stages: Stages, **settings: Any) -> None:
        self.stages, self.settings = stages, stages.checked(settings)
        self.name = f"RAIL {stages.estimator.name}"
        version = stages.packages.get(stages.package)
        self.version = f"{stages.package} {version}" if version else ""
        self.description = f"RAIL's {stages.informer.name} and {stages.estimator.name}"
        self.packages = {
            name if "rail" in name else f"{name} (of RAIL's Python)": version
            for name, version in stages.packages.items()
        }
        self.peak_mb = 0.0

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> None:
        """Train the informer on `train`, and keep the files that it leaves."""
        self.seed, self.derived = seed, band_settings(self.stages, train, seed)
        with working_folder() as folder:
            write_photometry(folder / worker.TRAIN, train)
            before = {path.name for path in folder.iterdir()}
            self._call("inform", folder, self.stages.informer)
            left = [path for path in folder.rglob("*") if path.is_file()]
            ours = before | {worker.REPLY.name, worker.REQUEST.name, Path(worker.__file__).name}
            self.files = {
                str(path.relative_to(folder)): path.read_bytes()
                for path in left
                if path.name not in ours
            }

    def predict(self, table: pd.DataFrame) -> Prediction:
        """Run the estimator; a MethodError says where it left out galaxies and named none."""
        with working_folder() as folder:
            for name, content in self.files.items():
                path = folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            write_photometry(folder / worker.TEST, table)
            self._call("estimate", folder, self.stages.estimator)
            found = read_qp(folder / worker.FORECASTS)
        point = found.distribution.quantiles([0.5])[:, 0] if found.point is None else found.point
        if found.object_id is None and len(found) != len(table):
            raise MethodError(
                f"{self.name} forecast {len(found):,} of {len(table):,} galaxies, without ids"
            )
        return Prediction(point, object_id=found.object_id, distribution=found.distribution)

    def _call(self, what: str, folder: Path, stage: Stage) -> None:
        derived = {name: one for name, one in self.derived.items() if name in stage.parameters}
        chosen = {name: one for name, one in self.settings.items() if name in stage.parameters}
        request = {
            "stage": stage.name,
            "module": stage.module,
            "settings": derived | chosen,
            "seed": self.seed,
        }
        reply = call(self.stages.python, what, folder, request, stage.name)
        self.peak_mb = max(self.peak_mb, reply["peak_mb"])


def rail_bands(table: pd.DataFrame) -> list[Band]:
    """Return the bands of a table that a method gets, called as RAIL's columns are to be."""
    names = band_columns(table)
    short = [HSC_NAMES.get(name, name.removesuffix(MAGNITUDE_END)) for name in names]
    return [Band(one, name, error_name(name), "") for one, name in zip(short, names, strict=True)]


def write_photometry(path: Path, table: pd.DataFrame) -> None:
    """Write ids, magnitudes, their errors and labels, where there are any, as RAIL reads them."""
    with hdf5_file(path) as file:
        for name, theirs in rail_names(rail_bands(table)).items():
            if name in table:
                values = table[name].to_numpy(np.int64 if name == ID else np.float64)
                file.create_dataset(f"{RAIL_GROUP}/{theirs}", data=values)


def band_settings(stages: Stages, train: pd.DataFrame, seed: int) -> dict[str, Any]:
    """Return what stages are told of the bands, the redshifts learned from and the seed.

    Stages take LSST's six bands for granted otherwise. A magnitude that is missing is NaN; it would
    be taken for the faintest that was learned from in that band.
    """
    bands = rail_bands(train)
    names = rail_names(bands)
    columns = [names[band.magnitude] for band in bands]
    errors = [names[band.error] for band in bands]
    i_bands = [names[band.magnitude] for band in bands if band.magnitude in I_BANDS]
    zmax = float(np.ceil(10.0 * train["redshift"].max()) / 10.0)
    faintest = train[[band.magnitude for band in bands]].max()
    reference = (i_bands or columns[len(columns) // 2 :])[0]
    parameters = {**stages.informer.parameters, **stages.estimator.parameters}
    settings = {
        "hdf5_groupname": RAIL_GROUP,
        "id_col": ID,
        "object_id_col": ID,
        "redshift_col": "redshift",
        "bands": columns,
        "err_bands": errors,
        "err_dict": dict(zip(columns, errors, strict=True)) | {"redshift": None},
        "ref_band": reference,
        "column_name": reference,  # of RandomGauss
        "mag_limits": dict(zip(columns, map(float, faintest), strict=True)),
        "nondetect_val": float("nan"),
        "zmin": 0.0,
        "zmax": zmax,
        "nzbins": round(zmax / STEP) + 1,
        "seed": seed,
    }
    for name in PER_BAND:
        default = parameters.get(name, {}).get("default")
        if isinstance(default, list) and default:
            settings[name] = [default[0]] * len(columns)
    curves = parameters.get("filter_list", {}).get("default") or []
    if curves:  # of templates: those of LSST's bands of the same names
        by_band = {curve.rpartition("_")[2]: curve for curve in curves}
        found = [by_band.get(band.name.lower()) for band in bands]
        settings |= {"filter_list": found} if all(found) else {}
    return settings
