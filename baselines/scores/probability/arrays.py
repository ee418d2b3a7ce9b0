"""Take numbers in any array that a method may hold them in: nothing is lost on the way unsaid.

NumPy's and masked arrays, pandas, polars, PyTorch, pyarrow, astropy, lists: what is masked or null
becomes NaN; an imaginary part, a unit or text is refused.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

UNITS = ("", "redshift")
"""What a redshift's unit is called, by astropy."""


def as_numbers(values: Any, what: str) -> npt.NDArray[Any]:
    """Return numbers of any shape as an array, whole or real; a ValueError names `what` is none.

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
            f"{what}: expected numbers, found {type(values).__name__}: {reason}"
        ) from None
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{what}: expected numbers, found dtype {array.dtype}")
    return array


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


def row_labels(values: Any) -> npt.NDArray[Any] | None:
    """Return the index of a pandas table or series, shape (N,); None for 0, 1 ... or for none."""
    if not hasattr(values, "iloc"):
        return None
    labels = np.asarray(values.index)
    whole = labels.dtype.kind in "iu" and np.array_equal(labels, np.arange(len(labels)))
    return None if whole else labels
