"""Entries as YAML files: read without running or fetching anything, written the same each time."""

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

from transferz.schemas.benchmark.entries import DIGITS, Entry
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.errors import InputError

REMEDY = "write it again with `transferz benchmark`"

MAX_BYTES = 200_000
"""Of an entry; ours have some 30 kB, and what is much larger is something else (our choice)."""

MAX_NAME = 100  # characters of an entry's name, at most

TEXT = "tag:yaml.org,2002:str"

LINE = 100  # characters of a line of YAML, at most


def read_entry(path: Path) -> Entry:
    """Read an entry.

    Parameters
    ----------
    path : Path
        A YAML file.

    Raises
    ------
    InputError
        In one sentence, where the file is missing, too large, no YAML, or no such record.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise InputError(f"{path} has {size:,} bytes, an entry at most {MAX_BYTES:,}; {REMEDY}")
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or error
        raise InputError(f"{path} can't be read: {said}; {REMEDY}") from None
    return parse_entry(text, str(path))


def parse_entry(text: str, source: str = "the entry") -> Entry:
    """Read the YAML text of an entry; raises what `read_entry` does.

    Parameters
    ----------
    text : str
        YAML.
    source : str
        Where it is from, for the message.
    """
    import yaml

    try:
        content = json.dumps(yaml.load(text, _plain_loader()))  # noqa: S506 (safe)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        said = " ".join(str(error).split())
        raise InputError(f"{source} is no YAML that can be used: {said}; {REMEDY}") from None
    return parse_record(content, Entry, source, REMEDY)


def _plain_loader() -> Any:
    """YAML's safe loader, without aliases: a few lines of them are gigabytes. A date is text."""
    import yaml

    class Loader(yaml.SafeLoader):
        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise _fault("aliases are not used", self.peek_event())  # type: ignore[no-untyped-call]
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            _require_names(node)
            return super().construct_mapping(node, deep=deep)

    text: Any = yaml.SafeLoader.construct_scalar
    Loader.add_constructor("tag:yaml.org,2002:timestamp", text)
    _know_powers(Loader)
    return Loader


def _know_powers(kind: Any) -> None:
    """Take ``1e-05`` for a number, as JSON and YAML 1.2 do; YAML 1.1 wants ``1.0e-05``."""
    power = re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
    kind.add_implicit_resolver("tag:yaml.org,2002:float", power, list("-+0123456789"))


def _require_names(node: Any) -> None:
    """Refuse a mapping with a name that is no plain word, or stands there twice."""
    seen: set[str] = set()
    for one, _ in node.value:
        name = one.value
        if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
            raise _fault(f"a name has {MAX_NAME} printable characters at most", one)
        if name in seen:
            raise _fault(f"'{name}' stands there twice", one)
        seen.add(name)


def _fault(said: str, where: Any) -> Exception:
    import yaml

    return yaml.MarkedYAMLError(None, None, said, where.start_mark)


def entry_text(entry: Entry) -> str:
    """YAML of an entry: a line per group of numbers, the same bytes for the same entry."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def represent_text(self, text: str) -> Any:
            # other quotes would turn some kinds of line ends into others
            return self.represent_scalar(TEXT, text, style=None if text.isprintable() else '"')

    Dumper.add_representer(str, Dumper.represent_text)
    _know_powers(Dumper)  # such a text is put into quotes
    content = entry.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return str(
        yaml.dump(
            content,
            Dumper=Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=LINE,
            default_flow_style=None,
        )
    )


def write_entry(path: Path, entry: Entry) -> None:
    """Write an entry as `entry_text`; who calls it sees to it that it is there whole or not."""
    path.write_text(entry_text(entry), encoding="utf-8", newline="\n")


def rounded(value: Any) -> Any:
    """Return plain data with its real numbers rounded to `DIGITS` significant digits."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
