"""Densities in a few bytes: what is lost, the layout that stays, and what is refused."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from transferz.baselines.forecasts import decode_pdfs, encode_pdfs, to_qp
from transferz.baselines.forecasts.compact import (
    FEWEST,
    KEY,
    MOST,
    STEPS,
    levels_of,
    pdf_field,
)
from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Prediction,
    Quantiles,
    Samples,
)
from transferz.schemas import InputError

properties = settings(max_examples=60, deadline=None)
sizes = st.sampled_from([FEWEST, 12, 17, 40, MOST])

# Frozen: version 1 is these bytes, and they are these quantiles, for ever.
GOLDEN = {
    "01215e15a5a2a2a6": [
        0.33544921875,
        0.42383756639831843,
        0.4981630110859885,
        0.5724884557736586,
        0.6661326480784512,
    ],
    "01e950168a8582818488d8bfaca7a7ad": [  # two peaks
        0.39453125,
        0.413112611171917,
        0.42703290364286,
        0.438738427680959,
        0.449786971136999,
        0.462925977625338,
        0.479480088474702,
        2.16127291898213,
        2.55812318197418,
        2.69055606876909,
        2.78976863451711,
        2.88898120026512,
        3.02928895630379,
    ],
    "01b6bc1c59534f4e4c4c4c4d4d4f535a": [  # a spike
        0.7958984375,
        0.796994591844052,
        0.797769690013958,
        0.798384885839102,
        0.798965553375725,
        0.799482869339768,
        0.80000018530381,
        0.800517501267853,
        0.801065578439879,
        0.801613655611905,
        0.802228851437049,
        0.803003949606955,
        0.8041652846802,
    ],
}
LEVELS_OF_8 = [0.05, 0.228400974233027, 0.5, 0.771599025766973, 0.95]
LEVELS_OF_40 = [0.006756756756756757, 0.021396427685331527, 0.20230136815331767, 0.5]


def read_back(column):
    """The quantiles in a column, shape (N, K)."""
    return vars(decode_pdfs(column))["values"]


def by_hand(value):
    """The quantiles in a value, as docs/pdfs.md tells how to read it, without NumPy."""
    version, check, low, high, *codes = value
    assert version == 1
    weighted = sum((2 * k + 1) * byte for k, byte in enumerate(value) if k != 1)
    assert check == weighted % 256
    places = [(low + 256 * high) / 4096 - 1.0]
    for code in codes:
        places.append(places[-1] + (16.0 * 2.0 ** ((code - 255) / 12.0) if code else 0.0))
    return places


def mixture(size=200, seed=3):
    rng = np.random.default_rng(seed)
    means = rng.uniform(0.0, 3.0, (size, 3))
    return GaussianMixture(rng.random((size, 3)), means, 10.0 ** rng.uniform(-2.5, -0.3, (size, 3)))


@st.composite
def densities(draw):
    """Any density on a grid: peaks apart, spikes of one point, flat ones, cut off at either end."""
    points = draw(st.integers(2, 60))
    grid = np.cumsum(draw(arrays(float, points, elements=st.floats(1e-3, 0.3)))) - 0.2
    heights = draw(
        arrays(float, (2, points), elements=st.sampled_from([0.0, 1e-6, 0.1, 1.0, 50.0]))
    )
    heights[:, draw(st.integers(0, points - 1))] += 1.0
    return GridPDF(grid, heights)


@properties
@given(densities(), sizes)
def test_any_density_comes_back_within_the_bound(forecast, size):
    """A quantile is off by 6 % of the step to it, and of the error of the one before, at most."""
    decoded = decode_pdfs(encode_pdfs(forecast, size))
    wanted = forecast.quantiles(decoded.levels)
    error = np.abs(vars(decoded)["values"] - wanted)
    assert (error[:, 0] <= 1.0 / 4096).all()
    bound = 0.06 * (np.diff(wanted, axis=1) + error[:, :-1]) + STEPS[1]
    assert (error[:, 1:] <= bound + 1e-12).all()
    assert (np.diff(decoded.values, axis=1) >= 0.0).all()
    # What the CDF is between two quantiles can't be further off than their levels are apart.
    for level in (0.1, 0.5, 0.9):
        place = forecast.quantiles([level])[:, 0]
        off = np.abs(decoded.cdf(place) - forecast.cdf(place))
        assert (off <= 2.0 * np.diff(decoded.levels).max() + 0.5 * (size == FEWEST)).all()


@properties
@given(densities(), sizes)
def test_all_probability_is_there_and_the_cdf_never_falls(forecast, size):
    decoded = decode_pdfs(encode_pdfs(forecast, size))
    assert decoded.cdf(-20.0).tolist() == [0.0, 0.0]
    assert decoded.cdf(40.0).tolist() == [1.0, 1.0]
    cdf = np.stack([decoded.cdf(place) for place in np.linspace(-1.0, 20.0, 80)])
    assert (np.diff(cdf, axis=0) >= 0.0).all()


@properties
@given(st.data(), sizes)
def test_what_was_decoded_is_encoded_to_the_same_bytes(data, size):
    codes = data.draw(arrays(np.uint8, (3, size - 4), elements=st.integers(100, 200)))
    values = np.cumsum(np.column_stack([[0.25, 0.5, 1.0], STEPS[codes]]), axis=1)
    forecast = Quantiles(levels_of(size), values)
    if (values < 15.0).all():
        again = encode_pdfs(decode_pdfs(encode_pdfs(forecast, size)), size)
        assert again.equals(encode_pdfs(forecast, size))


@pytest.mark.parametrize("size", [FEWEST, 13, 40, MOST])
def test_values_are_read_as_the_document_says(size):
    column = encode_pdfs(mixture(), size)
    assert column.type == pa.binary(size)
    assert read_back(column).shape == (200, size - 3)
    for value, values in zip(column.to_pylist(), read_back(column), strict=True):
        np.testing.assert_allclose(values, by_hand(value), rtol=0, atol=1e-12)


@pytest.mark.parametrize("text", GOLDEN)
def test_version_1_is_frozen(text):
    value = bytes.fromhex(text)
    np.testing.assert_allclose(read_back([value])[0], GOLDEN[text], rtol=0, atol=1e-12)
    levels = levels_of(len(value))
    assert encode_pdfs(Quantiles(levels, [GOLDEN[text]]), len(value))[0].as_py() == value


def test_levels_are_frozen():
    np.testing.assert_allclose(levels_of(8), LEVELS_OF_8, rtol=0, atol=1e-14)
    levels = levels_of(40)
    assert levels.size == 37
    np.testing.assert_allclose(levels[[0, 1, 9, 18]], LEVELS_OF_40, rtol=0, atol=1e-14)
    np.testing.assert_allclose(levels, 1.0 - levels[::-1], rtol=0, atol=1e-14)


@pytest.mark.parametrize(("size", "most"), [(8, 5.0), (12, 1.0), (16, 0.3), (24, 0.1), (40, 0.02)])
def test_smooth_densities_lose_little(size, most):
    """The mean CRPS, of truths drawn from the densities, grows by that many percent at most."""
    rng, size_ = np.random.default_rng(5), 1500
    means = rng.uniform(0.3, 1.5, (size_, 2))
    forecast = GaussianMixture(rng.random((size_, 2)), means, rng.uniform(0.02, 0.2, (size_, 2)))
    decoded = decode_pdfs(encode_pdfs(forecast, size))
    truths = forecast.quantiles((np.arange(20) + rng.random(20)) / 20.0).T
    before, after = (np.mean([one.crps(true) for true in truths]) for one in (forecast, decoded))
    assert -0.005 < 100.0 * (after / before - 1.0) < most


@pytest.mark.parametrize(
    ("grid", "density", "most"),
    [
        ([0.5, 0.51, 0.52], [0.0, 1.0, 0.0], 0.0005),  # narrower than survey's grids
        ([0.5, 0.5001, 0.5002], [0.0, 1.0, 0.0], 0.0003),  # than what the lowest is kept to
        ([0.0, 0.001, 3.0, 3.001], [1.0, 0.0, 0.0, 1.0], 0.06),  # two spikes far apart
        ([0.0, 6.0], [1.0, 1.0], 0.01),  # flat
        ([0.0, 0.3], [1.0, 0.0], 0.001),  # cut off at 0
        ([6.9, 7.0], [0.0, 1.0], 0.001),  # and where a grid ends
    ],
)
def test_the_worst_cases(grid, density, most):
    """By the area between the CDFs, in redshift: how far probability is moved on average."""
    forecast = GridPDF(grid, [density])
    decoded = decode_pdfs(encode_pdfs(forecast, 40))
    fine = (np.arange(2000) + 0.5) / 2000.0
    assert np.abs(decoded.quantiles(fine) - forecast.quantiles(fine)).mean() < most


def test_probability_outside_the_range_is_put_at_its_ends():
    forecast = GaussianMixture([[1.0], [1.0]], [[-1.5], [30.0]], [[0.1], [0.1]])
    decoded = decode_pdfs(encode_pdfs(forecast, 40))
    np.testing.assert_allclose(decoded.quantiles([0.5])[:, 0], [-1.0, 15.0], atol=1e-3)


def test_forms_agree():
    """The same densities, in four forms, are the same quantiles to what the forms tell."""
    means, width = np.linspace(0.2, 2.0, 50)[:, None], np.full((50, 1), 0.1)
    gaussian = GaussianMixture(np.ones((50, 1)), means, width)
    levels = np.linspace(0.001, 0.999, 999)
    grid = np.arange(-1.0, 4.0, 0.005)
    heights = np.exp(-0.5 * np.square((grid - means) / width))
    forms = [
        GridPDF(grid, heights),
        Quantiles(levels, gaussian.quantiles(levels)),
        Samples(gaussian.quantiles((np.arange(4000) + 0.5) / 4000.0)),
    ]
    wanted = decode_pdfs(encode_pdfs(Prediction(means[:, 0], mixture=gaussian), 40))
    for form in forms:
        found = decode_pdfs(encode_pdfs(form, 40))
        np.testing.assert_allclose(found.values, wanted.values, rtol=0, atol=0.01)


def test_missing_forecasts_are_null():
    forecast = GaussianMixture([[1.0], [1.0], [1.0]], [[0.5], [np.nan], [0.7]], [[0.1]] * 3)
    column = encode_pdfs(forecast, 12)
    assert column.is_valid().to_pylist() == [True, False, True]
    assert decode_pdfs(column).missing.tolist() == [False, True, False]
    assert np.isnan(decode_pdfs(column).on_grid([0.0, 1.0])[1]).all()
    for none in (pa.nulls(2, pa.binary()), pa.nulls(2, pa.binary(40)), pd.Series([np.nan] * 2)):
        assert decode_pdfs(none).missing.tolist() == [True, True]
    assert len(decode_pdfs(encode_pdfs(forecast.take(slice(0, 0)), 40))) == 0


COLUMN = encode_pdfs(mixture(5), 40)
HOLDERS = {
    "arrow": COLUMN,
    "chunks": pa.chunked_array([COLUMN.slice(0, 2), COLUMN.slice(2)]),
    "of any length": COLUMN.cast(pa.large_binary()),
    "list": COLUMN.to_pylist(),
    "pandas": pd.Series(COLUMN.to_pylist(), index=[3, 1, 4, 1, 5]),
    "pandas with arrow": pd.Series(COLUMN, dtype=pd.ArrowDtype(COLUMN.type)),
    "numpy S": np.array(COLUMN.to_pylist()),
    "numpy V": np.array(COLUMN.to_pylist()).view("V40"),
    "bytes of FITS": np.array([list(value) for value in COLUMN.to_pylist()], np.uint8),
}


@pytest.mark.parametrize("holder", HOLDERS)
def test_any_column_of_bytes_is_read(holder):
    wanted, found = decode_pdfs(COLUMN), decode_pdfs(HOLDERS[holder])
    assert np.array_equal(found.values, wanted.values)
    assert np.array_equal(found.levels, wanted.levels)


def test_a_part_of_a_column_is_read_as_that_part():
    found = decode_pdfs(pa.array([None, *COLUMN.to_pylist()], COLUMN.type).slice(2, 3))
    assert np.array_equal(found.quantiles([0.5]), decode_pdfs(COLUMN).quantiles([0.5])[1:4])


@given(st.integers(0, 39), st.integers(1, 255))
def test_any_one_byte_that_is_changed_is_noticed(place, other):
    values = [bytearray(value) for value in COLUMN.to_pylist()]
    values[2][place] ^= other
    with pytest.raises(InputError, match="row 2 is"):
        decode_pdfs([bytes(value) for value in values])


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ([b"\x02" + bytes(39)], "row 0 is not of version 1"),
        ([bytes(40)], "row 0 is not of version 1"),
        ([b"ab"], "8 to 128 bytes; found 2"),
        ([bytes(40), bytes(41)], r"one length; found \[40, 41\] bytes"),
        ([0.5, 0.7], "expected a column of bytes"),
        (0.5, "expected a column of bytes"),
        (np.zeros((2, 40)), "expected a column of bytes"),
    ],
)
def test_what_is_no_such_column_is_refused(column, said):
    with pytest.raises(InputError, match=said):
        decode_pdfs(column)


def test_what_can_not_be_encoded_is_refused():
    with pytest.raises(InputError, match="points alone"):
        encode_pdfs(Prediction([0.5]), 40)
    with pytest.raises(InputError, match="row 0 has no quantiles but its own"):
        encode_pdfs(Quantiles([0.1, 0.5, 0.9], [[0.1, 0.2, 0.3]]), 40)
    for size in (FEWEST - 1, MOST + 1):
        with pytest.raises(InputError, match=f"8 to 128 bytes; found {size}"):
            encode_pdfs(mixture(3), size)


def test_the_column_says_what_it_is(tmp_path):
    field = pdf_field("mixture_density", 40)
    assert field.name == "mixture_density_quant"
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table([COLUMN], schema=pa.schema([field])), path)
    stored = pq.read_schema(path).field(0)
    said = json.loads(stored.metadata[KEY])
    assert (said["version"], said["bytes"]) == (1, 40)
    assert said["levels"] == levels_of(40).tolist()
    assert stored.type == pa.binary(40)
    # One line, for users of pandas, and of lsdb, which hold it so:
    for frame in (pd.read_parquet(path), pd.read_parquet(path, dtype_backend="pyarrow")):
        found = decode_pdfs(frame["mixture_density_quant"])
        assert np.array_equal(found.values, decode_pdfs(COLUMN).values)


def test_qp_has_the_same_quantiles():
    pytest.importorskip("qp", reason="qp is not installed")
    ensemble = to_qp(COLUMN)
    decoded = decode_pdfs(COLUMN)
    np.testing.assert_allclose(ensemble.ppf([0.25, 0.5]), decoded.quantiles([0.25, 0.5]), atol=0.02)
    with pytest.raises(InputError, match="row 0 is a missing forecast"):
        to_qp(pa.array([None], pa.binary(40)))
    with pytest.raises(InputError, match="points alone"):
        to_qp(Prediction([0.5]))


def test_densities_on_a_grid_are_those_at_its_points():
    decoded = decode_pdfs(encode_pdfs(mixture(40), 16))
    grid = np.sort(np.concatenate([np.linspace(-1.0, 5.0, 90), decoded._widened[0]]))
    each = np.stack([decoded.density(place) for place in grid], axis=1)
    assert np.array_equal(decoded.on_grid(grid), each)


def test_decoding_imports_little():
    heavy = ("torch", "scipy", "pydantic", "astropy", "h5py")
    code = (
        "import sys; from transferz.baselines.forecasts import decode_pdfs\n"
        "decode_pdfs([bytes.fromhex('01215e15a5a2a2a6')])\n"
        f"print(sorted(set({heavy}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.skipif("TRANSFERZ_REAL_DATA" not in os.environ, reason="TRANSFERZ_REAL_DATA is unset")
@pytest.mark.parametrize(("size", "most"), [(12, 1.0), (40, 0.05)])
def test_real_densities_lose_little(size, most):
    """HSC's, 701 points from 0 to 7: spikes of one point, several peaks, edges at 0."""
    fits = pytest.importorskip("astropy.io.fits", reason="astropy is not installed")
    path = Path(os.environ["TRANSFERZ_REAL_DATA"]) / "hsc_photoz_pdfs_1000.fits.gz"
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with fits.open(path) as file:
        head, heights = file[1].header, np.array(file[1].data["PDF"][::4], np.float64)
    grid = head["Z_MIN"] + head["DELTA_Z"] * np.arange(heights.shape[1])
    forecast = GridPDF(grid, heights)
    decoded = decode_pdfs(encode_pdfs(forecast, size))
    rng = np.random.default_rng(1)
    truths = forecast.quantiles((np.arange(80) + rng.random(80)) / 80.0).T
    before, after = (np.mean([one.crps(true) for true in truths]) for one in (forecast, decoded))
    assert -0.01 < 100.0 * (after / before - 1.0) < most
