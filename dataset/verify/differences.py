"""In what a page's content differs from what it should be, wherever in it that is."""

from collections.abc import Iterator, Mapping
from typing import Any

from transferz.dataset.verify.report import some

_LABELS = ("@id", "config_name", "split", "name")
"""The keys by which an entry of a list is named."""

_NOTHING = type("Nothing", (), {"__str__": lambda self: "nothing"})()


def differences(found: Any, wanted: Any, where: str = "") -> Iterator[tuple[str, str, str]]:
    """Compare two contents of JSON or YAML.

    Parameters
    ----------
    found, wanted : dict, list, str, int, float, bool or None
        The contents.
    where : str
        The path that leads to them.

    Yields
    ------
    tuple of str
        Path, what is there and what should be, for each difference. Lists whose entries have other
        names, or another number or order of them, are one difference.
    """
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for key in {**wanted, **found}:
            here, there = (one.get(key, _NOTHING) for one in (found, wanted))
            yield from differences(here, there, f"{where}.{key}" if where else str(key))
    elif isinstance(found, list) and isinstance(wanted, list):
        yield from _in_lists(found, wanted, where)
    elif (type(found), found) != (type(wanted), wanted):
        yield where, _text(found), _text(wanted)


def _in_lists(found: list[Any], wanted: list[Any], where: str) -> Iterator[tuple[str, str, str]]:
    names, there = _names(found), _names(wanted)
    if names == there:
        for name, one, other in zip(names, found, wanted, strict=True):
            yield from differences(one, other, f"{where}[{name}]")
        return
    more, fewer = [n for n in names if n not in there], [n for n in there if n not in names]
    if more or fewer:
        yield (
            where,
            f"entries too many: {some(more) or 'none'}, missing: {some(fewer) or 'none'}",
            "",
        )
    else:
        yield where, "another order, or an entry twice", some(there)


def _names(entries: list[Any]) -> list[str]:
    return [_name(one, position) for position, one in enumerate(entries)]


def _name(entry: Any, position: int) -> str:
    named = entry if isinstance(entry, Mapping) else {}
    return next((str(named[key]) for key in _LABELS if key in named), str(position))


def _text(value: Any, most: int = 120) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[:most]}..."


def without(content: Any, *keys: str) -> Any:
    """Return the content of JSON or YAML without some keys, however deep they are."""
    if isinstance(content, Mapping):
        return {name: without(one, *keys) for name, one in content.items() if name not in keys}
    if isinstance(content, list):
        return [without(one, *keys) for one in content]
    return content
