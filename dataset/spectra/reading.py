"""From a file of a catalogue to measured redshifts on one scale; what was left out on the way."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from transferz.dataset.sources.fields import Field, find_fields, stored_fields
from transferz.dataset.sources.values import declared_values
from transferz.dataset.spectra.catalogues import (
    Catalogue,
    Condition,
    Interval,
    Quantity,
    Rule,
    open_catalogue,
)
from transferz.schemas import InputError
from transferz.schemas.survey.columns import WHOLE_SKY
from transferz.schemas.survey.frames import pandas_dtype
from transferz.schemas.survey.spectra import QUALITIES, REDSHIFT_RANGE, SECURE, SPECZ
from transferz.tables.cells import as_ids
from transferz.tables.printing import first_few
from transferz.tables.table import CHUNK_ROWS, TableFile

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

MEASURED = (
    *("specz_name", "source", "source_id", "ra", "dec", "redshift", "redshift_err"),
    *("quality", "secure", "object_class", "technique"),
)
"""The columns of `SPECZ` that one measurement has by itself."""

SENTINEL_DIGITS = 1e-6  # relative: 9.9999 is a sentinel in a float32 column, too

FACTORS = {
    "deg": {"": 1.0, "deg": 1.0, "rad": 180.0 / np.pi, "hourangle": 15.0},
    "": {"": 1.0, "km/s": 1.0 / 299_792.458},
}
"""From a unit in the configuration to ours."""

SPELLINGS = {
    "deg": ("deg", "degree", "degrees", "d"),
    "rad": ("rad", "radian", "radians"),
    "hourangle": ("hourangle", "h", "hour", "hours", "hr"),
    "km/s": ("km/s", "km / s", "km s-1", "km s^-1", "km.s-1"),
    "": ("", "-", "---", "none", "unitless", "dimensionless", "redshift", "z"),
}
"""How files spell the units, in any case."""

NO_REDSHIFT = "no redshift, says the flag"
SENTINEL = "no redshift, in spite of the flag"
NO_POSITION = "no position"


@dataclass(frozen=True, slots=True)
class FileCounts:
    """What a file was taken for, its rows, those left out by reason, and what the others are.

    `qualities` counts rows by quality, `classes` by object class; `secure` rows are of quality 3 or
    4 and no star.
    """

    path: Path
    catalogue: str
    rows: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    qualities: dict[int, int] = field(default_factory=dict)
    classes: dict[str, int] = field(default_factory=dict)
    secure: int = 0

    @property
    def kept(self) -> int:
        """Rows with a redshift."""
        return sum(self.qualities.values())


def read_catalogue(
    path: Path, catalogues: Mapping[str, Catalogue]
) -> tuple[pd.DataFrame, FileCounts]:
    """Read the measured redshifts of a file of one of the catalogues, in any format.

    Returns the columns `MEASURED`, typed as in `SPECZ`, of every row with a redshift and a
    position; and the counts. A flag that promises a redshift where none is stored brings none.

    Raises
    ------
    InputError
        If the file is none of the catalogues, damaged, states another unit than the configuration,
        or holds a flag that no rule knows, a redshift or position out of its range, or a row
        without an identifier.
    """
    catalogue, file = open_catalogue(path, catalogues)
    fields = find_fields(file.names, catalogue.table, path)
    _require_units(catalogue, fields, file)
    names = [one.name for one in stored_fields(fields)]
    left_out: Counter[str] = Counter(dict.fromkeys(catalogue.leave_out, 0))
    left_out.update(dict.fromkeys((NO_REDSHIFT, SENTINEL, NO_POSITION), 0))
    rows, parts = 0, [as_measurements({name: [] for name in MEASURED})]
    for chunk in filter(len, file.chunks(names, CHUNK_ROWS)):
        rows += len(chunk)
        parts.append(_measured(chunk, catalogue, fields, file, left_out))
    frame = pd.concat(parts, ignore_index=True)
    counts = FileCounts(
        path,
        catalogue.name,
        rows,
        dict(left_out),
        {quality: int((frame["quality"] == quality).sum()) for quality in QUALITIES if quality},
        {str(name): int(count) for name, count in frame["object_class"].value_counts().items()},
        int(frame["secure"].sum()),
    )
    if counts.kept + left_out.total() != rows:
        raise AssertionError(f"counts do not add up: {counts}")
    return frame, counts


def _measured(
    chunk: pa.Table,
    catalogue: Catalogue,
    fields: Sequence[Field],
    file: TableFile,
    left_out: Counter[str],
) -> pd.DataFrame:
    """Turn rows as they are stored into those with a redshift; count the others in `left_out`."""
    ids = catalogue.columns.id
    stored = {
        one.column.name: declared_values(one, chunk[one.name], spelt=file.text)
        for one in fields
        if one.column.name not in ids
    }
    values = {name: _plain(array) for name, array in stored.items()}
    keep = np.ones(len(chunk), np.bool_)

    def leave_out(rows: Mask, reason: str) -> None:
        left_out[reason] += int((rows & keep).sum())
        keep[rows] = False

    for reason, conditions in catalogue.leave_out.items():
        leave_out(_fits(conditions, values, len(chunk)), reason)
    where = f"{file.path} (catalogue '{catalogue.name}')"
    quality = _decide(catalogue.quality, values, keep, f"{where}: quality", needed=True)
    leave_out(quality == 0, NO_REDSHIFT)
    redshift = _number(catalogue.columns.redshift, values, "")
    leave_out(np.isnan(redshift), SENTINEL)
    ra, dec = (_number(one, values, "deg") for one in (catalogue.columns.ra, catalogue.columns.dec))
    leave_out(np.isnan(ra) | np.isnan(dec), NO_POSITION)

    ranges = (REDSHIFT_RANGE, *WHOLE_SKY)
    quantities = (catalogue.columns.redshift, catalogue.columns.ra, catalogue.columns.dec)
    for quantity, found, (low, high) in zip(quantities, (redshift, ra, dec), ranges, strict=True):
        if (bad := keep & ((found < low) | (found > high))).any():
            raise InputError(
                f"{where}: column '{quantity.column}': expected {low:g} to {high:g}, found "
                f"{values[quantity.column][bad][0]:g}; where that stands for no value, list it in "
                "the catalogue's sentinels, and where it has another unit, state the unit there"
            )
    kind = _decide(catalogue.object_class, values, keep, f"{where}: object_class")
    technique = _decide(catalogue.technique, values, keep, f"{where}: technique", needed=True)
    identifiers = _identifiers(chunk, ids, fields, file.path)[keep]
    quality = quality[keep].astype(np.int16)
    return as_measurements(
        {
            "specz_name": [f"{catalogue.name}-{one}" for one in identifiers],
            "source": [catalogue.name] * len(identifiers),
            "source_id": identifiers,
            "ra": ra[keep] % 360.0,
            "dec": dec[keep],
            "redshift": redshift[keep],
            "redshift_err": _error(catalogue, values)[keep],
            "quality": quality,
            "secure": (quality >= SECURE) & (kind[keep] != "star"),
            "object_class": kind[keep],
            "technique": technique[keep],
        }
    )


def _plain(array: pa.Array) -> npt.NDArray[Any]:
    """Values as numpy has them: floats with NaN, texts and booleans with None."""
    if pa.types.is_string(array.type):
        array = pc.utf8_trim_whitespace(array)
    return np.asarray(array.to_numpy(zero_copy_only=False))


def _fits(
    conditions: Mapping[str, Condition], values: Mapping[str, npt.NDArray[Any]], rows: int
) -> Mask:
    """Where all conditions hold."""
    fits = np.ones(rows, np.bool_)
    for name, condition in conditions.items():
        column = values[name]
        if condition.is_in or condition.not_in:
            among = np.isin(column, np.array(condition.is_in or condition.not_in, column.dtype))
            fits &= among if condition.is_in else ~among
        if condition.min is not None:
            fits &= column >= condition.min
        if condition.max is not None:
            fits &= column <= condition.max
    return fits


def _decide(
    rules: Sequence[Rule],
    values: Mapping[str, npt.NDArray[Any]],
    keep: Mask,
    where: str,
    *,
    needed: bool = False,
) -> npt.NDArray[Any]:
    """Answer by the first rule that fits, for the rows to keep; None where none does.

    An `InputError` that begins with `where` names values that a table of answers lacks, and, if an
    answer is `needed` in every row, those that no rule fits.
    """
    answer = np.full(len(keep), None, object)
    open_rows = keep.copy()
    for rule in rules:
        if not rule.of:
            fits = open_rows & _fits(rule.when, values, len(keep))
            answer[fits] = rule.answer
            open_rows &= ~fits
            continue
        column = values[rule.of]
        for value, result in rule.lookup.items():
            answer[open_rows & (column == value)] = result
        unknown = open_rows & ~np.isin(column, np.array([*rule.lookup], column.dtype))
        if unknown.any():
            raise _unknown(where, rule.of, column[unknown], [*rule.lookup])
        open_rows[:] = False
    if needed and open_rows.any():
        names = dict.fromkeys(name for rule in rules for name, _ in rule.compared)
        row = np.flatnonzero(open_rows)[0]
        found = ", ".join(f"{name} {values[name][row]}" for name in names)
        raise InputError(f"{where}: no rule fits {open_rows.sum():,} rows, the first with {found}")
    return answer


def _unknown(
    where: str, column: str, found: npt.NDArray[Any], known: Sequence[object]
) -> InputError:
    values = list(dict.fromkeys("none" if pd.isna(one) else _shown(one) for one in found))
    return InputError(
        f"{where}: column '{column}' holds {first_few(sorted(values))} in {len(found):,} rows, "
        f"expected one of {', '.join(map(_shown, known))}; add what it means to the catalogue's "
        "rules (docs/specz.md)"
    )


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _number(quantity: Quantity, values: Mapping[str, npt.NDArray[Any]], unit: str) -> Floats:
    """A column in our unit, NaN where it holds no value."""
    found = values[quantity.column].astype(np.float64)
    found[~np.isfinite(found)] = np.nan
    for sentinel in quantity.sentinels:
        found[np.isclose(found, sentinel, rtol=SENTINEL_DIGITS, atol=0.0)] = np.nan
    return found * FACTORS[unit][quantity.unit]


def _error(catalogue: Catalogue, values: Mapping[str, npt.NDArray[Any]]) -> Floats:
    """The error of the redshift, NaN where there is none above 0."""
    given = catalogue.columns.redshift_err
    if given is None:
        return np.full(len(values[catalogue.columns.redshift.column]), np.nan)
    if isinstance(given, Interval):
        error = (_number(given.high, values, "") - _number(given.low, values, "")) / 2.0
    else:
        error = _number(given, values, "")
    return np.where(error > 0.0, error, np.nan)


def _identifiers(
    chunk: pa.Table, ids: Sequence[str], fields: Sequence[Field], path: Path
) -> npt.NDArray[Any]:
    """The identifiers as exact text, those of several columns joined by hyphens."""
    theirs = {one.column.name: one.name for one in fields}
    columns = [as_ids(chunk, theirs[name], path).cast(pa.string()) for name in ids]
    for name, column in zip(ids, columns, strict=True):
        if column.null_count:
            raise InputError(
                f"{path}: column '{name}' identifies the rows, and {column.null_count:,} have none "
                "there; leave these rows out"
            )
    trimmed = [pc.utf8_trim_whitespace(column) for column in columns]
    joined = pc.binary_join_element_wise(*trimmed, "-") if len(trimmed) > 1 else trimmed[0]
    return np.asarray(joined.to_numpy())


def as_measurements(columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a frame of the columns `MEASURED`, each of the dtype that `SPECZ` declares."""
    return pd.DataFrame(
        {name: pd.Series(columns[name], dtype=pandas_dtype(SPECZ[name])) for name in MEASURED}
    )


def _require_units(catalogue: Catalogue, fields: Sequence[Field], file: TableFile) -> None:
    """Refuse a file that states another unit for a column than the configuration has."""
    theirs = {one.column.name: one.name for one in fields}
    for quantity in catalogue.columns.quantities:
        stated = file.units.get(theirs[quantity.column], "").strip().casefold()
        if stated and stated not in SPELLINGS[quantity.unit]:
            raise InputError(
                f"{file.path}: column '{quantity.column}' is in '{stated}', expected "
                f"'{quantity.unit or 'no unit'}' for catalogue '{catalogue.name}'; convert the "
                "column, or correct the unit that the file states"
            )
