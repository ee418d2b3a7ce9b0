"""Read of a file that is upstream only the parts that are asked for: above all, its columns' names.

Of no file are more than `MOST` bytes taken, and from a server that gives no parts of files no more
than a file's begin.
"""

import gzip
import io
import itertools
import tempfile
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow.parquet as pq
import requests

from transferz.dataset.fetching.download import CONTENT_RANGE
from transferz.dataset.fetching.web import (
    PARTIAL,
    RANGE_NOT_SATISFIABLE,
    PermanentFailure,
    TemporaryFailure,
    Web,
    require_plain,
)
from transferz.dataset.sources.fields import share_found
from transferz.schemas import InputError, Table
from transferz.tables.fits_hdus import is_table, table_columns, walk
from transferz.tables.reading import HDF5, PARQUET, open_table
from transferz.tables.table import ByteStream

BLOCK = 1 << 16  # bytes asked for at a time
BEGIN = 1 << 20  # of a packed file, which is read forwards; and of a text's begin that is looked at
MOST = 1 << 24  # bytes that are taken of one file, and that its begin may unpack to

GZIP, FITS = b"\x1f\x8b", b"SIMPL"
WHOLE_ONLY = (b"<VOTABLE", b"# %ECSV")  # formats that are read whole or not at all


class OutOfReach(Exception):
    """Why bytes of a file that is upstream can't be had without the rest."""


class Remote(io.RawIOBase):
    """An upstream file whose bytes are asked for block by block, as they are read.

    `head` is its begin, `size` its bytes where the server says so, `end` also where it was found to
    end. Where the server gives no parts of files, no more than the begin can be read. `failure` is
    why bytes could not be had, an `OutOfReach` or a `PermanentFailure`: libraries that read the
    file may hide it. What `Web.get` raises at the first request comes as a `PermanentFailure`.
    """

    def __init__(self, url: str, name: str, web: Web) -> None:
        self._url, self._packed, self._web, self._place = url, name.endswith(".gz"), web, 0
        self._step = BEGIN if self._packed else BLOCK
        self._blocks: dict[int, bytes] = {}
        self.size: int | None = None
        self.failure: Exception | None = None
        self.head, self._in_parts = web.persist(self._ask_begin)
        whole = len(self.head) < (BLOCK if self._in_parts else BEGIN)
        self.end = len(self.head) if whole and self.size is None else self.size

    def _ask_begin(self) -> tuple[bytes, bool]:
        with self._web.get(self._url, {"Range": f"bytes=0-{BLOCK - 1}"}) as response:
            if not self._packed:  # of which some servers say so, as it is
                require_plain(response)
            if response.status_code == RANGE_NOT_SATISFIABLE:
                return b"", True
            in_parts = response.status_code == PARTIAL
            ranged = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if in_parts and not (ranged and ranged[1] == "0"):
                raise PermanentFailure("the server sent another part than was asked for")
            total = ranged[2] if in_parts and ranged else response.headers.get("Content-Length", "")
            self.size = int(total) if total.isdecimal() else None
            most = BLOCK if in_parts else BEGIN
            return self._take(response, min(most, self.size or most), most), in_parts

    def _take(self, response: requests.Response, least: int, most: int) -> bytes:
        """Read the begin of a body, and no more of it."""
        data = b""
        for piece in self._web.body(response, MOST):
            data += piece
            if len(data) >= most:
                break
        if self.size is not None and len(data) < least:
            raise TemporaryFailure(f"the connection broke after {len(data):,} bytes")
        return data[:most]

    def _block(self, number: int) -> bytes:
        """Return a block behind the head."""
        try:
            if not self._in_parts:
                raise OutOfReach("the server gives no parts of files")
            if number not in self._blocks and len(self._blocks) >= MOST // self._step:
                raise OutOfReach(f"they are not in the {MOST:,} bytes that were looked at")
            if number not in self._blocks:
                self._blocks[number] = self._web.persist(
                    partial(self._ask_block, number * self._step)
                )
        except (OutOfReach, PermanentFailure) as failure:
            self.failure = failure
            raise
        return self._blocks[number]

    def _ask_block(self, start: int) -> bytes:
        size = self._step
        with self._web.get(self._url, {"Range": f"bytes={start}-{start + size - 1}"}) as response:
            ranged = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if response.status_code != PARTIAL or not ranged or ranged[1] != str(start):
                raise OutOfReach("the server sent another part of the file than was asked for")
            least = size if self.size is None else min(size, self.size - start)
            return self._take(response, least, size)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the file goes, or as it can be had."""
        view, done = memoryview(buffer).cast("B"), 0
        while done < len(view) and not self._at_end:
            number, start = divmod(self._place, self._step)
            try:
                in_head = self._place < len(self.head)
                piece = self.head[self._place :] if in_head else self._block(number)[start:]
            except OutOfReach:
                if not done:
                    raise
                break
            if not (piece := piece[: len(view) - done]):
                break
            view[done : done + len(piece)] = piece
            done, self._place = done + len(piece), self._place + len(piece)
        return done

    @property
    def _at_end(self) -> bool:
        return self._place >= self.end if self.end is not None else False

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place."""
        if whence == io.SEEK_END and self.end is None:
            self.failure = OutOfReach("the server does not say the file's size")
            raise self.failure
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place}.get(whence, self.end or 0)
        return self._place

    def tell(self) -> int:
        """Return the place."""
        return self._place


