"""One schema, every artefact: a change of a declaration shows in all that is derived from it."""

from dataclasses import replace

import pytest

from transferz.schemas import RELEASE, Column, Table
from transferz.schemas.survey.derived import (
    column_fields,
    column_table,
    feature_list,
    votable_footer,
)
from transferz.schemas.survey.frames import arrow_schema, pandera_schema


def checked(table: Table) -> object:
    return [
        (one.name, str(one.dtype), one.nullable, one.unique, one.description, one.metadata)
        for one in pandera_schema(table).columns.values()
    ] + [check.error for one in pandera_schema(table).columns.values() for check in one.checks]


def arrow(table: Table) -> object:
    return [(one.name, str(one.type), one.nullable, one.metadata) for one in arrow_schema(table)]


ARTEFACTS = {
    "checks": checked,
    "arrow": arrow,
    "features": feature_list,
    "card and docs": column_table,
    "croissant": lambda table: column_fields(table, "combo", "files"),
    "footer": votable_footer,
}
ALL = set(ARTEFACTS)
DESCRIBED = ALL - {"features"}  # which know of name, type and unit alone
VALUES = {"checks", "card and docs", "footer"}


def test_the_same_declaration_gives_the_same_artefacts():
    copy = replace(RELEASE, columns=tuple(replace(column) for column in RELEASE))
    for derive in ARTEFACTS.values():
        assert derive(RELEASE) == derive(copy)


@pytest.mark.parametrize(
    ("name", "change", "shown"),
    [
        ("ra", {"unit": "rad"}, ALL),
        ("ra", {"unit": ""}, ALL),
        ("ra", {"name": "alpha"}, ALL),
        ("ra", {"dtype": "float32"}, ALL),
        ("ra", {"description": "Right ascension"}, DESCRIBED),
        ("ra", {"ucd": "pos.eq.ra"}, DESCRIBED),
        ("ra", {"maximum": 359.0}, VALUES | {"croissant"}),
        ("redshift_kind", {"categories": ("photometric",)}, VALUES),
        ("ra", {"nullable": False}, {"checks", "arrow", "card and docs"}),
        ("group_id", {"unique": True}, {"checks", "card and docs"}),
    ],
    ids=lambda one: (
        "+".join(sorted(one)) if isinstance(one, set) else str(one)
    ),  # a set has no order
)
def test_a_changed_column_changes_every_artefact_that_tells_of_it(name, change, shown):
    changed = tuple(replace(one, **change) if one.name == name else one for one in RELEASE)
    assert differing(replace(RELEASE, columns=changed)) == shown


def test_a_column_more_or_less_changes_every_artefact():
    more = Column("ebv", "float32", "Reddening", unit="mag", ucd="phot.color.excess")
    assert differing(replace(RELEASE, columns=(*RELEASE.columns, more))) == ALL
    assert differing(replace(RELEASE, columns=RELEASE.columns[:-1])) == ALL


def differing(table: Table) -> set[str]:
    """The artefacts that are not what they are for `RELEASE`."""
    return {name for name, derive in ARTEFACTS.items() if derive(table) != derive(RELEASE)}
