"""The sound things that inputs are made of: a release, a table, a model, runs. Made once."""

import contextlib
import importlib
import io
import pkgutil
import shutil
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

TESTS = Path(__file__).parents[3]
Columns = dict[str, list[Any]]

BANDS = ("g", "r", "i", "z", "y")
ROWS = 120  # `distill` asks for a hundred
LEAKING = 12  # rows of the table that are test galaxies, by id or by position


@dataclass(frozen=True)
class Workshop:
    """Where the sound things lie, and the table's columns; read them, don't change them."""

    folder: Path
    release: Path
    model: Path
    runs: Path
    columns: Columns
    photometry: Columns
    spectra: Columns

    @property
    def table(self) -> Path:
        return self.folder / "table.parquet"

    @property
    def catalogue(self) -> Path:
        return self.folder / "vvds.parquet"


def set_up(folder: Path) -> Workshop:
    """Make everything below a folder, in some ten seconds."""
    sys.path.append(str(TESTS))
    from mock_run import write_runs
    from quick import FEW
    from releases import build

    from transferz.baselines.benchmark import forecasts
    from transferz.cli import main

    forecasts.DRAWS = FEW  # in all processes: what is drawn is not what is tried
    built = build(folder / "data", photometric=300, spectroscopic=400)
    release = shutil.copytree(built, folder / "release" / "transferz")  # away from its stages
    runs = write_runs(folder / "runs", release, seeds=2)
    columns, photometry = table_columns(release), template_columns()
    spectra = spectra_columns()
    shop = Workshop(folder, release, folder / "model", runs, columns, photometry, spectra)
    pq.write_table(pa.table(columns), shop.table)
    pq.write_table(pa.table(spectra), shop.catalogue)
    command = ["train", "nn_spec", "--table", str(shop.table), "--bands", ",".join(BANDS)]
    command += ["--redshift", "z_spec", "--id", "object_id", "--seeds", "2", "--epochs", "2"]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["leaderboard", "compare", str(runs), "--out", str(folder)]) == 0
        assert main([*command, "--quiet", "--threads", "1", "--out", str(shop.model)]) == 0
    load_modules()
    return shop


def load_modules() -> None:
    """Import what commands import when they are called: once, and not in each process."""
    import astropy.io.votable  # noqa: F401
    import matplotlib.pyplot  # noqa: F401

    import transferz

    rooms = ("schemas", "tables", "photometry", "dataset", "baselines", "cli")
    for room in rooms:
        package = importlib.import_module(f"transferz.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for module in pkgutil.iter_modules(transferz.__path__, "transferz."):
        importlib.import_module(module.name)


def table_columns(release: Path) -> Columns:
    """Galaxies with all that commands ask for; the first are test galaxies of the release."""
    rng = np.random.default_rng(14)
    test = pd.concat(
        pd.read_parquet(path, columns=["object_id", "ra", "dec"])
        for path in sorted(release.glob("combo/test-*.parquet"))
    )
    half = LEAKING // 2
    redshift = rng.uniform(0.05, 2.0, ROWS)
    i = 20.0 + 1.8 * redshift + rng.normal(0.0, 0.4, ROWS)
    colours = {"g": 1.2, "r": 0.5, "i": 0.0, "z": -0.25, "y": -0.4}
    ids = 43158605133375000 + 37 * np.arange(ROWS)
    ids[:half] = test["object_id"][:half]
    ra, dec = rng.uniform(149.6, 150.6, ROWS), rng.uniform(1.7, 2.7, ROWS)
    ra[half:LEAKING], dec[half:LEAKING] = (test[name][half:LEAKING] for name in ("ra", "dec"))
    columns: dict[str, Any] = {"object_id": ids, "ra": ra.round(7), "dec": dec.round(7)}
    for band, colour in colours.items():
        columns[band] = (i + colour * (1.0 + 0.3 * np.sin(2 * redshift))).round(4)
    for band in ("r", "i"):
        flux = 10.0 ** (-0.4 * (columns[band] - 23.9))
        columns |= {f"f_{band}": flux.round(5), f"ferr_{band}": (0.02 * flux + 0.01).round(5)}
    columns["z_spec"] = redshift.round(5)
    columns["z_phot"] = (redshift + rng.normal(0.0, 0.05, ROWS)).clip(0.01).round(5)
    for name, shift in (("q05", -0.1), ("q50", 0.0), ("q95", 0.1)):
        columns[name] = (columns["z_phot"] + 3.0 + shift).round(5)
    columns["note"] = [f"field {number % 7}" for number in range(ROWS)]
    return {name: np.asarray(values).tolist() for name, values in columns.items()}


def spectra_columns() -> Columns:
    """A catalogue of redshifts as VVDS publishes its own; some objects have two."""
    rng, count = np.random.default_rng(16), 40
    columns: dict[str, Any] = {"NUM": 220000000 + 7 * np.arange(count)}
    columns["ALPHA"], columns["DELTA"] = (rng.uniform(36.0, 36.2, (2, count)) - [[0], [40]]).round(
        6
    )
    columns["Z"] = rng.uniform(0.02, 1.5, count).round(4)
    columns["ZFLAGS"] = rng.choice([0, 1, 2, 3, 4, 9, 13, 23], count)
    for name in ("ALPHA", "DELTA"):
        columns[name][-5:] = columns[name][:5]
    return {name: np.asarray(values).tolist() for name, values in columns.items()}


def template_columns() -> Columns:
    """A few galaxies with fluxes in HSC's bands, as template fits read them."""
    from transferz.baselines.methods import template_study as templates

    rng = np.random.default_rng(15)
    layout, count = templates.CIGALE, 12
    columns: dict[str, Any] = {"id": np.arange(1, count + 1)}
    columns[layout.redshift] = rng.uniform(0.1, 1.5, count).round(4)
    for letter in "grizy":
        flux, error = layout.columns(f"HSC_{letter}")
        columns[flux] = rng.uniform(1e-3, 3e-2, count).round(6)  # mJy
        columns[error] = (0.1 * columns[flux]).round(7)
    # of the same bands, the same models: computed once, before processes are forked
    templates.model_grid = lru_cache(maxsize=2)(templates.model_grid)
    templates.model_grid(layout.bands(list(columns)), templates.COSMOS_REDSHIFT_MAX)
    return {name: values.tolist() for name, values in columns.items()}
