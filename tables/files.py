"""Files that appear whole or not at all, and whose bytes repeat.

A directory or file is written beside the old one, checked, then swapped. JSON and figures come out
the same, byte for byte, on every machine.

What is beside a target is ours to remove: ``.transferz-<key>-<random>``, a folder that only its
owner may enter, so that nobody can plant a link in it; and ``.transferz-<key>.lock``, which the one
process that writes the target holds. The key is of the target's name. A lock ends with its process,
so what lies beside a lock that nobody holds was left by a kill.
"""

import contextlib
import ctypes
import errno
import hashlib
import io
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from transferz.schemas import InputError
from transferz.schemas.survey.described import LABEL, SPECTROSCOPIC, UNION
from transferz.schemas.survey.documents import parse_json, read_bytes
from transferz.schemas.survey.files import json_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure


PATIENCE = 5.0
"""Seconds to wait for another process that writes the same target (our choice)."""

_PREFIX = ".transferz-"
_OURS = re.compile(re.escape(_PREFIX) + r"([0-9a-f]{16})(?:\.lock|-\w+)")

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())  # by this thread


@contextlib.contextmanager
def replace_directory(target: Path, *, keep: Iterable[str] = ()) -> Iterator[Path]:
    """Yield an empty directory that takes the place of `target` when the block succeeds.

    The swap is one system call where the file system has one (Linux ``RENAME_EXCHANGE``), so a
    process killed at any moment leaves the whole old directory or the whole new one. If the block
    raises, `target` is untouched and nothing is left beside it. Where `target` is a symbolic link,
    what that points to is replaced. The entries named in `keep` are taken over from the old
    directory, as hard links where the file system can make them. An `InputError` says that the disk
    is full, a folder can't be written, or another process is writing `target`.
    """
    real = real_path(target)
    with _clear_errors(target), made_folder(real.parent), _place_beside(real) as new:
        new.mkdir()
        for name in keep:
            _link(real / name, new / name)
        yield new
        _swap(new, real)


@contextlib.contextmanager
def replace_file(target: Path) -> Iterator[Path]:
    """Yield a path to write to; the file takes the place of `target` when the block succeeds.

    Its name is the target's, in another folder. Where `target` is a symbolic link, what that points
    to is replaced. An `InputError` says that the folder is missing or can't be written, the disk is
    full, or another process is writing `target`; an older file is then as it was, and nothing is
    left beside it.
    """
    real = real_path(target)
    with _clear_errors(target), _place_beside(real) as new:
        if real.exists() and not real.is_file():
            raise InputError(f"cannot write {target}: it is a folder or a device; name a file")
        yield new
        with new.open("rb") as written:
            os.fsync(written.fileno())
        new.replace(real)


@contextlib.contextmanager
def made_folder(path: Path) -> Iterator[None]:
    """Make a folder that is missing, with those above it; they go again where nothing came in."""
    made = [place for place in (path, *path.parents) if not place.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):
            for place in made:
                place.rmdir()
        raise


@contextlib.contextmanager
def only_writer(target: Path) -> Iterator[None]:
    """Be the one process that writes `target` for as long as the block takes.

    For work that ends in `replace_file` or `replace_directory`, or begins with reading the old
    content: a second run is then refused before it starts, not after. An `InputError` says that
    another process is writing `target`. Where the file system has no locks, nobody is refused, and
    whoever ends last is kept.

    Examples
    --------
    >>> with only_writer(Path(tempfile.gettempdir()) / "numbers.csv"):
    ...     pass  # another process that writes this file is refused now
    """
    target = real_path(target)
    if target in _held.get():
        yield
        return
    path, lock = _lock_of(target), None
    try:
        lock = _take(path, PATIENCE)
    except BlockingIOError:
        raise InputError(
            f"{target}: another process is writing it; wait until it has finished, or name another "
            "place"
        ) from None
    except (ImportError, OSError):
        pass  # no locks here; or nothing can be written, which the one who writes will say
    token = _held.set(_held.get() | {target})
    try:
        if lock is not None:
            with contextlib.suppress(OSError):
                _clear(target)
        yield
    finally:
        _held.reset(token)
        if lock is not None:
            _give_back(path, lock)


def real_path(path: Path) -> Path:
    """Return a path without symbolic links; what can't be followed, such as a loop, stays."""
    return Path(os.path.realpath(path))


