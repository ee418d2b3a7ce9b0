"""Releases of any survey: in which order they and their configs come, and their units."""

import pytest

from transferz.schemas import ReleaseError
from transferz.schemas.survey.files import by_preference, named_files, require_units
from transferz.schemas.survey.release import KNOWN_CONFIGS


def test_releases_are_looked_for_among_real_surveys_first():
    """The paper's before others, mocks last."""
    mocks = {"mock_full": True, "zebra": False, "mock": True, "authors": False, "des": False}
    found = by_preference(mocks | {"cosmos2020": False})
    assert found == ["cosmos2020", "authors", "des", "zebra", "mock", "mock_full"]


def test_known_configs_come_in_the_cards_order_and_others_behind_them():
    names = [f"{config}/train-00000-of-00001.parquet" for config in ("abc", *KNOWN_CONFIGS[::-1])]
    assert list(named_files(names)) == [*KNOWN_CONFIGS, "abc"]


@pytest.mark.parametrize(("name", "unit"), [("ra", "rad"), ("m", "Jy"), ("e", "")])
def test_units_are_asked_of_the_bands_that_a_release_has(name, unit):
    columns = {"ra": {"unit": "deg"}, "m": {"unit": "mag(AB)"}, "e": {"unit": "mag"}}
    band = {"name": "Q", "magnitude": "m", "error": "e", "curve": ""}
    manifest = {"bands": [band], "configs": {"label": "x"}, "columns": columns}
    require_units(manifest, "there")
    with pytest.raises(ReleaseError, match=name):
        require_units(manifest | {"columns": columns | {name: {"unit": unit}}}, "there")
