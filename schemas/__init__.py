"""The words: every table's columns, written once, and what is derived from them."""

from transferz.schemas.errors import (
    InputError,
    ParameterError,
    ReleaseError,
    SchemaError,
    TransferZError,
)
from transferz.schemas.survey.catalogues import (
    COSMOS2020,
    GALAXIESML,
    HSC,
    PIXEL_FLAGS,
    SPLITS,
    TRANSFERZ,
)
from transferz.schemas.survey.columns import (
    BANDS,
    ERRORS,
    MAGNITUDES,
    Column,
    Table,
    error_name,
    magnitude_name,
)
from transferz.schemas.survey.release import (
    ASSIGNED,
    CONFIGS,
    INDEX,
    MATCHED,
    PAIRS,
    RELEASE,
    REMOVED,
    SELECTED,
    SPECTROSCOPIC,
    TRUTH,
)
from transferz.schemas.survey.spectra import SPECZ

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
    "PIXEL_FLAGS",
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
