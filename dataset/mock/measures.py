"""How real the mock is: galaxy counts, colours and the quality of its labels, measured."""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.dataset.mock.build import (
    COSMOS2020_FILE,
    COSMOS_TRUTH_FILE,
    HSC_FILE,
    TRUTH_FILE,
)
from transferz.photometry.redshift_error import redshift_error
from transferz.schemas import BANDS, MAGNITUDES, InputError

Floats = npt.NDArray[np.float64]

COUNT_LIMITS = (21.0, 22.5, 24.0, 25.0)
MAGNITUDE_BINS = (17.0, 22.5, 24.0, 25.0, 27.0)
PUBLISHED_QUALITY = {
    (17.0, 22.5): "about 1 %",
    (25.0, 27.0): "4–5 %; outliers 20 % or more",
}
"""Template-fit quality of COSMOS2020 by i magnitude (Weaver et al. 2022)."""

COLOUR_LIMIT = 23.5  # i magnitude down to which colours are compared
COLOUR_EDGES = (0.1, 0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.45)
COLOURS = (("g", "r"), ("r", "i"), ("i", "z"))
LEAST_ROWS = 10  # per bin; fewer say nothing


@dataclass(frozen=True, slots=True)
class RawMock:
    """A built mock, as far as the report needs it."""

    # COSMOS2020: ``masked``, ``i_mag``, ``lp_zPDF``, ``lp_zPDF_l68``, ``lp_zPDF_u68`` and from the
    # answer sheet ``kind``, ``redshift_true``, ``i_mag_true``
    cosmos: pd.DataFrame
    # HSC galaxies: ``redshift`` (true) and grizy magnitudes ``g`` to ``y``, corrected for the Milky
    # Way's dust
    hsc: pd.DataFrame
    area_arcmin2: float  # simulated area


def read_raw(directory: Path) -> RawMock:
    """Read what the report needs from a directory that `write_mock` filled.

    Raises
    ------
    InputError
        If a file is missing.
    """
    for name in (COSMOS2020_FILE, COSMOS_TRUTH_FILE, HSC_FILE, TRUTH_FILE):
        if not (directory / name).is_file():
            raise InputError(
                f"{directory / name} is missing; build the mock with `dvc repro` first"
            )
    cosmos, area = _read_cosmos(directory)
    return RawMock(cosmos, _read_hsc(directory), area)


def _read_cosmos(directory: Path) -> tuple[pd.DataFrame, float]:
    from astropy.io import fits

    names = ["HSC_i_MAG_AUTO", "lp_zPDF", "lp_zPDF_l68", "lp_zPDF_u68"]
    with fits.open(directory / COSMOS2020_FILE) as hdus:
        rows, area = hdus[1].data, float(hdus[1].header["MOCKAREA"])
        frame = pd.DataFrame({name: np.asarray(rows[name], np.float64) for name in names})
        frame["masked"] = np.asarray(rows["FLAG_COMBINED"]) != 0
    truth = pd.read_parquet(directory / COSMOS_TRUTH_FILE)
    frame = frame.rename(columns={"HSC_i_MAG_AUTO": "i_mag"}).join(truth)
    return frame, area * 3600.0


def _read_hsc(directory: Path) -> pd.DataFrame:
    extinctions = [f"a_{band}" for band in BANDS]
    columns = ["object_id", "isprimary", *MAGNITUDES, *extinctions]
    table = pd.read_csv(directory / HSC_FILE, usecols=columns)
    truth = pd.read_parquet(directory / TRUTH_FILE).set_index("object_id")["redshift_true"]
    dereddened = table[list(MAGNITUDES)].to_numpy() - table[extinctions].to_numpy()
    frame = pd.DataFrame(dereddened, columns=list(BANDS))
    frame["redshift"] = table["object_id"].map(truth)
    return frame[table["isprimary"]].dropna().reset_index(drop=True)


def lsst_counts(limit: npt.ArrayLike) -> Floats:
    """Galaxies per arcmin2 brighter than i (LSST Science Book 2009, section 3.7.2)."""
    return 46.0 * 10.0 ** (0.31 * (np.asarray(limit, float) - 25.0))


def lsst_median_redshift(limit: npt.ArrayLike) -> Floats:
    """Median redshift of galaxies brighter than i (the same source).

    Their density is ``p(z) = z^2 / (2 z0^3) exp(-z / z0)``, z0 = 0.0417 i - 0.744, whose median is
    2.674 z0.
    """
    return 2.674 * (0.0417 * np.asarray(limit, float) - 0.744)


