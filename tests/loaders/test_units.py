"""units: what travels with a column goes before what its name says."""

import datasets
import pandas as pd
import pyarrow as pa
import pytest

import transferz
from transferz.schemas import RELEASE, ParameterError

EXPECTED = {column.name: column.unit for column in RELEASE}


def test_units_survive_loading(loaded, tiny_release):
    assert transferz.units(loaded) == EXPECTED
    assert transferz.units(loaded["test"]) == EXPECTED
    assert transferz.units(tiny_release) == EXPECTED
    assert transferz.units(transferz.find_release(tiny_release)) == EXPECTED
    assert EXPECTED["i_cmodel_mag"] == "mag(AB)"


def test_units_travel_with_columns(loaded):
    kept = loaded["test"].select_columns(["ra", "g_cmodel_mag", "redshift"])
    changed = kept.rename_column("g_cmodel_mag", "g").map(lambda row: {"dec": row["ra"]})
    assert transferz.units(changed) == {"ra": "deg", "g": "mag(AB)", "redshift": "", "dec": "deg"}
    features = datasets.Features(kept.features | {"ra": datasets.Value("float64", id="rad")})
    assert transferz.units(kept.cast(features))["ra"] == "rad"


def test_units_of_a_stream(tiny_release, tmp_path):
    stream = transferz.load_dataset(path=tiny_release, streaming=True)
    assert transferz.units(stream) == EXPECTED
    mapped = stream["test"].map(lambda row: {"colour": 1.0}).remove_columns(["ra"])
    assert transferz.units(mapped) == {
        **{name: unit for name, unit in EXPECTED.items() if name != "ra"},
        "colour": "",
    }


def test_what_is_no_dataset_is_refused():
    converters = (transferz.units, transferz.to_torch, transferz.to_pandas, transferz.to_astropy)
    for data, words in (
        ([1, 2], "found builtins's list"),
        ({}.keys(), "found builtins's dict_keys"),
        (pa.table({"ra": [1.0]}), r"found pyarrow's Table.*datasets\.Dataset\(pyarrow_table\)"),
        (pd.DataFrame({"ra": [1.0]}), r"found pandas's DataFrame.*from_pandas"),
    ):
        for convert in converters:
            with pytest.raises(ParameterError, match=words):
                convert(data)


def test_an_empty_name_is_not_the_working_directory(tiny_release, monkeypatch):
    monkeypatch.chdir(tiny_release)
    for convert in (transferz.units, transferz.to_torch, transferz.find_release):
        with pytest.raises(ParameterError, match="name is empty"):
            convert("")
    assert transferz.units(".") == EXPECTED
