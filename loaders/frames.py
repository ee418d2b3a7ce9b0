"""A release as a pandas or an astropy table, and an astropy table as a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
import pyarrow as pa

from transferz.rows import chosen, declared, one_table, table_units
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.columns import DEC, RA, Column, Dtype
from transferz.schemas.survey.frames import to_series
from transferz.tables.table import require_package

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    from astropy.table import QTable, Table
    from datasets import Dataset

    from transferz.rows import Data

SKY = "sky"
"""The column of positions that is made of `RA` and `DEC`."""

_REMOVE = "remove the column first"
_REMEDIES = {
    "SkyCoord": f"call the column '{SKY}', or put its ra and dec in columns of their own",
    "Time": "put its numbers in its place, such as its mjd",
}
_FEATURE = "feature"  # in a column's meta: what `datasets` called it, where that is not plain


def to_pandas(data: Data, *, config: str | None = None, split: str | None = None) -> pd.DataFrame:
    """Return a dataset as a pandas table.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, with its selection and order; or a release directory.
    config : str, optional
        Of a release directory; by default that of the many-band labels, else the first there.
    split : str, optional
        One split of a directory or DatasetDict. Several are put in one table with a column
        ``split``.

    Returns
    -------
    pandas.DataFrame, shape (n, columns)
        Columns with the dtypes that the schema declares: integers that may be missing are
        ``Int64``, strings ``string``, a missing float is NaN. ``frame.attrs["units"]`` maps each
        column to its unit.

    Raises
    ------
    ReleaseError
        Where the release has no such config or split, or can't be read.
    ParameterError
        Where `data`, `config` or `split` does not fit, or splits differ in columns, types or units.

    Examples
    --------
    >>> from transferz import load_dataset
    >>> frame = to_pandas(load_dataset(split="test"))
    >>> frame.attrs["units"]["ra"], str(frame["i_cmodel_mag"].dtype)
    ('deg', 'float32')
    """
    import pandas as pd

    table = one_table(data, config=config, split=split)
    known = declared(data)
    frame = pd.DataFrame({name: _series(table[name], name, known) for name in table.column_names})
    frame.attrs["units"] = table_units(data, split, table.column_names)
    return frame


def _series(values: pa.ChunkedArray, name: str, known: Mapping[str, Column]) -> pd.Series:
    """The schema's dtype for this type of values; any other type as pandas has it."""
    kind = str(values.type).removeprefix("large_")
    if kind not in get_args(Dtype):  # floats are called otherwise in Arrow, and need no other dtype
        return values.to_pandas()
    nullable = values.null_count > 0 or (name in known and known[name].nullable)
    return to_series(values, Column(name, cast(Dtype, kind), "", nullable=nullable))


def to_astropy(data: Data, *, config: str | None = None, split: str | None = None) -> QTable:
    """Return a dataset as an astropy table with units.

    Parameters
    ----------
    data : Dataset, DatasetDict, iterable ones, Release or path-like
        What `transferz.load_dataset` returns, with its selection and order; or a release directory.
    config : str, optional
        Of a release directory; by default that of the many-band labels, else the first there.
    split : str, optional
        One split of a directory or DatasetDict. Several are put in one table with a column
        ``split``, as catalogues have it.

    Returns
    -------
    astropy.table.QTable, n rows
        The columns with their own dtypes: those with a unit as ``Quantity``, magnitudes in
        ``mag(AB)`` as ``Magnitude``, so that ``table["i_cmodel_mag"].to("nJy")`` is a flux density;
        missing values are masked and not NaN. Descriptions are in ``table[name].info``, UCDs in its
        ``meta["ucd"]``. Where there are positions, a ``SkyCoord`` column ``sky`` (ICRS) is added;
        it is NaN where a position is missing.

    Raises
    ------
    ReleaseError
        Where the release has no such config or split, or can't be read.
    ParameterError
        Where `data`, `config` or `split` does not fit, splits differ in columns, types or units,
        or a column is neither numbers nor text.

    Examples
    --------
    >>> from transferz import load_dataset
    >>> table = to_astropy(load_dataset(split="test"))
    >>> table["i_cmodel_mag"].unit, table["i_cmodel_mag"].to("nJy").unit
    (Unit("mag(AB)"), Unit("nJy"))
    >>> near = table[table["sky"].separation(table["sky"][0]).arcmin < 1.0]
    """
    _require_astropy("to_astropy")
    from astropy.coordinates import SkyCoord
    from astropy.table import QTable

    arrow, dataset = one_table(data, config=config, split=split), chosen(data, split)
    if isinstance(dataset, Mapping):  # of several splits, which share them, those of the first
        dataset = next(iter(dataset.values()), None)
    features, known = dict(getattr(dataset, "features", None) or {}), declared(data)
    table = QTable()
    for name, unit in table_units(data, split, arrow.column_names).items():
        table[name] = _column(arrow[name], name, unit)
        info = table[name].info
        if name in known:
            info.description = known[name].description
            info.meta = {"ucd": known[name].ucd} if known[name].ucd else {}
        if name in features and (odd := _odd_feature(features[name], arrow[name].type, unit)):
            info.meta = {**(info.meta or {}), _FEATURE: odd}
    names = set(arrow.column_names)
    if {RA, DEC} <= names and SKY not in names and arrow[RA].null_count < len(arrow):
        positions = arrow[RA].to_numpy(), arrow[DEC].to_numpy()
        table[SKY] = SkyCoord(*positions, unit="deg", frame="icrs")
    return table


def _require_astropy(what: str) -> None:
    require_package(what, "astropy", "it", "'transferz[astropy]'")


