"""What the pipeline makes: the matched table, the splits, the released rows."""

from dataclasses import replace

from transferz.schemas.survey.catalogues import PUBLISHED_SPLIT, REDSHIFT_MAX, SPLITS
from transferz.schemas.survey.columns import Column, Table, position_columns

CONFIGS = ("transferz", "galaxiesml", "combo", "truth")
"""Those of the paper's surveys, the default one first; `truth` only in a mock."""

KNOWN_CONFIGS = ("transferz", "labels", "galaxiesml", "spectroscopic", "combo", "truth")
"""The configs of the surveys at hand, in the order in which cards and tables list them."""

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
    "Distance from the position with photometry to that of the label, median offset removed",
    unit="arcsec",
    ucd="pos.angDistance",
    minimum=0.0,
)


def selected_table(label: Table, magnitude: str) -> Table:
    """Declare what the cuts leave of a label's catalogue: its key, position and redshifts.

    `magnitude` is the column by which chance matches are counted.
    """
    kept = (label[name] for name in (label.key, "ra", "dec", magnitude))
    description = "Galaxies whose many-band photo-z serves as a label"
    return Table("selected", (*kept, *_REDSHIFTS), label.key, description)


def labelled_table(label: Table, object_id: Column, photometry: tuple[Column, ...]) -> Table:
    """Declare what the cuts leave of labels that have photometry of their own."""
    own = (one for one in label if one.name in ("ra", "dec", PUBLISHED_SPLIT.name))
    description = "Galaxies with photometry whose many-band photo-z serves as a label"
    return Table("selected", (object_id, *own, *photometry, *_REDSHIFTS), "object_id", description)


def spectroscopic_table(catalogue: Table) -> Table:
    """Declare what the cuts leave of a spectroscopic catalogue, where an object occurs once."""
    columns = (replace(one, unique=one.name == catalogue.key) for one in catalogue)
    description = f"{catalogue.name} after its cuts: an object occurs once"
    return Table("spectroscopic", tuple(columns), catalogue.key, description)


def compiled_table(compilation: Table, object_id: Column, photometry: tuple[Column, ...]) -> Table:
    """Declare the objects with photometry that a compilation has redshifts of.

    Their position is the one with photometry.
    """
    own = (one for one in compilation if one.name not in ("ra", "dec"))
    distance = "Distance from the position with photometry to the spectrum's, median offset removed"
    separation = replace(_SEPARATION, description=distance)
    columns = (object_id, *position_columns(), *photometry, separation, *own)
    description = f"Objects with photometry and a redshift of {compilation.name}"
    return Table("spectroscopic", columns, "object_id", description)


def matched_table(
    object_id: Column, photometry: tuple[Column, ...], label_id: tuple[Column, ...]
) -> Table:
    """Declare the labelled objects, and what the spectroscopic catalogue holds of them.

    `label_id` is the id in the label's own catalogue, where that is another one.
    """
    columns = (
        object_id,
        *position_columns(nullable=True),
        *photometry,
        *_REDSHIFTS,
        *(replace(one, nullable=True, unique=False) for one in label_id),
        replace(_SEPARATION, nullable=True),
        Column(
            "spectroscopic_id",
            "int64",
            "object_id of the same galaxy in the spectroscopic catalogue; null where not there",
            ucd="meta.id.cross",
            minimum=0,
            nullable=True,
        ),
        PUBLISHED_SPLIT,
    )
    description = "Labelled objects with photometry, and what of them have spectra"
    return Table("matched", columns, "object_id", description)


def pairs_table(object_id: Column, own_id: Column) -> Table:
    """Declare the matches on the sky of a catalogue, by its own id, and the one with photometry."""
    own = replace(own_id, nullable=False, unique=True, upstream=())
    columns = (own, replace(object_id, upstream=()), _SEPARATION)
    description = "Every match of both catalogues, whatever the cuts did to either row"
    return Table("pairs", columns, own_id.name, description)


def assigned_table(object_id: Column) -> Table:
    """Declare the splits of the objects that are released."""
    description = "Every object that is released, with its split"
    return Table("split", (object_id, _SPLIT, _GROUP_ID), "object_id", description)


def release_table(
    object_id: Column,
    photometry: tuple[Column, ...],
    references: tuple[Column, ...],
    title: str = "",
) -> Table:
    """Declare the rows of a release, the same columns in every config.

    `references` name an object elsewhere; they may be null. `title` is whose photometry it is.
    """
    columns = (
        object_id,
        *position_columns(nullable=True),
        *photometry,
        *_REDSHIFTS,
        Column(
            "redshift_kind",
            "string",
            "How the label was measured",
            ucd="meta.code",
            categories=REDSHIFT_KINDS,
        ),
        *references,
        _GROUP_ID,
    )
    photometry_of = f"{title} photometry" if title else "photometry"
    description = f"A galaxy with {photometry_of} and a redshift; the same columns in every config"
    return Table("release", columns, "object_id", description)


def index_table(object_id: Column) -> Table:
    """Declare the index of a config: what two versions of a release are compared by."""
    row_hash = Column(
        "row_hash", "int64", "64-bit hash of the released row's values", ucd="meta.code"
    )
    description = "A row per object of a config: what two versions of a release are compared by"
    return Table("index", (object_id, _SPLIT, row_hash), "object_id", description)


def truth_table(object_id: Column) -> Table:
    """Declare a mock's answer sheet."""
    column = Column(
        "redshift_true",
        "float32",
        "True redshift of the mock object",
        ucd="src.redshift",
        minimum=0.0,
        maximum=REDSHIFT_MAX,
    )
    return Table("truth", (object_id, column), "object_id", "The mock's answer sheet")


REMOVED = Table(
    "removed",
    (
        Column("id", "int64", "Identifier of the row in its catalogue", ucd="meta.id"),
        Column("cut", "string", "Name of the cut that removed the row", ucd="meta.code"),
    ),
    key="id",
    description="The rows that a stage removed, each with its cut",
)
