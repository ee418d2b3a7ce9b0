"""A release as tensors that stay in memory, or on a GPU."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, overload

import numpy as np
import pyarrow as pa

from transferz.rows import about, tables
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.described import Band, bands_of
from transferz.tables.table import require_package

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch
    from datasets import Dataset, IterableDataset

    from transferz.rows import Data

_IDENTIFIER, _LABEL = "object_id", "redshift"


class Tensors(NamedTuple):
    """Photometry and labels of n galaxies in b bands, row by row.

    Attributes
    ----------
    features : torch.Tensor, shape (n, b), float32
        Magnitudes, AB mag, as released; of HSC cModel, not corrected for extinction.
    errors : torch.Tensor, shape (n, b), float32
        Their 1-sigma errors, mag.
    redshift : torch.Tensor, shape (n,), float32
        The label.
    object_id : torch.Tensor, shape (n,), int64
        The survey's identifiers.

    Examples
    --------
    >>> from transferz import load_dataset
    >>> features, errors, redshift, object_id = to_torch(load_dataset(split="train"))
    >>> features.shape == errors.shape, redshift.shape == object_id.shape
    (True, True)
    """

    features: torch.Tensor
    errors: torch.Tensor
    redshift: torch.Tensor
    object_id: torch.Tensor


@overload
def to_torch(
    data: Dataset | IterableDataset,
    bands: Sequence[str] | None = ...,
    *,
    config: None = ...,
    split: None = ...,
    device: str | torch.device | None = ...,
) -> Tensors: ...
@overload
def to_torch(
    data: Data,
    bands: Sequence[str] | None = ...,
    *,
    config: str | None = ...,
    split: str,
    device: str | torch.device | None = ...,
) -> Tensors: ...
@overload
def to_torch(
    data: Data,
    bands: Sequence[str] | None = ...,
    *,
    config: str | None = ...,
    split: None = ...,
    device: str | torch.device | None = ...,
) -> dict[str, Tensors]: ...
def to_torch(
    data: Data,
    bands: Sequence[str] | None = None,
    *,
    config: str | None = None,
    split: str | None = None,
    device: str | torch.device | None = None,
) -> Tensors | dict[str, Tensors]:
    """Return photometry and redshifts as tensors that hold all rows.

    No loop over rows is made: slicing the tensors gives batches at memory speed. A release
    directory is read by pyarrow, many columns at a time, without importing `datasets`.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, with its selection and order; or a release directory.
    bands : sequence of str, optional
        Names of the release's bands, in the order in which the features shall have them; ``"gri"``
        is taken too. All by default, blue to red.
    config : str, optional
        Of a release directory; by default that of the many-band labels, else the first there.
    split : str, optional
        One split of a directory or DatasetDict.
    device : str or torch.device, optional
        Where the tensors are to be, such as ``"cuda"``; by default in main memory.

    Returns
    -------
    Tensors or dict of str to Tensors
        One for a single dataset or where `split` is given; else one per split.

    Raises
    ------
    ParameterError
        Where `bands` or `device` is none, a column is not there or holds no numbers, or values are
        missing (null or NaN) or not finite as float32.
    ReleaseError
        Where the release has no such config or split, or can't be read.

    Examples
    --------
    >>> from transferz import load_dataset
    >>> train = to_torch(load_dataset(split="train"), bands="gri")
    >>> train.features.dtype, train.features.shape == (len(train.redshift), 3)
    (torch.float32, True)
    """
    require_package("to_torch", "torch", "it", "'transferz[bench]'")
    known, device = bands_of(about(data)), _usable(device)
    taken = known if bands is None else _require_bands(bands, known)
    magnitudes, errors = [band.magnitude for band in taken], [band.error for band in taken]
    by_split = tables(data, [_IDENTIFIER, _LABEL, *magnitudes, *errors], config=config, split=split)
    parts = {name: _tensors(table, magnitudes, errors, device) for name, table in by_split.items()}
    return parts.get(split if split is not None else "", parts)


def _require_bands(bands: object, known: Sequence[Band]) -> tuple[Band, ...]:
    """Find bands by name; a set has no order, so it can't say which feature is which."""
    by_name = {band.name: band for band in known}
    names = tuple(bands) if isinstance(bands, Sequence) else ()
    unknown = [band for band in names if not isinstance(band, str) or band not in by_name]
    if unknown or not names or len(set(names)) < len(names):
        raise ParameterError(
            f"bands={bands!r}: expected some of {', '.join(by_name)}, each once, as a text, "
            "list or tuple" + (f"; {unknown[0]!r} is none of them" if unknown else "")
        )
    return tuple(by_name[name] for name in names)


def _usable(device: object) -> torch.device | None:
    import torch

    if device is None:
        return None
    try:
        return torch.empty(0, device=device).device  # type: ignore[call-overload]
    except (RuntimeError, TypeError, ValueError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise ParameterError(
            f"device={device!r} can't be used: {reason}; expected one that torch has here, such as "
            "'cpu'"
        ) from None


def _tensors(
    table: pa.Table,
    magnitudes: Sequence[str],
    errors: Sequence[str],
    device: torch.device | None,
) -> Tensors:
    import torch

    arrays = (
        _matrix(table, magnitudes),
        _matrix(table, errors),
        _matrix(table, [_LABEL])[:, 0],
        _identifiers(table),
    )
    return Tensors(*(torch.from_numpy(array).to(device) for array in arrays))


def _matrix(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Put columns side by side, (rows, columns)."""
    matrix: npt.NDArray[np.float32] = _allocated((len(table), len(names)), np.float32)
    with np.errstate(over="ignore"):  # what float32 can't hold is looked for below
        for position, name in enumerate(names):
            matrix[:, position] = _complete(table, name, "numbers")
    if not np.isfinite(matrix).all():
        _refuse("are missing (null or NaN)", names, np.isnan(matrix).sum(0))
        _refuse("are infinite, or too large for float32,", names, np.isinf(matrix).sum(0))
    return matrix


def _identifiers(table: pa.Table) -> npt.NDArray[np.int64]:
    values = _complete(table, _IDENTIFIER, "integers")
    if values.dtype == np.uint64:  # half of them do not fit
        _refuse("are too large for int64", [_IDENTIFIER], [(values > np.iinfo(np.int64).max).sum()])
    identifiers: npt.NDArray[np.int64] = _allocated((len(table),), np.int64)
    identifiers[:] = values
    return identifiers


def _allocated(shape: tuple[int, ...], dtype: type[np.generic]) -> npt.NDArray[Any]:
    """Allocate from Arrow's pool, which keeps its pages: new ones cost more than filling them."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return np.ndarray(shape, dtype, buffer=pa.allocate_buffer(size))


def _complete(table: pa.Table, name: str, kind: Literal["numbers", "integers"]) -> npt.NDArray[Any]:
    column = table[name]
    _refuse("are missing (null or NaN)", [name], [column.null_count])
    fits = pa.types.is_integer(column.type) or (
        kind == "numbers" and pa.types.is_floating(column.type)
    )
    if not fits:
        raise ParameterError(f"column '{name}' is {column.type}, expected {kind}: cast it first")
    return column.to_numpy()


def _refuse(what: str, names: Sequence[str], counts: Iterable[int]) -> None:
    """Raise an error that names the columns with bad values; none where there are none."""
    bad = [f"{name} ({count})" for name, count in zip(names, counts, strict=True) if count]
    if bad:
        raise ParameterError(
            f"values {what} in {', '.join(bad)}: drop those rows first, for instance by "
            "ds.filter, or leave the band out"
        )
