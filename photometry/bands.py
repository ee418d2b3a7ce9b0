"""The bands of COSMOS2020, HSC and other surveys, and their filter curves.

Curves come from two libraries that ship measured ones: speclite (CFHT MegaCam, HSC, Suprime-Cam
intermediate bands, DECam, SDSS, LSST, Euclid) and sedpy (PyPI name ``astro-sedpy``, MIT; VISTA,
Spitzer IRAC, GALEX and the Suprime-Cam broad bands). Both tabulate detector signal per photon. Any
other curve of theirs makes a `Band` too, such as ``Band("w", "speclite:panstarrs-w")``.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

RELATIVE_RESPONSE_FLOOR = 1e-3
"""Response below this fraction of the maximum is dropped (our choice).

It cuts the leaks and the noise around zero of measured curves, such as those of the VISTA filters
between 1.9 and 3.2 micron, that carry under 0.3 % of the signal and would stretch each integral.
"""


@dataclass(frozen=True, slots=True)
class Band:
    """A photometric band.

    Attributes
    ----------
    name : str
        As COSMOS2020 spells it, for instance ``HSC_g`` or ``UVISTA_Ks``.
    curve : str
        Library and name of the filter curve there, for instance ``speclite:hsc2017-g``.
    """

    name: str
    curve: str


SUPRIME_INTERMEDIATE = (
    ("SC_IB427", "IB427"),
    ("SC_IB464", "IB464"),
    ("SC_IA484", "IB484"),
    ("SC_IB505", "IB505"),
    ("SC_IA527", "IB527"),
    ("SC_IB574", "IB574"),
    ("SC_IA624", "IB624"),
    ("SC_IA679", "IB679"),
    ("SC_IB709", "IB709"),
    ("SC_IA738", "IB738"),
    ("SC_IA767", "IB767"),
    ("SC_IB827", "IB827"),
)
"""COSMOS2020 name and speclite name of the Suprime-Cam intermediate bands."""

HSC_BANDS: dict[str, Band] = {
    "g": Band("HSC_g", "speclite:hsc2017-g"),
    "r": Band("HSC_r", "speclite:hsc2017-r2"),
    "i": Band("HSC_i", "speclite:hsc2017-i2"),
    "z": Band("HSC_z", "speclite:hsc2017-z"),
    "y": Band("HSC_y", "speclite:hsc2017-y"),
}
"""The HSC broad bands by letter, blue to red; r and i are the filters in use since 2016."""

SURVEY_BANDS: dict[str, dict[str, Band]] = {
    "hsc": HSC_BANDS,
    **{
        survey: {name: Band(name, f"{curve}{ending}") for name, ending in endings.items()}
        for survey, curve, endings in (
            ("des", "speclite:decam2014-", {name: name for name in "grizY"}),
            ("sdss", "speclite:sdss2010-", {name: name for name in "ugriz"}),
            ("cfht", "speclite:cfht_megacam-", {name: name for name in "ugriz"}),
            (
                "subaru",
                "sedpy:subaru_suprimecam_",
                {"B": "B", "V": "V", "r": "rp", "i": "ip", "z": "zp"},
            ),
            ("euclid", "speclite:Euclid-", {name: name for name in ("VIS", "Y", "J", "H")}),
            ("lsst", "speclite:lsst2023-", {name: name for name in "ugrizy"}),
        )
    },
}
"""The broad bands of surveys by name, blue to red. Of CFHT's filters those of speclite, of
Suprime-Cam's r+, i+ and z+; u* and others have curves of their own in both libraries."""

COSMOS_BANDS: tuple[Band, ...] = (
    Band("GALEX_FUV", "sedpy:galex_FUV"),
    Band("GALEX_NUV", "sedpy:galex_NUV"),
    Band("CFHT_u", "speclite:cfht_megacam-u"),
    Band("CFHT_ustar", "speclite:cfht_megacam-ustar"),
    *HSC_BANDS.values(),
    *(Band(f"UVISTA_{name}", f"sedpy:vista_vircam_{name}") for name in ("Y", "J", "H", "Ks")),
    *(Band(name, f"speclite:suprime-{curve}") for name, curve in SUPRIME_INTERMEDIATE),
    *(
        Band(f"SC_{name}", f"sedpy:subaru_suprimecam_{name}")
        for name in ("B", "V", "rp", "ip", "zp")
    ),
    *(Band(f"IRAC_CH{channel}", f"sedpy:spitzer_irac_ch{channel}") for channel in (1, 2, 3, 4)),
)
"""Every COSMOS2020 band that has a curve; its narrow bands, ``SC_gp`` and ``SC_zpp`` have none."""

