"""Import names when they are asked for, so that ``import transferz`` stays light."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def import_later(
    package: str, places: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's ``__getattr__`` and ``__dir__``, which import names when asked for them.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    places : mapping of str to str
        Name -> the module of the package that has it, such as ``"frames"``.
    """

    def get(name: str) -> Any:
        if name not in places:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(f"{package}.{places[name]}"), name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *places})

    return get, names
