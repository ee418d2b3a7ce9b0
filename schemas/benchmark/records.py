"""Records in JSON files: validated when they are read, with one clear error."""

import reprlib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from transferz.schemas.errors import InputError

SHOWN_PROBLEMS = 3
"""Of those that a record has, how many an error names."""


class Record(BaseModel):
    """Base of all records: immutable, no unknown names, no silent conversions, finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Record)


def parse_record(text: str, model: type[Model], source: str, remedy: str) -> Model:
    """Validate the JSON text of a record.

    Parameters
    ----------
    text : str
        JSON.
    model : type of Record
        What it is to be.
    source : str
        Where it is from, for the message.
    remedy : str
        What to do where it is wrong.

    Raises
    ------
    InputError
        Naming the first few things that are wrong with it.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        found = error.errors()
        problems = "; ".join(map(_problem, found[:SHOWN_PROBLEMS]))
        more = len(found) - SHOWN_PROBLEMS
        rest = f"; and {more} more" if more > 0 else ""
        raise InputError(f"{source}: {problems}{rest}; {remedy}") from None


def read_record(path: Path, model: type[Model], remedy: str) -> Model:
    """Read and validate a record; takes and raises what `parse_record` does.

    Raises
    ------
    InputError
        If the file is missing too.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise InputError(f"{path} can't be read: {said}; {remedy}") from None
    return parse_record(text, model, str(path), remedy)


def _problem(detail: Any) -> str:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"unknown entry '{where}'"
    if detail["type"] == "missing":
        return f"entry '{where}' is missing"
    said = detail["msg"].removeprefix("Value error, ")
    if not where or isinstance(detail["input"], dict | list):
        return f"entry '{where}': {said}" if where else said
    return f"entry '{where}': {said}, found {reprlib.repr(detail['input'])}"
