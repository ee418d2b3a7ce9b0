"""qp's files, read and written: against qp itself, and what is no such file."""

import os
import pickle
import subprocess
import sys

import h5py
import numpy as np
import pytest
import qp

from transferz.baselines.forecasts import is_qp, read_qp, write_qp
from transferz.baselines.scores.probability import (
    GaussianMixture,
    GridPDF,
    Prediction,
    Quantiles,
    Samples,
    per_galaxy,
)
from transferz.schemas.errors import InputError

N = 7
GRID = np.linspace(0.0, 3.0, 61)
LEVELS = np.linspace(0.05, 0.95, 19)
RNG = np.random.default_rng(1)
MEANS = RNG.uniform(0.5, 2.0, (N, 2))
SIGMAS = RNG.uniform(0.1, 0.15, (N, 2))
WEIGHTS = RNG.uniform(0.2, 1.0, (N, 2))
MIXTURE = GaussianMixture(WEIGHTS, MEANS, SIGMAS)
LOCS = MIXTURE.quantiles(LEVELS)
HEIGHTS = np.column_stack([MIXTURE.density(np.full(N, z)) for z in GRID])
HEIGHTS[:, 0] = 0.0  # where it is not, qp's CDF counts half a cell before the grid
TRUE = RNG.uniform(0.6, 1.9, N)
IDS = 43_158_322_433_012_345 + np.arange(N)  # beyond what float64 holds exactly

OURS = {
    "interp": GridPDF(GRID, HEIGHTS),
    "quant": Quantiles(LEVELS, LOCS),
    "mixmod": MIXTURE,
}


def qp_ensemble(form):
    means, sigmas, weights = MEANS.copy(), SIGMAS.copy(), WEIGHTS.copy()
    ours = {
        "interp": lambda: qp.Ensemble(qp.interp, data={"xvals": GRID, "yvals": HEIGHTS}),
        "quant": lambda: qp.Ensemble(qp.quant, data={"quants": LEVELS, "locs": LOCS}),
        "mixmod": lambda: qp.Ensemble(
            qp.mixmod, data={"means": means, "stds": sigmas, "weights": weights}
        ),
        "norm": lambda: qp.Ensemble(
            qp.stats.norm, data={"loc": means[:, :1], "scale": sigmas[:, :1]}
        ),
        "hist": lambda: qp.Ensemble(qp.hist, data={"bins": GRID, "pdfs": HEIGHTS[:, 1:]}),
        "interp_irregular": lambda: qp.Ensemble(
            qp.interp_irregular, data={"xvals": np.tile(GRID, (N, 1)), "yvals": HEIGHTS}
        ),
        "lognorm": lambda: qp.Ensemble(
            qp.stats.lognorm, data={"s": sigmas[:, :1], "scale": means[:, :1]}
        ),
    }
    return ours[form]()


def at(ensemble, what, redshift):
    """qp's densities or CDF at one redshift for each galaxy."""
    return np.asarray(getattr(ensemble, what)(redshift[:, None])).reshape(len(redshift))


@pytest.mark.parametrize("form", OURS)
def test_every_value_comes_back_and_what_the_file_says_of_galaxies(tmp_path, form):
    path = tmp_path / "forecasts.hdf5"
    write_qp(path, OURS[form], object_id=IDS, redshift=TRUE, point=MEANS[:, 0])
    found = read_qp(path)
    assert is_qp(path) and found.form == form and type(found.distribution) is type(OURS[form])
    for name in {"grid", "values", "levels", "means", "sigmas"} & set(vars(OURS[form])):
        np.testing.assert_array_equal(getattr(found.distribution, name), vars(OURS[form])[name])
    if form == "mixmod":
        np.testing.assert_allclose(found.distribution.weights, MIXTURE.weights, rtol=4e-16)
    assert found.object_id.dtype == np.int64 and np.array_equal(found.object_id, IDS)
    assert np.array_equal(found.redshift, TRUE) and np.array_equal(found.point, MEANS[:, 0])


@pytest.mark.parametrize("form", OURS)
def test_qp_reads_what_is_written_here(tmp_path, form):
    path = tmp_path / "forecasts.hdf5"
    write_qp(path, OURS[form], object_id=IDS, point=MEANS[:, 0])
    theirs = qp.read(str(path))
    assert theirs.npdf == N and np.array_equal(theirs.ancil["object_id"], IDS)
    require_equal(OURS[form], theirs, form)


