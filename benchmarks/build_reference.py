"""The reference of `build.py`: the same steps as an astronomer writes them.

pandas reads and writes parquet and masks rows, astropy's `SkyCoord` matches, hashlib hashes each
id. Nothing is checked, sorted or counted that the result does not need.
"""

import hashlib
from pathlib import Path

import astropy.units as u
import numpy as np
import pandas as pd
from astropy.coordinates import SkyCoord
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

INGESTED = Path("data/cosmos2020/interim/ingest")
OUT = Path("reference")
BANDS = "grizy"
RADIUS = 1.0 * u.arcsec
SALT = "transferz-1"
SPLITS = ("train", "validation", "calibration", "test")
BOUNDS = (0.7, 0.8, 0.9)
MAGNITUDE_EDGES = [18, 20, 21, 22, 23, 24, 25, 26, 27]
PHOTOMETRY = [f"{b}_cmodel_{what}" for what in ("mag", "magsigma") for b in BANDS]
RELEASED = [
    *("object_id", "ra", "dec", *PHOTOMETRY, "redshift", "redshift_lo", "redshift_hi"),
    *("redshift_kind", "cosmos_id", "specz_name", "group_id"),
]


def ingested(name: str) -> pd.DataFrame:
    """Read a catalogue's ingested table."""
    return pd.read_parquet(INGESTED / name / "table.parquet")


def measured(t: pd.DataFrame) -> pd.Series:
    """Whether each row has magnitudes and errors in all bands."""
    keep = pd.Series(True, t.index)
    for b in BANDS:
        keep &= (t[f"{b}_cmodel_mag"] > 0) & (t[f"{b}_cmodel_mag"] < 50)
        keep &= (t[f"{b}_cmodel_magsigma"] >= 0) & (t[f"{b}_cmodel_magsigma"] < 50)
    return keep


def select() -> None:
    """Apply the cuts of params.yaml."""
    OUT.mkdir()
    t = ingested("cosmos2020")
    z, low, high = t["lp_zPDF"], t["lp_zPDF_l68"], t["lp_zPDF_u68"]
    keep = (t["flag_combined"] == 0) & (z > 0.01) & (z < 9) & (t["lp_type"] == 0)
    keep &= t["lp_mass_best"] > 7.5
    keep &= (high - z < 0.05 * (1 + z)) & (z - low < 0.05 * (1 + z))
    keep &= t["lp_chi2_best"] < t["lp_chis"]
    keep &= (t["lp_chi2_best"] / t["lp_NbFilt"] < 5) & t["lp_zp_2"].isna()
    t = t.assign(redshift=z, redshift_lo=low, redshift_hi=high)
    t[keep][["cosmos_id", "redshift", "redshift_lo", "redshift_hi"]].to_parquet(
        OUT / "cosmos2020.parquet"
    )

    t = ingested("hsc")
    keep = t["isprimary"] & (t["i_extendedness_value"] == 1) & measured(t)
    flags = ["edge", "bad", "saturatedcenter", "interpolatedcenter", "bright_object"]
    for b in BANDS:
        keep &= (t[f"{b}_inputcount_value"] >= 3) & ~t[f"{b}_cmodel_flag"]
        for flag in (*flags, "bright_objectcenter"):
            keep &= ~t[f"{b}_pixelflags_{flag}"]
    t[keep][["object_id", "ra", "dec", *PHOTOMETRY]].to_parquet(OUT / "hsc.parquet")

    t = ingested("galaxiesml")
    z, error = t["specz_redshift"], t["specz_redshift_err"]
    keep = (z > 0.01) & (z < 4) & (error > 0) & (error < 1) & (error < 0.005 * (1 + z))
    keep &= t["specz_flag_homogeneous"].astype(bool) & measured(t)
    keep &= (t["specz_mag_i"] > 0) & (t["specz_mag_i"] < 28)
    t = t[keep]
    t = t[~t["object_id"].duplicated(keep=False)].sort_values("object_id")
    t.drop_duplicates("specz_name").to_parquet(OUT / "galaxiesml.parquet")


def sky(t: pd.DataFrame) -> SkyCoord:
    """Positions of a table's rows."""
    return SkyCoord(t["ra"].to_numpy() * u.deg, t["dec"].to_numpy() * u.deg)


