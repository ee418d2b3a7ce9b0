"""Arrays of any kind: what is masked is missing, what would be lost is refused."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from transferz.baselines.scores.probability import GridPDF, Prediction, Quantiles, Samples
from transferz.baselines.scores.probability.arrays import as_numbers
from transferz.schemas.errors import InputError

MASK = [False, True, False]
VALUES = np.array([0.5, 99.0, 1.5])
NAN = np.array([0.5, np.nan, 1.5])


def of_astropy(kind):
    units, masked = (pytest.importorskip(f"astropy.{name}") for name in ("units", "utils.masked"))
    table = pytest.importorskip("astropy.table")
    return {
        "column": lambda: table.MaskedColumn(VALUES, mask=MASK),
        "masked": lambda: masked.Masked(VALUES, mask=MASK),
        "quantity": lambda: NAN * units.dimensionless_unscaled,
    }[kind]()


def of_torch(kind):
    torch = pytest.importorskip("torch")
    return torch.tensor(NAN, requires_grad=kind == torch.float64).to(kind)


KINDS = {
    "masked": lambda: np.ma.array(VALUES, mask=MASK),
    "masked whole numbers": lambda: np.ma.array([5, 99, 15], mask=MASK) / 10,
    "series": lambda: pd.Series(NAN),
    "nullable series": lambda: pd.Series([0.5, None, 1.5], dtype="Float64"),
    "series on arrow": lambda: pd.Series([0.5, None, 1.5], dtype=pd.ArrowDtype(pa.float64())),
    "objects": lambda: [0.5, None, Decimal("1.5")],
    "arrow": lambda: pa.chunked_array([[0.5, None], [1.5]]),
    "astropy's masked column": lambda: of_astropy("column"),
    "astropy's masked": lambda: of_astropy("masked"),
    "astropy's quantity": lambda: of_astropy("quantity"),
    "tensor": lambda: of_torch(pytest.importorskip("torch").float64),
    "small tensor": lambda: of_torch(pytest.importorskip("torch").bfloat16),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_array_of_any_kind_is_taken_with_what_it_lacks(kind):
    assert np.array_equal(Prediction(KINDS[kind]()).point, NAN, equal_nan=True)


REFUSED = {
    "complex": (lambda: NAN + 1j, "complex128"),
    "text": (lambda: ["0.5", "1", "2"], "found <U3"),
    "booleans": (lambda: [True, False, True], "found bool"),
    "dates": (lambda: np.array(["2020-01-01"] * 3, "datetime64[D]"), "datetime64"),
    "ragged": (lambda: [[0.5], [0.5, 1.0], [1.0]], "expected real numbers, found list"),
    "a unit": (
        lambda: VALUES * pytest.importorskip("astropy.units").km,
        "it has the unit km, and a redshift has none",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_lose_something_is_refused(kind):
    make, said = REFUSED[kind]
    with pytest.raises(InputError, match="point: ") as error:
        Prediction(make())
    assert said in str(error.value)


def test_masked_rows_of_distributions_are_missing():
    mask = np.zeros((3, 5), bool)
    mask[1] = True
    values = np.ma.array(np.linspace(0.1, 1.0, 5) * np.ones((3, 1)), mask=mask)
    levels, grid = [0.05, 0.25, 0.5, 0.75, 0.95], np.linspace(0.0, 2.0, 5)
    for form in (Samples(values), Quantiles(levels, values), GridPDF(grid, values)):
        assert np.isnan(form.cdf([0.5, 0.5, 0.5])).tolist() == MASK


def test_ids_are_whole_and_none_is_masked():
    kept = pd.array([2**62 + 1, 2**62 + 3], dtype="Int64")
    assert Prediction([0.5, 1.0], object_id=pd.Series(kept)).object_id.tolist() == list(kept)
    for ids in (
        np.ma.array([1, 2], mask=[0, 1]),
        pd.Series([1, None], dtype="Int64"),
        [1.0, 2.0],
        np.array([1, 2**63], np.uint64),
    ):
        with pytest.raises(InputError, match="object_id: expected"):
            Prediction([0.5, 1.0], object_id=ids)


def test_float32_is_not_copied():
    values = np.ones((3, 5), np.float32)
    assert as_numbers(values, "pdf") is values
