"""to_astropy and back: units, positions, and nothing lost."""

import datasets
import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import QTable, Table
from astropy.time import Time
from astropy.utils.masked import Masked
from datasets import Dataset, Features, Value
from hypothesis import given, settings
from hypothesis import strategies as st

import transferz
from transferz.schemas import CONFIGS, RELEASE, ParameterError
from transferz.schemas.survey.described import ROLES

INTEGERS = {f"{sign}int{bits}": bits for sign in ("", "u") for bits in (8, 16, 32, 64)}


def identical(one, other):
    """Same features, rows and nulls; NaN equals NaN."""
    assert one.features == other.features
    for name in one.column_names:
        mine, theirs = (
            data.with_format("arrow")[:][name].combine_chunks() for data in (one, other)
        )
        assert mine.type == theirs.type
        assert mine.is_null().equals(theirs.is_null())
        assert str(mine.to_pylist()) == str(theirs.to_pylist())  # repr is exact, also for NaN, -0.0


def test_columns_have_units_descriptions_and_ucds(release_builder, tmp_path):
    roles = dict(zip(ROLES, CONFIGS, strict=True))  # the release says what its configs are
    release = release_builder(tmp_path / "transferz", roles=roles)
    data = transferz.load_dataset(path=release, cache_dir=str(tmp_path / "cache"))
    table = transferz.to_astropy(data["test"])
    assert isinstance(table, QTable) and len(table) == 70
    assert table.colnames == [*RELEASE.names, "sky"]
    for column in RELEASE:
        info = table[column.name].info
        assert str(info.unit or "") == column.unit
        assert (info.description, info.meta["ucd"]) == (column.description, column.ucd)
        assert (info.dtype.kind if column.dtype == "string" else str(info.dtype)) == (
            "U" if column.dtype == "string" else column.dtype
        )
    assert isinstance(table["i_cmodel_mag"], u.Magnitude)
    flux = table["i_cmodel_mag"].to(u.nJy)
    assert flux.value == pytest.approx(10 ** ((31.4 - table["i_cmodel_mag"].value) / 2.5), rel=1e-4)


def test_positions_are_a_skycoord(loaded, tiny_release):
    table = transferz.to_astropy(tiny_release, split="test")
    assert isinstance(table["sky"], SkyCoord) and table["sky"].frame.name == "icrs"
    assert np.array_equal(table["sky"].ra.deg, loaded["test"]["ra"][:])
    assert np.array_equal(table["sky"].dec.deg, loaded["test"]["dec"][:])


def test_missing_positions_are_masked_and_nan_on_the_sky(loaded):
    rows = loaded["test"].select(range(4))
    half = rows.map(lambda row, k: {} if k else {"ra": None, "dec": None}, with_indices=True)
    table = transferz.to_astropy(half)
    assert isinstance(table["ra"], Masked) and table["ra"].mask.tolist() == [True] + [False] * 3
    assert np.isnan(table["sky"].ra.deg).tolist() == [True] + [False] * 3
    identical(transferz.from_astropy(table), half)
    none = rows.map(lambda row: {"ra": None, "dec": None}, features=rows.features)
    assert "sky" not in transferz.to_astropy(none).colnames
    identical(transferz.from_astropy(transferz.to_astropy(none)), none)


def test_several_splits_are_one_table_with_a_column_of_them(loaded, tiny_release):
    for data in (loaded, tiny_release):
        table = transferz.to_astropy(data)
        assert len(table) == 480
        chosen = table[table["split"] == "calibration"]
        assert np.array_equal(chosen["object_id"], loaded["calibration"]["object_id"][:])


def test_a_release_comes_back_as_it_was(loaded):
    for data in (loaded["test"], loaded["train"].shuffle(seed=3).select(range(50))):
        identical(transferz.from_astropy(transferz.to_astropy(data)), data)


def values(dtype):
    """Every value that a column of this dtype can hold, and none."""
    if dtype in INTEGERS:
        signed, bits = not dtype.startswith("u"), INTEGERS[dtype]
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        return st.none() | st.integers(low, high)
    if dtype.startswith("float"):
        return st.none() | st.floats(width=int(dtype[5:]))
    if dtype == "bool":
        return st.none() | st.booleans()
    text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
    return st.none() | text  # numpy's text ends at its last character that is not NUL


UNITS = (None, "deg", "mag", "mag(AB)", "arcsec", "1 / nm")