def from_astropy(table: Table) -> Dataset:
    """Return an astropy table as a dataset: what `to_astropy` makes, and what is like it.

    Parameters
    ----------
    table : astropy.table.Table or QTable
        Columns of numbers, truth values or text, one value per row, with or without units; masked
        values become nulls. A ``SkyCoord`` column ``sky`` is left out where ``ra`` and ``dec`` are
        there, else it becomes what is missing of them (ICRS, deg).

    Returns
    -------
    datasets.Dataset
        The columns with their own dtypes, and their units as ``id`` of their features.

    Raises
    ------
    ParameterError
        Where `table` or a column is something else.

    Examples
    --------
    >>> from astropy import units as u
    >>> from astropy.table import QTable
    >>> dataset = from_astropy(QTable({"id": [1, 2], "ra": [150.1, 150.2] * u.deg}))
    >>> dataset[0], dataset.features["ra"].id
    ({'id': 1, 'ra': 150.1}, 'deg')
    """
    _require_astropy("from_astropy")
    from astropy.coordinates import SkyCoord
    from astropy.table import Table
    from datasets import Dataset, DatasetInfo, Features

    if not isinstance(table, Table):
        raise ParameterError(f"expected an astropy table, found {type(table).__name__}")
    columns = {name: table[name] for name in table.colnames}
    if isinstance(columns.get(SKY), SkyCoord):
        position = columns.pop(SKY).icrs.spherical
        made = {RA: position.lon.to("deg"), DEC: position.lat.to("deg")}
        columns |= {name: made[name] for name in made if name not in columns}
    arrays = {name: _array(column, name) for name, column in columns.items()}
    features = Features()
    for name, column in columns.items():
        unit = "" if column.info.unit is None else column.info.unit.to_string()
        stated = (column.info.meta or {}).get(_FEATURE)
        plain = _plain_feature(arrays[name].type, unit)
        features[name] = Features.from_dict({"": stated})[""] if stated else plain
    arrow = pa.table(arrays).cast(features.arrow_schema)
    return Dataset(arrow, info=DatasetInfo(features=features))


def _column(values: pa.ChunkedArray, name: str, unit: str) -> Any:
    from astropy import units as u
    from astropy.table import Column, MaskedColumn
    from astropy.utils.masked import Masked

    masked = masked_array(values, name)
    if unit:
        quantity = u.Quantity(masked.data, u.Unit(unit), dtype=masked.dtype, subok=True)
        return Masked(quantity, mask=masked.mask) if values.null_count else quantity
    return MaskedColumn(masked) if values.null_count else Column(masked.data)


def masked_array(values: pa.ChunkedArray, name: str) -> np.ma.MaskedArray[Any, Any]:
    """Return numbers, truth values or text as numpy holds them, exact; nulls are masked."""
    kind = values.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        array = np.asarray(values.fill_null("").to_numpy(), dtype=np.str_)
    elif pa.types.is_floating(kind):
        array = np.array(values.to_numpy())  # a null is NaN
    elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        array = np.array(values.fill_null(pa.scalar(0).cast(kind)).to_numpy())
    else:
        raise ParameterError(
            f"column '{name}' is {kind}; expected numbers, truth values or text: leave it out with "
            "ds.remove_columns"
        )
    return np.ma.MaskedArray(array, mask=values.is_null().to_numpy())


def _odd_feature(feature: Any, kind: pa.DataType, unit: str) -> Any:
    """What `datasets` calls a column, where that is not what it comes back as by itself."""
    from datasets import Features

    here = pa.string() if pa.types.is_large_string(kind) else kind  # astropy has one kind of text
    odd = feature != _plain_feature(here, unit)
    return Features({"": feature}).to_dict()[""] if odd else None


def _plain_feature(kind: pa.DataType, unit: str) -> Any:
    from datasets import Features, Value

    feature = Features.from_arrow_schema(pa.schema([("", kind)]))[""]
    return Value(feature.dtype, id=unit or None)


def _array(column: Any, name: str) -> pa.Array:
    """Values and mask of one column as Arrow has them."""
    values, hidden = _values(column, name)
    try:
        if values.dtype.kind == "S":  # text, as FITS and HDF5 hold it
            values = np.char.decode(values, "utf-8")
        if values.dtype.kind in "UO":
            return pa.array(values.tolist(), pa.string(), mask=hidden)
        return pa.array(values, mask=hidden)
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise ParameterError(
            f"column '{name}' of {values.dtype} can't be numbers, truth values or UTF-8 text: "
            f"{error}; convert it first, such as table['{name}'] = "
            f"table['{name}'].astype('float64')"
        ) from None


def _values(column: Any, name: str) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_] | None]:
    """Values in memory order, and the mask where any is masked."""
    from astropy.table import Column
    from astropy.units import Quantity

    if not isinstance(column, Column | Quantity | np.ndarray):
        raise ParameterError(
            f"column '{name}' is a {type(column).__name__}, which is more than a number or a text "
            f"per row: {_REMEDIES.get(type(column).__name__, _REMOVE)}"
        )
    mask = getattr(column, "mask", None)
    plain = getattr(column, "unmasked", column)
    values = np.ma.getdata(plain.value if isinstance(plain, Quantity) else plain)
    if values.ndim != 1 or values.dtype.kind not in "biufSUO":
        raise ParameterError(
            f"column '{name}' holds {values.dtype} of shape {values.shape}; expected one number, "
            f"truth value or text per row: {_REMOVE}"
        )
    values = values.astype(values.dtype.newbyteorder("="), copy=False)
    return values, None if mask is None or not np.any(mask) else np.broadcast_to(mask, values.shape)
