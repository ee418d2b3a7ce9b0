"""Galaxies told again by their magnitudes, as far as the digits tell them apart."""

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.leaks.photometry import refuse_shared, step
from transferz.schemas import InputError

BANDS = ("g_mag", "r_mag", "i_mag")


def galaxies(count, seed, bands):
    rng = np.random.default_rng(seed)
    first = rng.normal(23.0, 0.8, (count, 1))
    values = first + rng.normal(0.0, 0.4, (count, bands)) * (np.arange(bands) > 0)
    return pd.DataFrame(values, columns=BANDS[:bands])


@pytest.mark.parametrize(("bands", "digits"), [(1, 2), (2, 1), (2, 2), (3, 1)])
def test_what_rounding_makes_the_same_is_no_leak_and_is_said(bands, digits, capsys):
    learned, tested = (galaxies(size, size, bands).round(digits) for size in (4000, 400))
    refuse_shared(learned, tested, BANDS[:bands], "mine", "theirs")
    said = capsys.readouterr().err
    assert f"rounded to {10.0**-digits:g} mag" in said and "by chance" in said


@pytest.mark.parametrize(("bands", "digits"), [(2, 3), (3, 2), (3, 9), (1, 9)])
@pytest.mark.parametrize("both", [True, False])
def test_galaxies_learned_from_are_found_to_the_digits_there_are(bands, digits, both):
    """Also where only one of the tables is rounded."""
    tested = galaxies(400, 1, bands)
    learned = pd.concat([galaxies(4000, 2, bands), tested.iloc[:60]]).round(digits)
    tested = tested.round(digits) if both else tested
    with pytest.raises(InputError, match=r"6[0-9] of the 400 galaxies of theirs are learned from"):
        refuse_shared(learned, tested, BANDS[:bands], "mine", "theirs")
    refuse_shared(learned.iloc[:4000], tested, BANDS[:bands], "mine", "theirs")


def test_the_step_of_rounded_numbers():
    values = np.random.default_rng(0).uniform(18, 26, 500)
    assert [step(values.round(digits)) for digits in (0, 2, 4)] == [1.0, 0.01, 1e-4]
    assert step(values.round(2).astype(np.float32)) == 0.01
    assert step(values) == 0.0
