"""Take numbers in any array that a method may hold them in: nothing is lost on the way unsaid.

NumPy's and masked arrays, pandas, polars, PyTorch, pyarrow, astropy, lists: what is masked or null
becomes NaN; an imaginary part, a unit or text is refused.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

UNITS = ("", "redshift")
"""What a redshift's unit is called, by astropy."""

IN_ORDER = "give arrays (.to_numpy()) in the order of the galaxies"


def as_numbers(values: Any, what: str, kinds: str = "fiu") -> npt.NDArray[Any]:
    """Return numbers of any shape as an array, whole or real; a ValueError names `what` is none.

    `kinds` are those of NumPy's types that count as numbers.

    Examples
    --------
    >>> as_numbers(np.ma.array([0.5, 1.2], mask=[False, True]), "point")
    array([0.5, nan])
    """
    try:
        array = _plain(values)
        if array.dtype.kind == "O":  # None becomes NaN
            array = array.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{what}: expected real numbers, found {type(values).__name__}: {reason}"
        ) from None
    if array.dtype.kind not in kinds:
        raise ValueError(f"{what}: expected real numbers, found {array.dtype}")
    return array


def as_flags(flag: Any, missing: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return flags of N galaxies as float64, of whatever kind of array; true is 1.

    `missing`, shape (N,), tells who has no forecast. A `ValueError` says where there is not one
    number for each galaxy, or one has a forecast and no flag. Beyond what float32 holds, flags tie.

    >>> as_flags([False, True, True], np.zeros(3, bool))
    array([0., 1., 1.])
    """
    if str(getattr(flag, "dtype", "")) == "bool":
        flag = flag.astype(np.float64)  # so that what is masked stays so
    values, given = as_numbers(flag, "flag", "fiub"), ~np.asarray(missing)
    if values.shape != given.shape:
        raise ValueError(
            f"flag: expected one number per galaxy, shape {given.shape}; found {values.shape}"
        )
    values = values.astype(np.float64)
    if count := np.count_nonzero(np.isnan(values) & given):
        raise ValueError(
            f"flag: {count:,} galaxies have a forecast and no flag (NaN, null or masked); give all "
            "one, the largest to those that are not to be trusted"
        )
    largest = float(np.finfo(np.float32).max)
    return np.clip(values, -largest, largest)


def _plain(values: Any) -> npt.NDArray[Any]:
    """Return an array of any kind as NumPy's, by what it can do: none of its packages is needed."""
    if (unit := getattr(values, "unit", None)) is not None and str(unit) not in UNITS:
        raise ValueError(f"it has the unit {unit}, and a redshift has none")
    if hasattr(values, "detach"):  # PyTorch's
        values = values.detach().cpu()
        small = values.is_floating_point() and values.element_size() < 4  # bfloat16 is one
        return np.asarray(values.float() if small else values)
    if hasattr(values, "iloc"):  # pandas'
        array = values.to_numpy()
        return array if array.dtype.kind != "O" else values.to_numpy(np.float64, na_value=np.nan)
    if hasattr(values, "unmasked"):  # astropy's
        return np.where(values.mask, np.nan, np.asarray(values.unmasked))
    if np.ma.isMaskedArray(values) and values.dtype.kind in "fiu":
        real = values.dtype.kind == "f"
        return np.ma.filled(values if real else values.astype(np.float64), np.nan)
    return np.asarray(values)


def row_labels(parts: Mapping[str, Any]) -> npt.NDArray[Any] | None:
    """Return the index, shape (N,), that those of the parts have which are pandas' (or None).

    None where no part is, or it is 0, 1, 2 ...; a ValueError where two have different ones.
    """
    labels = {name: np.asarray(one.index) for name, one in parts.items() if hasattr(one, "iloc")}
    if not labels:
        return None
    first, common = next(iter(labels.items()))
    for name, one in labels.items():
        if not np.array_equal(one, common):
            raise ValueError(f"{first} and {name} have rows of different indexes; {IN_ORDER}")
    plain = common.dtype.kind in "iu" and np.array_equal(common, np.arange(len(common)))
    return None if plain else common
