"""Rows and their declaration as a VOTable, FITS or ECSV file, or as the HDF5 that RAIL reads."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from transferz.schemas.errors import InputError, SchemaError
from transferz.schemas.survey.column import Column, Table
from transferz.schemas.survey.magnitudes import BANDS, OBJECT_ID, error_name, magnitude_name
from transferz.schemas.survey.votable import longest_strings, votable_description, votable_document

if TYPE_CHECKING:
    import pyarrow as pa
    from astropy.io.fits import BinTableHDU
    from astropy.io.votable.tree import VOTableFile
    from astropy.table import Table as AstropyTable

Writer = Callable[[Path, "pa.Table", Table, Mapping[str, str]], None]


def write_votable(path: Path, rows: pa.Table, table: Table, notes: Mapping[str, str]) -> None:
    """Write a VOTable 1.4 whose data are in the serialisation BINARY2.

    Parameters
    ----------
    path : Path
        The file.
    rows : pyarrow.Table
        The columns of `table`.
    table : Table
        The declaration.
    notes : mapping of str to str
        What the file says of itself, one ``INFO`` each.
    """
    from astropy.io.votable.tree import Info

    document = votable_of(rows, table)
    infos = [Info(name=name, value=note) for name, note in notes.items()]
    document.resources[0].infos.extend(infos)
    document.to_xml(str(path), tabledata_format="binary2")


def write_fits(path: Path, rows: pa.Table, table: Table, notes: Mapping[str, str]) -> None:
    """Write a FITS binary table: ``TUNITn``, ``TUCDn`` and, for descriptions, ``TCOMMn``.

    Parameters are those of `write_votable`; the notes are ``COMMENT`` cards. The least number that
    an integer column can hold stands for its nulls (``TNULLn``).

    Raises
    ------
    SchemaError
        If there is what FITS can't hold: text that is not ASCII, a null among truth values.
    """
    from astropy.io import fits

    try:
        hdu = fits.table_to_hdu(_for_fits(rows, table), name=table.name)
    except UnicodeEncodeError as error:
        raise SchemaError(
            f"FITS holds ASCII text only, found '{error.object}'; export as VOTable or ECSV"
        ) from error
    _describe(hdu, table)
    for name, note in notes.items():
        hdu.header.add_comment(f"{name}: {note}")
    with path.open("wb") as file:
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)


def write_ecsv(path: Path, rows: pa.Table, table: Table, notes: Mapping[str, str]) -> None:
    """Write astropy's enhanced CSV; parameters are those of `write_votable`."""
    found = masked_table(rows, table)
    found.meta = {"name": table.name, "description": table.description, **notes}
    with path.open("w", encoding="utf-8", newline="\n") as file:
        found.write(file, format="ascii.ecsv")


RAIL_GROUP = "photometry"
"""The group that RAIL's stages read (``hdf5_groupname``)."""

RAIL_NAMES = {
    OBJECT_ID.name: "object_id",
    "redshift": "redshift",
    **{magnitude_name(band): f"mag_{band}_lsst" for band in BANDS},
    **{error_name(band): f"mag_err_{band}_lsst" for band in BANDS},
}
"""Our columns, by the names that RAIL's stages look for."""


def write_rail(path: Path, rows: pa.Table, table: Table, notes: Mapping[str, str]) -> None:
    """Write the HDF5 layout that RAIL's stages read by default.

    It is a group ``photometry`` of the ids, the redshift labels, and magnitudes and their errors in
    *grizy*, in the names that RAIL gives LSST's (``mag_g_lsst``, ``mag_err_g_lsst`` ...); they are
    HSC's still. What else a release has, no stage of RAIL reads, and is left out. A null is NaN.

    Parameters are those of `write_votable`; the notes are attributes of the file. `table` declares
    the units and descriptions, which are attributes of the columns.

    Raises
    ------
    InputError
        If h5py is not installed.
    """
    try:
        import h5py
    except ImportError:
        raise InputError("HDF5 needs the package 'h5py': pip install h5py") from None

    with h5py.File(path, "w") as file:
        file.attrs.update(notes)
        for name, theirs in RAIL_NAMES.items():
            values = rows[name].to_numpy()
            written = file.create_dataset(f"{RAIL_GROUP}/{theirs}", data=values)
            column = table[name]
            about = {"name": name, "unit": column.unit, "description": column.description}
            written.attrs.update({key: value for key, value in about.items() if value})


WRITERS: dict[str, Writer] = {
    ".vot": write_votable,
    ".xml": write_votable,
    ".fits": write_fits,
    ".ecsv": write_ecsv,
    ".hdf5": write_rail,
}
"""By the ending of the file's name."""


def votable_of(rows: pa.Table, table: Table) -> VOTableFile:
    """Return a VOTable of the rows, whose fields are those of the declaration.

    Parameters
    ----------
    rows : pyarrow.Table
        The columns of `table`.
    table : Table
        The declaration.
    """
    from astropy.io import votable

    document = votable_document(table, longest_strings(rows))
    found = votable.parse(io.BytesIO(document.encode()), verify="exception")
    element = found.get_first_table()
    element.create_arrays(len(rows))
    for column in table:
        element.array[column.name] = _masked(rows[column.name], column)
    return found


def masked_table(rows: pa.Table, table: Table) -> AstropyTable:
    """Return the rows as an astropy table: masked nulls, units, descriptions, UCDs in ``meta``.

    Parameters
    ----------
    rows : pyarrow.Table
        The columns of `table`.
    table : Table
        The declaration.
    """
    found: AstropyTable = votable_of(rows, table).get_first_table().to_table()
    for column in table:
        found[column.name].meta = {"ucd": column.ucd} if column.ucd else {}
    return found


def _masked(values: pa.ChunkedArray, column: Column) -> np.ma.MaskedArray[Any, Any]:
    """One column, exact: nulls are masked, never a number or text of their own."""
    import pyarrow.compute as pc

    filler: Any = {"string": "", "bool": False}.get(column.dtype, 0)
    filled = pc.fill_null(values, filler).to_numpy()
    data = filled.astype(str) if column.dtype == "string" else filled
    return np.ma.MaskedArray(data, mask=pc.is_null(values).to_numpy())


def _for_fits(rows: pa.Table, table: Table) -> AstropyTable:
    """The rows without what astropy would write as comments: descriptions and UCDs."""
    found = masked_table(rows, table)
    found.meta = {}
    for column in found.itercols():
        column.description, column.meta = None, {}
        if column.dtype.kind == "i" and np.ma.isMaskedArray(column):
            column.fill_value = np.iinfo(column.dtype).min
        if column.dtype.kind == "b" and np.ma.is_masked(column):
            raise SchemaError(
                f"FITS can't hold the nulls of the truth values in column '{column.name}'; "
                "export as VOTable or ECSV"
            )
    return found


def _describe(hdu: BinTableHDU, table: Table) -> None:
    """Add what FITS readers such as TOPCAT look for and astropy does not write."""
    for number, column in enumerate(table, start=1):
        hdu.header[f"TUCD{number}"] = column.ucd
        hdu.header[f"TCOMM{number}"] = votable_description(column)
    hdu.header["RADESYS"] = "ICRS"
