"""Write tables so that their bytes repeat."""

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from transferz.schemas import TRUTH
from transferz.schemas.survey.frames import to_arrow


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a CSV file as the archives do: ``True`` and ``False``, ``nan`` where a value lacks.

    Parameters
    ----------
    path : Path
        The file.
    frame : pandas.DataFrame
        Floats already rounded: each is written in the fewest digits that give it back.
    """
    table = pa.Table.from_pandas(frame, preserve_index=False)
    arrays = [_spelt(column) for column in table.columns]
    options = pacsv.WriteOptions(include_header=False, quoting_style="none")
    with path.open("wb") as file:
        file.write((",".join(table.column_names) + "\n").encode())
        pacsv.write_csv(pa.table(arrays, names=table.column_names), file, options)


def _spelt(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_boolean(column.type):
        return pc.if_else(column, "True", "False")
    if pa.types.is_floating(column.type):
        return pc.fill_null(column, float("nan"))
    return column


def write_truth(path: Path, object_id: pd.Series, redshift: pd.Series) -> int:
    """Write the true redshifts, one row per object, sorted by id; return the number of rows.

    Parameters
    ----------
    path : Path
        The parquet file.
    object_id, redshift : pandas.Series
        Rows without a redshift (stars) are left out; an id that repeats counts once.
    """
    frame = pd.DataFrame({"object_id": object_id, "redshift_true": redshift}).dropna()
    frame = frame.drop_duplicates("object_id").sort_values("object_id", ignore_index=True)
    frame["redshift_true"] = frame["redshift_true"].round(5).astype("float32")
    pq.write_table(to_arrow(frame, TRUTH), path, compression="zstd", store_schema=False)
    return len(frame)
