"""Read params.yaml: validated sections, here those that more than one stage or check reads."""

import datetime
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from transferz.schemas import ParameterError, TransferZError
from transferz.schemas.survey.documents import MAX_YAML, parse_yaml, read_bytes
from transferz.schemas.survey.files import Version, is_mock_name
from transferz.schemas.survey.survey import Survey, base_of
from transferz.tables.hub import parse_reference

PARAMS_FILE = Path("params.yaml")
MAX_RADIUS_ARCSEC = 60.0
"""The greatest match radius that makes sense (our choice)."""


class Params(BaseModel):
    """Base of all parameter sections: immutable, no unknown names, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Section = TypeVar("Section", bound=BaseModel)


def read_params(section: str, model: type[Section], path: Path = PARAMS_FILE) -> Section:
    """Read one section of params.yaml (a dotted name, as in ``select.hsc``), validated by a model.

    Raises `ParameterError` if the file or section is missing, or a parameter is unknown, missing or
    out of range.
    """
    values = find_section(load_params(path), section, path)
    return validated(values, model, str(path), section)


def validated(values: Any, model: type[Section], path: str, section: str) -> Section:
    """Read one section of the file `path` by its model; `ParameterError` says what is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(section, detail) for detail in error.errors())
        raise ParameterError(f"{path}: {problems}; correct it and run again") from None


def select_section(survey: Survey, catalogue: str) -> tuple[tuple[str, str], dict[str, Any]]:
    """Return the file and section that has a catalogue's cuts, and what it holds.

    Cuts in params.yaml replace those of the survey's configuration.
    """
    section = load_params(PARAMS_FILE).get("select", {}).get(catalogue)
    if section is not None:
        return (str(PARAMS_FILE), f"select.{catalogue}"), section
    cuts = [dict(cut) for cut in survey.catalogues[catalogue].cuts]
    return (f"surveys/{survey.name}/survey.yaml", f"catalogues.{catalogue}"), {"cuts": cuts}


def find_section(sections: Mapping[str, Any], section: str, path: Path = PARAMS_FILE) -> Any:
    """Return one section, unchecked, of those of the file `path`.

    The section of a mock that takes over from another mock says only what it changes: the rest
    is as in that one's. Raises `ParameterError` if there is none.
    """
    values: Any = sections
    for name in section.split("."):
        if not isinstance(values, Mapping) or name not in values:
            raise ParameterError(f"{path}: section '{section}' is missing; add it")
        values = values[name]
    if is_mock_name(base := base_of(section)):
        values = _changed(find_section(sections, base, path), values)
    return values


def _changed(values: Any, changes: Any) -> Any:
    """The values with the changes, at whatever depth."""
    if not (isinstance(values, Mapping) and isinstance(changes, Mapping)):
        return changes
    return {**values, **{name: _changed(values.get(name), changes[name]) for name in changes}}


def load_params(path: Path) -> Mapping[str, Any]:
    """Read all sections, unchecked; raises `ParameterError` where there are none."""
    try:
        content = parse_yaml(read_bytes(path, MAX_YAML).decode("utf-8"))
    except FileNotFoundError:
        raise ParameterError(
            f"{path} is missing; run this from the project's root, where params.yaml lies"
        ) from None
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"{path} can't be read as YAML: {error}; correct it and run again"
        ) from error
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path}: expected named sections, found {type(content).__name__}")
    return content


def _problem(section: str, detail: Any) -> str:
    where = ".".join([section, *map(str, detail["loc"])])
    if detail["type"] == "extra_forbidden":
        return f"unknown parameter '{where}'"
    if detail["type"] == "missing":
        return f"parameter '{where}' is missing"
    return f"parameter '{where}': {detail['msg']}, found {detail['input']!r}"


class MatchParams(Params):
    """Section ``match`` of params.yaml: how catalogues are matched on the sky, and judged.

    `engine` says how neighbours are found, ``memory`` with all positions in memory or ``lsdb`` in
    partitions of the sky: the same ones. Positions are moved by `chance_shift_arcsec` to count
    chance matches, in bins of the i magnitude whose edges `magnitude_edges` holds. The offset
    histogram has bins of `histogram_step_arcsec`.
    """

    engine: Literal["memory", "lsdb"] = "memory"
    radius_arcsec: float = Field(gt=0, le=MAX_RADIUS_ARCSEC)
    remove_median_offset: bool
    chance_shift_arcsec: float = Field(gt=0)
    magnitude_edges: list[float] = Field(min_length=2)
    histogram_step_arcsec: float = Field(ge=0.001)

    @field_validator("magnitude_edges")
    @classmethod
    def _ascending(cls, edges: list[float]) -> list[float]:
        if sorted(set(edges)) != edges:
            raise ValueError("edges must ascend")
        return edges

    @field_validator("engine")
    @classmethod
    def _installed(cls, engine: str) -> str:
        if engine == "lsdb" and find_spec("lsdb") is None:
            raise ValueError(
                "the package 'lsdb' is missing: pip install 'transferz[lsdb]', or take memory"
            )
        return engine

    @model_validator(mode="after")
    def _shifted_away(self) -> "MatchParams":
        if self.chance_shift_arcsec <= self.radius_arcsec:
            raise ValueError("chance_shift_arcsec must exceed radius_arcsec, or matches are true")
        return self


class SplitParams(Params):
    """Section ``split`` of params.yaml.

    `scheme` is ``hash`` of the object's id; ``sky_block``, whole HEALPix cells of
    `sky_block_nside`; or ``published``, which the survey ``authors`` always has. Another `salt` of
    the hash is another split. `fractions`, of each split, sum to 1. `published_calibration` is the
    share of GalaxiesML's published training split that becomes ``calibration`` in scheme
    ``published``: its authors published no such split.
    """

    scheme: Literal["hash", "sky_block", "published"]
    salt: str = Field(min_length=1)
    fractions: dict[str, float]
    sky_block_nside: int = Field(gt=0, le=2**29)
    published_calibration: float = Field(ge=0, lt=1)


class ReleaseParams(Params):
    """Section ``release`` of params.yaml: version ``x.y.z`` by Croissant's rule, date YYYY-MM-DD.

    `previous` is the release to compare with: a directory, or ``org/name@x.y.z`` on the Hub. None
    compares with nothing. It decides whether the version will do, and nothing of what is written.
    With `hats` each config is written a second time, as a HATS collection.
    """

    version: str
    date: str
    previous: str | None = None
    hats: bool = False

    @field_validator("version")
    @classmethod
    def _is_a_version(cls, value: str) -> str:
        try:
            version = Version.parse(value)
        except TransferZError as error:
            raise ValueError(str(error)) from None
        if version.mock:
            raise ValueError("a mock gets '+mock' by itself")
        return value

    @field_validator("date")
    @classmethod
    def _is_a_date(cls, value: str) -> str:
        return datetime.date.fromisoformat(value).isoformat()

    @field_validator("previous")
    @classmethod
    def _is_a_release(cls, value: str | None) -> str | None:
        if value is None or (value and Path(value).expanduser().is_dir()):
            return value
        try:
            named = parse_reference(value).version is not None  # the newest is another one one day
        except TransferZError:
            named = False
        if not named:
            raise ValueError(
                "expected a directory that is there, or a release on the Hub with its version, as "
                "in org/name@1.0.0, or null to compare with nothing"
            )
        return value
