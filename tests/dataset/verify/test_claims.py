"""Parquet files that claim more than they hold, or hold other columns, are findings: no more."""

import datetime
import decimal
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from releases import read_manifest
from tampering import copy, edit_json, split_file

from transferz.dataset.pipeline.manifest import seal
from transferz.dataset.verify.verifying import inspect, verify
from transferz.schemas import RELEASE
from transferz.schemas.survey.frames import arrow_schema
from transferz.tables.files import write_json

TRAIN = split_file("transferz", "train")


@pytest.fixture
def release(small_release, tmp_path):
    return copy(small_release, tmp_path)


def sealed(release):
    """The release with the files' hashes made right, and those alone."""
    manifest = read_manifest(release)
    (release / "MANIFEST.json").unlink()
    write_json(release / "MANIFEST.json", seal(manifest, release))
    return release


def constant_rows(count, texts=1):
    """Rows that are all one, of the release's columns."""
    values = {"bool": True, "string": "x" * texts}
    schema = arrow_schema(RELEASE)
    columns = []
    for field in schema:
        value = values.get(str(field.type), 1)
        indices = pa.array(np.zeros(count, np.int32))
        one = pa.array([value], field.type)
        columns.append(pa.DictionaryArray.from_arrays(indices, one))
    return pa.table(columns, schema.names)


def write_bomb(path, rows, texts=1):
    """Few bytes that hold many rows, or long texts."""
    table = constant_rows(rows, texts)
    with pq.ParquetWriter(path, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("name", [TRAIN, "_index/transferz.index"])
def test_rows_that_the_manifest_does_not_state_are_not_read(release, name):
    write_bomb(release / name, 3_000_000)
    assert (release / name).stat().st_size < 1_000_000
    found = [str(one) for one in verify(sealed(release)) if one.file == name]
    assert any("a footer of 3,000,000 rows; expected " in one for one in found)
    assert any("a footer of 3,000,000 rows in a file of " in one for one in found)


def test_rows_that_the_manifest_states_too_are_compared_with_the_file(release):
    write_bomb(release / TRAIN, 3_000_000)

    def state(manifest):
        manifest["content"]["transferz"]["train"]["rows"] = 3_000_000

    edit_json(release, "MANIFEST.json", state)
    report = inspect(sealed(release))
    first = next(one for one in report.broken if one.file == TRAIN)
    assert first.promise == "content" and "expected a byte or more for every row" in str(first)
    assert report.rows < 100_000


def test_texts_that_take_no_room_in_the_file_are_measured_first(release):
    rows = pq.read_table(release / TRAIN)
    long = pa.array(["x" * 100_000] * len(rows), pa.string())
    number = rows.column_names.index("specz_name")
    rows = rows.set_column(number, rows.schema.field(number), long)
    pq.write_table(rows, release / TRAIN, compression="zstd", store_schema=False)
    found = [one for one in verify(sealed(release)) if one.file == TRAIN]
    assert any("at most 1,000 bytes a row" in str(one) for one in found)


def test_a_claim_takes_no_memory(release):
    """In a process that may have no more: what is claimed would take tens of GB."""
    write_bomb(release / TRAIN, 30_000_000)
    code = (
        "import resource, sys; from pathlib import Path; "
        "from transferz.dataset.verify.verifying import verify; "
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; "
        "assert verify(Path(sys.argv[1])); "
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    command = [sys.executable, "-c", code, str(sealed(release))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 500_000  # kB


class Odd(pa.ExtensionType):
    """A type that another program declares."""

    def __init__(self):
        super().__init__(pa.int64(), "tests.odd")

    def __arrow_ext_serialize__(self):
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type, serialized):
        return cls()


def odd_columns(rows):
    whole = pa.array(range(rows), pa.int64())
    return {
        "decimal": pa.array([decimal.Decimal("1.5")] * rows),
        "list": pa.array([[1.0, 2.0]] * rows),
        "fixed list": pa.array([[1.0, 2.0]] * rows, pa.list_(pa.float32(), 2)),
        "struct": pa.array([{"a": 1}] * rows),
        "map": pa.array([[("a", 1)]] * rows, pa.map_(pa.string(), pa.int64())),
        "extension": pa.ExtensionArray.from_storage(Odd(), whole),
        "date": pa.array([datetime.date(2026, 1, 1)] * rows),
        "bytes": pa.array([b"\xff"] * rows),
        "null": pa.nulls(rows),
    }


@pytest.mark.parametrize("kind", odd_columns(1))
@pytest.mark.parametrize("place", ["more", "instead"])
def test_columns_of_any_type_are_a_finding_and_all_else_is_looked_at(release, kind, place):
    rows = pq.read_table(release / TRAIN)
    column = odd_columns(len(rows))[kind]
    if place == "more":
        rows = rows.append_column("odd", column)
    else:
        rows = rows.set_column(rows.column_names.index("redshift"), "redshift", column)
    pq.write_table(rows, release / TRAIN)
    report = inspect(sealed(release))
    found = {(one.file, one.promise) for one in report.broken}
    assert (TRAIN, "columns") in found and not report.unable
    assert {file for file, _ in found} == {TRAIN, "croissant.json"}  # which has the file's hash
    assert {"card", "croissant", "citation"} <= set(report.checked)


def test_a_column_that_is_there_twice_is_a_finding(release):
    rows = pq.read_table(release / TRAIN)
    twice = pa.Table.from_arrays([*rows.columns, rows["ra"]], names=[*rows.column_names, "ra"])
    pq.write_table(twice, release / TRAIN)
    findings = verify(sealed(release))
    assert any("or one twice" in one.found for one in findings if one.promise == "columns")
    assert {one.file for one in findings} == {TRAIN, "croissant.json"}
