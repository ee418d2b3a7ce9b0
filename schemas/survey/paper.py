"""The tables of the paper's surveys: COSMOS2020, HSC and GalaxiesML, and what is made of them.

The mock imitates these catalogues, and releases of up to 2.0.0 have these columns, whatever their
survey.
"""

from transferz.schemas.survey.survey import find_survey

_SURVEY = find_survey("cosmos2020")

COSMOS2020 = _SURVEY.tables["cosmos2020"]
HSC = _SURVEY.tables["hsc"]
GALAXIESML = _SURVEY.tables["galaxiesml"]
PIXEL_FLAGS = tuple(
    name.removeprefix("g_pixelflags_") for name in HSC.names if name.startswith("g_pixelflags_")
)
TRANSFERZ = find_survey("authors").tables["transferz"]

SELECTED, SPECTROSCOPIC, MATCHED = _SURVEY.selected, _SURVEY.spectroscopic, _SURVEY.matched
PAIRS, ASSIGNED, RELEASE = _SURVEY.pairs("cosmos2020"), _SURVEY.assigned, _SURVEY.release
INDEX, TRUTH = _SURVEY.index, _SURVEY.truth