def remedy(error: OSError, path: Path) -> str:
    """Say what may help where a path can't be read or written, going by the error's number."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "free space"
    if error.errno == errno.ENAMETOOLONG:
        return "give it a shorter name"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "change the permissions, or name another place,"
    if error.errno in (errno.EBUSY, errno.EXDEV):
        return "it is in use or a mount point: name a folder in it, or another place,"
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        file = next((above for above in path.parents if above.is_file()), path)
        return f"{file} is a file, not a folder: name another place"
    if error.errno == errno.ENOENT:
        return "make the folder, or name another place,"
    return "free space, change the permissions or name another place"


def sentence(error: OSError, unnamed: str = "a file") -> str:
    """Say in a sentence what went wrong with a file, and what may help.

    `unnamed` is what it must have been where the error names no file.

    Examples
    --------
    >>> sentence(OSError(28, "No space left on device", "a.csv"))
    'cannot read or write a.csv: No space left on device; free space and run again'
    """
    name = os.fsdecode(error.filename or unnamed)
    said = error.strerror or " ".join(str(error).split())
    return f"cannot read or write {name}: {said}; {remedy(error, Path(name))} and run again"


@contextlib.contextmanager
def _clear_errors(target: Path) -> Iterator[None]:
    """Say which file can't be written, and what to do; what is not of the disk is let pass."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        place, doing = real_path(target), f"cannot write {target}"
        file = Path(os.fsdecode(error.filename or place))
        if not (place.is_relative_to(file) or _PREFIX in str(file)):  # something that is read
            place, doing = file, f"cannot read {file}"
        raise InputError(
            f"{doing}: {error.strerror or error}; {remedy(error, place)} and run again (the old "
            "output is untouched)"
        ) from error


@contextlib.contextmanager
def _place_beside(target: Path) -> Iterator[Path]:
    """Yield a path on the target's own file system, where nothing is and nobody else can write."""
    with only_writer(target):
        prefix = f"{_lock_of(target).stem}-"
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
        try:
            (folder / "new").mkdir()
            yield folder / "new" / target.name
        finally:
            shutil.rmtree(folder, ignore_errors=True)


# --- locks


def _lock_of(target: Path) -> Path:
    """Return the path of a target's lock; any name becomes one of a length that fits."""
    key = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:16]
    return target.with_name(f"{_PREFIX}{key}.lock")


def _take(path: Path, patience: float) -> int:
    """Return a descriptor that holds a lock; `BlockingIOError` where somebody else goes on to."""
    import fcntl  # not on Windows

    until = time.monotonic() + patience
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), os.lstat(path)):
                    return lock
            os.close(lock)  # of a file that its last holder has removed meanwhile
        except OSError as error:
            os.close(lock)
            if not isinstance(error, BlockingIOError) or time.monotonic() >= until:
                raise
            time.sleep(0.05)


def _give_back(path: Path, lock: int) -> None:
    """Remove a lock that is held, then let go of it: never the other way round."""
    with contextlib.suppress(OSError):
        path.unlink()
    os.close(lock)


def _clear(target: Path) -> None:
    """Remove what killed processes left in the folder of a target whose lock is held.

    Of other targets too, but for those that somebody is writing.
    """
    folder, own = target.parent, _lock_of(target)
    ours = [match for path in folder.iterdir() if (match := _OURS.fullmatch(path.name))]
    for key in {match[1] for match in ours}:
        path, lock = folder / f"{_PREFIX}{key}.lock", None
        try:
            lock = None if path == own else _take(path, 0.0)
        except OSError:
            continue
        for left in folder.glob(f"{_PREFIX}{key}-*"):
            status = left.lstat()
            if stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid():
                _put_back(left)
                shutil.rmtree(left, ignore_errors=True)
        if lock is not None:
            _give_back(path, lock)


# --- the swap


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


def _swap(new: Path, target: Path) -> None:
    """Put a new directory in the place of a target; in two steps where it can't be done in one."""
    if not target.exists():
        new.rename(target)
    elif not _exchange(new, target):
        folder = new.parents[1]
        (folder / "old").mkdir()
        try:
            target.rename(folder / "old" / target.name)
            new.rename(target)
        finally:
            _put_back(folder)


def _put_back(folder: Path) -> None:
    """Put an old output back whose place is empty: between the two steps a swap was ended."""
    for old in folder.glob("old/*"):
        if not os.path.lexists(folder.parent / old.name):
            old.rename(folder.parent / old.name)


def _exchange(first: Path, second: Path) -> bool:
    """Exchange two paths in one step; False where the system can't."""
    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = os.fsencode(first), os.fsencode(second)
    return bool(rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE) == 0)


# --- what is written and read


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


COLOURS = MappingProxyType({LABEL: "#0072B2", SPECTROSCOPIC: "#D55E00", UNION: "#009E73"})
"""Of the configs in every figure, by role: Okabe-Ito, colour-blind safe."""

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
