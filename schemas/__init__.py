"""The words: every table's columns, written once, and what is derived from them."""

from typing import TYPE_CHECKING, Any

from transferz.schemas.errors import (
    InputError,
    ParameterError,
    ReleaseError,
    SchemaError,
    TransferZError,
)
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


def __getattr__(name: str) -> Any:
    """Import the paper's tables when they are asked for: they are read from files."""
    if name in __all__:
        from transferz.schemas.survey import paper

        return getattr(paper, name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
