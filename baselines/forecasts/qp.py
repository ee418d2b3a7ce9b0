"""qp ensembles in HDF5, as RAIL's estimators write them: read into our forms, and written.

A file has three groups: ``meta`` (the form's name, and what all galaxies share), ``data`` (a row
for each galaxy) and, in most, ``ancil`` (columns of any name). Only numbers and plain text are
read, by h5py alone. qp's own reader goes by the ending of the name, and for ``.h5`` through pandas,
which unpickles what it finds; here nothing is ever unpickled.

============================  ==================  ================================================
ours                          qp's                kept
============================  ==================  ================================================
`GridPDF`                     ``interp``          every value
`Quantiles`                   ``quant``           every value; qp's CDF is a parabola between levels
`GaussianMixture`             ``mixmod``          every value
`Samples`                     ``quant``           its quantiles at 1 %, 2 % ... (qp has no samples)
`GaussianMixture`, of one     ``norm``, read only every value
`GridPDF`, with steps         ``hist``, read only every value
`GridPDF`, from 0 to 6        any other,          densities at 0, 0.005 ... 6, which qp computes
                              read only
============================  ==================  ================================================
"""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.forecasts.columns import POINTS, QP_IDS, TRUE_REDSHIFTS
from transferz.baselines.forecasts.compact import decode_pdfs
from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability import (
    Distribution,
    GaussianMixture,
    GridPDF,
    Prediction,
    Quantiles,
    Samples,
)
from transferz.baselines.scores.probability.prediction import QP
from transferz.schemas.errors import InputError
from transferz.tables.files import replace_file
from transferz.tables.hdf5 import open_hdf5
from transferz.tables.reading import HDF5
from transferz.tables.table import require_package
from transferz.tables.writing import hdf5_file

if TYPE_CHECKING:
    import h5py
    import qp

EXACT = 2**53
LARGEST = 2**63
"""Whole numbers below are exact in float64, and fit int64."""

GRID_END, GRID_STEPS = 6.0, 1200
"""Other forms are evaluated from redshift 0 to 6, every 0.005 (our choice)."""

LOST = 0.01
"""Most of a forecast's probability that may be missed on that grid (our choice)."""

EDGE = 1e-6
"""Width of a histogram's steps in its narrowest bin (our choice)."""

PERCENTILES = np.arange(1, 100) / 100.0
"""Levels that stand for samples (our choice)."""

Arrays = dict[str, npt.NDArray[Any]]

_ODD = (ValueError, TypeError, LookupError, RuntimeError, ArithmeticError)
"""What odd arrays raise, in qp's code too."""


@dataclass(frozen=True, eq=False)
class QpFile:
    """The forecasts of N galaxies, and what the file says of these.

    `object_id`, true redshifts and point estimates, shape (N,), are from the only column of a name
    in `transferz.baselines.forecasts.columns`; None where there is none or there are several, or
    ids are no whole numbers. `ancil` has all columns of the file by name, `form` is qp's name of
    the form.
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

    Examples
    --------
    See `write_qp`, whose file is read.
    """
    path = Path(path)
    arrays = _read_arrays(path)
    try:
        distribution = _from_qp(arrays)
    except KeyError as error:
        raise InputError(f"{path}: form '{arrays.form}' lacks the array {error}") from None
    except _ODD as error:
        raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    ancil = arrays.ancil
    _require_rows(path, ancil, len(distribution))
    ids = _only_known(QP_IDS, ancil)
    return QpFile(
        distribution=distribution,
        object_id=None if ids is None else _whole(path, ids, ancil[ids]),
        redshift=_numbers(path, _only_known(TRUE_REDSHIFTS, ancil), ancil),
        point=_numbers(path, _only_known(POINTS, ancil), ancil),
        ancil=ancil,
        form=arrays.form,
    )


def as_distribution(forecasts: Any) -> Distribution:
    """Return a distribution as it is, and of an ensemble of qp's in memory what `read_qp` makes.

    An InputError says where an ensemble holds what is no distribution.

    Examples
    --------
    >>> import qp
    >>> place = {"loc": np.array([[0.5]]), "scale": np.array([[0.1]])}
    >>> ensemble = qp.Ensemble(qp.stats.norm, data=place)
    >>> as_distribution(ensemble).cdf([0.5])
    array([0.5])
    """
    if forecasts is None or not hasattr(forecasts, QP):
        return forecasts
    try:
        tables = forecasts.build_tables()
        meta, data = (
            {name: np.asarray(values) for name, values in tables[group].items()}
            for group in ("meta", "data")
        )
        meta = {name: one[0] if one.shape[:1] == (1,) else one for name, one in meta.items()}
        form, version = meta.pop("pdf_name").item(), meta.pop("pdf_version").item()
        return _from_qp(QpArrays(form.decode("utf-8", "replace"), meta, data, version=int(version)))
    except _ODD as error:
        raise InputError(f"qp ensemble: {' '.join(str(error).split())}") from None


