"""A config of a release as one VOTable, FITS or ECSV file, for TOPCAT and its like, or for RAIL.

The columns of the file are those of the release, described by the same declaration, and ``split``;
in RAIL's HDF5, those that its stages read.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from transferz.frames import masked_array
from transferz.releases import Release
from transferz.rows import stacked, tables
from transferz.schemas.errors import InputError, ReleaseError
from transferz.schemas.survey.columns import Table
from transferz.schemas.survey.derived import (
    longest_strings,
    votable_description,
    votable_document,
    votable_unit,
)
from transferz.schemas.survey.described import HSC_BANDS, Band, default_config
from transferz.schemas.survey.documents import parse_json, read_bytes
from transferz.schemas.survey.files import CARD_FILE, CROISSANT_FILE, MOCK_WARNING
from transferz.schemas.survey.stated import INDEX, columns_of, plain_release
from transferz.tables.files import replace_file
from transferz.tables.table import require_package
from transferz.tables.writing import hdf5_file

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Export:
    """Rows of a release, in the order of `splits`, with the columns that `table` declares."""

    release: Release
    config: str
    splits: tuple[str, ...]
    rows: pa.Table
    table: Table

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
    config: str | None = None,
    splits: Sequence[str] = (),
    *,
    overwrite: bool = False,
) -> Export:
    """Write a config as one file that astronomers' tools read: units, UCDs, descriptions, nulls.

    Or, in HDF5, as the group ``photometry`` that RAIL's stages read (`write_rail`). The ending of
    `out` says the format: .vot or .xml, .fits, .ecsv, .hdf5. The splits, by default all, are
    written one after the other; the column ``split`` tells them apart. The config is by default
    that of the labels measured with many bands, else the first there.

    Every value is exact. A null is one in VOTable and ECSV (astropy's VOTable reader makes the
    empty string of a null text); in FITS it is NaN in a float column, the column's ``TNULL`` in an
    integer one and the empty string, as FITS has no other. Magnitudes are in ``mag``, and their
    descriptions say AB: neither VOTable nor FITS has ``mag(AB)``.

    An InputError says that the ending is none of these, the file is there already and `overwrite`
    is not allowed, its folder is not, or it can't be written; a ReleaseError that the release has
    no such config or split, or one of its files is damaged.
    """
    if (ending := out.suffix.lower()) not in WRITERS:
        raise InputError(
            f"{out}: the file's ending says its format; expected one of {', '.join(WRITERS)}, "
            f"found '{out.suffix}'"
        )
    if out.is_dir():
        raise InputError(f"{out} is a folder; name the file to write, such as {out / 'table.fits'}")
    if not out.parent.is_dir():
        raise InputError(f"cannot write {out}: {out.parent} is no folder that exists")
    package, kind = ("h5py", "HDF5") if ending == ".hdf5" else ("astropy", "this format")
    require_package(out, package, kind)
    with replace_file(out) as beside:
        if out.exists() and not overwrite:  # looked at here, where no other process can write it
            remedy = "name another file, or allow it with overwrite=True"
            raise InputError(f"{out} exists; {remedy}", overwrite="--replace")
        exported = read_export(release, config, splits)
        rail = {"bands": release.bands()} if ending == ".hdf5" else {}
        WRITERS[ending](beside, exported.rows, exported.table, exported.notes(), **rail)
    return exported


def read_export(release: Release, config: str | None, splits: Sequence[str] = ()) -> Export:
    """Read the rows to write, by default those of all splits."""
    manifest = release.manifest()
    config, columns = config or default_config(manifest), columns_of(manifest)
    there = release.require(config, splits)
    chosen = tuple(dict.fromkeys(splits or there))
    only = chosen[0] if len(chosen) == 1 else None
    names = [column.name for column in columns]
    parts = tables(release, names, config=config, split=only)
    rows = stacked({split: parts[split] for split in chosen})
    table = plain_release(release.bands())
    exported = replace(table, columns=(*columns, INDEX["split"]))
    return Export(release, config, chosen, rows.replace_schema_metadata(None), exported)


def _licence(release: Path) -> str:
    """The terms as the release's Croissant file states them, and where to read more."""
    more = f"how to cite: see {CARD_FILE} of the release"
    path = release / CROISSANT_FILE
    if not path.is_file():
        return more
    try:
        return f"{parse_json(read_bytes(path))['license']}; {more}"
    except (ValueError, KeyError, TypeError):
        raise ReleaseError(
            f"{path} states no licence: it is damaged; fetch or build the release again"
        ) from None