@st.composite
def columns(draw):
    dtypes = [*INTEGERS, "float32", "float64", "bool", "string", "large_string"]
    rows = draw(st.integers(0, 6))
    made = {}
    for name in draw(
        st.lists(st.sampled_from(["ra", "dec", "a", "b", "redshift"]), unique=True, min_size=1)
    ):
        dtype = draw(st.sampled_from(["float64", "float32"] if name in ("ra", "dec") else dtypes))
        unit = None
        if dtype not in ("bool", "string", "large_string") and name not in ("ra", "dec"):
            unit = draw(st.sampled_from(UNITS))
        bounded = (
            st.none() | st.floats(-90, 90, width=32) if name in ("ra", "dec") else values(dtype)
        )
        column = draw(st.lists(bounded, min_size=rows, max_size=rows))
        made[name] = (Value(dtype, id=unit), column)
    return made


@settings(deadline=None, max_examples=80)
@given(made=columns())
def test_any_dataset_comes_back_as_it_was(made):
    features = Features({name: feature for name, (feature, _) in made.items()})
    arrays = {name: pa.array(column, features[name].pa_type) for name, (_, column) in made.items()}
    data = Dataset(pa.table(arrays), info=datasets.DatasetInfo(features=features))
    identical(transferz.from_astropy(transferz.to_astropy(data)), data)


@pytest.mark.parametrize("form", ["ascii.ecsv", "votable", "fits"])
def test_files_keep_values_and_units(form, loaded, tmp_path):
    rows = loaded["test"].map(
        lambda row, k: {
            "cosmos_id": None if k % 2 else 2**53 + 1 + k,
            "specz_name": "é" * (k % 3 + 1),
        },
        with_indices=True,
    )
    table = transferz.to_astropy(rows)
    table.remove_column("sky")  # VOTable has no such columns; `from_astropy` needs none
    if form == "fits":
        table["specz_name"] = [f"SURVEY-{k}" for k in range(len(table))]  # FITS text is ASCII
    if form != "ascii.ecsv":  # neither standard knows mag(AB); astropy's FITS files keep it aside
        for name in [name for name in table.colnames if str(table[name].unit) == "mag(AB)"]:
            table[name] = u.Quantity(table[name].value, u.mag)
    expected = transferz.from_astropy(table)
    path = tmp_path / "table"
    # As text, astropy 8.0 writes past its buffer at some lengths of row (astropy#20419).
    binary = {"tabledata_format": "binary2"} if form == "votable" else {}
    table.write(path, format=form, **binary)
    found = transferz.from_astropy(QTable.read(path, format=form))
    for name in expected.column_names:
        mine, theirs = (
            data.with_format("arrow")[:][name].to_pylist() for data in (found, expected)
        )
        assert mine == theirs, name
        assert found.features[name].dtype == expected.features[name].dtype
        assert transferz.units(found)[name] == transferz.units(expected)[name]


def test_tables_from_elsewhere_become_datasets():
    table = Table({"id": np.array([1, 2], dtype=">i8"), "name": np.array([b"a", b"bc"])})
    table["sky"] = SkyCoord([10, 20], [-5, 5], unit="deg", frame="galactic")
    data = transferz.from_astropy(table)
    assert data.features == Features(
        {
            "id": Value("int64"),
            "name": Value("string"),
            "ra": Value("float64", id="deg"),
            "dec": Value("float64", id="deg"),
        }
    )
    assert data["name"][:] == ["a", "bc"]
    assert data["ra"][:] == pytest.approx(table["sky"].icrs.ra.deg)


def test_a_position_fills_in_what_is_missing_of_ra_and_dec():
    table = QTable({"ra": [10.0] * u.deg, "sky": SkyCoord([20], [-5], unit="deg")})
    assert transferz.from_astropy(table).to_dict() == {"ra": [10.0], "dec": [-5.0]}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (SkyCoord([1], [2], unit="deg"), r"'x' is a SkyCoord.*call the column 'sky'"),
        (Time([59000.0], format="mjd"), r"'x' is a Time.*such as its mjd"),
        (np.array([1, "a"], dtype=object), r"'x' of object can't be.*astype"),
        (np.array([1.5], dtype=np.longdouble), r"'x' of float128 can't be.*astype\('float64'\)"),
        (np.array([b"\xff"]), r"'x' of \|S1 can't be numbers, truth values or UTF-8 text"),
        (np.zeros(1, dtype=complex), r"'x' holds complex128 .* remove the column"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_column_that_is_no_values_is_refused_with_a_remedy(column, words):
    with pytest.raises(ParameterError, match=words):
        transferz.from_astropy(QTable({"x": column}))


def test_what_fits_in_no_column_is_refused():
    with pytest.raises(ParameterError, match="expected an astropy table, found dict"):
        transferz.from_astropy({"ra": [1.0]})
    with pytest.raises(ParameterError, match=r"column 'many' holds .* of shape"):
        transferz.from_astropy(Table({"many": np.zeros((3, 2))}))
    with pytest.raises(ParameterError, match="column 'many' is list"):
        transferz.to_astropy(Dataset.from_dict({"many": [[1], [2]]}))
