"""Damage that any file can take, and damage to compressed ones."""

import gzip
import struct
import zlib
from collections.abc import Callable

import numpy as np

Mutator = Callable[[np.random.Generator, bytes], bytes]


def flip_bits(rng, data):
    """One to eight bits, anywhere."""
    damaged = bytearray(data)
    for _ in range(rng.integers(1, 9)):
        damaged[rng.integers(len(damaged))] ^= 1 << int(rng.integers(8))
    return bytes(damaged)


def set_bytes(rng, data):
    """A run of bytes replaced by random ones."""
    at, length = place(rng, data, 16)
    return data[:at] + rng.bytes(length) + data[at + length :]


def zero_block(rng, data):
    """A sector of zeros, as a disk leaves it."""
    at, length = place(rng, data, 512)
    return data[:at] + bytes(length) + data[at + length :]


def truncate(rng, data):
    """The download stopped."""
    return data[: rng.integers(len(data))]


def truncate_little(rng, data):
    """The last few bytes are missing."""
    return data[: -int(rng.integers(1, min(64, len(data))))]


def behead(rng, data):
    """The first bytes are missing."""
    return data[rng.integers(1, len(data)) :]


def insert(rng, data):
    """Random bytes in between."""
    at = rng.integers(len(data))
    return data[:at] + rng.bytes(int(rng.integers(1, 200))) + data[at:]


def delete(rng, data):
    """A run of bytes lost."""
    at, length = place(rng, data, 2880)
    return data[:at] + data[at + length :]


def duplicate(rng, data):
    """A run of bytes twice."""
    at, length = place(rng, data, 2880)
    return data[: at + length] + data[at:]


def swap(rng, data):
    """Two runs of bytes exchanged."""
    length = int(rng.integers(1, 200))
    if len(data) < 2 * length + 2:
        return data[::-1]
    first, second = sorted(rng.integers(0, len(data) - length, 2))
    if second < first + length:
        return data[length:] + data[:length]
    a, b = data[first : first + length], data[second : second + length]
    return data[:first] + b + data[first + length : second] + a + data[second + length :]


def append(rng, data):
    """Something after the end."""
    return data + (rng.bytes(int(rng.integers(1, 4000))) if rng.random() < 0.7 else bytes(2880))


def replace_all(rng, data):
    """Not the file at all: a login page, nothing, noise, or blanks."""
    page = b"<!DOCTYPE html>\n<html><body>Please, log in</body></html>\n"
    return [page, b"", rng.bytes(len(data)), b" " * len(data), b"\n"][rng.integers(5)]


GENERIC: tuple[Mutator, ...] = (
    flip_bits,
    flip_bits,
    set_bytes,
    zero_block,
    truncate,
    truncate_little,
    behead,
    insert,
    delete,
    duplicate,
    swap,
    append,
    replace_all,
)


def place(rng: np.random.Generator, data: bytes, longest: int) -> tuple[int, int]:
    """A start and a length within the data."""
    at = int(rng.integers(len(data)))
    return at, int(min(rng.integers(1, longest + 1), len(data) - at))


def gzip_header(rng, data):
    """A byte of the ten that start a gzip file."""
    at = int(rng.integers(10))
    return data[:at] + rng.bytes(1) + data[at + 1 :]


def gzip_trailer(rng, data):
    """The checksum or the length at the end."""
    crc, size = struct.unpack("<II", data[-8:])
    change = int(rng.integers(1, 2**32))
    if rng.random() < 0.5:
        return data[:-8] + struct.pack("<II", (crc ^ change) % 2**32, size)
    return data[:-8] + struct.pack("<II", crc, (size + change) % 2**32)


def gzip_members(rng, data):
    """The content in two members, as some tools append; the same rows, or with a part missing."""
    content = gzip.decompress(data)
    at = int(rng.integers(len(content)))
    second = content[at:] if rng.random() < 0.5 else content[min(at + 100, len(content)) :]
    return gzip.compress(content[:at], mtime=0) + gzip.compress(second, mtime=0)


def not_gzip(rng, data):
    """Unpacked but not renamed, or compressed by another format or twice."""
    content = gzip.decompress(data)
    return [content, zlib.compress(content), gzip.compress(data, mtime=0)][rng.integers(3)]


GZIP: tuple[Mutator, ...] = (gzip_header, gzip_trailer, gzip_members, not_gzip)


def inside_gzip(mutator: Mutator) -> Mutator:
    """The same damage before compression: the gzip file itself is sound."""

    def inside(rng: np.random.Generator, data: bytes) -> bytes:
        return gzip.compress(mutator(rng, gzip.decompress(data)), mtime=0)

    inside.__name__ = f"{mutator.__name__} inside gzip"
    return inside