# --- the formats


def write_votable(path: Path, rows: pa.Table, table: Table, notes: Mapping[str, str]) -> None:
    """Write a VOTable 1.4 whose data are in the serialisation BINARY2.

    `table` declares the columns of `rows`; each of the notes becomes an ``INFO``.
    """
    from astropy.io import votable
    from astropy.io.votable.tree import Info

    fields = votable_document(table, longest_strings(rows))
    document = votable.parse(io.BytesIO(fields.encode()), verify="exception")
    element = document.get_first_table()
    element.create_arrays(len(rows))
    for column in table:
        element.array[column.name] = masked_array(rows[column.name], column.name)
    infos = [Info(name=name, value=note) for name, note in notes.items()]
    document.resources[0].infos.extend(infos)
    document.to_xml(str(path), tabledata_format="binary2")


def write_fits(path: Path, rows: pa.Table, table: Table, notes: Mapping[str, str]) -> None:
    """Write a FITS binary table: ``TUNITn``, ``TUCDn`` and, for descriptions, ``TCOMMn``.

    Takes what `write_votable` does; the notes are ``COMMENT`` cards. The least number that an
    integer column can hold stands for its nulls (``TNULLn``), a zero byte for a null truth value.
    An InputError says that there is what FITS can't hold: text that is not ASCII.
    """
    from transferz.tables.fits import FitsWriter

    cards = {"EXTNAME": table.name, "RADESYS": "ICRS"}
    for number, column in enumerate(table, start=1):
        about = {
            "TUNIT": votable_unit(column.unit),
            "TUCD": column.ucd,
            "TCOMM": votable_description(column),
        }
        cards |= {f"{key}{number}": value for key, value in about.items() if value}
    cards["COMMENT"] = "\n".join(f"{name}: {note}" for name, note in notes.items())
    source, schema = Path(table.name), rows.schema.remove_metadata()
    writer = FitsWriter(path, source, schema, [rows], cards)
    writer.write(rows)
    writer.close()


def write_ecsv(path: Path, rows: pa.Table, table: Table, notes: Mapping[str, str]) -> None:
    """Write astropy's enhanced CSV; takes what `write_votable` does."""
    from astropy.table import MaskedColumn
    from astropy.table import Table as AstropyTable

    columns = [
        MaskedColumn(
            masked_array(rows[column.name], column.name),
            name=column.name,
            unit=votable_unit(column.unit) or None,
            description=votable_description(column),
            meta={"ucd": column.ucd} if column.ucd else {},
        )
        for column in table
    ]
    meta = {"name": table.name, "description": table.description, **notes}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        AstropyTable(columns, meta=meta).write(file, format="ascii.ecsv")


RAIL_GROUP = "photometry"
"""The group that RAIL's stages read (``hdf5_groupname``)."""


def rail_names(bands: Sequence[Band]) -> dict[str, str]:
    """Return the columns that are written, with the names that RAIL's stages look for."""
    return {
        "object_id": "object_id",
        "redshift": "redshift",
        **{band.magnitude: f"mag_{band.name}_lsst" for band in bands},
        **{band.error: f"mag_err_{band.name}_lsst" for band in bands},
    }


def write_rail(
    path: Path,
    rows: pa.Table,
    table: Table,
    notes: Mapping[str, str],
    bands: Sequence[Band] = HSC_BANDS,
) -> None:
    """Write the HDF5 layout that RAIL's stages read by default.

    It is a group ``photometry`` of the ids, the redshift labels, and magnitudes and their errors in
    the release's bands, in the names that RAIL gives LSST's (``mag_g_lsst``, ``mag_err_g_lsst``
    ...); they are of the survey's own filters still. What else a release has, no stage of RAIL
    reads, and is left out. A null is NaN. Takes what `write_votable` does; the notes are attributes
    of the file, what `table` declares are attributes of the columns.
    """
    with hdf5_file(path) as file:
        file.attrs.update(notes)
        for name, theirs in rail_names(bands).items():
            values = rows[name].to_numpy()
            written = file.create_dataset(f"{RAIL_GROUP}/{theirs}", data=values)
            column = table[name]
            about = {"name": name, "unit": column.unit, "description": column.description}
            written.attrs.update({key: value for key, value in about.items() if value})


WRITERS: dict[str, Callable[..., None]] = {
    ".vot": write_votable,
    ".xml": write_votable,
    ".fits": write_fits,
    ".ecsv": write_ecsv,
    ".hdf5": write_rail,
}
"""By the ending of the file's name."""
