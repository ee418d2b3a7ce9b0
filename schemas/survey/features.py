"""The features of a Hugging Face dataset, derived from a table's declaration."""

from transferz.schemas.survey.column import Column, Table


def feature_list(table: Table) -> list[dict[str, str]]:
    """Return a table's features as a card's front matter lists them.

    A column's unit is the feature's ``id``, which `datasets` keeps as ``Value.id`` through
    loading, selecting, mapping and renaming: units travel that way.

    Parameters
    ----------
    table : Table
        The declaration.

    Returns
    -------
    list of dict
        ``name``, ``dtype`` and, where the column has a unit, ``id``: the unit as astropy spells
        it. ``datasets.Features._from_yaml_list`` reads it.
    """
    return [_feature(column) for column in table]


def _feature(column: Column) -> dict[str, str]:
    named = {"name": column.name, "dtype": column.dtype}
    return named | ({"id": column.unit} if column.unit else {})
