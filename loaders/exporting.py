"""A config of a release as one VOTable, FITS or ECSV file, for TOPCAT and its like, or for RAIL.

The columns of the file are those of the release, described by the same declaration, and ``split``;
in RAIL's HDF5, those that its stages read.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.export_formats import WRITERS, Writer
from transferz.releases import Release
from transferz.rows import stacked, tables
from transferz.schemas.errors import InputError, ReleaseError
from transferz.schemas.survey.files import CARD_FILE, CROISSANT_FILE
from transferz.schemas.survey.release import CONFIGS, INDEX, RELEASE

if TYPE_CHECKING:
    import pyarrow as pa

EXPORTED = replace(RELEASE, columns=(*RELEASE.columns, INDEX["split"]))
"""The columns of an exported file."""

MOCK_WARNING = "MOCK: every galaxy in this table is simulated; never use it for science."


@dataclass(frozen=True, slots=True)
class Export:
    """Rows of a release, and what the file says of them.

    Attributes
    ----------
    release : Release
        Where the rows are from.
    config : str
        The config.
    splits : tuple of str
        The splits, in the order of the rows.
    rows : pyarrow.Table
        The columns of `EXPORTED`.
    """

    release: Release
    config: str
    splits: tuple[str, ...]
    rows: pa.Table

    def notes(self) -> dict[str, str]:
        """Say where the rows are from, on what terms they may be used, and whether of a mock."""
        notes = {
            "RELEASE": f"transferz {self.release.version}",
            "SURVEY": self.release.survey,
            "CONFIG": self.config,
            "SPLITS": ", ".join(self.splits),
            "LICENCE": _licence(self.release.path),
        }
        return notes | ({"WARNING": MOCK_WARNING} if self.release.mock else {})


def export(
    release: Release,
    out: Path,
    config: str = CONFIGS[0],
    splits: Sequence[str] = (),
    *,
    overwrite: bool = False,
) -> Export:
    """Write a config as one file that astronomers' tools read: units, UCDs, descriptions, nulls.

    Or, in HDF5, as the group ``photometry`` that RAIL's stages read (`write_rail`).

    Every value is exact. A null is one in VOTable and ECSV (astropy's VOTable reader makes the
    empty string of a null text); in FITS it is NaN in a float column, the column's ``TNULL`` in an
    integer one and the empty string, as FITS has no other. Magnitudes are in ``mag``, and their
    descriptions say AB: neither VOTable nor FITS has ``mag(AB)``.

    Parameters
    ----------
    release : Release
        The release.
    out : Path
        The file; its ending says the format: .vot or .xml, .fits, .ecsv, .hdf5.
    config : str
        One of the release's configs.
    splits : sequence of str
        The splits to write, one after the other; all of them by default. The column ``split``
        tells them apart.
    overwrite : bool
        Whether a file that is there may be replaced.

    Returns
    -------
    Export
        What was written.

    Raises
    ------
    InputError
        If the ending is none of these, the file is there already, its folder is not, or it can't
        be written.
    ReleaseError
        If the release has no such config or split, or one of its files is damaged.
    """
    write = _writer(out)
    _require_place(out, overwrite)
    exported = read_export(release, config, splits)
    with _replaced(out) as beside:
        write(beside, exported.rows, EXPORTED, exported.notes())
    return exported


def read_export(release: Release, config: str, splits: Sequence[str] = ()) -> Export:
    """Read the rows to write.

    Parameters
    ----------
    release : Release
        The release.
    config : str
        One of its configs.
    splits : sequence of str
        Which splits; all of them by default.

    Raises
    ------
    ReleaseError
        If the release has no such config or split, or one of its files is damaged.
    """
    there = release.require(config, splits)
    chosen = tuple(dict.fromkeys(splits or there))
    only = chosen[0] if len(chosen) == 1 else None
    parts = tables(release, RELEASE.names, config=config, split=only)
    rows = stacked({split: parts[split] for split in chosen})
    return Export(release, config, chosen, rows.replace_schema_metadata(None))


def _writer(out: Path) -> Writer:
    try:
        return WRITERS[out.suffix.lower()]
    except KeyError:
        raise InputError(
            f"{out}: the file's ending says its format; expected one of {', '.join(WRITERS)}, "
            f"found '{out.suffix}'"
        ) from None


def _require_place(out: Path, overwrite: bool) -> None:
    """Check, before much is read, that a file may be written there."""
    if out.is_dir():
        raise InputError(f"{out} is a folder; name the file to write, such as {out / 'table.fits'}")
    if out.exists() and not overwrite:
        raise InputError(f"{out} exists; name another file, or allow it with --overwrite")
    if not out.parent.is_dir():
        raise InputError(f"cannot write {out}: {out.parent} is no folder that exists")


def _licence(release: Path) -> str:
    """The terms as the release's Croissant file states them, and where to read more."""
    more = f"how to cite: see {CARD_FILE} of the release"
    path = release / CROISSANT_FILE
    if not path.is_file():
        return more
    try:
        return f"{json.loads(path.read_text(encoding='utf-8'))['license']}; {more}"
    except (ValueError, KeyError, TypeError):
        raise ReleaseError(
            f"{path} states no licence: it is damaged; fetch or build the release again"
        ) from None


@contextlib.contextmanager
def _replaced(out: Path) -> Iterator[Path]:
    """Yield a path beside the file; it takes the file's place when the block succeeds."""
    beside = out.with_name(f".{out.name}.partial")
    try:
        yield beside
        os.replace(beside, out)  # noqa: PTH105 (as everywhere: atomic, also over an older file)
    except OSError as error:
        raise InputError(
            f"cannot write {out}: {error.strerror or error}; name a folder that exists and has "
            "free space"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
