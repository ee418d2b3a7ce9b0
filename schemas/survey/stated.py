"""What a release says of its columns, with what this package knows of those of their names."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

from transferz.schemas.survey.columns import Column, Dtype
from transferz.schemas.survey.described import broken
from transferz.schemas.survey.paper import INDEX, RELEASE

COLUMN_FACTS = ("dtype", "unit", "ucd", "description")
"""What a manifest states of a column."""

DECLARED: dict[str, Column] = {column.name: column for column in (*INDEX, *RELEASE)}
"""What is known of a column by its name alone."""


def columns_of(manifest: Mapping[str, Any]) -> tuple[Column, ...]:
    """Return a release's columns as its manifest states them, those of our names with our bounds.

    Columns that this package does not know may have nulls. Where the manifest states none, the
    columns are those that this package declares. A ReleaseError says that a column has no dtype
    that a release can have.
    """
    ours = {column.name: column for column in RELEASE}
    columns = []
    for name, facts in manifest.get("columns", {}).items():
        known = ours.get(name, Column(name, "string", "", nullable=True))
        stated = {fact: facts[fact] for fact in COLUMN_FACTS if fact in facts}
        if stated.get("dtype", "") not in get_args(Dtype):
            raise broken("columns", f"a dtype of '{name}'", stated.get("dtype"))
        columns.append(replace(known, **stated))
    return tuple(columns) or RELEASE.columns
