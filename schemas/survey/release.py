"""What the pipeline makes: the matched table, the splits, the released rows."""

from dataclasses import replace

from transferz.schemas.survey.catalogues import (
    COSMOS2020,
    GALAXIESML,
    PUBLISHED_SPLIT,
    REDSHIFT_MAX,
    SPECZ_NAME,
    SPLITS,
)
from transferz.schemas.survey.columns import (
    OBJECT_ID,
    Column,
    Table,
    cmodel_columns,
    position_columns,
)

CONFIGS = ("transferz", "galaxiesml", "combo", "truth")
"""The default one first; `truth` only in a mock."""

REDSHIFT_KINDS = ("photometric", "spectroscopic", "true")
"""`true` occurs only in the mock's `truth` config."""

_REDSHIFTS = (
    Column(
        "redshift",
        "float32",
        "The label: photometric, spectroscopic or, in a mock's truth, true redshift",
        ucd="src.redshift",
        minimum=0.0,
        maximum=REDSHIFT_MAX,
    ),
    Column(
        "redshift_lo",
        "float32",
        "Lower end of the label's 68 % interval",
        ucd="stat.error;src.redshift;stat.min",
        minimum=-0.1,
        maximum=REDSHIFT_MAX,
        nullable=True,
    ),
    Column(
        "redshift_hi",
        "float32",
        "Upper end of the label's 68 % interval",
        ucd="stat.error;src.redshift;stat.max",
        minimum=0.0,
        maximum=REDSHIFT_MAX,
        nullable=True,
    ),
)

_COSMOS_ID = replace(COSMOS2020["cosmos_id"], upstream=())
_SPLIT = Column("split", "string", "Split of the object", ucd="meta.code", categories=SPLITS)
_GROUP_ID = Column(
    "group_id",
    "int64",
    "Least object_id among the released objects linked to this one within the match radius",
    ucd="meta.id.parent",
    minimum=0,
)

_SEPARATION = Column(
    "separation",
    "float32",
    "Distance from the HSC to the COSMOS2020 position, median offset removed",
    unit="arcsec",
    ucd="pos.angDistance",
    minimum=0.0,
)

SELECTED = Table(
    "selected",
    (*(COSMOS2020[name] for name in ("cosmos_id", "ra", "dec", "i_mag_auto")), *_REDSHIFTS),
    key="cosmos_id",
    description="COSMOS2020 galaxies whose photo-z serves as a label",
)

SPECTROSCOPIC = Table(
    "spectroscopic",
    (OBJECT_ID, *GALAXIESML.columns[1:]),
    key="object_id",
    description="GalaxiesML after its cuts: an object occurs once",
)

MATCHED = Table(
    "matched",
    (
        OBJECT_ID,
        *position_columns(nullable=True),
        *cmodel_columns(nullable=False),
        *_REDSHIFTS,
        replace(_COSMOS_ID, nullable=True, unique=False),
        replace(_SEPARATION, nullable=True),
        Column(
            "galaxiesml_id",
            "int64",
            "object_id of the same galaxy in GalaxiesML; null where it is not there",
            ucd="meta.id.cross",
            minimum=0,
            nullable=True,
        ),
        PUBLISHED_SPLIT,
    ),
    key="object_id",
    description="Labelled HSC objects, and what of them GalaxiesML holds: COSMOS2020 joined to HSC "
    "on the sky, or the authors' table, which has no positions",
)

PAIRS = Table(
    "pairs",
    (_COSMOS_ID, replace(OBJECT_ID, upstream=()), _SEPARATION),
    key="cosmos_id",
    description="Every match of COSMOS2020 and HSC, whatever the cuts did to either row",
)

REMOVED = Table(
    "removed",
    (
        Column("id", "int64", "Identifier of the row in its catalogue", ucd="meta.id"),
        Column("cut", "string", "Name of the cut that removed the row", ucd="meta.code"),
    ),
    key="id",
    description="The rows that a stage removed, each with its cut",
)

ASSIGNED = Table(
    "split",
    (OBJECT_ID, _SPLIT, _GROUP_ID),
    key="object_id",
    description="Every object that is released, with its split",
)

RELEASE = Table(
    "release",
    (
        OBJECT_ID,
        *position_columns(nullable=True),
        *cmodel_columns(nullable=False),
        *_REDSHIFTS,
        Column(
            "redshift_kind",
            "string",
            "How the label was measured",
            ucd="meta.code",
            categories=REDSHIFT_KINDS,
        ),
        replace(_COSMOS_ID, nullable=True, unique=False),
        SPECZ_NAME,
        _GROUP_ID,
    ),
    key="object_id",
    description="A galaxy with HSC photometry and a redshift; the same columns in every config",
)

TRUTH = Table(
    "truth",
    (
        OBJECT_ID,
        Column(
            "redshift_true",
            "float32",
            "True redshift of the mock object",
            ucd="src.redshift",
            minimum=0.0,
            maximum=REDSHIFT_MAX,
        ),
    ),
    key="object_id",
    description="The mock's answer sheet",
)

INDEX = Table(
    "index",
    (
        OBJECT_ID,
        _SPLIT,
        Column("row_hash", "int64", "64-bit hash of the released row's values", ucd="meta.code"),
    ),
    key="object_id",
    description="A row per object of a config: what two versions of a release are compared by",
)
