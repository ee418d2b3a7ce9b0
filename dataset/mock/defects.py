"""What is wrong with a compilation of spectra: rows that GalaxiesML's cuts are to find."""

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import Field

from transferz.dataset.mock.sky import ARCSEC
from transferz.dataset.pipeline.params import Params
from transferz.schemas import BANDS, ERRORS, MAGNITUDES

NO_VALUE = -99.0


class DefectParams(Params):
    """Section ``mock.galaxiesml.defects``: share of rows that each of GalaxiesML's cuts is to find.

    Attributes
    ----------
    redshift : float
        Stars, and redshifts beyond 4.
    error : float
        Errors of zero, missing, or too large.
    insecure : float
        Not secure by the homogenised flag.
    photometry : float
        A magnitude is missing.
    magnitude : float
        No i magnitude in the compilation.
    same_name : float
        A neighbour carries the same spec-z name.
    several : float
        The object is listed again with another redshift.
    wrong : float
        Secure but wrong redshifts; no cut finds them.
    """

    redshift: float = Field(ge=0.0, lt=0.5)
    error: float = Field(ge=0.0, lt=0.5)
    insecure: float = Field(ge=0.0, lt=0.5)
    photometry: float = Field(ge=0.0, lt=0.5)
    magnitude: float = Field(ge=0.0, lt=0.5)
    same_name: float = Field(ge=0.0, lt=0.5)
    several: float = Field(ge=0.0, lt=0.5)
    wrong: float = Field(ge=0.0, lt=0.5)


def spoil(rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator) -> pd.DataFrame:
    """Make rows that GalaxiesML's cuts are to find; see `DefectParams`.

    Changes some rows and adds others; ``redshift_true`` is NaN for stars.
    """
    rows = rows.reset_index(drop=True)
    rows = _spoil_redshifts(rows, params, rng)
    rows = _spoil_photometry(rows, params, rng)
    return pd.concat(
        [rows, _same_name(rows, params, rng), _several(rows, params, rng)], ignore_index=True
    )


def _some(rows: pd.DataFrame, fraction: float, rng: np.random.Generator) -> npt.NDArray[np.intp]:
    return np.flatnonzero(rng.random(len(rows)) < fraction)


def _spoil_redshifts(
    rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator
) -> pd.DataFrame:
    redshift = rows["specz_redshift"].to_numpy(copy=True)
    error = rows["specz_redshift_err"].to_numpy(copy=True)
    truth = rows["redshift_true"].to_numpy(copy=True)
    secure = rows["specz_flag_homogeneous"].to_numpy(copy=True)
    stars, far = np.array_split(_some(rows, params.redshift, rng), 2)
    redshift[stars] = np.round(rng.normal(0.0, 5e-4, len(stars)), 5)
    truth[stars] = np.nan
    redshift[far] = np.round(rng.uniform(4.0, 9.9, len(far)), 5)
    for bad, value in zip(
        np.array_split(rng.permutation(_some(rows, params.error, rng)), 4),
        (0.0, NO_VALUE, 1.5, 0.04),
        strict=True,
    ):
        error[bad] = value
    insecure = _some(rows, params.insecure, rng)
    secure[insecure] = False
    guessed = insecure[: len(insecure) // 2]
    redshift[guessed] = rng.permutation(redshift[guessed])
    return rows.assign(
        specz_redshift=redshift,
        specz_redshift_err=error,
        specz_flag_homogeneous=secure,
        redshift_true=truth,
    )


def _spoil_photometry(
    rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator
) -> pd.DataFrame:
    rows = rows.copy()
    lost = _some(rows, params.photometry, rng)
    column = rng.integers(len(BANDS), size=len(lost))
    for k, (magnitude, error) in enumerate(zip(MAGNITUDES, ERRORS, strict=True)):
        rows.loc[lost[column == k], [magnitude, error]] = np.nan
    rows.loc[_some(rows, params.magnitude, rng), "specz_mag_i"] = NO_VALUE
    return rows


def _same_name(rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator) -> pd.DataFrame:
    """Neighbours, 0.6 to 1.5 arcsec away, that carry the spec-z name of a row."""
    copies = rows.iloc[_some(rows, params.same_name, rng)]
    angle = rng.uniform(0.0, 2 * np.pi, len(copies))
    distance = rng.uniform(0.6, 1.5, len(copies)) * ARCSEC
    fainter = rng.uniform(0.3, 2.0, len(copies))
    moved = copies.assign(
        object_id=copies["object_id"] + (1 << 30),
        ra=np.mod(np.round(copies["ra"] + distance * np.cos(angle), 7), 360.0),
        dec=np.round(copies["dec"] + distance * np.sin(angle), 7),
        redshift_true=rng.permutation(copies["redshift_true"]),
    )
    for magnitude, error in zip(MAGNITUDES, ERRORS, strict=True):
        moved[magnitude] = np.round(moved[magnitude] + fainter, 4)
        moved[error] = np.round(moved[error] * 10.0 ** (0.4 * fainter), 4)
    return moved


def _several(rows: pd.DataFrame, params: DefectParams, rng: np.random.Generator) -> pd.DataFrame:
    """The same objects again under another spec-z name, with another redshift."""
    copies = rows.iloc[_some(rows, params.several, rng)]
    other = copies["specz_redshift"].to_numpy() + rng.normal(0.0, 2e-3, len(copies))
    return copies.assign(specz_name=copies["specz_name"] + "_B", specz_redshift=np.round(other, 5))
