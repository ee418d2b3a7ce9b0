"""What a release says of its columns, with the bounds that this package knows for their names.

Whoever only loads a release has no file of its survey: nothing here reads one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

from transferz.schemas.survey.columns import Column, Dtype, Table, error_column, magnitude_column
from transferz.schemas.survey.described import HSC_BANDS, Band, bands_of, broken
from transferz.schemas.survey.release import index_table, release_table

COLUMN_FACTS = ("dtype", "unit", "ucd", "description")
"""What a manifest states of a column."""

_OBJECT_ID = Column(
    "object_id", "int64", "Object identifier", ucd="meta.id;meta.main", minimum=0, unique=True
)
_REFERENCES = (
    Column("cosmos_id", "int64", "COSMOS2020 identifier", ucd="meta.id", minimum=0, nullable=True),
    Column(
        *("specz_name", "string", "Name of the object in the spectroscopic compilation"),
        ucd="meta.id",
        nullable=True,
    ),
)

INDEX = index_table(_OBJECT_ID)


def plain_release(bands: Sequence[Band]) -> Table:
    """Return the table of a release in these bands, but for what its survey alone says of them."""
    magnitudes = (magnitude_column(one.magnitude, f"{one.name}-band magnitude") for one in bands)
    errors = (error_column(one.error, f"1-sigma error of {one.magnitude}") for one in bands)
    return release_table(_OBJECT_ID, (*magnitudes, *errors), _REFERENCES)


DECLARED: dict[str, Column] = {
    column.name: column for column in (*INDEX, *plain_release(HSC_BANDS))
}
"""What is known of a column by its name alone."""


def columns_of(manifest: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return a release's columns as its manifest states them, those of our names with our bounds.

    Columns that this package does not know may have nulls. Where the manifest states none, the
    columns are those that every release in its bands has. A ReleaseError says that a column has no
    dtype that a release can have.
    """
    release = plain_release(bands_of(manifest))
    ours = {column.name: column for column in release}
    columns = []
    for name, facts in manifest.get("columns", {}).items():
        known = ours.get(name, Column(name, "string", "", nullable=True))
        stated = {fact: facts[fact] for fact in COLUMN_FACTS if fact in facts}
        if stated.get("dtype", "") not in get_args(Dtype):
            raise broken("columns", f"a dtype of '{name}'", stated.get("dtype"))
        columns.append(replace(known, **stated))
    return tuple(columns) or release.columns