def to_qp(forecasts: Any) -> qp.Ensemble:
    """Return forecasts as an ensemble of qp's, in memory, of the form that `write_qp` writes.

    Parameters
    ----------
    forecasts : Prediction, Distribution, or array_like of bytes
        Bytes are what `transferz.baselines.forecasts.decode_pdfs` reads.

    Raises
    ------
    InputError
        Where they are points alone, bytes are damaged, or qp is not there or can't hold a forecast.

    Examples
    --------
    >>> from transferz.baselines.forecasts.compact import encode_pdfs
    >>> from transferz.baselines.scores.probability import GaussianMixture
    >>> column = encode_pdfs(GaussianMixture([[1.0]], [[0.5]], [[0.1]]), 40)
    >>> round(float(to_qp(column).median()), 3)
    0.5
    """
    if isinstance(forecasts, Prediction):
        if forecasts.distribution is None:
            raise InputError("to qp: an ensemble needs distributions; found points alone")
        forecasts = forecasts.distribution
    elif not isinstance(forecasts, Distribution):
        forecasts = decode_pdfs(forecasts)
    try:
        return _ensemble(_to_qp(forecasts))
    except _ODD as error:
        raise InputError(f"to qp: {' '.join(str(error).split())}") from None


def write_qp(
    path: Path | str,
    forecasts: Prediction | Distribution,
    *,
    object_id: npt.ArrayLike | None = None,
    redshift: npt.ArrayLike | None = None,
    point: npt.ArrayLike | None = None,
    zmode: npt.ArrayLike | None = None,
    note: str = "",
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
    zmode : array_like, shape (N,), optional
        The column ``zmode``, which RAIL, and what is built on it, takes for the point.
    note : str, optional
        What is said of the forecasts, an attribute of the file.

    Raises
    ------
    InputError
        Where the name has another ending, a prediction has a point alone, lengths differ, qp can't
        hold a forecast, or the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> from transferz.baselines.scores.probability import GaussianMixture
    >>> ones = np.ones((3, 1))
    >>> mixture = GaussianMixture(ones, 0.5 * ones, 0.05 * ones)
    >>> path = Path(tempfile.mkdtemp()) / "forecasts.hdf5"
    >>> write_qp(path, mixture, object_id=[1, 2, 3])
    >>> read_qp(path).object_id
    array([1, 2, 3])
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
    given = {"object_id": object_id, "redshift": redshift, "point": point, "zmode": zmode}
    ancil = {name: np.asarray(values) for name, values in given.items() if values is not None}
    _require_rows(path, ancil, len(forecasts))
    try:
        arrays = _to_qp(forecasts)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
    require_package(path, "h5py", "HDF5")
    meta = {"pdf_name": np.array(arrays.form.encode()), "pdf_version": np.array(arrays.version)}
    groups: dict[str, Arrays] = {
        "ancil": ancil,
        "data": arrays.data,
        "meta": {name: array[None] for name, array in (meta | arrays.meta).items()},
    }
    with replace_file(path) as beside, hdf5_file(beside) as file:
        file.attrs.update({"note": note} if note else {})
        for group, columns in groups.items():
            for name, values in columns.items():
                file.create_dataset(f"{group}/{name}", data=values)


def is_qp(path: Path | str) -> bool:
    """Tell whether a file is a qp ensemble in HDF5, by what is in it, not by its name.

    Raises an InputError where there is no such file, or it begins as HDF5 does and can't be opened.
    """
    path = Path(path)
    if not _is_hdf5(path):
        return False
    with _opened(path) as file:
        return _has_form(file)


def _only_known(known: Sequence[str], names: Iterable[str]) -> str | None:
    """Return the name of the only known column that a table has, whatever its case."""
    found = [name for name in names if name.casefold() in known]
    return found[0] if len(found) == 1 else None


def _require_rows(path: Path, ancil: Arrays, size: int) -> None:
    for name, values in ancil.items():
        if values.shape != (size,):
            raise InputError(
                f"{path}: column '{name}': expected one value per distribution, shape ({size},); "
                f"found shape {values.shape}"
            )


def _numbers(path: Path, name: str | None, ancil: Arrays) -> Array | None:
    if name is None:
        return None
    if ancil[name].dtype.kind not in "fiu":
        raise InputError(f"{path}: column '{name}': expected numbers, found {ancil[name].dtype}")
    return ancil[name].astype(np.float64)


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


# --- the arrays in the file


@dataclass(frozen=True)
class QpArrays:
    """What a qp file holds, by name: what all galaxies share, and arrays of a row per galaxy.

    `form` is qp's name of the form, such as ``interp``, and `version` the form's.
    """

    form: str
    meta: Arrays
    data: Arrays
    ancil: Arrays = field(default_factory=dict)
    version: int = 0


def _read_arrays(path: Path) -> QpArrays:
    """Read a qp file as arrays; raises what `read_qp` does."""
    if not _is_hdf5(path):
        raise InputError(f"{path}: expected a qp ensemble in HDF5; found a file that is not HDF5")
    with _opened(path) as file:
        for _ in _items(path, file):
            pass  # no group is in another file
        if not _has_form(file) or "data" not in file:
            groups = ", ".join(file) or "nothing"
            raise InputError(
                f"{path}: expected the groups 'meta' (with 'pdf_name') and 'data' of a qp "
                f"ensemble; found {groups}; qp writes these where the name ends in .hdf5"
            )
        meta, data = (
            {
                name: _plain(path, f"{group}/{name}", item)
                for name, item in _items(path, file[group])
            }
            for group in ("meta", "data")
        )
        ancil = _read_columns(path, file)
    # What all galaxies share has a first axis of length 1 in qp's files.
    meta = {name: array[0] if array.shape[:1] == (1,) else array for name, array in meta.items()}
    form = _only(path, "pdf_name", meta.pop("pdf_name"), "S")
    version = _only(path, "pdf_version", meta.pop("pdf_version", np.array(0)), "iu")
    return QpArrays(form.decode("utf-8", "replace"), meta, data, ancil, int(version))


def _is_hdf5(path: Path) -> bool:
    if not path.is_file():
        raise InputError(f"no file at {path}")
    with path.open("rb") as file:
        return file.read(len(HDF5)) == HDF5


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open for reading; what goes wrong becomes one clear error."""
    require_package(path, "h5py", "HDF5")
    with open_hdf5(path) as file:
        yield file


def _has_form(file: h5py.File) -> bool:
    import h5py

    if isinstance(file.get("meta", getlink=True), h5py.ExternalLink):
        return False
    return isinstance(file.get("meta"), h5py.Group) and "pdf_name" in file["meta"]


def _read_columns(path: Path, file: h5py.File) -> Arrays:
    """Read the columns of ``ancil``, one value per galaxy; whatever else it holds is left out."""
    import h5py

    group = file.get("ancil")
    if not isinstance(group, h5py.Group):
        return {}
    items = {name: item for name, item in _items(path, group) if _is_plain(item)}
    arrays = {name: _plain(path, f"ancil/{name}", item) for name, item in items.items()}
    return {
        name: array.reshape(len(array))
        for name, array in arrays.items()
        if array.ndim and array.size == len(array)
    }


def _items(path: Path, group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset | h5py.Group]]:
    """Go through what a group holds; what lies in another file is refused."""
    import h5py

    for name in group:
        linked = isinstance(group.get(name, getlink=True), h5py.ExternalLink)
        item = None if linked else group[name]
        if isinstance(item, h5py.Dataset):
            linked = item.is_virtual or bool(item.external)
        if linked:
            raise InputError(
                f"{path}: {group.name}/{name} lies in another file; write one that holds all its "
                "arrays"
            )
        yield str(name), item


def _is_plain(item: h5py.Dataset | h5py.Group) -> bool:
    import h5py

    if not isinstance(item, h5py.Dataset):
        return False
    return item.dtype.kind in "fiubS" or h5py.check_string_dtype(item.dtype) is not None


def _plain(path: Path, name: str, item: h5py.Dataset | h5py.Group) -> npt.NDArray[Any]:
    if not _is_plain(item):
        kind = getattr(item, "dtype", "a group")
        raise InputError(f"{path}: {name}: expected numbers or plain text, found {kind}")
    values = item[()]
    array = np.asarray(values, bytes) if item.dtype.kind == "O" else np.asarray(values)
    if array.dtype.kind == "S":
        return array
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _only(path: Path, name: str, array: npt.NDArray[Any], kinds: str) -> Any:
    """The only value of an array."""
    if array.size != 1 or array.dtype.kind not in kinds:
        wanted = "text" if kinds == "S" else "a whole number"
        raise InputError(
            f"{path}: meta/{name}: expected {wanted}, found {array.dtype} of shape {array.shape}"
        )
    return array.ravel().tolist()[0]


# --- our forms as qp's, and the reverse


def _to_qp(distribution: Distribution) -> QpArrays:
    """Return the form of qp that holds distributions; a ValueError says why none does."""
    if isinstance(distribution, GridPDF):
        return QpArrays("interp", {"xvals": distribution.grid}, {"yvals": distribution.values})
    if isinstance(distribution, GaussianMixture):
        names = {"means": distribution.means, "stds": distribution.sigmas}
        return QpArrays("mixmod", {}, names | {"weights": distribution.weights})
    if isinstance(distribution, Quantiles):
        levels, values = distribution.levels, distribution.values
    elif isinstance(distribution, Samples):
        levels, values = PERCENTILES, distribution.quantiles(PERCENTILES)
    else:
        raise ValueError(
            "expected a GridPDF, Quantiles, GaussianMixture or Samples; found a "
            f"{type(distribution).__name__}, which has no form in qp"
        )
    missing = np.isnan(values[:, 0])
    if missing.any():
        raise ValueError(
            f"row {int(np.argmax(missing))} is a missing forecast (NaN), which qp's quantiles "
            "can't hold; leave such galaxies out"
        )
    # qp pads to levels 0 and 1 (ensure_extent), as our form does: linearly.
    padding = {
        "ensure_extent": np.array(True),
        "pdf_constructor_name": np.array(b"piecewise_linear"),
    }
    return QpArrays("quant", {"quants": levels} | padding, {"locs": values})


def _from_qp(arrays: QpArrays) -> Distribution:
    """Return our form that holds a qp file's distributions.

    A KeyError is an array of the form that is not there; a ValueError says what is no distribution,
    or why qp can't evaluate it.
    """
    meta, data = arrays.meta, arrays.data
    match arrays.form:
        case "interp":
            return GridPDF(meta["xvals"], data["yvals"])
        case "quant":
            return Quantiles(meta["quants"], data["locs"])
        case "mixmod":
            weights, means, sigmas = (data[name] for name in ("weights", "means", "stds"))
            if weights.shape == sigmas.shape:  # qp fills up with components of no weight or width
                sigmas = np.where((weights == 0.0) & (sigmas == 0.0), 1.0, sigmas)
            return GaussianMixture(weights, means, sigmas)
        case "norm":
            means, sigmas = (np.atleast_1d(data[name]) for name in ("loc", "scale"))
            means, sigmas = means.reshape(len(means), -1), sigmas.reshape(len(sigmas), -1)
            return GaussianMixture(np.ones(means.shape), means, sigmas)
        case "hist":
            return _from_histogram(np.asarray(meta["bins"], np.float64), data["pdfs"])
    return _evaluated(arrays)


def _from_histogram(edges: Array, heights: npt.NDArray[Any]) -> Distribution:
    """Each inner edge twice, a tiny step apart."""
    if edges.ndim != 1 or heights.ndim != 2 or edges.size != heights.shape[1] + 1:
        raise ValueError(f"{edges.shape} bin edges for densities of shape {heights.shape}")
    half = EDGE * np.diff(edges).min() / 2.0
    grid = np.repeat(edges, 2)[1:-1]
    grid[1:-1] += np.tile([-half, half], edges.size - 2)
    return GridPDF(grid, np.repeat(heights, 2, axis=1))


def _evaluated(arrays: QpArrays) -> Distribution:
    """Any other form, by qp itself; raise where the grid misses much of it."""
    grid = np.linspace(0.0, GRID_END, GRID_STEPS + 1)
    density = _qp_density(arrays, grid)
    distribution = GridPDF(grid, np.where(density < 0.0, 0.0, density))
    bad = np.abs(distribution.norm - 1.0) > LOST
    if bad.any():
        row = int(np.argmax(bad))
        held = distribution.norm[row]
        raise ValueError(
            f"row {row} of form '{arrays.form}' has a probability of {held:.3g} on a "
            f"grid from 0 to {GRID_END:g} in steps of {GRID_END / GRID_STEPS:g}; convert it in qp "
            "(convert_to) to interp on a grid of your own"
        )
    return distribution


def _qp_density(arrays: QpArrays, grid: Array) -> Array:
    with _quiet():
        return np.asarray(_ensemble(arrays).pdf(grid), np.float64).reshape(-1, grid.size)


def _ensemble(arrays: QpArrays) -> qp.Ensemble:
    """Build qp's own of a file's arrays; a ValueError says that qp is not there, or lacks it."""
    try:
        import qp
    except ImportError:
        raise ValueError(
            f"form '{arrays.form}' needs the package 'qp-prob': pip install qp-prob"
        ) from None
    if arrays.form not in qp.instance():
        raise ValueError(f"qp has no form '{arrays.form}'")
    name = {"pdf_name": np.array([arrays.form.encode()]), "pdf_version": np.array([arrays.version])}
    meta = name | {key: value[None] for key, value in arrays.meta.items()}
    with _quiet():
        return qp.from_tables({"meta": meta, "data": arrays.data})


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Let qp warn and print of nothing."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        with contextlib.redirect_stdout(io.StringIO()):
            yield
