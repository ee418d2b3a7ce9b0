"""Pages without a checksum are found, however a file is written."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transferz.dataset.verify.parquet_pages import columns_without_checksum

ROWS = 5000


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    words = rng.choice(["photometric", "spectroscopic", None], ROWS)
    return pa.table(
        {
            "id": rng.integers(2**62, size=ROWS),
            "value": rng.normal(size=ROWS).astype("float32"),
            "kind": pa.array(words.tolist(), pa.string()),
            "flag": rng.random(ROWS) < 0.5,
        }
    )


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("compression", ["zstd", "none"])
@pytest.mark.parametrize("checksums", [True, False])
def test_all_or_none(table, tmp_path, version, compression, checksums):
    path = tmp_path / "table.parquet"
    pq.write_table(
        table,
        path,
        data_page_version=version,
        compression=compression,
        write_page_checksum=checksums,
        data_page_size=3000,  # many pages
        row_group_size=2000,
        use_dictionary=["kind"],
    )
    assert columns_without_checksum(path) == ([] if checksums else table.column_names)


def test_a_header_that_makes_no_sense_is_an_error_not_a_crash(table, tmp_path):
    path = tmp_path / "table.parquet"
    pq.write_table(table, path, write_page_checksum=True)
    good = path.read_bytes()
    start = pq.read_metadata(path).row_group(0).column(0).dictionary_page_offset
    for value in range(0, 256, 5):
        path.write_bytes(good[:start] + bytes([value]) * 8 + good[start + 8 :])
        try:
            assert columns_without_checksum(path) in ([], ["id"])
        except ValueError as error:
            assert "page header" in str(error)
