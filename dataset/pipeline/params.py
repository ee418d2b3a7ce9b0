"""Read params.yaml: one validated section per stage."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from transferz.schemas import ParameterError

PARAMS_FILE = Path("params.yaml")


class Params(BaseModel):
    """Base of all parameter sections: immutable, no unknown names, no silent conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Section = TypeVar("Section", bound=BaseModel)


def read_params(section: str, model: type[Section], path: Path = PARAMS_FILE) -> Section:
    """Read and validate one section of params.yaml.

    Parameters
    ----------
    section : str
        Dotted name, as in ``select.hsc``.
    model : type of Params
        What the section holds.
    path : Path
        The parameter file.

    Returns
    -------
    Params
        An instance of `model`.

    Raises
    ------
    ParameterError
        If the file or section is missing, or a parameter is unknown, missing or out of range.
    """
    values = _section(_load(path), section, path)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(section, detail) for detail in error.errors())
        raise ParameterError(f"{path}: {problems}; correct it and run again") from None


def _load(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParameterError(
            f"{path} is missing; run this from the project's root, where params.yaml lies"
        ) from None
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} is not valid YAML: {error}") from error
    if not isinstance(content, Mapping):
        raise ParameterError(f"{path}: expected named sections, found {type(content).__name__}")
    return content


def _section(content: Mapping[str, Any], section: str, path: Path) -> Any:
    values: Any = content
    for name in section.split("."):
        if not isinstance(values, Mapping) or name not in values:
            raise ParameterError(f"{path}: section '{section}' is missing; add it")
        values = values[name]
    return values


def _problem(section: str, detail: Any) -> str:
    where = ".".join([section, *map(str, detail["loc"])])
    if detail["type"] == "extra_forbidden":
        return f"unknown parameter '{where}'"
    if detail["type"] == "missing":
        return f"parameter '{where}' is missing"
    return f"parameter '{where}': {detail['msg']}, found {detail['input']!r}"
