"""The upstream catalogues as ingested: our names and units, the columns that the cuts need."""

from dataclasses import replace
from typing import Any

from transferz.schemas.survey.columns import (
    BANDS,
    OBJECT_ID,
    TYPICAL_MAGNITUDES,
    Column,
    Dtype,
    Table,
    cmodel_columns,
    position_columns,
)

REDSHIFT_MAX = 12.0  # no template fit in use reaches further

MISSING = -99.0
"""What upstream tables write for no value, beside NaN."""

UNMEASURED = 99.0
"""The same, in redshifts and magnitudes alone."""

COSMOS_FIELD = ((148.6, 151.6), (0.7, 3.7))
"""Range of right ascension and declination, deg: 1.5 deg around COSMOS's centre (our choice)."""

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


def _theirs(name: str, dtype: Dtype, description: str, **more: Any) -> Column:
    """Declare a column under its upstream name, null where the catalogue has no value."""
    return Column(name, dtype, description, upstream=(name,), **{"nullable": True} | more)


def _flag(name: str, description: str) -> Column:
    return _theirs(name, "bool", description, ucd="meta.code")


def _lephare(name: str, description: str, **more: Any) -> Column:
    """Declare a float that LePhare writes: it is never negative, and what is, is missing."""
    return _theirs(name, "float32", description, minimum=0.0, missing_below=0.0, **more)


def _photo_z(name: str, description: str) -> Column:
    return _lephare(name, description, ucd="src.redshift.phot", maximum=REDSHIFT_MAX)


COSMOS2020 = Table(
    "cosmos2020",
    (
        Column(
            "cosmos_id",
            "int64",
            "COSMOS2020 identifier",
            ucd="meta.id",
            minimum=0,
            unique=True,
            upstream=("ID",),
        ),
        *position_columns("ALPHA_J2000", "DELTA_J2000", field=COSMOS_FIELD),
        Column(
            "flag_combined",
            "int16",
            "Combined UltraVISTA, HSC and Suprime-Cam mask; 0 is clean",
            ucd="meta.code.qual",
            minimum=0,
            upstream=("FLAG_COMBINED",),
        ),
        Column(
            "i_mag_auto",
            "float32",
            "HSC i-band Kron-like magnitude",
            unit="mag(AB)",
            ucd="phot.mag;em.opt.I",
            nullable=True,
            typical=TYPICAL_MAGNITUDES,
            upstream=("HSC_i_MAG_AUTO", "HSC_i_MAG"),  # CLASSIC, FARMER
            upstream_flux=("HSC_i_FLUX_AUTO", "HSC_i_FLUX"),
        ),
        _theirs(
            "lp_type",
            "int16",
            "LePhare type: 0 galaxy, 1 star, 2 X-ray source, -9 failed fit",
            ucd="src.class",
            minimum=-99,
            maximum=9,
        ),
        _photo_z("lp_zBEST", "LePhare best redshift; null for X-ray sources and masked areas"),
        _photo_z("lp_zPDF", "Median of LePhare's redshift probability density (galaxy templates)"),
        _photo_z("lp_zPDF_l68", "Lower end of the 68 % interval around lp_zPDF"),
        _photo_z("lp_zPDF_u68", "Upper end of the 68 % interval around lp_zPDF"),
        _photo_z("lp_zMinChi2", "Redshift of the galaxy template of least chi-square"),
        _photo_z("lp_zp_2", "Second peak of the density, where its probability exceeds 5 %"),
        _lephare("lp_chi2_best", "Least chi-square over galaxy templates", ucd="stat.fit.chi2"),
        _lephare("lp_chis", "Least chi-square over stellar templates", ucd="stat.fit.chi2"),
        _theirs(
            "lp_NbFilt",
            "int16",
            "Number of filters in the template fit",
            ucd="meta.number",
            minimum=-99,
            maximum=100,
        ),
        _theirs(
            "lp_mass_best",
            "float32",
            "log10 of the stellar mass in solar masses, from the best template",
            unit="dex(solMass)",
            ucd="phys.mass",
        ),
    ),
    key="cosmos_id",
    description="COSMOS2020 (Weaver et al. 2022), the columns that label and cuts need",
)

PIXEL_FLAGS = (
    "edge",
    "bad",
    "saturatedcenter",
    "interpolatedcenter",
    "bright_object",
    "bright_objectcenter",
)


HSC = Table(
    "hsc",
    (
        OBJECT_ID,
        *position_columns(field=COSMOS_FIELD),
        *cmodel_columns(nullable=True),
        _theirs(
            "isprimary",
            "bool",
            "True for the one detection that stands for the object",
            ucd="meta.code",
            nullable=False,
        ),
        _theirs(
            "i_extendedness_value",
            "float32",
            "1 for an extended source, 0 for a point source",
            ucd="src.morph",
            minimum=0.0,
            maximum=1.0,
        ),
        *(
            _theirs(
                f"{band}_inputcount_value",
                "int16",
                f"Number of {band}-band visits at the object's centre",
                ucd="meta.number;obs",
                minimum=0,
            )
            for band in BANDS
        ),
        # A flag is null in a band that was not observed there.
        *(_flag(f"{band}_cmodel_flag", f"{band}-band cModel fit failed") for band in BANDS),
        *(
            _flag(f"{band}_pixelflags_{flag}", f"{band}-band pixel flag '{flag}'")
            for band in BANDS
            for flag in PIXEL_FLAGS
        ),
    ),
    key="object_id",
    description="HSC-SSP objects as the archive's query returns them",
)

SPECZ_NAME = Column(
    "specz_name",
    "string",
    "Name of the object in the spectroscopic compilation",
    ucd="meta.id",
    nullable=True,
    upstream=("specz_name",),
)

GALAXIESML = Table(
    "galaxiesml",
    (
        replace(OBJECT_ID, unique=False),  # the raw compilation repeats objects; a cut drops them
        *position_columns(),
        *cmodel_columns(nullable=True),
        SPECZ_NAME,
        _theirs("specz_redshift", "float32", "Spectroscopic redshift", ucd="src.redshift"),
        _theirs(
            "specz_redshift_err",
            "float32",
            "1-sigma error of specz_redshift",
            ucd="stat.error;src.redshift",
        ),
        _theirs(
            "specz_flag_homogeneous",
            "bool",
            "True where the homogenised quality flag calls the redshift secure",
            ucd="meta.code.qual",
        ),
        _theirs(
            "specz_mag_i",
            "float32",
            "i magnitude in the spectroscopic compilation",
            unit="mag(AB)",
            ucd="phot.mag;em.opt.I",
        ),
        PUBLISHED_SPLIT,
    ),
    key="object_id",
    description="GalaxiesML (Do et al. 2024), the photometric and spectroscopic columns",
)

TRANSFERZ = Table(
    "transferz",
    (
        replace(OBJECT_ID, unique=False, upstream=("hsc_id", "object_id")),  # a cut drops repeats
        *cmodel_columns(nullable=True),
        Column(
            "redshift",
            "float32",
            "Photometric redshift of COSMOS2020: the label",
            ucd="src.redshift.phot",
            nullable=True,
            upstream=("z", "redshift"),
        ),
        PUBLISHED_SPLIT,
    ),
    key="object_id",
    description="TransferZ as its authors released it (Soriano et al. 2024): no positions, no "
    "interval of the label",
)
