"""What a parquet file claims to hold, against what is known of it, before any of it is read.

A footer of a few bytes can promise rows for which no machine has the memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transferz.dataset.verify.findings import Broken
from transferz.schemas import ReleaseError
from transferz.schemas.survey.files import MANIFEST_FILE

PACKED = 100
"""Times that a file's columns are longer than the file, at most; a release's are twice as long."""

LONGEST = 1000
"""Bytes of a row's texts, on average and at most; those of a release have 50."""


def check_claims(
    paths: Sequence[Path], name: str, rows: int | None, promise: str = "content"
) -> Iterator[Broken]:
    """Check that files hold as many rows as the manifest says, if it is known, and can hold them.

    Every row of a release has an id of its own, so it takes a byte or more. What repeats takes
    none, but of the texts: these are measured by the different ones among them.
    """
    claimed = 0
    for path in paths:
        footer, size = pq.read_metadata(path), path.stat().st_size
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        claimed += footer.num_rows
        if sum(group.num_rows for group in groups) != footer.num_rows:
            found = f"a footer of {footer.num_rows:,} rows whose row groups have others"
            yield Broken(name, promise, found, "the same number")
        if footer.num_rows > size or any(group.num_rows < 0 for group in groups):
            found = f"a footer of {footer.num_rows:,} rows in a file of {size:,} bytes"
            yield Broken(name, promise, found, "a byte or more for every row")
        if (held := sum(group.total_byte_size for group in groups)) > PACKED * size:
            found = f"a footer of {held:,} bytes of columns in a file of {size:,}"
            yield Broken(name, promise, found, f"at most {PACKED} times as many")
    if rows is not None and claimed != rows:
        found = f"a footer of {claimed:,} rows"
        yield Broken(name, promise, found, f"{rows:,}, by {MANIFEST_FILE}")


def require_modest(path: Path) -> Path:
    """Return the path of a parquet file that can hold what it claims; else raise `ReleaseError`."""
    for finding in check_claims([path], path.name, None):
        raise ReleaseError(f"{path.parent}: {finding}; get the release anew")
    return path


def check_texts(path: Path, name: str) -> Iterator[Broken]:
    """Check that a file's texts do not take more memory than those of a release."""
    schema = pq.read_schema(path)
    names = [field.name for field in schema if pa.types.is_string(field.type)]
    texts = pq.read_table(path, columns=names, read_dictionary=names)
    taken = sum(
        pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0
        for column in texts.columns
        for chunk in column.chunks
    )
    if taken > LONGEST * max(texts.num_rows, 1):
        found = f"texts of {taken:,} bytes in {texts.num_rows:,} rows"
        yield Broken(name, "content", found, f"at most {LONGEST:,} bytes a row")
