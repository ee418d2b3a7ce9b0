"""A compilation of published spectroscopic redshifts: one row an object, one scale of quality."""

from dataclasses import replace

from transferz.schemas.survey.columns import Column, Table, position_columns

QUALITIES = {
    0: "none: no redshift",
    1: "insecure: below 70 %",
    2: "likely: 70 to 90 %",
    3: "secure: 90 to 99 %",
    4: "certain: above 99 %",
}
"""The scale, with the chance that the redshift is right: the classes of VVDS (Le Fèvre et al. 2005,
A&A 439, 845) with the bounds between them that LIneA's compilation uses
(linea-it/pzserver_combine_redshift_dedup)."""

SECURE = 3
"""The least quality of a secure redshift."""

OBJECT_CLASSES = ("galaxy", "agn", "star")
TECHNIQUES = ("spectrum", "grism", "prism")
"""A slit's or fibre's spectrum; slitless; and PRIMUS's prism, about as coarse as a grism."""

REDSHIFT_RANGE = (-0.02, 20.0)
"""Below lies no star of the Galaxy, above no galaxy that is known (our choice)."""

SPECZ = Table(
    "specz",
    (
        Column(
            "specz_name",
            "string",
            "Catalogue and its identifier, joined by a hyphen",
            ucd="meta.id",
            unique=True,
        ),
        Column("source", "string", "Catalogue the redshift is from", ucd="meta.bib"),
        Column("source_id", "string", "Identifier in that catalogue, exactly", ucd="meta.id"),
        *(replace(column, upstream=()) for column in position_columns()),
        Column(
            "redshift",
            "float64",
            "Spectroscopic redshift",
            ucd="src.redshift",
            minimum=REDSHIFT_RANGE[0],
            maximum=REDSHIFT_RANGE[1],
        ),
        Column(
            "redshift_err",
            "float64",
            "1-sigma error of redshift; null where the catalogue gives none",
            ucd="stat.error;src.redshift",
            minimum=0.0,
            nullable=True,
        ),
        Column(
            "quality",
            "int16",
            "Homogenised quality: 1 insecure, 2 likely, 3 secure, 4 certain",
            ucd="meta.code.qual",
            minimum=1,
            maximum=4,
        ),
        Column(
            "secure",
            "bool",
            "Whether the quality is 3 or 4 and the object no star",
            ucd="meta.code.qual",
        ),
        Column(
            "object_class",
            "string",
            "What the catalogue says the object is; null where it does not say",
            ucd="src.class",
            categories=OBJECT_CLASSES,
            nullable=True,
        ),
        Column(
            "technique",
            "string",
            "How the light was dispersed",
            ucd="instr.setup",
            categories=TECHNIQUES,
        ),
        Column(
            "n_measurements",
            "int64",
            "Redshifts of the object in all catalogues, this one included",
            ucd="meta.number",
            minimum=1,
        ),
        Column(
            "other_names",
            "string",
            "specz_name of the other ones, parted by semicolons",
            ucd="meta.id",
            nullable=True,
        ),
        Column(
            "disagrees",
            "bool",
            "Whether two of the object's redshifts differ by more than the threshold",
            ucd="meta.code.qual",
        ),
    ),
    key="specz_name",
    description="Spectroscopic redshifts of published catalogues, the best one of each object",
)

COMPILED = (
    Column(
        "specz_id",
        "int64",
        "Hash of the row's values, by which stages name the row",
        ucd="meta.id",
        minimum=0,
        unique=True,
    ),
    *(replace(column, upstream=(column.name,)) for column in SPECZ),
)
"""The columns of `SPECZ` as a survey reads them from a file."""