BY_NAME: dict[str, Band] = {band.name: band for band in COSMOS_BANDS}

FIT_BANDS: tuple[Band, ...] = tuple(
    band
    for band in COSMOS_BANDS
    if not band.name.startswith("GALEX") and band.name not in ("IRAC_CH3", "IRAC_CH4")
)
"""The 30 bands that the template fit uses where a table has them.

Left out, as our choice: GALEX (blended, and blueward of the templates' use) and IRAC channels 3
and 4, where dust emission that the templates lack takes over.
"""


def band(name: str) -> Band:
    """Look up a COSMOS2020 band by name.

    Raises
    ------
    ValueError
        If no band of that name has a curve.
    """
    try:
        return BY_NAME[name]
    except KeyError:
        known = ", ".join(BY_NAME)
        raise ValueError(f"no filter curve for band '{name}'; known bands: {known}") from None


def _tabulated(curve: str) -> tuple[Array, Array]:
    """Wavelength and response as the library tabulates them (imports it on first use)."""
    library, _, name = curve.partition(":")
    try:
        if library == "speclite":
            from speclite.filters import load_filter

            response = load_filter(name)
            return np.array(response.wavelength, float), np.array(response.response, float)
        if library == "sedpy":
            from sedpy.observate import Filter

            filter_curve = Filter(name)
            return np.array(filter_curve.wavelength), np.array(filter_curve.transmission)
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ValueError(f"{library} has no filter curve '{name}': {error}") from None
    raise ValueError(f"unknown library '{library}' in curve '{curve}'; use speclite or sedpy")


@lru_cache(maxsize=64)
def transmission(band: Band) -> tuple[Array, Array]:
    """Return the filter curve of a band: detector signal per photon, peak 1.

    Returns
    -------
    wavelength : ndarray, shape (L,)
        Angstrom, strictly increasing.
    response : ndarray, shape (L,)
        Relative response per photon, zero at both ends. Read-only, as is `wavelength`.

    Raises
    ------
    ValueError
        If the band names an unknown library, or a curve that this has not.

    Notes
    -----
    The AB magnitude that goes with it is (Fukugita et al. 1996, eq. 7)
    ``-2.5 log10(int f_nu R dln(nu) / int R dln(nu)) - 48.6``.
    """
    wavelength, response = _tabulated(band.curve)
    response = np.clip(response, 0.0, None) / response.max()
    inside = np.flatnonzero(response >= RELATIVE_RESPONSE_FLOOR)
    first, last = max(inside[0] - 1, 0), min(inside[-1] + 1, response.size - 1)
    wavelength, response = wavelength[first : last + 1], response[first : last + 1].copy()
    response[response < RELATIVE_RESPONSE_FLOOR] = 0.0
    response[[0, -1]] = 0.0
    for array in (wavelength, response):
        array.setflags(write=False)
    return wavelength, response


def effective_wavelength(band: Band) -> float:
    """Return the effective wavelength in angstrom (Fukugita et al. 1996, eq. 3)."""
    wavelength, response = transmission(band)
    log_wavelength = np.log(wavelength)
    return float(
        np.exp(
            np.trapezoid(response * log_wavelength, log_wavelength)
            / np.trapezoid(response, log_wavelength)
        )
    )


def pivot_wavelength(band: Band) -> float:
    """Return the pivot wavelength in angstrom, which converts f_lambda to f_nu exactly."""
    wavelength, response = transmission(band)
    numerator = np.trapezoid(response * wavelength, wavelength)
    return float(np.sqrt(numerator / np.trapezoid(response / wavelength, wavelength)))
