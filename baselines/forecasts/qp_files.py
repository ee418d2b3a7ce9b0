"""qp ensembles in HDF5, as RAIL's estimators write them: read into our forms, and written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.forecasts.qp_forms import from_qp, to_qp
from transferz.baselines.forecasts.qp_hdf5 import Arrays, QpArrays, read_arrays, write_arrays
from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability import Distribution, Prediction
from transferz.schemas.errors import InputError

IDS = ("object_id", "objectid", "galaxy_id", "id", "ids")
REDSHIFTS = ("redshift", "z_true", "true_redshift", "redshift_true", "ztrue", "true_z", "true")
POINTS = ("point", "zmode", "z_mode", "zmedian", "z_median", "zmean", "z_mean", "z_phot", "zphot")
"""Names of columns looked for in ``ancil``, the first that is there; letters' case is ignored."""

EXACT = 2**53
LARGEST = 2**63
"""Whole numbers below are exact in float64, and fit int64."""


@dataclass(frozen=True, eq=False)
class QpFile:
    """The forecasts of N galaxies, and what the file says of these.

    Attributes
    ----------
    distribution : Distribution
        The forecasts.
    object_id : ndarray of int64, shape (N,), or None
        Of `IDS`, where there is one of whole numbers.
    redshift : ndarray, shape (N,), or None
        True redshifts, of `REDSHIFTS`, where there is one.
    point : ndarray, shape (N,), or None
        Point estimates, of `POINTS`, where there is one.
    ancil : mapping of str to ndarray, shape (N,)
        All columns of the file.
    form : str
        qp's name of the form.
    """

    distribution: Distribution
    object_id: npt.NDArray[np.int64] | None
    redshift: Array | None
    point: Array | None
    ancil: Mapping[str, npt.NDArray[Any]]
    form: str

    def __len__(self) -> int:
        return len(self.distribution)


def read_qp(path: Path | str) -> QpFile:
    """Read a qp ensemble.

    ``interp``, ``quant``, ``mixmod``, ``norm`` and ``hist`` are read as they stand, by h5py alone.
    Of any other form, qp evaluates the densities on a grid from 0 to 6, every 0.005.

    Two of qp's definitions differ from ours. Its CDF of ``interp`` counts half a cell before the
    grid's first point, where the density is not 0 there; and it draws parabolas between the levels
    of ``quant``, we straight lines.

    Parameters
    ----------
    path : Path or str
        The file, of any name.

    Raises
    ------
    InputError
        Where the file is no qp ensemble in HDF5, is damaged, or holds what is no distribution.
        Nothing in it is ever unpickled or run.
    """
    path = Path(path)
    arrays = read_arrays(path)
    try:
        distribution = from_qp(arrays)
    except KeyError as error:
        raise InputError(f"{path}: form '{arrays.form}' lacks the array {error}") from None
    except (ValueError, TypeError, LookupError, RuntimeError, ArithmeticError) as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    ancil = arrays.ancil
    _require_rows(path, ancil, len(distribution))
    ids, redshift, point = (_column(ancil, names) for names in (IDS, REDSHIFTS, POINTS))
    return QpFile(
        distribution=distribution,
        object_id=None if ids is None else _whole(path, ids, ancil[ids]),
        redshift=None if redshift is None else _numbers(path, redshift, ancil[redshift]),
        point=None if point is None else _numbers(path, point, ancil[point]),
        ancil=ancil,
        form=arrays.form,
    )


def write_qp(
    path: Path | str,
    forecasts: Prediction | Distribution,
    *,
    object_id: npt.ArrayLike | None = None,
    redshift: npt.ArrayLike | None = None,
    point: npt.ArrayLike | None = None,
) -> None:
    """Write a qp ensemble in HDF5, which `read_qp`, qp and RAIL read.

    A `GridPDF` becomes ``interp``, `Quantiles` ``quant``, a `GaussianMixture` ``mixmod``, with
    every value as it is; of `Samples`, which qp has no form for, the percentiles become ``quant``.

    Parameters
    ----------
    path : Path or str
        The file, ending in ``.hdf5``, by which qp knows how to read it; replaced if it is there.
    forecasts : Prediction or Distribution
        The forecasts of N galaxies; a prediction's point and ids are written too.
    object_id : array_like of int, shape (N,), optional
        The column ``object_id`` of ``ancil``.
    redshift : array_like, shape (N,), optional
        True redshifts, the column ``redshift``.
    point : array_like, shape (N,), optional
        The column ``point``.

    Raises
    ------
    InputError
        Where the name has another ending, a prediction has a point alone, lengths differ, qp can't
        hold a forecast, or the file can't be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".hdf5":
        raise InputError(f"{path}: expected a name that ends in .hdf5, found '{path.suffix}'")
    if isinstance(forecasts, Prediction):
        object_id = forecasts.object_id if object_id is None else object_id
        point = forecasts.point if point is None else point
        if forecasts.distribution is None:
            raise InputError(f"{path}: a qp ensemble needs distributions; found points alone")
        forecasts = forecasts.distribution
    given = {"object_id": object_id, "redshift": redshift, "point": point}
    ancil = {name: np.asarray(values) for name, values in given.items() if values is not None}
    _require_rows(path, ancil, len(forecasts))
    try:
        form, meta, data = to_qp(forecasts)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    write_arrays(path, QpArrays(form, 0, meta, data, ancil))


def _column(ancil: Arrays, names: Sequence[str]) -> str | None:
    there = {name.casefold(): name for name in ancil}
    return next((there[name] for name in names if name in there), None)


def _require_rows(path: Path, ancil: Arrays, size: int) -> None:
    for name, values in ancil.items():
        if values.shape != (size,):
            raise InputError(
                f"{path}: column '{name}': expected one value per distribution, shape ({size},); "
                f"found shape {values.shape}"
            )


def _numbers(path: Path, name: str, values: npt.NDArray[Any]) -> Array:
    if values.dtype.kind not in "fiu":
        raise InputError(f"{path}: column '{name}': expected numbers, found {values.dtype}")
    return values.astype(np.float64)


def _whole(path: Path, name: str, values: npt.NDArray[Any]) -> npt.NDArray[np.int64] | None:
    """Ids as whole numbers, exact, text of digits too; None where they are other text."""
    kind = values.dtype.kind
    if kind == "S" and not all(text.strip().isdigit() for text in values.tolist()):
        return None
    if kind == "f":
        exact = bool(np.all((values == np.floor(values)) & (np.abs(values) < EXACT)))
    else:
        exact = kind in "iuS" and all(abs(int(value)) < LARGEST for value in values.tolist())
    if not exact:
        raise InputError(
            f"{path}: column '{name}': expected ids that are whole numbers and exact in their "
            f"type; found {values.dtype}"
        )
    return values.astype(np.int64)
