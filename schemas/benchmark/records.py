"""Records in JSON and YAML files: validated when they are read, with one clear error.

YAML is read without running or fetching anything, and written the same each time.
"""

import json
import re
import reprlib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from transferz.schemas.errors import InputError, without_credentials
from transferz.schemas.survey.documents import MAX_JSON, parse_yaml, read_bytes

SHOWN_PROBLEMS = 3
"""Of those that a record has, how many an error names."""

LINE = 100  # characters of a line of YAML, at most
TEXT = "tag:yaml.org,2002:str"


class Record(BaseModel):
    """Base of all records: immutable, no unknown names, no silent conversions, finite numbers."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=Record)


def refuse_credentials(text: str) -> str:
    """Return a text as it is, unless it would publish a password: ``https://user:pass@…``."""
    if without_credentials(text) != text:
        raise ValueError("no address with a user or password in it, since all of it is published")
    return text


def read_record(path: Path, model: type[Model], remedy: str) -> Model:
    """Read and validate a JSON file; raises what `read_text` and `parse_record` do."""
    return parse_record(read_text(path, remedy), model, str(path), remedy)


def read_text(path: Path, remedy: str, most: int = MAX_JSON) -> str:
    """Read the text of a file of at most so many bytes.

    An InputError where that fails says why, and ends in `remedy`.
    """
    try:
        return read_bytes(path, most).decode("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} can't be read: {reason}; {remedy}") from None


def parse_record(text: str, model: type[Model], source: str, remedy: str) -> Model:
    """Validate the JSON text of a record.

    An InputError says where the text is from, the first few things that are wrong with it, and
    what to do: `source` and `remedy` are for that message.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        details = error.errors()
        problems = "; ".join(map(_problem, details[:SHOWN_PROBLEMS]))
        more = len(details) - SHOWN_PROBLEMS
        rest = f"; and {more} more" if more > 0 else ""
        raise InputError(f"{source}: {problems}{rest}; {remedy}") from None


def _problem(detail: Any) -> str:
    where = ".".join(map(str, detail["loc"]))
    if detail["type"] == "extra_forbidden":
        return f"unknown entry '{where}'"
    if detail["type"] == "missing":
        return f"entry '{where}' is missing"
    message = detail["msg"].removeprefix("Value error, ")
    found = detail["input"]
    secret = isinstance(found, str) and "://" in found and "@" in found
    if not where or secret or isinstance(found, dict | list):
        return f"entry '{where}': {message}" if where else message
    return f"entry '{where}': {message}, found {reprlib.repr(found)}"


def json_of_yaml(text: str, source: str, remedy: str) -> str:
    """Turn YAML into JSON, for `parse_record`; raises InputError, as that does."""
    try:
        return json.dumps(parse_yaml(text))
    except (ValueError, TypeError) as error:
        raise InputError(f"{source} is no YAML that can be used: {error}; {remedy}") from None


def _know_powers(kind: Any) -> None:
    """Take ``1e-05`` for a number, as JSON and YAML 1.2 do; YAML 1.1 wants ``1.0e-05``."""
    power = re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$")
    kind.add_implicit_resolver("tag:yaml.org,2002:float", power, list("-+.0123456789"))


def yaml_text(content: Any) -> str:
    """Write plain data as YAML: a line per group of numbers, the same bytes for the same data."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def represent_text(self, text: str) -> Any:
            # other quotes would turn some kinds of line ends into others
            return self.represent_scalar(TEXT, text, style=None if text.isprintable() else '"')

    Dumper.add_representer(str, Dumper.represent_text)
    _know_powers(Dumper)  # such a text is put into quotes
    layout: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": LINE}
    return str(yaml.dump(content, Dumper=Dumper, default_flow_style=None, **layout))