@pytest.mark.parametrize("form", ["interp", "quant", "mixmod", "norm"])
def test_what_qp_wrote_is_read(tmp_path, form):
    path = tmp_path / "forecasts.hdf5"
    theirs = qp_ensemble(form)
    theirs.set_ancil({"id": IDS, "redshift": TRUE[:, None], "zmode": MEANS[:, 0], "kind": TEXTS})
    theirs.write_to(str(path))
    found = read_qp(path)
    assert is_qp(path) and found.form == form
    require_equal(found.distribution, theirs, form)
    assert np.array_equal(found.object_id, IDS)
    assert np.array_equal(found.redshift, TRUE) and np.array_equal(found.point, MEANS[:, 0])


TEXTS = np.array([f"galaxy {row}" for row in range(N)])


def require_equal(ours, theirs, form):
    """Equal where the definitions are; qp's CDFs are equal at the grid's points, the levels."""
    where = {"interp": GRID[[15] * N], "quant": LOCS[:, 6]}.get(form, TRUE)
    np.testing.assert_allclose(ours.cdf(where), at(theirs, "cdf", where), atol=1e-12)
    if form == "quant":  # qp's padding to levels 0 and 1 is ours
        ends = theirs.dist.locs
        np.testing.assert_allclose(ours.quantiles([0.0, 1.0]), ends[:, [0, -1]], atol=1e-12)
    else:
        np.testing.assert_allclose(ours.density(TRUE), at(theirs, "pdf", TRUE), rtol=1e-12)


def test_a_histogram_has_the_densities_and_the_cdf_of_qps(tmp_path):
    theirs = qp_ensemble("hist")
    theirs.write_to(str(tmp_path / "hist.hdf5"))
    ours = read_qp(tmp_path / "hist.hdf5").distribution
    np.testing.assert_allclose(ours.density(TRUE), at(theirs, "pdf", TRUE), rtol=1e-6)
    for where in (TRUE, GRID[[20] * N]):
        np.testing.assert_allclose(ours.cdf(where), at(theirs, "cdf", where), atol=1e-6)


@pytest.mark.parametrize("form", ["interp_irregular", "lognorm"])
def test_another_form_is_evaluated_on_a_grid(tmp_path, form):
    theirs = qp_ensemble(form)
    theirs.write_to(str(tmp_path / "other.hdf5"))
    found = read_qp(tmp_path / "other.hdf5")
    assert found.form == form and isinstance(found.distribution, GridPDF)
    np.testing.assert_allclose(found.distribution.density(TRUE), at(theirs, "pdf", TRUE), rtol=0.01)
    if form == "lognorm":  # qp's CDF of interp_irregular is off by up to half a cell
        np.testing.assert_allclose(found.distribution.cdf(TRUE), at(theirs, "cdf", TRUE), atol=1e-3)


def test_what_the_grid_would_miss_is_refused(tmp_path):
    far = qp.Ensemble(qp.stats.lognorm, data={"s": SIGMAS[:, :1], "scale": 6.0 + MEANS[:, :1]})
    far.write_to(str(tmp_path / "far.hdf5"))
    with pytest.raises(InputError, match=r"row 0 of form 'lognorm' .* grid from 0 to 6 .*interp"):
        read_qp(tmp_path / "far.hdf5")


def test_samples_become_percentiles(tmp_path):
    samples = Samples(MEANS[:, :1] + 0.1 * RNG.standard_normal((N, 2000)))
    write_qp(tmp_path / "samples.hdf5", samples)
    found = read_qp(tmp_path / "samples.hdf5").distribution
    assert isinstance(found, Quantiles)
    levels = [0.05, 0.16, 0.5, 0.84, 0.95]
    np.testing.assert_allclose(found.quantiles(levels), samples.quantiles(levels), rtol=1e-12)
    np.testing.assert_allclose(found.crps(TRUE), samples.crps(TRUE), atol=5e-4)


