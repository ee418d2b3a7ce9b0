"""A release as a HATS collection, or data as a catalogue of LSDB: for cross-matches on the sky."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from transferz.exporting import Export, read_export
from transferz.releases import Release
from transferz.rows import declared, one_table, table_units
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.columns import DEC, RA, Column
from transferz.tables.files import replace_directory
from transferz.tables.hats.reading import HEALPIX, is_hats
from transferz.tables.hats.writing import (
    MARGIN_ARCSEC,
    PARTITION_ROWS,
    facts_of,
    write_collection,
)
from transferz.tables.table import require_package

if TYPE_CHECKING:
    import numpy.typing as npt
    from lsdb.catalog import Catalog

    from transferz.rows import Data


FINEST = 7
"""Order of the smallest partitions in memory, 27 arcmin: what LSDB takes by default."""


def export_hats(
    release: Release,
    out: Path,
    config: str | None = None,
    splits: Sequence[str] = (),
    *,
    partition_rows: int = PARTITION_ROWS,
    overwrite: bool = False,
) -> Export:
    """Write a config as a HATS collection, which `lsdb.open_catalog` opens with its margin.

    The splits, by default all, are one catalogue, named as the config; its column ``split`` tells
    them apart. Columns are the release's, with ``_healpix_29`` before them, and every leaf says
    their units, UCDs and descriptions: ``Table.read(leaf, format="parquet.votable")`` has them.

    Parameters
    ----------
    release : Release
        As `transferz.find_release` returns it.
    out : Path
        The folder to write. One that is there is replaced only where `overwrite` says so and it is
        empty or a HATS collection.
    config : str, optional
        By default that of the labels measured with many bands, else the first there.
    splits : sequence of str
        Those to write.
    partition_rows : int
        A partition of the sky with more rows is cut into four.

    Raises
    ------
    InputError
        Where the folder can't be written, or the package `lsdb` is missing.
    ReleaseError
        Where the release has no such config or split, or one of its files is damaged.
    ParameterError
        Where `partition_rows` is not positive.

    Examples
    --------
    >>> import tempfile
    >>> import lsdb
    >>> from transferz import find_release
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     exported = export_hats(find_release(), Path(folder) / "galaxies", splits=["test"])
    ...     len(lsdb.open_catalog(Path(folder) / "galaxies")) == len(exported.rows)
    True
    """
    if partition_rows < 1:
        raise ParameterError(f"a partition of {partition_rows} rows: expected 1 or more")
    _require_lsdb(str(out))
    _require_place(out, overwrite=overwrite)
    exported = read_export(release, config, splits)
    with replace_directory(out) as folder:
        write_collection(
            folder,
            exported.config,
            exported.rows,
            exported.table,
            _about(exported),
            partition_rows=partition_rows,
        )
    return exported


def _require_lsdb(what: str) -> None:
    require_package(what, "lsdb", "HATS", install="'transferz[lsdb]'")


def _require_place(out: Path, *, overwrite: bool) -> None:
    """Refuse what is there, unless it is empty, or a collection that may be replaced."""
    if not out.exists():
        return
    if not out.is_dir():
        raise InputError(f"{out} is a file; name a folder for the HATS collection")
    if any(out.iterdir()) and not is_hats(out):
        raise InputError(
            f"{out} is a folder with other things in it than a HATS collection; name a new one"
        )
    if any(out.iterdir()) and not overwrite:
        remedy = "name another folder, or allow it with overwrite=True"
        raise InputError(f"{out} exists; {remedy}", overwrite="--replace")


def _about(exported: Export) -> dict[str, str]:
    """What the properties of the collection say of its rows, terms and date too."""
    release, licence = exported.release, exported.notes()["LICENCE"]
    facts = facts_of(release.version, release.survey, exported.config, exported.splits)
    date = release.manifest().get("date")
    made = {"hats_creation_date": f"{date}T00:00UTC"} if date else {}
    return {**facts, "obs_copyright": licence, **made}


def to_lsdb(
    data: Data,
    *,
    config: str | None = None,
    split: str | None = None,
    margin_arcsec: float | None = MARGIN_ARCSEC,
    partition_rows: int = PARTITION_ROWS,
) -> Catalog:
    """Return a dataset as a catalogue of LSDB, to be cross-matched with others.

    It is in memory; for more than a million rows write them first (`export_hats`, or ``transferz
    export --hats``) and open that by `lsdb.open_catalog`.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, with its selection and order; or a release directory.
        Every row has a position, columns ``ra`` and ``dec`` (ICRS, deg).
    config : str, optional
        Of a release directory; by default that of the many-band labels, else the first there.
    split : str, optional
        One split of a directory or DatasetDict. Several are put in one catalogue with a column
        ``split``.
    margin_arcsec : float or None
        Width of the margin around partitions, which matches may be apart at most; None for none.
    partition_rows : int
        Rows of a partition at most, where the sky can be cut so finely.

    Returns
    -------
    lsdb.catalog.Catalog
        The columns with their Arrow types. Units, UCDs and descriptions are in the metadata of the
        fields of ``catalog.hc_structure.schema``, until an operation makes another catalogue:
        LSDB keeps them no longer.

    Raises
    ------
    ReleaseError
        Where the release has no such config or split, or can't be read.
    ParameterError
        Where `data`, `config` or `split` does not fit, splits differ in columns, types or units, or
        a row has no position.
    InputError
        Where the package `lsdb` is missing.

    Examples
    --------
    >>> from transferz import load_dataset
    >>> photometric, spectroscopic = (
    ...     to_lsdb(load_dataset("transferz", name, split="train"))
    ...     for name in ("transferz", "galaxiesml")
    ... )
    >>> both = photometric.crossmatch(spectroscopic, radius_arcsec=1, suffixes=("_label", "_spec"))
    >>> {"redshift_label", "redshift_spec"} <= set(both.columns)
    True
    """
    _require_lsdb("to_lsdb")
    import lsdb
    import pandas as pd
    from hats.pixel_math import compute_spatial_index

    rows, known = one_table(data, config=config, split=split), declared(data)
    ra, dec = _positions(rows)
    fullest = int(np.bincount(compute_spatial_index(ra, dec, FINEST)).max())
    units = table_units(data, split, rows.column_names)
    fields = [_described(field, units[field.name], known.get(field.name)) for field in rows.schema]
    return lsdb.from_dataframe(
        rows.to_pandas(types_mapper=pd.ArrowDtype),
        ra_column=RA,
        dec_column=DEC,
        partition_rows=max(partition_rows, fullest),  # LSDB refuses what it can't cut so finely
        highest_order=FINEST,
        margin_threshold=margin_arcsec,
        catalog_name="transferz",
        schema=pa.schema([*fields, (HEALPIX, pa.int64())]),
    )


def _positions(rows: pa.Table) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return right ascensions and declinations; every row must have both."""
    for name in (RA, DEC):
        if name not in rows.column_names:
            raise ParameterError(
                f"there is no column '{name}', which places rows on the sky; there are: "
                f"{', '.join(rows.column_names)}"
            )
    ra, dec = (rows[name].to_numpy().astype(np.float64) for name in (RA, DEC))
    lacking = np.count_nonzero(~(np.isfinite(ra) & np.isfinite(dec)))
    if lacking or not len(rows):
        found = f"{lacking:,} of {len(rows):,} rows without one" if lacking else "no rows"
        raise ParameterError(
            f"columns '{RA}' and '{DEC}': expected a position in every row, found {found}; leave "
            "these rows out with ds.filter"
        )
    return ra, dec


def _described(field: pa.Field, unit: str, column: Column | None) -> pa.Field:
    """A field that says what its column is."""
    facts = {"unit": unit}
    if column:
        facts |= {"ucd": column.ucd, "description": column.description}
    return field.with_metadata({name: fact for name, fact in facts.items() if fact})
