"""Rows for the schemas' tests."""

import pyarrow as pa
import pytest

from transferz.schemas import RELEASE
from transferz.schemas.survey.frames import arrow_schema


@pytest.fixture
def release_table() -> pa.Table:
    """Twenty rows that keep the release schema; every second has no COSMOS2020 id."""
    given = {
        "object_id": [43158322433012345 + k for k in range(20)],
        "cosmos_id": [k if k % 2 else None for k in range(20)],
        "redshift_kind": ["photometric"] * 20,
        "specz_name": [None] * 20,
    }
    schema = arrow_schema(RELEASE)
    columns = [pa.array(given.get(field.name, [1.0] * 20), from_pandas=True) for field in schema]
    return pa.table(columns, names=schema.names).cast(schema).replace_schema_metadata(None)