def test_a_prediction_brings_its_point_and_ids(tmp_path):
    prediction = Prediction(MEANS[:, 0], object_id=IDS, mixture=MIXTURE)
    write_qp(tmp_path / "forecasts.hdf5", prediction, redshift=TRUE)
    found = read_qp(tmp_path / "forecasts.hdf5")
    assert np.array_equal(found.object_id, IDS) and np.array_equal(found.point, MEANS[:, 0])
    ours, theirs = per_galaxy(MIXTURE, TRUE), per_galaxy(found.distribution, found.redshift)
    for name, values in ours.items():
        np.testing.assert_allclose(theirs[name], values, rtol=1e-9)


def test_missing_forecasts_stay_missing_where_qp_can_hold_them(tmp_path):
    means = MEANS.copy()
    means[2] = np.nan
    write_qp(tmp_path / "mixture.hdf5", GaussianMixture(WEIGHTS, means, SIGMAS))
    found = read_qp(tmp_path / "mixture.hdf5").distribution.density(TRUE)
    assert np.flatnonzero(np.isnan(found)).tolist() == [2]
    locs = LOCS.copy()
    locs[2] = np.nan
    with pytest.raises(InputError, match=r"row 2 is a missing forecast .* leave such galaxies out"):
        write_qp(tmp_path / "quantiles.hdf5", Quantiles(LEVELS, locs))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mixture.hdf5"]


def test_components_of_no_weight_may_be_filled_up_with_zeros(tmp_path):
    weights, means, sigmas = (
        np.column_stack([values, np.zeros(N)]) for values in (WEIGHTS, MEANS, SIGMAS)
    )
    ensemble = qp.Ensemble(qp.mixmod, data={"means": means, "stds": sigmas, "weights": weights})
    ensemble.write_to(str(tmp_path / "filled.hdf5"))
    found = read_qp(tmp_path / "filled.hdf5").distribution
    np.testing.assert_allclose(found.density(TRUE), MIXTURE.density(TRUE), rtol=1e-12)


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.9, 0.999])
def test_a_truncated_file_gets_one_clear_error(tmp_path, keep):
    path = tmp_path / "forecasts.hdf5"
    write_qp(path, OURS["interp"])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole))])
    for read in (read_qp, is_qp):
        with pytest.raises(
            InputError, match=r"can't read .*forecasts\.hdf5: it is no sound HDF5 file"
        ):
            read(path)


def test_what_is_not_hdf5_is_no_qp_file(tmp_path):
    text = tmp_path / "forecasts.hdf5"
    text.write_text("id z_pred\n1 0.5\n")
    assert not is_qp(text)
    with pytest.raises(InputError, match="found a file that is not HDF5"):
        read_qp(text)
    with pytest.raises(InputError, match="no file at"):
        is_qp(tmp_path / "nothing.hdf5")


class Marker:
    """Leaves a file behind where it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_is_never_opened(tmp_path):
    mark = tmp_path / "unpickled"
    pickled = pickle.dumps(Marker(mark))
    (tmp_path / "whole.hdf5").write_bytes(pickled)
    assert not is_qp(tmp_path / "whole.hdf5")
    changed(tmp_path / "part.hdf5", lambda file: opaque(file, "data/yvals", pickled))
    with pytest.raises(InputError, match="data/yvals: expected numbers or plain text"):
        read_qp(tmp_path / "part.hdf5")
    changed(tmp_path / "ancil.hdf5", lambda file: opaque(file, "ancil/object_id", pickled))
    assert read_qp(tmp_path / "ancil.hdf5").object_id is None
    assert not mark.exists()


def opaque(file, name, content):
    """Put bytes in a dataset's place, as pandas does with pickled objects."""
    file.pop(name, None)
    file.create_dataset(name, data=np.frombuffer(content, np.uint8), dtype=np.uint8)
    objects = file.create_dataset(f"{name}_", (N,), dtype=h5py.vlen_dtype(np.uint8))
    objects[0] = np.frombuffer(content, np.uint8)
    file.move(f"{name}_", f"{name}__")
    del file[name]
    file.move(f"{name}__", name)


def changed(path, change, form="interp"):
    write_qp(path, OURS[form], object_id=IDS, redshift=TRUE)
    with h5py.File(path, "r+") as file:
        change(file)


