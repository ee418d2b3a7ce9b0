"""The catalogues that can be read, as configuration: catalogues.yaml, checked and typed.

A catalogue is its columns and three lists of rules, which say of each row its quality, what the
object is, and how its light was dispersed. Of a list's rules the first that fits a row decides.
"""

import importlib.resources
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from transferz.dataset.sources.fields import share_found
from transferz.dataset.sources.registry import Citation
from transferz.schemas import Column, InputError, ParameterError, Table
from transferz.schemas.survey.columns import Dtype
from transferz.schemas.survey.documents import load_yaml
from transferz.schemas.survey.spectra import OBJECT_CLASSES, QUALITIES, TECHNIQUES
from transferz.tables.files import require_file
from transferz.tables.reading import open_table
from transferz.tables.table import TableFile

HERE = "transferz.dataset.spectra"
HOW_TO_ADD = "docs/specz.md says how to add one, in a file for --catalogues"

Value = bool | float | str
DTYPES: dict[type, Dtype] = {bool: "bool", float: "float64", str: "string"}
"""As what a column is read that is compared with values of a type."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Quantity(_Entry):
    """A column of numbers: its unit, and the numbers that stand for no value in it.

    In YAML, a name alone is a column in degrees, or without a unit, that has a number in all rows.
    """

    column: str
    unit: Literal["", "deg", "rad", "hourangle", "km/s"] = ""
    sentinels: tuple[float, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, given: Any) -> Any:
        return {"column": given} if isinstance(given, str) else given


class Interval(_Entry):
    """A 68 % interval, half of which is the error."""

    low: Quantity
    high: Quantity


class Columns(_Entry):
    """Where a catalogue has what; `id` names the columns that identify a row together."""

    id: tuple[str, ...]
    ra: Quantity
    dec: Quantity
    redshift: Quantity
    redshift_err: Quantity | Interval | None = None

    @field_validator("id", mode="before")
    @classmethod
    def _one_name(cls, given: Any) -> Any:
        return (given,) if isinstance(given, str) else given

    @field_validator("ra", "dec")
    @classmethod
    def _angle(cls, given: Quantity) -> Quantity:
        return given if given.unit else given.model_copy(update={"unit": "deg"})

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """All columns of numbers, those of the error last."""
        error = self.redshift_err
        errors = (error.low, error.high) if isinstance(error, Interval) else (error,)
        return (self.ra, self.dec, self.redshift, *(one for one in errors if one))


class Condition(_Entry):
    """What a column must hold: one of some values, none of some, or a number between bounds.

    In YAML, a value alone or a list of them is `is_in`. The bounds are included. A missing value is
    none of any.
    """

    is_in: tuple[Value, ...] = ()
    not_in: tuple[Value, ...] = ()
    min: float | None = None
    max: float | None = None

    @model_validator(mode="before")
    @classmethod
    def _values_alone(cls, given: Any) -> Any:
        if isinstance(given, Mapping | Condition):
            return given
        return {"is_in": given if isinstance(given, list) else [given]}

    @model_validator(mode="after")
    def _one_kind(self) -> "Condition":
        bounded = self.min is not None or self.max is not None
        if [bool(self.is_in), bool(self.not_in), bounded].count(True) != 1:
            raise ValueError("expected a value, a list of values, not_in, or min and max")
        return self

    @property
    def values(self) -> tuple[Value, ...]:
        """The values that a column is compared with."""
        bounds = (bound for bound in (self.min, self.max) if bound is not None)
        return (*self.is_in, *self.not_in, *bounds)


class Rule(_Entry):
    """One rule: the answer `is` in rows where all conditions `when` hold, without any in all rows.

    Or a table: `values` has the answer for each value of the column `of`; a value that is not in it
    is an error.
    """

    when: dict[str, Condition] = Field(default_factory=dict)
    answer: int | str | None = Field(None, alias="is")
    of: str = ""
    lookup: dict[Value, int | str] = Field(default_factory=dict, alias="values")

    @model_validator(mode="after")
    def _one_form(self) -> "Rule":
        if bool(self.of) != bool(self.lookup) or bool(self.of) == (self.answer is not None):
            raise ValueError("expected 'is', with or without 'when', or 'of' with 'values'")
        return self

    @property
    def answers(self) -> tuple[int | str, ...]:
        """All that the rule may answer."""
        return tuple(self.lookup.values()) if self.answer is None else (self.answer,)

    @property
    def compared(self) -> Iterator[tuple[str, Value]]:
        """Each column that the rule looks at, with each value it is compared with."""
        yield from ((self.of, value) for value in self.lookup)
        yield from ((name, value) for name, one in self.when.items() for value in one.values)


class Catalogue(_Entry):
    """A published catalogue: what it is, its columns, and the rules for its flags.

    `leave_out` names the rows that are no redshift of an object at all, each kind with its
    conditions. `note` says what of this entry is verified, second-hand or our own choice.
    """

    name: str = Field(pattern="^[a-z0-9_]+$")
    title: str
    citation: Citation
    note: str
    columns: Columns
    leave_out: dict[str, dict[str, Condition]] = Field(default_factory=dict)
    quality: tuple[Rule, ...]
    object_class: tuple[Rule, ...] = ()
    technique: tuple[Rule, ...]

    @field_validator("technique", mode="before")
    @classmethod
    def _one_answer(cls, given: Any) -> Any:
        return [{"is": given}] if isinstance(given, str) else given

    @model_validator(mode="after")
    def _answers_allowed(self) -> "Catalogue":
        allowed: dict[str, Sequence[int | str]] = {
            "quality": tuple(QUALITIES),
            "object_class": OBJECT_CLASSES,
            "technique": TECHNIQUES,
        }
        for what, answers in allowed.items():
            for rule in getattr(self, what):
                if wrong := [one for one in rule.answers if one not in answers]:
                    raise ValueError(f"{what}: expected one of {answers}, found {wrong[0]!r}")
        _ = self.flags
        return self

    @property
    def flags(self) -> dict[str, Dtype]:
        """The columns that the rules look at, and as what each is read."""
        rules = [*self.quality, *self.object_class, *self.technique]
        rules += [Rule.model_validate({"when": one, "is": 0}) for one in self.leave_out.values()]
        kinds: dict[str, Dtype] = {}
        for name, value in (pair for rule in rules for pair in rule.compared):
            dtype = DTYPES[float if isinstance(value, int | float) else str]
            dtype = "bool" if isinstance(value, bool) else dtype
            if kinds.setdefault(name, dtype) != dtype:
                raise ValueError(f"column '{name}' is compared with {kinds[name]} and {dtype}")
        return kinds

    @property
    def table(self) -> Table:
        """The columns that a file of this catalogue must have, as they are read."""
        ids = dict.fromkeys(self.columns.id, "string")
        numbers = dict.fromkeys([one.column for one in self.columns.quantities], "float64")
        dtypes: dict[str, Any] = self.flags | numbers | ids
        columns = [
            # Not nullable: no number but those listed here stands for a missing one.
            Column(name, dtype, "", upstream=(name,), nullable=not dtype.startswith("float"))
            for name, dtype in dtypes.items()
        ]
        return Table(self.name, tuple(columns), key=self.columns.id[0])


def load_catalogues(own: Path | None = None) -> dict[str, Catalogue]:
    """Read the catalogues that ship with the project, and those in a file of the same form.

    Returns name to catalogue; one of the file's takes the place of ours of that name. A
    `ParameterError` says where a file breaks the form.
    """
    found: dict[str, Catalogue] = {}
    packaged = Path(str(importlib.resources.files(HERE) / "catalogues.yaml"))
    for path in (packaged, *([require_file(own, "name a file that exists")] if own else [])):
        try:
            content = load_yaml(path.read_text(encoding="utf-8"))
            found |= {
                name: Catalogue.model_validate({"name": name} | entry)
                for name, entry in content.items()
            }
        except (yaml.YAMLError, ValidationError, AttributeError, TypeError, UnicodeError) as error:
            raise ParameterError(f"{path} lists no catalogues: {error}; correct it") from error
    return found


def open_catalogue(path: Path, catalogues: Mapping[str, Catalogue]) -> tuple[Catalogue, TableFile]:
    """Open a file and tell by its columns which of the catalogues it is.

    An `InputError` names the catalogue that comes nearest, and those there are, where it is none;
    and those it may be, where it has the columns of several.
    """
    tables = {name: catalogue.table for name, catalogue in catalogues.items()}

    def likeness(names: Sequence[str]) -> float:
        return max(share_found(names, table) for table in tables.values())

    file = open_table(path, choose=likeness, one_line=True)
    shares = {name: share_found(file.names, table) for name, table in tables.items()}
    whole = [name for name, share in shares.items() if share == 1.0]
    if not whole:
        nearest = max(shares, key=lambda name: shares[name])
        here = {name.casefold() for name in file.names}
        missing = [name for name in tables[nearest].names if name.casefold() not in here]
        raise InputError(
            f"{path} is none of the catalogues {', '.join(catalogues)}: it comes nearest to "
            f"{nearest}, which has columns {', '.join(missing)} too; {HOW_TO_ADD}"
        )
    most = max(whole, key=lambda name: len(tables[name].names))
    rivals = [name for name in whole if not set(tables[name].names) <= set(tables[most].names)]
    if rivals or sum(set(tables[name].names) == set(tables[most].names) for name in whole) > 1:
        raise InputError(
            f"{path} has the columns of {', '.join(whole)}: leave those of all but one out of the "
            "file, or out of the file of --catalogues"
        )
    return catalogues[most], file
