"""JSON and YAML that came from elsewhere, read within bounds: no small file takes the machine.

A document is read here and nowhere else when it is a release's or an entry's. Whatever is wrong
with it is a `ValueError` that says what; who reads it adds the file and what to do.
"""

import json
import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

MAX_JSON = 64 << 20  # bytes; the longest of ours, a manifest that lists moved objects, has 3 MB
MAX_YAML = 1 << 20  # bytes; the longest of ours, a card's front matter, has 0.02 MB
MAX_DEPTH = 60  # of entries within entries; the deepest of ours has 9
MAX_NAME = 100  # characters of a name in YAML

_OURS = ("int", "float", "timestamp")  # what YAML 1.1 reads otherwise than JSON and people do
_INT = re.compile(r"^[-+]?(0|[1-9][0-9]{0,18})$")
_FLOAT = re.compile(
    r"^([-+]?(\.[0-9]+|[0-9]+\.[0-9]*)([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))$"
)
_HALF = re.compile(r"\\u[dD][89a-fA-F]")  # the escape of half a character, \ud83d


def read_bytes(path: Path, most: int = MAX_JSON) -> bytes:
    """Read a whole file of at most so many bytes; more is a ValueError, and an OSError stays one.

    So is a ValueError what could be waited for or read without end: a pipe, a device.

    Examples
    --------
    >>> read_bytes(Path("MANIFEST.json"))[:1]  # doctest: +SKIP
    b'{'
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError("it is no regular file")
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most:,} bytes")
    return data


def parse_json(data: bytes) -> Any:
    """Read JSON, UTF-8, of at most `MAX_JSON` bytes and `MAX_DEPTH` entries within entries.

    Examples
    --------
    >>> parse_json(b'{"a": [1]}')
    {'a': [1]}
    """
    if len(data) > MAX_JSON:
        raise ValueError(f"it has more than {MAX_JSON:,} bytes")
    try:
        return _shallow(json.loads(data.decode("utf-8")))
    except RecursionError:
        raise _too_deep() from None


def parse_yaml(text: str) -> Any:
    """Read YAML of at most `MAX_YAML` bytes: plain data, each name once, and no aliases.

    A few lines of aliases are gigabytes. A date, ``1:59:59``, which YAML 1.1 takes for a number in
    base 60, and a whole number of more than 19 digits are texts; ``1e-05`` is a number, as in JSON
    and YAML 1.2.

    Examples
    --------
    >>> parse_yaml("{rows: 12, date: 2026-11-22}")
    {'rows': 12, 'date': '2026-11-22'}
    """
    import yaml

    if len(text.encode("utf-8", "surrogatepass")) > MAX_YAML:
        raise ValueError(f"it has more than {MAX_YAML:,} bytes")
    try:
        return _shallow(yaml.load(text, _plain_loader(text)))  # noqa: S506 (a safe loader)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    except RecursionError:
        raise _too_deep() from None


def load_yaml(text: str) -> Any:
    r"""Read YAML of the project's own, aliases and all; what is none is a `yaml.YAMLError`.

    Examples
    --------
    >>> load_yaml("a: &x [1, 2]\nb: *x")
    {'a': [1, 2], 'b': [1, 2]}
    """
    import yaml

    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def _too_deep() -> ValueError:
    return ValueError(f"it has more than {MAX_DEPTH} entries within entries")


def _shallow(content: Any) -> Any:
    """Return content as it is, if it is not too deep for whoever walks through it."""
    level, depth = [content], 0
    while level:
        if depth > MAX_DEPTH:
            raise _too_deep()
        containers = [one for one in level if isinstance(one, dict | list)]
        level = [
            entry for of in containers for entry in (of.values() if isinstance(of, dict) else of)
        ]
        depth += 1
    return content


def _plain_loader(text: str) -> Any:
    """YAML's safe loader without what makes a small file big or a text something else.

    Where PyYAML has libyaml, that takes the text apart, three times as fast. Nodes are put together
    in Python all the same: libyaml crashes where thousands are within each other. Nor does it know
    a character's two escapes, as JSON writes them.
    """
    import yaml
    from yaml.composer import Composer

    fast = None if _HALF.search(text) else getattr(yaml, "CSafeLoader", None)
    bases: tuple[type, ...] = (Composer, fast) if fast else (yaml.SafeLoader,)

    def fault(message: str, node: Any) -> Exception:
        return yaml.MarkedYAMLError(None, None, message, node.start_mark)

    class Loader(*bases):  # type: ignore[misc]
        yaml_implicit_resolvers = {  # noqa: RUF012 (as yaml has it)
            start: [(tag, pattern) for tag, pattern in known if tag.rpartition(":")[2] not in _OURS]
            for start, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
        }

        def __init__(self, stream: str) -> None:
            bases[-1].__init__(self, stream)  # type: ignore[misc]
            Composer.__init__(self)

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.events.AliasEvent):
                raise fault("aliases are not used", self.peek_event())
            return super().compose_node(parent, index)

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            seen: set[str] = set()
            for key, _ in node.value:
                name = key.value
                if not isinstance(name, str) or len(name) > MAX_NAME or not name.isprintable():
                    raise fault(f"a name has {MAX_NAME} printable characters at most", key)
                if name in seen:
                    raise fault(f"'{name}' stands there twice", key)
                seen.add(name)
            return super().construct_mapping(node, deep=deep)

    signs = list("-+.0123456789")
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, signs)
    Loader.add_implicit_resolver("tag:yaml.org,2002:int", _INT, signs)
    return Loader
