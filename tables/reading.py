"""Open a table of any format, told by the file's content."""

import codecs
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from transferz.schemas.errors import InputError
from transferz.tables.cells import guess_types, typed
from transferz.tables.columnar import Hdf5Table, ParquetTable
from transferz.tables.fits import FitsTable
from transferz.tables.marked import MarkedTable
from transferz.tables.streams import first_bytes
from transferz.tables.table import CHUNK_ROWS, Choose, TableFile, require_package
from transferz.tables.text import TextTable

PARQUET, HDF5 = b"PAR1", b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
KINDS = "FITS, parquet, HDF5, VOTable, ECSV, CSV or text with columns parted by blanks"


def open_table(
    path: Path,
    names: Sequence[str] | None = None,
    *,
    choose: Choose | None = None,
    one_line: bool = False,
) -> TableFile:
    r"""Open a table of any format. What it is, its content says, not its name.

    Parameters
    ----------
    path : Path
        FITS, parquet, HDF5, VOTable, ECSV, or text with columns parted by commas, semicolons,
        tabs, bars or blanks; all but parquet and HDF5 may be packed by gzip, bzip2 or xz.
    names : sequence of str, optional
        All the columns' names, for a text table without a line of names, or one that lacks some.
        A line of names is told from a row by the numbers that a row holds.
    choose : callable, optional
        Says of columns' names, from 0 to 1, how well they are those looked for: it decides between
        several tables in a file. The first is taken without it.
    one_line : bool
        Whether to refuse a text table in which a row is not one line (a quotation mark too many
        joins rows).

    Returns
    -------
    TableFile
        Its names, units, types, and chunks of rows of any number.

    Raises
    ------
    InputError
        Where there is no such file, it is none of these, or damaged.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "galaxies.dat"
    ...     _ = path.write_text("id  i_mag\n43158605133375001  22.5\n")
    ...     read_whole(open_table(path), ["id", "i_mag"]).to_pylist()
    [{'id': 43158605133375001, 'i_mag': 22.5}]
    """
    head, packing = first_bytes(path)
    take = choose or (lambda names: 1.0)
    if packing and head.startswith((PARQUET, HDF5)):
        raise InputError(f"can't read {path}: it is packed by {packing}; unpack it first")
    if head.startswith(PARQUET):
        return ParquetTable.open(path)
    if head.startswith(HDF5):
        require_package(path, "h5py", "HDF5")
        return Hdf5Table.open(path, take)
    if head.startswith(b"SIMPL"):
        require_package(path, "astropy", "FITS")
        return FitsTable.open(path, take)
    if b"<VOTABLE" in head:
        require_package(path, "astropy", "VOTable")
        return MarkedTable.open_votable(path, take)
    if head.startswith(b"# %ECSV"):
        require_package(path, "astropy", "ECSV")
        return MarkedTable.open_ecsv(path)
    if head.startswith(ZIP) or (b"\0" in head and not head.startswith(UTF16)):
        what = "a zip archive or a workbook" if head.startswith(ZIP) else f"binary ({head[:12]!r})"
        raise InputError(f"can't read {path}: expected {KINDS}, found {what}; write one of these")
    return TextTable.open(path, choose, names, one_line=one_line)


def read_whole(table: TableFile, columns: Sequence[str]) -> pa.Table:
    """Read some columns of all rows; in a text table, what is spelt as a number is one."""
    chunks = list(table.chunks(columns, CHUNK_ROWS))
    whole = pa.concat_tables([table.schema(columns).empty_table(), *chunks])
    return typed(whole, guess_types([whole], columns)) if table.text else whole
