"""Files that appear whole or not at all, and whose bytes repeat.

A directory or file is written beside the old one, checked, then swapped. JSON and figures come out
the same, byte for byte, on every machine.
"""

import contextlib
import ctypes
import errno
import io
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from transferz.schemas import InputError
from transferz.schemas.documents import parse_json, read_bytes
from transferz.schemas.survey.files import json_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_BUSY = (errno.EBUSY, errno.EXDEV)


@contextlib.contextmanager
def replace_directory(target: Path, *, keep: Iterable[str] = ()) -> Iterator[Path]:
    """Yield an empty directory that takes the place of `target` when the block succeeds.

    The swap is one system call where the file system has one (Linux ``RENAME_EXCHANGE``), so a
    process killed at any moment leaves the whole old directory or the whole new one. If the block
    raises, `target` is untouched and nothing is left beside it. Where `target` is a symbolic link,
    what that points to is replaced. The entries named in `keep` are taken over from the old
    directory, as hard links where the file system can make them. A full disk, or a folder that
    can't be written, is an `InputError`.
    """
    named, target = target, real_path(target)
    staging = target.parent / f".{target.name}.partial"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove(staging)  # left by a killed process
        staging.mkdir()
        for name in keep:
            _link(target / name, staging / name)
        yield staging
        _swap(staging, target)
    except OSError as error:
        raise InputError(
            f"cannot write {named}: {error.strerror or error}; {_remedy(error, target)} "
            "and run again (the old output is untouched)"
        ) from error
    finally:
        _remove(staging)


def real_path(path: Path) -> Path:
    """Return a path without symbolic links; what can't be followed, such as a loop, stays."""
    return Path(os.path.realpath(path))


def _remedy(error: OSError, target: Path) -> str:
    """What may help, going by the error's number."""
    above = next((folder for folder in target.parents if folder.exists()), target)
    if not above.is_dir():
        return f"{above} is a file, not a folder: name another place"
    if error.errno in _FULL:
        return "free space"
    if error.errno in _FORBIDDEN:
        return "change the permissions, or name another place,"
    if error.errno in _BUSY:
        return "it is in use or a mount point: name a folder in it, or another place,"
    return "free space, change the permissions or name another place"


def _remove(directory: Path) -> None:
    if directory.is_symlink():
        directory.unlink()
    elif directory.is_dir():
        shutil.rmtree(directory)


def _link(source: Path, copy: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, copy, copy_function=_link_file)
    elif source.exists():
        _link_file(source, copy)


def _link_file(source: str | Path, copy: str | Path) -> None:
    try:
        os.link(source, copy)
    except OSError:
        shutil.copy2(source, copy)


def _swap(staging: Path, target: Path) -> None:
    if not target.exists():
        staging.rename(target)
    elif not _exchange(staging, target):
        old = target.parent / f".{target.name}.old"
        _remove(old)
        target.rename(old)
        staging.rename(target)
        _remove(old)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one step; False where the system can't."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return bool(rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


@contextlib.contextmanager
def replace_file(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to; it takes its place when the block succeeds.

    Where `target` is a symbolic link, what that points to is replaced. A missing folder, one that
    can't be written, or a full disk is an `InputError`; an older file is then as it was, and
    nothing is left beside it.
    """
    named, target = target, real_path(target)
    beside = target.with_name(f".{target.name}.partial")
    try:
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        beside.replace(target)
    except OSError as error:
        raise InputError(
            f"cannot write {named}: {error.strerror or error}; {_remedy(error, target)} "
            "and run again"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON that a person can read and that repeats byte for byte."""
    path.write_text(json_text(content), encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; a file that is missing or holds none is an `InputError`."""
    require_file(path)
    try:
        content = parse_json(read_bytes(path))
    except ValueError as error:
        raise InputError(f"{path} is not JSON ({error}); rebuild it with `dvc repro`") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no JSON object; rebuild it with `dvc repro`")
    return content


def require_file(path: Path, remedy: str = "run the stage before this one: `dvc repro`") -> Path:
    """Return `path` if it is a file; raise `InputError` with the remedy if not."""
    if not path.is_file():
        raise InputError(f"{path} is missing; {remedy}")
    return path


COLOURS = MappingProxyType({"transferz": "#0072B2", "galaxiesml": "#D55E00", "combo": "#009E73"})
"""Of the configs in every figure: Okabe-Ito, colour-blind safe."""

_RUN_LENGTH = 3  # zlib's Z_RLE


def save_png(figure: "Figure", path: Path) -> None:
    """Write a figure as a palette PNG whose bytes do not depend on the machine.

    The compressor's match finder differs between processors and zlib builds; run-length coding
    does not, and suits flat graphics in a palette.
    """
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    image = Image.open(buffer).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    image.save(path, format="PNG", compress_type=_RUN_LENGTH)
