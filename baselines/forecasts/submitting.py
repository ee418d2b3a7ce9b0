"""Forecasts of a table as a qp ensemble, in the form that the LSST DESC photo-z challenge asks for.

LSSTDESC/pz_data_challenge looks for the ancillary columns ``object_id``, with the ids of the test
file, and ``zmode``, which it takes for the point; it compares rows in the test file's order.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from transferz.baselines.forecasts.compact import decode_pdfs
from transferz.baselines.forecasts.qp import write_qp
from transferz.baselines.networks import PREDICTED
from transferz.baselines.networks.forecasting import Applied, RowCounts, predict_chunks
from transferz.schemas.errors import InputError
from transferz.tables.cells import as_ids
from transferz.tables.table import TableFile

ID = "object_id"


def predict_ensemble(
    forecaster: Applied,
    table: TableFile,
    out: Path,
    *,
    drop_missing: bool,
    rows: int,
    progress: Callable[[int], None] | None = None,
) -> RowCounts:
    """Write the densities of a table's galaxies as a qp ensemble, and count the table's rows.

    The last column that the forecaster adds has densities in few bytes, which become quantiles.
    Takes what `transferz.baselines.networks.forecasting.predict_table` does; an InputError too
    where the table has no column ``object_id`` of whole numbers.
    """
    if ID not in table.names:
        raise InputError(
            f"{table.path} has no column '{ID}', which {out} is to name its galaxies by; rename "
            f"the ids; it has: {', '.join(table.names)}"
        )
    known, forecasts = [], []

    def keep(chunk: pa.Table, forecast: pa.Table) -> None:
        known.append(chunk)
        forecasts.append(forecast)

    tally = predict_chunks(forecaster, table, [ID], keep, drop_missing, rows, progress)
    tally.require_rows(table.path, drop_missing=drop_missing)
    ids = as_ids(pa.concat_tables(known), ID, table.path)
    if not pa.types.is_integer(ids.type) or ids.null_count:
        raise InputError(f"{table.path}: column '{ID}': expected whole numbers, found {ids.type}")
    found = pa.concat_tables(forecasts)
    write_qp(
        out,
        decode_pdfs(found.columns[-1]),
        object_id=ids.to_numpy().astype(np.int64),
        zmode=found[PREDICTED].to_numpy(),
        note=forecaster.note,
    )
    return tally
