"""A release as tensors that stay in memory, or on a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, overload

from transferz.rows import tables
from transferz.schemas.errors import ParameterError
from transferz.schemas.photometry import BANDS, error_name, magnitude_name

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pyarrow as pa
    import torch
    from datasets import Dataset, IterableDataset

    from transferz.rows import Data

_IDENTIFIER, _LABEL = "object_id", "redshift"


class Tensors(NamedTuple):
    """Photometry and labels of n galaxies in b bands, row by row.

    Attributes
    ----------
    features : torch.Tensor, shape (n, b), float32
        cModel magnitudes, AB mag, not corrected for extinction.
    errors : torch.Tensor, shape (n, b), float32
        Their 1-sigma errors, mag.
    redshift : torch.Tensor, shape (n,), float32
        The label.
    object_id : torch.Tensor, shape (n,), int64
        HSC identifiers.
    """

    features: torch.Tensor
    errors: torch.Tensor
    redshift: torch.Tensor
    object_id: torch.Tensor


@overload
def to_torch(
    data: Dataset | IterableDataset,
    bands: Sequence[str] = ...,
    *,
    config: None = ...,
    split: None = ...,
    device: str | torch.device | None = ...,
) -> Tensors: ...
@overload
def to_torch(
    data: Data,
    bands: Sequence[str] = ...,
    *,
    config: str | None = ...,
    split: str,
    device: str | torch.device | None = ...,
) -> Tensors: ...
@overload
def to_torch(
    data: Data,
    bands: Sequence[str] = ...,
    *,
    config: str | None = ...,
    split: None = ...,
    device: str | torch.device | None = ...,
) -> dict[str, Tensors]: ...
def to_torch(
    data: Data,
    bands: Sequence[str] = BANDS,
    *,
    config: str | None = None,
    split: str | None = None,
    device: str | torch.device | None = None,
) -> Tensors | dict[str, Tensors]:
    """Return photometry and redshifts as tensors that hold all rows.

    No loop over rows is made: slicing the tensors gives batches at memory speed. A release
    directory is read by pyarrow, many columns at a time and with the pages' checksums checked,
    without importing `datasets`.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, with its selection and order; or a release directory.
    bands : sequence of str
        Of `transferz.schemas.BANDS`, in the order in which the features shall have them;
        ``"gri"`` is taken too.
    config : str, optional
        Of a release directory; ``"transferz"`` by default.
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
        Where a band or column is not there, or values are missing (null or NaN).
    ReleaseError
        Where the release has no such config or split, or can't be read.

    Examples
    --------
    >>> train = to_torch(load_dataset(split="train"), bands="gri")  # doctest: +SKIP
    >>> train.features.shape  # doctest: +SKIP
    torch.Size([12257, 3])
    """
    bands = _known(bands)
    magnitudes = [magnitude_name(band) for band in bands]
    errors = [error_name(band) for band in bands]
    wanted = [_IDENTIFIER, _LABEL, *magnitudes, *errors]
    parts = {
        name: _tensors(table, magnitudes, errors, device)
        for name, table in tables(data, wanted, config=config, split=split).items()
    }
    single = split if split is not None else ""
    return parts.get(single, parts)


def _known(bands: Sequence[str]) -> tuple[str, ...]:
    unknown = [band for band in bands if band not in BANDS]
    if unknown or not bands or len(set(bands)) < len(bands):
        raise ParameterError(
            f"bands={bands!r}: expected some of {', '.join(BANDS)}, each once"
            + (f"; '{unknown[0]}' is none of them" if unknown else "")
        )
    return tuple(bands)


def _tensors(
    table: pa.Table,
    magnitudes: Sequence[str],
    errors: Sequence[str],
    device: str | torch.device | None,
) -> Tensors:
    import numpy as np
    import torch

    redshift = np.ascontiguousarray(_matrix(table, [_LABEL])[:, 0])
    identifiers = _complete(table, _IDENTIFIER).astype(np.int64)
    arrays = (_matrix(table, magnitudes), _matrix(table, errors), redshift, identifiers)
    return Tensors(*(torch.from_numpy(array).to(device) for array in arrays))


def _matrix(table: pa.Table, names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Put columns side by side, (rows, columns)."""
    import numpy as np

    matrix = np.empty((len(table), len(names)), dtype=np.float32)
    for position, name in enumerate(names):
        matrix[:, position] = _complete(table, name)
    if np.isnan(matrix).any():
        missing = [
            f"{name} ({bad})"
            for name, bad in zip(names, np.isnan(matrix).sum(0), strict=True)
            if bad
        ]
        raise _incomplete(missing)
    return matrix


def _complete(table: pa.Table, name: str) -> npt.NDArray[Any]:
    column = table[name]
    if column.null_count:
        raise _incomplete([f"{name} ({column.null_count})"])
    return column.to_numpy()


def _incomplete(missing: Sequence[str]) -> ParameterError:
    return ParameterError(
        f"values are missing (null or NaN) in {', '.join(missing)}: drop those rows first, for "
        "instance by ds.filter, or leave the band out"
    )
