"""The HDF5 files of qp as arrays of numbers, read and written without qp.

A file has three groups: ``meta`` (the form's name, and what all galaxies share), ``data`` (a row
for each galaxy) and, in most, ``ancil`` (columns of any name). Only numbers and plain text are
read. qp's own reader goes by the ending of the name, and for ``.h5`` through pandas, which
unpickles what it finds; here nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from transferz.schemas.errors import InputError
from transferz.tables.files import replace_file

if TYPE_CHECKING:
    import h5py

SIGNATURE = b"\x89HDF\r\n\x1a\n"
"""What every HDF5 file begins with."""

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class QpArrays:
    """What a qp file holds.

    Attributes
    ----------
    form : str
        qp's name of the form, such as ``interp``.
    version : int
        Of the form.
    meta : dict
        What all galaxies share, by name.
    data : dict
        Arrays of one row per galaxy, by name.
    ancil : dict
        Columns of one value per galaxy, by name.
    """

    form: str
    version: int
    meta: Arrays
    data: Arrays
    ancil: Arrays


def is_qp(path: Path | str) -> bool:
    """Tell whether a file is a qp ensemble in HDF5, by what is in it, not by its name.

    Raises
    ------
    InputError
        Where there is no such file, or it begins as HDF5 does and can't be opened.
    """
    path = Path(path)
    if not _is_hdf5(path):
        return False
    with _opened(path) as file:
        return _has_form(file)


def read_arrays(path: Path) -> QpArrays:
    """Read a qp file.

    Raises
    ------
    InputError
        Where it is none, is damaged, or holds what is neither numbers nor plain text.
    """
    if not _is_hdf5(path):
        raise InputError(f"{path}: expected a qp ensemble in HDF5; found a file that is not HDF5")
    with _opened(path) as file:
        if not _has_form(file) or "data" not in file:
            found = ", ".join(file) or "nothing"
            raise InputError(
                f"{path}: expected the groups 'meta' (with 'pdf_name') and 'data' of a qp "
                f"ensemble; found {found}; qp writes these where the name ends in .hdf5"
            )
        meta = {name: _shared(array) for name, array in _arrays(path, file, "meta").items()}
        form = _one(path, "pdf_name", meta.pop("pdf_name"), "S")
        version = _one(path, "pdf_version", meta.pop("pdf_version", np.array(0)), "iu")
        data = _arrays(path, file, "data")
        return QpArrays(
            form.decode("utf-8", "replace"), int(version), meta, data, _columns(path, file)
        )


def write_arrays(path: Path, arrays: QpArrays) -> None:
    """Write a file that qp reads; it appears whole or not at all.

    Raises
    ------
    InputError
        Where the folder is missing or can't be written.
    """
    _require_h5py(path)
    import h5py

    meta = {"pdf_name": np.array(arrays.form.encode()), "pdf_version": np.array(arrays.version)}
    groups: dict[str, Mapping[str, npt.NDArray[Any]]] = {
        "ancil": arrays.ancil,
        "data": arrays.data,
        "meta": {name: array[None] for name, array in (meta | arrays.meta).items()},
    }
    with replace_file(path) as beside, h5py.File(beside, "w") as file:
        for group, columns in groups.items():
            for name, values in columns.items():
                file.create_dataset(f"{group}/{name}", data=values)


def _is_hdf5(path: Path) -> bool:
    if not path.is_file():
        raise InputError(f"no file at {path}")
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def _require_h5py(path: Path) -> None:
    if find_spec("h5py") is None:
        raise InputError(f"{path}: HDF5 needs the package 'h5py': pip install h5py")


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    """Open for reading; what goes wrong becomes one clear error."""
    _require_h5py(path)
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (OSError, KeyError, RuntimeError, TypeError, ValueError, MemoryError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"can't read {path}: {said}; is it whole? Write it again") from None


def _has_form(file: h5py.File) -> bool:
    import h5py

    return isinstance(file.get("meta"), h5py.Group) and "pdf_name" in file["meta"]


def _arrays(path: Path, file: h5py.File, group: str) -> Arrays:
    """Every dataset of a group, numbers or plain text alone."""
    return {str(name): _plain(path, f"{group}/{name}", item) for name, item in file[group].items()}


def _columns(path: Path, file: h5py.File) -> Arrays:
    """Columns of ``ancil``, whatever else it holds left out; none where there is no such group."""
    import h5py

    group = file.get("ancil")
    if not isinstance(group, h5py.Group):
        return {}
    items = {str(name): item for name, item in group.items() if _is_plain(item)}
    arrays = {name: _plain(path, f"ancil/{name}", item) for name, item in items.items()}
    return {
        name: array.reshape(len(array))
        for name, array in arrays.items()
        if array.ndim and array.size == len(array)
    }


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
    texts = np.asarray(values, bytes) if item.dtype.kind == "O" else np.asarray(values)
    if texts.dtype.kind == "S":
        return texts
    return texts.astype(texts.dtype.newbyteorder("="), copy=False)


def _shared(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What all galaxies share: qp gives it a first axis of length 1."""
    return array[0] if array.ndim and len(array) == 1 else array


def _one(path: Path, name: str, array: npt.NDArray[Any], kinds: str) -> Any:
    """The only value of an array."""
    if array.size != 1 or array.dtype.kind not in kinds:
        wanted = "text" if kinds == "S" else "a whole number"
        raise InputError(
            f"{path}: meta/{name}: expected {wanted}, found {array.dtype} of shape {array.shape}"
        )
    return array.ravel().tolist()[0]
