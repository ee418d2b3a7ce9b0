"""Damage to parquet files: to their bytes, and sound files with the wrong columns."""

import io
import struct

import pyarrow as pa
import pyarrow.parquet as pq


def _pick(rng, values):
    return values[int(rng.integers(len(values)))]


def footer_length(rng, data):
    """The number that says where the footer starts."""
    value = _pick(rng, (0, 1, 7, len(data), 2**31 - 1, 2**32 - 1, int(rng.integers(len(data)))))
    return data[:-8] + struct.pack("<I", value) + data[-4:]


def footer_bytes(rng, data):
    """A few bytes of the footer."""
    (length,) = struct.unpack("<I", data[-8:-4])
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        damaged[-8 - int(rng.integers(1, length + 1))] = int(rng.integers(256))
    return bytes(damaged)


def page_bytes(rng, data):
    """A few bytes of the pages."""
    (length,) = struct.unpack("<I", data[-8:-4])
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        damaged[int(rng.integers(4, len(data) - 8 - length))] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def _edit_table(edit):
    """Apply to the table; the file is sound."""

    def mutate(rng, data):
        buffer = io.BytesIO()
        pq.write_table(edit(rng, pq.read_table(io.BytesIO(data))), buffer, compression="zstd")
        return buffer.getvalue()

    mutate.__name__, mutate.__doc__ = edit.__name__, edit.__doc__
    return mutate


@_edit_table
def drop_column(rng, table):
    """A column missing."""
    return table.drop_columns([_pick(rng, table.column_names)])


@_edit_table
def rename_column(rng, table):
    """A column's name is another's, or in other letters."""
    names = table.column_names
    at = int(rng.integers(len(names)))
    names[at] = _pick(rng, (names[at].upper(), _pick(rng, names), f" {names[at]}", ""))
    return table.rename_columns(names)


@_edit_table
def swap_columns(rng, table):
    """Two columns' names exchanged."""
    names = table.column_names
    a, b = rng.integers(len(names), size=2)
    names[a], names[b] = names[b], names[a]
    return table.rename_columns(names)


@_edit_table
def retype_column(rng, table):
    """A column in another type."""
    kinds = (pa.string(), pa.float64(), pa.float32(), pa.int64(), pa.int8(), pa.large_string())
    kinds += (pa.bool_(), pa.uint64(), pa.float16(), pa.binary())
    at = int(rng.integers(table.num_columns))
    field = table.schema.field(at)
    try:
        column = table.column(at).cast(_pick(rng, kinds), safe=False)
    except pa.ArrowException:
        column = pa.chunked_array([pa.nulls(len(table), field.type)])
    return table.set_column(at, field.name, column)


@_edit_table
def spoil_cells(rng, table):
    """Cells become null, NaN or a strange number."""
    at = int(rng.integers(table.num_columns))
    field = table.schema.field(at)
    values = table.column(at).to_pylist()
    odd = {"f": (None, float("nan"), float("inf"), -99.0, 99.0, 1e30, -1.0), "i": (None, -1, 32767)}
    odd |= {"d": odd["f"], "h": odd["f"]}
    row = int(rng.integers(len(values)))
    values[row] = _pick(rng, odd.get(str(field.type)[0], (None,)))
    return table.set_column(at, field.name, pa.array(values, field.type))


@_edit_table
def change_rows(rng, table):
    """Rows lost, repeated or in another order."""
    order = rng.permutation(len(table))
    keep = _pick(rng, (order[: len(order) // 2], order, order[:0], [*order, order[0]]))
    return table.take(pa.array(list(keep), pa.int64()))


@_edit_table
def nest_column(rng, table):
    """A column of lists or structures where numbers belong."""
    at = int(rng.integers(table.num_columns))
    name, values = table.column_names[at], table.column(at).to_pylist()
    made = _pick(rng, ([[value] for value in values], [{"value": value} for value in values]))
    return table.set_column(at, name, pa.array(made))


PARQUET = (
    footer_length,
    footer_bytes,
    footer_bytes,
    page_bytes,
    page_bytes,
    drop_column,
    rename_column,
    swap_columns,
    retype_column,
    retype_column,
    spoil_cells,
    spoil_cells,
    change_rows,
    nest_column,
)
