"""The words: every table's columns, written once, and what is derived from them."""

from typing import TYPE_CHECKING

from transferz.schemas.errors import (
    InputError,
    ParameterError,
    ReleaseError,
    SchemaError,
    TransferZError,
)
from transferz.schemas.later import import_later
from transferz.schemas.survey.catalogues import SPLITS
from transferz.schemas.survey.columns import (
    BANDS,
    ERRORS,
    MAGNITUDES,
    Column,
    Table,
    error_name,
    magnitude_name,
)
from transferz.schemas.survey.release import CONFIGS, REMOVED
from transferz.schemas.survey.spectra import SPECZ

if TYPE_CHECKING:
    from transferz.schemas.survey.paper import (
        ASSIGNED,
        COSMOS2020,
        GALAXIESML,
        HSC,
        INDEX,
        MATCHED,
        PAIRS,
        RELEASE,
        SELECTED,
        SPECTROSCOPIC,
        TRANSFERZ,
        TRUTH,
    )

__all__ = [
    "ASSIGNED",
    "BANDS",
    "CONFIGS",
    "COSMOS2020",
    "ERRORS",
    "GALAXIESML",
    "HSC",
    "INDEX",
    "MAGNITUDES",
    "MATCHED",
    "PAIRS",
    "RELEASE",
    "REMOVED",
    "SELECTED",
    "SPECTROSCOPIC",
    "SPECZ",
    "SPLITS",
    "TRANSFERZ",
    "TRUTH",
    "Column",
    "InputError",
    "ParameterError",
    "ReleaseError",
    "SchemaError",
    "Table",
    "TransferZError",
    "error_name",
    "magnitude_name",
]

# The paper's tables are read from files, when they are asked for.
__getattr__, __dir__ = import_later(
    __name__,
    dict.fromkeys(
        (
            "ASSIGNED",
            "COSMOS2020",
            "GALAXIESML",
            "HSC",
            "INDEX",
            "MATCHED",
            "PAIRS",
            "RELEASE",
            "SELECTED",
            "SPECTROSCOPIC",
            "TRANSFERZ",
            "TRUTH",
        ),
        "survey.paper",
    ),
)
