"""HSC photometry and sky positions: columns that several tables share."""

from transferz.schemas.survey.column import Column

BANDS = ("g", "r", "i", "z", "y")
"""The HSC broad bands, blue to red."""

TYPICAL_MAGNITUDES = (10.0, 35.0)
"""The median magnitude of a deep catalogue lies in here; that of a flux does not (our choice)."""

UCD_BANDS = {
    "g": "em.opt.B",
    "r": "em.opt.R",
    "i": "em.opt.I",
    "z": "em.opt.I",
    "y": "em.opt.I",
}
"""UCD1+ words of the bands by effective wavelength. That of y, 979 nm, is in the last optical range
(em.opt.I, 750 to 1000 nm): em.IR.NIR starts at 1 micron."""


def magnitude_name(band: str) -> str:
    """Return the name of the cModel magnitude column of an HSC band."""
    return f"{band}_cmodel_mag"


def error_name(band: str) -> str:
    """Return the name of the column with the 1-sigma error of `magnitude_name`."""
    return f"{band}_cmodel_magsigma"


MAGNITUDES = tuple(magnitude_name(band) for band in BANDS)
ERRORS = tuple(error_name(band) for band in BANDS)


def cmodel_columns(*, nullable: bool) -> tuple[Column, ...]:
    """Declare the magnitudes of all bands, then their errors.

    Parameters
    ----------
    nullable : bool
        Whether photometry may be missing or, where a fit failed, absurd: yes in the upstream
        tables, no in what is made of them.
    """
    magnitudes = tuple(
        Column(
            magnitude_name(band),
            "float32",
            f"HSC {band}-band cModel magnitude, as observed (not corrected for extinction)",
            unit="mag(AB)",
            ucd=f"phot.mag;{UCD_BANDS[band]}",
            minimum=None if nullable else 0.0,
            maximum=None if nullable else 50.0,
            nullable=nullable,
            typical=TYPICAL_MAGNITUDES if nullable else None,
            upstream=(magnitude_name(band),),
        )
        for band in BANDS
    )
    errors = tuple(
        Column(
            error_name(band),
            "float32",
            f"1-sigma error of {magnitude_name(band)}",
            unit="mag",
            ucd=f"stat.error;phot.mag;{UCD_BANDS[band]}",
            minimum=None if nullable else 0.0,
            nullable=nullable,
            upstream=(error_name(band), f"{band}_cmodel_magerr"),  # PDR2, PDR3
        )
        for band in BANDS
    )
    return magnitudes + errors


OBJECT_ID = Column(
    "object_id",
    "int64",
    "HSC object identifier",
    ucd="meta.id;meta.main",
    minimum=0,
    unique=True,
    upstream=("object_id",),
)


WHOLE_SKY = ((0.0, 360.0), (-90.0, 90.0))
"""Range of right ascension and of declination, deg."""


def position_columns(
    ra: str = "ra",
    dec: str = "dec",
    *,
    field: tuple[tuple[float, float], tuple[float, float]] = WHOLE_SKY,
    nullable: bool = False,
) -> tuple[Column, ...]:
    """Declare right ascension and declination.

    Parameters
    ----------
    ra, dec : str
        Their upstream names.
    field : tuple
        The range of right ascension and of declination that holds all positions, deg.
    nullable : bool
        Whether a source may give no positions.
    """
    note = "; null where the source gives none" if nullable else ""
    return tuple(
        Column(
            name,
            "float64",
            f"{words} (ICRS){note}",
            unit="deg",
            ucd=f"pos.eq.{name};meta.main",
            minimum=low,
            maximum=high,
            nullable=nullable,
            upstream=(theirs,),
        )
        for name, words, theirs, (low, high) in (
            ("ra", "Right ascension", ra, field[0]),
            ("dec", "Declination", dec, field[1]),
        )
    )
