"""Section ``mock`` of params.yaml: every number of the mock survey."""

from pydantic import Field, ValidationInfo, field_validator, model_validator

from transferz.dataset.mock.apertures import Cosmos2020Params
from transferz.dataset.mock.galaxiesml import GalaxiesMLParams
from transferz.dataset.mock.hsc import HscParams
from transferz.dataset.mock.population import PopulationParams
from transferz.dataset.mock.quasars import QuasarParams
from transferz.dataset.mock.sky import SkyParams, Window, cosmos_window
from transferz.dataset.mock.sources import SizeParams, StarParams
from transferz.dataset.pipeline.params import Params
from transferz.photometry.bands import BY_NAME, HSC_BANDS


class MockParams(Params):
    """Section ``mock``.

    Attributes
    ----------
    seed : int
        Of every random number.
    area_deg2 : float
        Of the COSMOS window.
    i_limit : float
        Faintest true HSC i magnitude in it.
    blend_arcsec : float
        Sources nearer than this to a brighter one are lost in it, in every catalogue.
    population, quasars, stars, sizes, sky
        What there is and where.
    cosmos2020, hsc, galaxiesml
        How each catalogue sees it.
    """

    seed: int = Field(ge=0, lt=2**32)
    area_deg2: float = Field(gt=0.0, le=1.5)
    i_limit: float = Field(ge=20.0, le=27.5)
    blend_arcsec: float = Field(ge=0.0, le=3.0)
    population: PopulationParams
    quasars: QuasarParams
    stars: StarParams
    sizes: SizeParams
    sky: SkyParams
    cosmos2020: Cosmos2020Params
    hsc: HscParams
    galaxiesml: GalaxiesMLParams

    @property
    def window(self) -> Window:
        """The patch of the COSMOS field that is simulated."""
        return cosmos_window(self.sky.centre, self.area_deg2)

    @field_validator("cosmos2020")
    @classmethod
    def _bands_known(cls, value: Cosmos2020Params, info: ValidationInfo) -> Cosmos2020Params:
        unknown = [name for name in value.depths if name not in BY_NAME]
        if unknown:
            raise ValueError(f"no filter curve for {', '.join(unknown)}; see photometry/bands.py")
        lacking = [one.name for one in HSC_BANDS.values() if one.name not in value.depths]
        if lacking:
            raise ValueError(f"depths need the HSC bands too; missing {', '.join(lacking)}")
        return value

    @model_validator(mode="after")
    def _window_in_cosmos(self) -> "MockParams":
        _ = self.window  # raises ValueError where it leaves the field
        return self

    def scaled(self, factor: float) -> "MockParams":
        """Return a mock of `factor` times the size: the window, and GalaxiesML's rows.

        Raises
        ------
        pydantic.ValidationError
            If the window then leaves the COSMOS field or too few rows remain.
        """
        values = self.model_dump()
        values["area_deg2"] *= factor
        spectra = values["galaxiesml"]
        spectra["rows"] = round(spectra["rows"] * factor)
        spectra["shared"]["rows"] = round(spectra["shared"]["rows"] * factor)
        return MockParams.model_validate(values)
