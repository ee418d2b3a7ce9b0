"""The small mock's catalogues as the real surveys' archives would serve them."""

import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from astropy.io import fits

from transferz.dataset.sources.registry import load_registry
from transferz.schemas import BANDS, error_name, magnitude_name

AUTHORS_FILES = {
    "train": "transferz_TRAINING.csv",
    "validation": "transferz_VALIDATION.csv",
    "calibration": "transferz_CONFORMAL.csv",
    "test": "transferz_TESTING.csv",
}
CLASSIC = "COSMOS2020_CLASSIC_R1_v2.2_p3.fits"


def authors_tables(built, seed=7):
    """TransferZ as its authors release it: four tables by split, of the mock's matched rows."""
    matched = pq.read_table(built.interim / "match/table.parquet").to_pandas()
    names = {"object_id": "hsc_id", "redshift": "z"}
    photometry = [magnitude_name(band) for band in BANDS] + [error_name(band) for band in BANDS]
    table = matched.rename(columns=names)[["hsc_id", *photometry, "z"]]
    rng = np.random.default_rng(seed)
    split = rng.choice(list(AUTHORS_FILES), len(table), p=[0.7, 0.1, 0.1, 0.1])
    return {name: table.loc[split == name] for name in AUTHORS_FILES}


def place_galaxiesml(built, server):
    """Put GalaxiesML's tables into its Zenodo record."""
    record = server.record(load_registry()["galaxiesml"].zenodo)
    for path in (built.raw / "galaxiesml").glob("*.csv"):
        shutil.copy(path, record / path.name)


def place_authors(built, server):
    """Put everything that the survey `authors` fetches on the server; return the tables."""
    place_galaxiesml(built, server)
    record = server.record(load_registry()["transferz"].zenodo)
    tables = authors_tables(built)
    for split, table in tables.items():
        table.to_csv(record / AUTHORS_FILES[split], index=False)
    return tables


def place_cosmos2020(built, server):
    """Put everything that the survey `cosmos2020` fetches on the server, as real files."""
    place_galaxiesml(built, server)
    (url, *_) = load_registry()["cosmos2020_classic"].files[0].urls
    with fits.open(built.raw / "cosmos2020" / CLASSIC) as hdus:
        for hdu in hdus:  # or it could not pass for a real catalogue
            for card in ("MOCK", "MOCKSEED", "MOCKAREA"):
                hdu.header.remove(card, ignore_missing=True)
        hdus.writeto(server.place(url), checksum=True)


def put_hsc(built, space, survey="cosmos2020"):
    """Put the query's result where the user is asked to: gzip-compressed CSV."""
    folder = space.root / f"data/{survey}/raw/hsc"
    folder.mkdir(parents=True, exist_ok=True)
    table = pd.read_csv(next((built.raw / "hsc").glob("*.csv")), dtype=str, keep_default_na=False)
    table.rename(columns={"object_id": "# object_id"}).to_csv(
        folder / "hsc_pdr2.csv.gz", index=False
    )
