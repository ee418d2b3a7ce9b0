"""What a survey takes the columns of a file for, before anything is built from it.

The first rows are read as the stage `ingest` reads them, column by column, and judged by its rules.
"""

import contextlib
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transferz.dataset.ingest import POSITION, Tally, odd_positions, other_unit
from transferz.dataset.sources.catalogues import file_values
from transferz.dataset.sources.fields import (
    Field,
    how_likely,
    match_fields,
    share_found,
    stored_fields,
)
from transferz.dataset.surveys.pipeline import pipeline, pipeline_path
from transferz.photometry.flux import to_magnitude
from transferz.schemas import Column, InputError, SchemaError, Table, TransferZError
from transferz.schemas.survey.documents import MAX_YAML, parse_yaml, read_bytes
from transferz.schemas.survey.frames import check, to_frame
from transferz.schemas.survey.spectra import COMPILED
from transferz.schemas.survey.survey import Survey
from transferz.tables.cells import guess_types
from transferz.tables.printing import first_few
from transferz.tables.reading import open_table
from transferz.tables.table import TableFile

FIRST_ROWS = 10_000
"""Of a file, unless more are asked for: enough for a median."""

NEAR = 0.6  # how alike a name must be to be offered, from 0 to 1 (difflib's own)
FLUX_UNITS = ("uJy", "nJy", "mJy", "Jy")


