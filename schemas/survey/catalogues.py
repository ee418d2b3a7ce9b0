"""What the catalogues of all surveys have in common: words for no value, bounds, splits."""

from transferz.schemas.survey.columns import Column

REDSHIFT_MAX = 12.0  # no template fit in use reaches further

MISSING = -99.0
"""What upstream tables write for no value, beside NaN."""

UNMEASURED = 99.0
"""The same, in redshifts and magnitudes alone."""

SPLITS = ("train", "validation", "calibration", "test")
"""In the order in which cards and tables list them."""

PUBLISHED_SPLIT = Column(
    "published_split",
    "string",
    "Split in which the authors released the object; null where they released none",
    ucd="meta.code",
    categories=SPLITS,
    nullable=True,
)