def mutual(first: SkyCoord, second: SkyCoord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows that are each other's nearest within the radius, and how far apart, arcsec."""
    forth, separation, _ = first.match_to_catalog_sky(second)
    rows = np.flatnonzero(separation <= RADIUS)  # few: most of GalaxiesML is elsewhere
    back, _, _ = second[forth[rows]].match_to_catalog_sky(first)
    rows = rows[back == rows]
    return rows, forth[rows], separation[rows].arcsec


def match() -> None:
    """Match COSMOS2020 to HSC, count chance matches, and find what GalaxiesML holds."""
    cosmos, hsc = ingested("cosmos2020"), ingested("hsc")
    hsc = hsc[hsc["isprimary"]].reset_index(drop=True)
    here, there = sky(cosmos), sky(hsc)
    i, j, _ = mutual(here, there)
    east, north = (np.median(x.to(u.deg)) for x in here[i].spherical_offsets_to(there[j]))
    there = there.spherical_offsets_by(-east, -north)
    i, j, separation = mutual(here, there)
    pairs = pd.DataFrame(
        {
            "cosmos_id": cosmos["cosmos_id"].to_numpy()[i],
            "object_id": hsc["object_id"].to_numpy()[j],
            "separation": separation,
        }
    )
    magnitude, chance = cosmos["i_mag_auto"].to_numpy(), np.zeros(len(MAGNITUDE_EDGES) - 1)
    for angle in (0, 90, 180, 270):
        moved = there.directional_offset_by(angle * u.deg, 30 * u.arcsec)
        found = here.match_to_catalog_sky(moved)[1] <= RADIUS
        chance += np.histogram(magnitude[found], MAGNITUDE_EDGES)[0] / 4
    t = pd.read_parquet(OUT / "cosmos2020.parquet").merge(pairs, on="cosmos_id")
    t = t.merge(pd.read_parquet(OUT / "hsc.parquet"), on="object_id")

    spectra = pd.read_parquet(OUT / "galaxiesml.parquet")
    same = t["object_id"].isin(spectra["object_id"])
    t["spectroscopic_id"] = t["object_id"].astype("Int64").where(same)
    rest, others = t[~same], spectra[~spectra["object_id"].isin(t["object_id"])]
    i, j, _ = mutual(sky(rest), sky(others))
    t.loc[rest.index[i], "spectroscopic_id"] = others["object_id"].to_numpy()[j]
    t.to_parquet(OUT / "matched.parquet")


def uniform(identifier: int, salt: str) -> float:
    """Hash an id to [0, 1)."""
    digest = hashlib.sha256(f"{salt}:{identifier}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split() -> None:
    """Assign splits by hash, leave out conflicts, group neighbours."""
    matched = pd.read_parquet(OUT / "matched.parquet")
    spectra = pd.read_parquet(OUT / "galaxiesml.parquet")
    columns = ["object_id", "ra", "dec", "spectroscopic"]
    t = pd.concat(
        [spectra.assign(spectroscopic=True)[columns], matched.assign(spectroscopic=False)[columns]],
        ignore_index=True,
    )
    ids, number = np.unique(t["object_id"], return_inverse=True)
    which = np.array([uniform(one, SALT) for one in ids.tolist()])
    rank = np.array([uniform(one, SALT + "/rank") for one in ids.tolist()])
    rank += 1 - np.isin(ids, spectra["object_id"])  # spectroscopic first
    split = np.array(SPLITS)[np.searchsorted(BOUNDS, which, side="right")]

    coordinates = sky(t)
    first, second, _, _ = coordinates.search_around_sky(coordinates, RADIUS)
    first, second = number[first], number[second]
    near = first != second
    first, second = first[near], second[near]
    conflict = (split[first] != split[second]) & (rank[first] > rank[second])
    kept = np.ones(len(ids), dtype=bool)
    kept[first[conflict]] = False
    both = kept[first] & kept[second]
    links = coo_array((np.ones(both.sum()), (first[both], second[both])), shape=[len(ids)] * 2)
    _, group = connected_components(links, directed=False)
    assigned = pd.DataFrame({"object_id": ids, "split": split, "group": group})[kept]
    assigned["group_id"] = assigned.groupby("group")["object_id"].transform("min")
    assigned.drop(columns="group").to_parquet(OUT / "split.parquet")
    pd.DataFrame({"object_id": ids[np.unique(first)]}).to_parquet(OUT / "neighbours.parquet")


def release() -> None:
    """Write the configs."""
    matched = pd.read_parquet(OUT / "matched.parquet")
    spectra = pd.read_parquet(OUT / "galaxiesml.parquet")
    assigned = pd.read_parquet(OUT / "split.parquet")
    names = spectra.set_index("object_id")["specz_name"]
    photometric = matched.assign(
        redshift_kind="photometric", specz_name=matched["spectroscopic_id"].map(names)
    ).merge(assigned, on="object_id")
    shared = matched.dropna(subset="spectroscopic_id").set_index("spectroscopic_id")["cosmos_id"]
    spectroscopic = spectra.assign(
        redshift=spectra["specz_redshift"],
        redshift_lo=spectra["specz_redshift"] - spectra["specz_redshift_err"],
        redshift_hi=spectra["specz_redshift"] + spectra["specz_redshift_err"],
        redshift_kind="spectroscopic",
        cosmos_id=spectra["object_id"].map(shared).astype("Int64"),
    ).merge(assigned, on="object_id")
    alone = photometric[~photometric["spectroscopic_id"].isin(spectroscopic["object_id"])]
    configs = {
        "transferz": photometric,
        "galaxiesml": spectroscopic,
        "combo": pd.concat([spectroscopic, alone], ignore_index=True),
    }
    for name, rows in configs.items():
        (OUT / name).mkdir()
        for one, part in rows.groupby("split"):
            part[RELEASED].to_parquet(OUT / name / f"{one}.parquet", index=False)
        index = rows[["object_id", "split"]].assign(
            row_hash=pd.util.hash_pandas_object(rows[RELEASED], index=False)
        )
        index.to_parquet(OUT / f"{name}.index.parquet", index=False)
