"""The input of `growth.py`: generated rows of the survey ``mock``, which stand for no galaxies."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from growth import BANDS, DENSITY, FIRST_ID, HEIGHT, SAME_ID, SEED, SHARED, SPECTRA
from releases import make_project, write_counts

from transferz.dataset.pipeline.stage import TABLE, Layout
from transferz.dataset.pipeline.tables import write_parquet
from transferz.schemas import Table
from transferz.schemas.survey.frames import arrow_schema

Values = dict[str, Any]


def generate(rows: int) -> None:
    """Write into the working directory what the steps read, `rows` rows of each."""
    rng = np.random.default_rng(SEED)
    layout = Layout("mock", Path("data").resolve())
    survey = layout.configured
    spectra = sample(rng, rows // SPECTRA, FIRST_ID)
    matched = sample(rng, rows, 2 * FIRST_ID)
    for name in ("ra", "dec"):
        matched[name][:SHARED] = spectra[name][:SHARED] + rng.uniform(-5e-5, 5e-5, SHARED)
    matched["object_id"][:SAME_ID] = spectra["object_id"][:SAME_ID]
    twins = np.arange(rows) < SHARED
    twin_ids = np.where(twins, np.resize(spectra["object_id"], rows), 0)
    matched["spectroscopic_id"] = pa.array(twin_ids, mask=~twins)
    write(rng, matched, survey.matched, layout.interim("match"))
    write(rng, spectra, survey.spectroscopic, layout.interim("select", "galaxiesml"))
    counted = dict.fromkeys(layout.catalogues, rows) | {"galaxiesml": rows // SPECTRA}
    write_counts(layout, counted)
    every = np.union1d(matched["object_id"], spectra["object_id"])
    truth = {"object_id": every, "redshift_true": rng.uniform(0.05, 3.5, len(every))}
    write(rng, truth, survey.truth, layout.raw, "truth.parquet")
    place = {"ra": rng.uniform(149, 151, rows), "dec": rng.uniform(1.5, 3.5, rows)}
    catalogue = sample(rng, rows, FIRST_ID) | place
    write(rng, catalogue, survey.tables["hsc"], layout.interim("ingest", "hsc"))
    make_project(Path("project"), "hash")
    skies(rng, rows)
    forecasts(rng, rows, matched)


def sample(rng: np.random.Generator, rows: int, first_id: int) -> Values:
    """Objects, so many to the square degree, with ids of their own."""
    width = rows / DENSITY / HEIGHT
    return {
        "object_id": first_id + np.sort(rng.permutation(4 * rows)[:rows]),
        "ra": rng.uniform(20.0, 20.0 + width, rows),
        "dec": rng.uniform(-HEIGHT / 2, HEIGHT / 2, rows),
    }


def write(
    rng: np.random.Generator, values: Values, table: Table, folder: Path, name: str = TABLE
) -> None:
    """Write a table by its declaration; columns that have no values get random ones."""
    rows, arrays = len(values["object_id"]), []
    for column, field in zip(table, arrow_schema(table), strict=True):
        found = values.get(column.name)
        if found is None:
            found = invented(rng, column.name, column.dtype, rows)
        arrays.append(
            (pa.array(found) if not isinstance(found, pa.Array) else found).cast(field.type)
        )
    whole = pa.Table.from_arrays(arrays, schema=arrow_schema(table)).sort_by(table.key)
    folder.mkdir(parents=True, exist_ok=True)
    write_parquet([whole], folder / name, whole.schema)


def invented(rng: np.random.Generator, name: str, dtype: str, rows: int) -> Any:
    """Values of a column that would pass for measured ones."""
    if name == "published_split":
        return pa.nulls(rows, pa.string())
    if dtype == "string":
        return pa.array(np.arange(rows)).cast(pa.string())
    if dtype == "bool":
        return rng.uniform(size=rows) < (
            0.95 if name in ("isprimary", "specz_flag_homogeneous") else 0.002
        )
    if dtype.startswith("int"):
        return np.arange(rows) + 1 if name.endswith("_id") else rng.integers(2, 9, rows)
    if "redshift" in name and "err" not in name:
        z = np.random.default_rng(SEED).gamma(2.0, 0.4, rows).clip(0.02, 4.0)  # one per row
        return z + {"redshift_lo": -0.02, "redshift_hi": 0.02}.get(name, 0.0)
    if name == "i_extendedness_value":
        return np.ones(rows)
    if name.endswith(("sigma", "err", "separation")):
        return rng.uniform(0.005, 0.1, rows)
    return rng.normal(22.5, 1.0, rows)


def skies(rng: np.random.Generator, rows: int) -> None:
    """Write two catalogues of positions that share seven of ten objects."""
    second = sample(rng, rows, 1)
    first = sample(rng, rows, 1)
    shared = rng.permutation(rows)[: rows * 7 // 10]
    for name in ("ra", "dec"):
        first[name][: len(shared)] = second[name][shared] + rng.normal(0, 0.1 / 3600, len(shared))
    Path("sky").mkdir()
    for name, sky in (("first", first), ("second", second)):
        table = pa.table({column: sky[column] for column in ("ra", "dec", "object_id")})
        pq.write_table(table, f"sky/{name}.parquet", row_group_size=1 << 18, compression="zstd")


def forecasts(rng: np.random.Generator, rows: int, matched: Values) -> None:
    """Write a few rows to train on, a table of magnitudes to forecast, and forecasts to score."""
    magnitudes = {name: rng.normal(22.5, 1.0, rows).astype("f4") for name in BANDS.split(",")}
    table = pa.table({"object_id": matched["object_id"], **magnitudes})
    true = rng.gamma(2.0, 0.4, rows).clip(0.02, 4.0)
    predicted = true + 0.03 * (1 + true) * rng.standard_t(4, rows).clip(-9.0, 9.0)
    scored = pa.table({"z_true": true, "z_pred": predicted})
    few = table.append_column("redshift", scored["z_true"]).slice(0, 5000)
    for name, one in (("train_me", few), ("forecast_me", table), ("forecasts", scored)):
        pq.write_table(one, f"{name}.parquet", row_group_size=1 << 18)