def put(name, values):
    def change(file):
        file.pop(name, None)
        if values is not None:
            file[name] = values

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("meta", None), r"expected the groups 'meta' .* found ancil, data"),
        (put("data", None), r"expected the groups 'meta' .* found ancil, meta"),
        (put("data/yvals", None), r"form 'interp' lacks the array 'yvals'"),
        (put("data/yvals", HEIGHTS[:, :5]), r"values of the PDF: expected one row per galaxy"),
        (put("data/yvals", HEIGHTS - 1.0), r"PDF: row 0 .* has a negative density"),
        (put("meta/xvals", GRID[None, ::-1]), r"grid: expected increasing redshifts"),
        (put("meta/pdf_name", np.array([b"tea"])), r"qp has no form 'tea'"),
        (put("meta/pdf_name", np.array([3.0])), r"meta/pdf_name: expected text"),
        (put("meta/pdf_version", np.array([1, 2])), r"meta/pdf_version: expected a whole number"),
        (put("ancil/object_id", IDS[:-1]), r"column 'object_id': expected one value per"),
        (put("ancil/object_id", IDS.astype(float)), r"column 'object_id': expected ids .* exact"),
        (put("ancil/redshift", TEXTS.astype("S")), r"column 'redshift': expected numbers"),
    ],
)
def test_odd_contents_are_refused_by_name(tmp_path, change, said):
    path = tmp_path / "odd.hdf5"
    changed(path, change)
    with pytest.raises(InputError, match=said) as caught:
        read_qp(path)
    assert str(path) in str(caught.value)


def linked(name, other):
    def change(file):
        del file[name]
        file[name] = h5py.ExternalLink(other, name)

    return change


def virtual(file):
    layout = h5py.VirtualLayout((N, GRID.size), float)
    layout[...] = h5py.VirtualSource(file.filename + ".other", "x", (N, GRID.size))
    del file["data/yvals"]
    file.create_virtual_dataset("data/yvals", layout)


@pytest.mark.parametrize("name", ["data", "data/yvals", "ancil/redshift", "virtual"])
def test_arrays_in_another_file_are_refused(tmp_path, name):
    changed(tmp_path / "other.hdf5", lambda file: None)
    change = virtual if name == "virtual" else linked(name, str(tmp_path / "other.hdf5"))
    changed(tmp_path / "here.hdf5", change)
    with pytest.raises(InputError, match="is kept in another file"):
        read_qp(tmp_path / "here.hdf5")


def test_ids_as_text_are_numbers_where_they_are_digits(tmp_path):
    changed(tmp_path / "digits.hdf5", put("ancil/object_id", IDS.astype("S")))
    assert np.array_equal(read_qp(tmp_path / "digits.hdf5").object_id, IDS)
    changed(tmp_path / "names.hdf5", put("ancil/object_id", TEXTS.astype("S")))
    found = read_qp(tmp_path / "names.hdf5")
    assert found.object_id is None and found.ancil["object_id"][0] == b"galaxy 0"


class Odd:
    """A form of one's own."""

    def __len__(self):
        return N


@pytest.mark.parametrize(
    ("name", "forecasts", "given", "said"),
    [
        ("forecasts.h5", MIXTURE, {}, r"expected a name that ends in \.hdf5, found '\.h5'"),
        ("a.hdf5", Prediction(MEANS[:, 0]), {}, "needs distributions; found points alone"),
        ("a.hdf5", MIXTURE, {"redshift": TRUE[1:]}, r"column 'redshift': .* shape \(7,\)"),
        ("a.hdf5", Odd(), {}, "found a Odd, which has no form in qp"),
        ("no/a.hdf5", MIXTURE, {}, "no/a.hdf5"),
    ],
)
def test_what_cannot_be_written_is_refused(tmp_path, name, forecasts, given, said):
    with pytest.raises(InputError, match=said):
        write_qp(tmp_path / name, forecasts, **given)
    assert list(tmp_path.iterdir()) == []


def test_importing_needs_neither_qp_nor_h5py():
    code = (
        "import sys, transferz.baselines.forecasts\n"
        "print({'qp', 'h5py', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_file_that_points_to_another_one_is_refused(tmp_path):
    path = tmp_path / "forecasts.hdf5"
    write_qp(path, OURS["interp"], object_id=IDS, redshift=TRUE)
    path.rename(tmp_path / "whole.hdf5")
    with h5py.File(tmp_path / "whole.hdf5") as whole, h5py.File(path, "w") as file:
        for name in whole:
            file[name] = h5py.ExternalLink("whole.hdf5", name)
    with pytest.raises(InputError, match="is kept in another file, which is not read"):
        read_qp(path)
