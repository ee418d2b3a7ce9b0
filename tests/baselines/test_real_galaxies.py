"""The comparison on real galaxies: fair splits, sane scores."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

real_galaxies = pytest.importorskip("real_galaxies", reason="scikit-learn is not installed")

NUMBER = r"[−+]?\d+\.\d+"


@pytest.fixture
def data():
    folder = os.environ.get("TRANSFERZ_REAL_DATA")
    if not folder:
        pytest.skip("TRANSFERZ_REAL_DATA does not name the folder of real tables")
    return Path(folder)


def test_the_parts_are_those_of_the_projects_splitter(data):
    parts = {
        name: ({part: len(sample) for part, sample in samples.items()}, test)
        for name, samples, test in real_galaxies.experiments(data)
    }
    assert {"train": 2754, "validation": 396, "test": 388}.items() <= parts["EGS, grizy"][0].items()
    sizes, test = parts["SDSS MGS, ugriz"]
    assert (sizes["train"], sizes["validation"], len(test)) == (4487, 513, 5000)
    rows = np.loadtxt(data / "SDSS_MGS.test")
    np.testing.assert_array_equal(test.redshift, rows[:, 0])
    np.testing.assert_array_equal(test.magnitudes, rows[:, 1:6])


def test_the_training_file_is_read_by_the_names_that_fit_its_rows(data):
    """Its own header lacks one, before the errors: the magnitudes would be right by luck."""
    *_, (_, samples, _) = real_galaxies.experiments(data)
    rows = {tuple(row) for row in np.loadtxt(data / "SDSS_MGS.train")[:, 1:6].tolist()}
    taken = [tuple(row) for part in ("train", "validation") for row in magnitudes(samples, part)]
    assert sorted(taken) == sorted(rows)


def test_no_galaxy_is_in_both_files(data):
    first, second = (
        {tuple(row) for row in np.loadtxt(data / f"SDSS_MGS.{part}")[:, 1:6].tolist()}
        for part in ("train", "test")
    )
    assert not first & second


def magnitudes(samples, part):
    return samples[part].magnitudes.tolist()


def test_every_method_beats_the_median_on_real_galaxies(data, capsys):
    assert (
        real_galaxies.main(["--data", str(data), "--quick", "--threads", "1", "--device", "cpu"])
        == 0
    )
    shown = capsys.readouterr()
    assert shown.err == ""  # no live line where there is no terminal
    rows = [line.strip("| ").split(" | ") for line in shown.out.splitlines() if line[:1] == "|"]
    found = {
        (row[1], row[2]): [float(re.match(NUMBER, one)[0].replace("−", "-")) for one in row[3:]]
        for row in rows
        if len(row) == 7 and row[1].replace(",", "").isdigit()
    }
    names = {"NN-Spec", "NN-Spec, mean over seeds", *SKLEARN, "training median"}
    assert set(found) == {(count, name) for count in ("388", "334", "5,000") for name in names}
    for (count, name), (scatter, outliers, bias, rmse) in found.items():
        limits = MOST[count]
        if name != "training median":
            assert scatter < limits["scatter"]
            assert outliers < limits["outliers"]
            assert abs(bias) < limits["bias"]
            assert rmse < 0.6 * found[count, "training median"][3]


SKLEARN = ("gradient-boosted trees", "k-nearest neighbours")

# Twice and more what networks of two short runs reach; EGS all z, EGS 0.3-1.5, SDSS.
MOST = {
    "388": {"scatter": 0.08, "outliers": 15.0, "bias": 0.03},
    "334": {"scatter": 0.08, "outliers": 10.0, "bias": 0.03},
    "5,000": {"scatter": 0.025, "outliers": 0.5, "bias": 0.01},
}


def test_a_colour_is_the_bluer_magnitude_minus_the_redder():
    sample = real_galaxies.Sample(np.array([[22.0, 21.0, 20.5]]), np.array([0.5]))
    np.testing.assert_allclose(real_galaxies.features(sample), [[22.0, 21.0, 20.5, 1.0, 0.5]])


def test_nothing_is_chosen_on_the_test_part():
    """The choices are the same whatever the test part is."""
    rng = np.random.default_rng(0)

    def sample(count, shift=0.0):
        redshift = rng.uniform(0.1, 1.5, count)
        noise = rng.normal(0, 0.1, (count, 3))
        return real_galaxies.Sample(
            20 + redshift[:, None] * [2.0, 1.0, 0.5] + noise, redshift + shift
        )

    training, validation = sample(300), sample(80)
    for method in (
        lambda test: real_galaxies.boosted_trees(training, validation, test, 40),
        lambda test: real_galaxies.neighbours(training, validation, test),
    ):
        one, other = method(sample(50)), method(sample(50, shift=0.7))
        assert one.choice == other.choice
        assert one.redshift.shape == (1, 50)


def test_too_small_a_training_part_has_fewer_neighbours():
    rng = np.random.default_rng(0)
    few = real_galaxies.Sample(rng.normal(20, 1, (4, 3)), rng.uniform(0, 1, 4))
    assert real_galaxies.neighbours(few, few, few).redshift.shape == (1, 4)
