"""Whether the code that runs is the code of the checkout that it works in."""

import os
from importlib.util import find_spec
from pathlib import Path

from transferz.schemas.errors import InputError

ROOMS = ("schemas", "photometry", "tables", "dataset", "baselines", "cli")
CODE = (".py", ".jinja", ".sql")


def require_own_code(checkout: Path | None = None) -> None:
    """Refuse to work in a checkout whose code is not the code that runs.

    DVC records in ``dvc.lock`` the code that lies in the checkout. An environment that was made in
    another checkout runs that one's code instead, and the lock would be wrong without a word. Where
    both hold the same files, it makes no difference whose they are.

    Parameters
    ----------
    checkout : Path, optional
        Folder of the checkout; by default the one that DVC runs a stage of. Outside of both nothing
        is checked, nor where the folder has no code.

    Raises
    ------
    InputError
        Where a file of code differs; it names the first one.
    """
    if checkout is None:
        if "DVC_ROOT" not in os.environ:
            return
        checkout = Path(os.environ["DVC_ROOT"])
    for room in ROOMS:
        spec = find_spec(f"transferz.{room}")
        folders = spec.submodule_search_locations if spec else None
        hashed = checkout / room
        if not folders or not (hashed / "__init__.py").is_file():
            continue
        running = Path(folders[0])
        if not running.samefile(hashed) and (name := _first_difference(running, hashed)):
            raise InputError(
                f"{hashed / name} is not the code that runs, which is {running / name}: this "
                "environment was made in another checkout; use this one's own (`make env`, then "
                f"`. .venv/bin/activate` in {checkout.resolve()}) and run again"
            )


def _first_difference(running: Path, hashed: Path) -> Path | None:
    """Return the first file of code, below both folders, that only one has or that differs."""
    for name in sorted(_code_below(running) | _code_below(hashed)):
        files = running / name, hashed / name
        if not all(file.is_file() for file in files):
            return name
        if files[0].read_bytes() != files[1].read_bytes():
            return name
    return None


def _code_below(folder: Path) -> set[Path]:
    return {path.relative_to(folder) for path in folder.rglob("*") if path.suffix in CODE}
