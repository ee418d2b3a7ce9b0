"""The small mock's sky as COSMOS2025 would give it: its own ids and order, a better label.

The columns are named as the real catalogue's documentation names them; the numbers are made of the
mock's COSMOS2020 and its true redshifts. Nothing here was measured.
"""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.io import fits

PARTS = ("photom_primary", "lephare")
NAME = "COSMOSWeb_mastercatalog_{version}"
EXTNAMES = ("PHOTOMETRY HOTCOLD AND SE++", "LEPHARE", "CIGALE")
NONE, NO_MAGNITUDE, NO_REDSHIFT = -999.0, 999.0, -99.0
SCATTER = 0.006  # of (1 + z)


def sections(raw: Path, seed: int = 5) -> tuple[dict, dict, dict]:
    """The columns of the photometry, of LePHARE's fit and of another table, rows in one order."""
    (path,) = (raw / "cosmos2020").glob("*.fits")
    with fits.open(path) as hdus:
        theirs = np.array(hdus[1].data)
    truth = pq.read_table(raw / "truth_cosmos2020.parquet").to_pandas().set_index("cosmos_id")
    rng = np.random.default_rng(seed)
    theirs = rng.permutation(theirs[rng.random(len(theirs)) < 0.9])
    count = len(theirs)
    true = truth["redshift_true"].reindex(theirs["ID"]).to_numpy(np.float64)
    kind, magnitude = theirs["lp_type"], theirs["HSC_i_MAG_AUTO"].astype(np.float64)
    known = np.where(np.isfinite(true), true, theirs["lp_zPDF"])
    zfinal = np.abs(known + rng.normal(0.0, SCATTER, count) * (1.0 + known))
    half = 1.5 * SCATTER * (1.0 + zfinal) * np.exp(rng.normal(0.0, 0.8, count))
    artefact = rng.random(count) < 0.03
    mass = theirs["lp_mass_best"].astype(np.float64)
    photometry = {
        "id": rng.permutation(count) + 1,
        "segment-id": np.arange(count),
        "tile": np.where(np.arange(count) % 2, "A5", "B5"),
        "ra": theirs["ALPHA_J2000"] + rng.normal(0.0, 1e-5, count),
        "dec": theirs["DELTA_J2000"] + rng.normal(0.0, 1e-5, count),
        "mag_model_hsc-i": np.where(magnitude > 0, magnitude, NO_MAGNITUDE),
        "flux_aper_f444w": rng.normal(size=(count, 5)),
        "warn_flag": np.where(artefact, rng.integers(1, 7, count), 0),
        "flag_star_hsc": theirs["FLAG_COMBINED"].astype(np.int16),
    }
    lephare = {
        "type": np.where(kind == 1, 1, np.where((kind == 2) & (true > 1.0), 2, 0)),
        "zfinal": np.where(artefact, NO_REDSHIFT, np.where(kind == 1, 0.0, zfinal)),
        "zpdf_med": zfinal,
        "zpdf_l68": zfinal - np.minimum(half, zfinal),
        "zpdf_u68": zfinal + half,
        "chi2_best": theirs["lp_chi2_best"].astype(np.float64),
        "chi_star": theirs["lp_chis"].astype(np.float64),
        "nbfilt": theirs["lp_NbFilt"].astype(np.int64),
        "mass_med": np.where(np.isfinite(mass), mass, NONE),
        "flag_chandra": (kind == 2).astype(np.float64),
    }
    return photometry, lephare, {"mass": mass, "sfr": np.zeros(count)}


def table(columns: dict, name: str, mock: bool = True) -> fits.BinTableHDU:
    """A FITS table, without units as the real one, which says that it is a mock."""
    rows = np.empty(
        len(next(iter(columns.values()))),
        [(one, values.dtype, values.shape[1:]) for one, values in columns.items()],
    )
    for one, values in columns.items():
        rows[one] = values
    hdu = fits.BinTableHDU(rows, name=name)
    if mock:
        hdu.header["MOCK"] = (True, "simulated galaxies, not COSMOS2025 itself")
    return hdu


def write_parts(folder: Path, raw: Path, version: str = "v1.1", mock: bool = True) -> list[Path]:
    """Write the two parts that the survey needs, each a file."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{NAME.format(version=version)}_{part}.fits" for part in PARTS]
    for path, columns, name in zip(paths, sections(raw), EXTNAMES, strict=False):
        fits.HDUList([fits.PrimaryHDU(), table(columns, name, mock)]).writeto(path)
    return paths


def write_master(folder: Path, raw: Path, version: str = "v1.1", mock: bool = True) -> Path:
    """Write the master catalogue: all tables in one file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{NAME.format(version=version)}.fits"
    hdus = [table(one, name, mock) for one, name in zip(sections(raw), EXTNAMES, strict=True)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    return path