@dataclass(frozen=True, slots=True)
class ColumnFinding:
    """What a declared column is taken from.

    `theirs` is its name in the file, empty where the file has none; `near` are names there that are
    like those looked for. `dtype` and `unit` are the file's. `missing` is the share of rows without
    a value, `low`, `median` and `high` describe the others, in our unit; None where there are none,
    or no numbers. `faults` are sentences.
    """

    name: str
    unit: str
    theirs: str = ""
    dtype: str = ""
    their_unit: str = ""
    from_flux: bool = False
    missing: float | None = None
    low: float | None = None
    median: float | None = None
    high: float | None = None
    near: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FileFinding:
    """What a file is taken for: rows read, of `all_rows` where the file says so; its columns."""

    file: str
    catalogue: str
    rows: int
    all_rows: int | None
    columns: tuple[ColumnFinding, ...]
    unused: tuple[str, ...]
    faults: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong with it."""
        return not self.faults and not any(column.faults for column in self.columns)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self) | {"sound": self.sound}


def check_pipeline(survey: Survey) -> list[str]:
    """Say what is wrong with a survey's ``dvc.yaml``: it is missing, or not what it should be."""
    path = pipeline_path(survey.name)
    remedy = f"run `transferz survey pipeline {survey.name}`"
    if not path.is_file():
        return [f"{path} is missing; {remedy}"]
    try:
        stages = parse_yaml(read_bytes(path, MAX_YAML).decode("utf-8"))["stages"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        return [f"{path} is no pipeline ({error}); {remedy}"]
    expected = pipeline(survey)["stages"]
    differ = [one for one in expected if _plain(expected[one]) != _plain(stages.get(one, {}))]
    differ += [one for one in stages if one not in expected]
    return [
        f"{path}: stage '{stage}' is not what survey.yaml and params.yaml ask for; {remedy}"
        for stage in differ[:1]
    ]


def _plain(stage: Any) -> Any:
    """A stage without its words, and without the order in which it names things."""
    if isinstance(stage, dict):
        return {name: _plain(value) for name, value in stage.items() if name != "desc"}
    return sorted(map(_plain, stage), key=str) if isinstance(stage, list) else stage


def check_files(
    survey: Survey, paths: Sequence[Path], first_rows: int = FIRST_ROWS
) -> list[FileFinding]:
    """Find what a survey takes the columns of files for, from their first rows.

    Each file is taken for the catalogue whose columns it has most of. Of a catalogue whose rows are
    spread over several tables, a column is missing where none of those given has it. An InputError
    says that a file can't be read, or has no column of the survey.
    """
    opened = [table for path in paths for table in _open(survey, path)]
    findings, seen = [], dict[str, set[str]]()
    for number, (file, catalogue) in enumerate(opened):
        table = survey.tables[catalogue]
        beside = []
        if survey.catalogues[catalogue].is_side_by_side:
            others = [*opened[:number], *opened[number + 1 :]]
            beside = [other for other, of in others if of == catalogue]
            earlier = seen.setdefault(catalogue, set())  # a column is read where it is first
            left = tuple(column for column in table if column.name not in earlier)
            table = replace(table, columns=left)
            earlier |= {
                field.column.name for field in match_fields(file.names, table, file.path)[0]
            }
        findings.append(_check_file(file, table, beside, first_rows))
    return findings


def _open(survey: Survey, path: Path) -> list[tuple[TableFile, str]]:
    """Open the tables in a file that are a catalogue's, and say which catalogue's."""

    def best(names: Sequence[str]) -> float:
        return max(how_likely(names, table) for table in survey.tables.values())

    file = open_table(path, choose=best, one_line=True)
    shares = {name: share_found(file.names, table) for name, table in survey.tables.items()}
    catalogue = max(shares, key=lambda name: shares[name])
    table = survey.tables[catalogue]
    if not shares[catalogue]:
        looked = [" or ".join(one.upstream) for one in table if one.upstream]
        raise InputError(
            f"{path} has no column of survey '{survey.name}': it has {first_few(file.names)}, and "
            f"{table.name}'s are {first_few(looked)}; name the file's in surveys/{survey.name}/"
            "survey.yaml (`from`)"
        )
    found = [(file, catalogue)]
    missing = match_fields(file.names, table, path)[1]
    if missing and survey.catalogues[catalogue].is_side_by_side:
        rest = replace(table, columns=tuple(missing))
        with contextlib.suppress(InputError):  # no other table in it has any of them
            other = open_table(path, choose=partial(share_found, table=rest), one_line=True)
            found += [(other, catalogue)] if other.names != file.names else []
    return found


def _check_file(
    file: TableFile, table: Table, beside: Sequence[TableFile], first_rows: int
) -> FileFinding:
    fields, missing = match_fields(file.names, table, file.path)
    elsewhere = {
        field.column.name for one in beside for field in match_fields(one.names, table, one.path)[0]
    }
    stored = [field.name for field in stored_fields(fields)]
    rows = _first(file, stored, first_rows)
    guessed = guess_types([rows], stored) if file.text else rows.schema
    unused = [name for name in file.names if name not in stored]
    judged, values = {}, {}
    for field in fields:
        dtype = str(guessed.field(field.name).type)
        name = field.column.name
        judged[name], values[name] = _judge(field, rows, file, dtype)
    judged |= {one.name: _absent(one, unused) for one in missing if one.name not in elsewhere}
    faults: list[str] = []
    if all(values.get(name) is not None for name in POSITION):
        turn, height = (pc.max(pc.abs(values[name])).as_py() for name in POSITION)
        if turn is not None and height is not None:
            outside = any(judged[name].faults for name in POSITION)
            odd = other_unit(turn, height) if outside else odd_positions(table, turn, height)
            faults += filter(None, [odd])
    if not len(rows):
        faults.append("it holds no rows; fetch it again or check the query")
    counts = {one.rows for one in (file, *beside)} - {None}
    if len(counts) > 1:
        other = next(one for one in beside if one.rows not in (None, file.rows))
        faults.append(
            f"expected the same rows as in {other.path}, found {file.rows:,} here and "
            f"{other.rows:,} there; take parts of one version of the catalogue"
        )
    return FileFinding(
        str(file.path),
        table.name,
        len(rows),
        file.rows,
        tuple(judged[column.name] for column in table if column.name in judged),
        tuple(unused),
        tuple(faults),
    )


def _first(file: TableFile, names: Sequence[str], most: int) -> pa.Table:
    """Read the first rows of some columns, not many more."""
    chunks, count = [file.schema(names).empty_table()], 0
    for chunk in file.chunks(names, most):
        chunks.append(chunk)
        if (count := count + len(chunk)) >= most:
            break
    return pa.concat_tables(chunks).slice(0, most)


def _judge(
    field: Field, rows: pa.Table, file: TableFile, dtype: str
) -> tuple[ColumnFinding, pa.Array | None]:
    """Say what a column's values are, and what is wrong with them; and the values, if they fit."""
    column, their_unit = field.column, file.units.get(field.name, "")
    found = ColumnFinding(
        column.name, column.unit, field.name, dtype, their_unit, from_flux=field.is_flux
    )
    faults = [*_unit_faults(field, their_unit)]
    try:
        values = file_values(field, rows, file.text)
    except TransferZError as error:
        return replace(found, faults=(*faults, str(error))), None
    known = values.drop_null()
    found = replace(found, missing=values.null_count / len(values) if len(values) else None)
    if column.dtype not in ("string", "bool") and len(known):
        numbers = known.to_numpy(zero_copy_only=False)
        low, median, high = (float(of(numbers)) for of in (np.min, np.median, np.max))
        found = replace(found, low=low, median=median, high=high)
    if len(values) and not len(known) and column not in COMPILED:  # where no catalogue need say
        faults.append("no row has a value; is it the right column?")
    faults += _value_faults(field, values, rows, file)
    return replace(found, faults=tuple(faults)), values


def _value_faults(field: Field, values: pa.Array, rows: pa.Table, file: TableFile) -> Iterator[str]:
    """What the stage `ingest` would refuse the values for."""
    column = field.column
    alone = Table(str(file.path), (replace(column, unique=False),), column.name)
    try:
        check(to_frame(pa.table({column.name: values}), alone), alone, source=str(file.path))
    except SchemaError as error:
        yield str(error)
    if column.typical:
        tally = Tally(column)
        tally.add(pa.chunked_array([values]))
        if complaint := tally.complaint(f"column '{column.name}'"):
            yield f"{complaint}{_as_flux(field, rows, file)}"


def _as_flux(field: Field, rows: pa.Table, file: TableFile) -> str:
    """What AB magnitude the median of a column has, if it is a flux in one of the usual units."""
    if field.is_flux:
        return ""
    column = replace(field.column, ucd="", missing_below=None, missing_above=None, sentinels=())
    values = file_values(replace(field, column=column), rows, file.text).drop_null()
    median = float(np.median(values.to_numpy(zero_copy_only=False))) if len(values) else 0.0
    if median <= 0:
        return ""
    jansky = dict(zip(FLUX_UNITS, (1.0, 1e-3, 1e3, 1e6), strict=True))  # to uJy
    said = ", ".join(
        f"{float(to_magnitude(np.array([median * scale]))[0]):.1f} of {unit}"
        for unit, scale in jansky.items()
    )
    return (
        f" (a median of {median:g} would be AB {said}; `from_flux` in survey.yaml takes uJy, and "
        "`transferz magnitudes` makes magnitudes of any)"
    )


def _unit_faults(field: Field, theirs: str) -> Iterator[str]:
    """What is wrong with the unit that the file itself says."""
    ours = "uJy" if field.is_flux else field.column.unit
    if not theirs or not ours:
        return
    from astropy import units

    try:
        said, wanted = (
            units.Unit(text.replace("mag(AB)", "mag").replace("ABmag", "mag"))
            for text in (theirs, ours)
        )
    except ValueError:
        yield f"the file says its unit is '{theirs}', which is none that we know; expected {ours}"
        return
    if said.is_equivalent(wanted) and said.to(wanted) == 1:
        return
    if str(said) in ("mag", "") and str(wanted) == "mag":
        return
    what = "convert it" if said.is_equivalent(wanted) else "it is another quantity"
    yield f"the file says its unit is '{theirs}', expected {ours}; {what}"


def _absent(column: Column, unused: Sequence[str]) -> ColumnFinding:
    """A declared column that no file has, with the file's names that are near."""
    spelt = (*column.upstream, *column.upstream_flux)
    folded: Mapping[str, str] = {name.casefold(): name for name in unused}
    alike = [
        near
        for name in spelt
        for near in difflib.get_close_matches(name.casefold(), folded, cutoff=NEAR)
    ]
    near = tuple(folded[name] for name in islice(dict.fromkeys(alike), 3))
    meant = f"; is it {' or '.join(near)}?" if near else ""
    said = f"it has no column {' or '.join(spelt)}{meant}"
    return ColumnFinding(column.name, column.unit, near=near, faults=(said,))