def column_names(remote: Remote, name: str, wanted: Table) -> Iterator[Sequence[str]]:
    """Yield the columns' names of each table in a file, as soon as enough of it has come.

    `name` is the file's, `wanted` the table that is looked for. Where they can't be told,
    `remote.failure` says why, or a library raises an error of its own.
    """
    if remote.head.startswith(PARQUET):
        yield pq.ParquetFile(remote).schema_arrow.names
    elif remote.head.startswith(HDF5):
        yield from _hdf5_tables(remote)
    elif remote.head.startswith(FITS):
        yield from _fits_tables(remote)
    elif _unpacked(remote.head).startswith(FITS):
        for hdu in walk(_Unpacked(remote, name), check=False):
            if is_table(hdu.header):
                yield [column.name for column in table_columns(hdu.header)]
    else:
        yield from _streamed_tables(remote, name, wanted)


def _hdf5_tables(file: Remote) -> Iterator[Sequence[str]]:
    import h5py

    found: dict[str, list[str]] = defaultdict(list)

    def look(place: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            group, _, name = place.rpartition("/")
            found[group].append(name)
            found[place].extend(item.dtype.names or ())

    with h5py.File(file, "r") as content:
        content.visititems(look)
    yield from found.values()


def _unpacked(begin: bytes) -> bytes:
    """Unpack a gzipped file's begin, as far as it goes; nothing of another file."""
    return zlib.decompressobj(wbits=31).decompress(begin, MOST) if begin.startswith(GZIP) else b""


class _Unpacked(ByteStream):
    """The bytes of a gzipped file that is upstream, unpacked as they come."""

    def __init__(self, remote: Remote, name: str) -> None:
        self.path, self.kind, self.packing, self.position = Path(name), "FITS", "gzip", 0
        self.size = MOST if remote.end is None else min(remote.end, MOST)
        self._file = cast(BinaryIO, gzip.GzipFile(mode="rb", fileobj=_Pieces(remote)))


class _Pieces(io.RawIOBase):
    """A file whose reads stop where another block would have to be asked for."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer up to the block's end; return the number of bytes."""
        return self._remote.readinto(memoryview(buffer)[: BLOCK - self._remote.tell() % BLOCK])


def _fits_tables(file: Remote) -> Iterator[Sequence[str]]:
    from astropy.io import fits

    with fits.open(file, lazy_load_hdus=True, memmap=False) as hdus:
        for number in itertools.count():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that a file is cut short: its begin is
                try:
                    header = hdus[number].header
                except IndexError:
                    return
            if is_table(header):
                yield [column.name for column in table_columns(header)]


def _streamed_tables(remote: Remote, name: str, wanted: Table) -> Iterator[Sequence[str]]:
    """Yield names from the begin of text, or of a packed file, more of it the second time."""
    for size in (BLOCK, BEGIN):
        remote.seek(0)
        content, whole = remote.read(size), remote.end is not None and size >= remote.end
        if content.startswith(GZIP):
            unpacker = zlib.decompressobj(wbits=31)
            content = unpacker.decompress(content, MOST)
            whole = whole and unpacker.eof
        if any(mark in content[:BLOCK] for mark in WHOLE_ONLY):
            raise OutOfReach("this format tells them only whole")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_bytes(content)
            choose = partial(share_found, table=wanted)
            try:
                yield open_table(path, choose=choose, one_line=True).names
            except InputError as error:
                if whole or size == BEGIN:
                    raise ValueError(str(error).replace(str(path), name)) from error
        if whole:
            return