def count_table(mock: RawMock, limits: tuple[float, ...] = COUNT_LIMITS) -> pd.DataFrame:
    """Count galaxies and take their median redshift, cumulatively in true i magnitude.

    Returns
    -------
    pandas.DataFrame
        ``i_limit``, ``per_arcmin2``, ``lsst_per_arcmin2``, ``median_redshift``,
        ``lsst_median_redshift``.
    """
    galaxies = mock.cosmos[mock.cosmos["kind"] != "star"]
    brighter = [galaxies[galaxies["i_mag_true"] < limit] for limit in limits]
    return pd.DataFrame(
        {
            "i_limit": limits,
            "per_arcmin2": [len(rows) / mock.area_arcmin2 for rows in brighter],
            "lsst_per_arcmin2": lsst_counts(limits),
            "median_redshift": [rows["redshift_true"].median() for rows in brighter],
            "lsst_median_redshift": lsst_median_redshift(limits),
        }
    )


def colour_table(galaxies: pd.DataFrame, limit: float = COLOUR_LIMIT) -> pd.DataFrame:
    """Take the 16th, 50th and 84th percentile of the colours in bins of redshift.

    `galaxies` have ``redshift`` and magnitudes named by band, down to `limit` in i.

    Returns
    -------
    pandas.DataFrame
        ``redshift`` (bin centre), ``count`` and per colour ``g-r_16``, ``g-r_50``, ``g-r_84``...;
        NaN where a bin has fewer than `LEAST_ROWS` rows.
    """
    bright = galaxies[galaxies["i"] < limit]
    rows = []
    for low, high in pairwise(COLOUR_EDGES):
        inside = bright[(bright["redshift"] >= low) & (bright["redshift"] < high)]
        row = {"redshift": (low + high) / 2, "count": len(inside)}
        for blue, red in COLOURS:
            colour = (inside[blue] - inside[red]).to_numpy()
            enough = len(colour) >= LEAST_ROWS
            levels = np.percentile(colour, (16, 50, 84)) if enough else np.full(3, np.nan)
            row |= {f"{blue}-{red}_{p}": v for p, v in zip((16, 50, 84), levels, strict=True)}
        rows.append(row)
    return pd.DataFrame(rows)


def read_real(path: Path) -> pd.DataFrame:
    """Read a table of real galaxies: ``redshift`` and griz magnitudes, 99 or -99 where missing.

    Raises
    ------
    InputError
        If the file or a column is missing.
    """
    if not path.is_file():
        raise InputError(f"{path} is missing; give the path of a table with redshift,g,r,i,z")
    table = pd.read_csv(path)
    names = ["redshift", "g", "r", "i", "z"]
    if missing := [name for name in names if name not in table]:
        raise InputError(f"{path}: expected columns {', '.join(names)}; missing {missing}")
    real = table[names]
    return real[((real[names[1:]] > 0) & (real[names[1:]] < 50)).all(axis=1)]


def fitted_galaxies(mock: RawMock) -> pd.DataFrame:
    """Return the COSMOS2020 rows that label quality is measured on: galaxies outside masks."""
    cosmos = mock.cosmos
    real = (cosmos["kind"] == "galaxy") & ~cosmos["masked"] & cosmos["lp_zPDF"].notna()
    return cosmos[real]


def quality_table(mock: RawMock, edges: tuple[float, ...] = MAGNITUDE_BINS) -> pd.DataFrame:
    """Measure the photo-z label against the truth per i magnitude (MAG_AUTO, before any cut).

    Returns
    -------
    pandas.DataFrame
        ``low``, ``high``, ``count``, ``bias`` (median), ``scatter`` (NMAD), ``outliers`` (share
        beyond 0.15), ``coverage`` (share of truths in the 68 % interval), ``published``.
    """
    galaxies = fitted_galaxies(mock)
    rows = []
    for low, high in pairwise(edges):
        inside = galaxies[(galaxies["i_mag"] >= low) & (galaxies["i_mag"] < high)]
        rows.append({"low": low, "high": high, **_quality(inside)})
    table = pd.DataFrame(rows)
    keys = zip(table["low"], table["high"], strict=True)
    return table.assign(published=[PUBLISHED_QUALITY.get(key, "") for key in keys])


def _quality(rows: pd.DataFrame) -> dict[str, float]:
    if len(rows) < LEAST_ROWS:
        return {"count": len(rows)} | dict.fromkeys(
            ("bias", "scatter", "outliers", "coverage"), np.nan
        )
    truth = rows["redshift_true"]
    error = redshift_error(rows["lp_zPDF"].to_numpy(), truth.to_numpy(np.float64))
    covered = (truth >= rows["lp_zPDF_l68"]) & (truth <= rows["lp_zPDF_u68"])
    return {
        "count": len(rows),
        **error._asdict(),
        "coverage": float(covered.mean()),
    }
