"""An estimator of RAIL in a Python that has RAIL: found by name, asked for its parameters, run."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from shlex import quote
from typing import Any

from transferz.baselines.benchmark.calling import MethodError
from transferz.baselines.rail import worker
from transferz.schemas.errors import ParameterError, did_you_mean

PYTHON = "TRANSFERZ_RAIL_PYTHON"
"""Environment variable that names the Python with RAIL."""

WHERE = f"name a Python that has RAIL with --python, or in {PYTHON}"

BROUGHT_BY = {
    "KNearNeighEstimator": "pz-rail-sklearn",
    "SklNeurNetEstimator": "pz-rail-sklearn",
    "FlexZBoostEstimator": "pz-rail-flexzboost",
    "CMNNEstimator": "pz-rail-cmnn",
    "DNFEstimator": "pz-rail-dnf",
    "GPzEstimator": "pz-rail-gpz-v1",
    "TPZliteEstimator": "pz-rail-tpz",
    "BPZliteEstimator": "pz-rail-bpz",
}
"""Packages of estimators that are known to run here."""

LAST_LINES = 12
"""Of a stage's own output that an error shows (our choice)."""

OURS = frozenset(
    {"hdf5_groupname", "redshift_col", "id_col", "object_id_col", "output_mode", "seed"}
)
"""Parameters that say how data are handed over, and each run's seed."""

KINDS: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
"""What a parameter of a type may be given as."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of RAIL: its class, and what parameters it has (type, default and help of each)."""

    name: str
    module: str
    parameters: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Stages:
    """An estimator and its informer.

    `package` brings them, and may be unknown (empty); `packages` are versions in that Python.
    """

    python: str
    informer: Stage
    estimator: Stage
    package: str
    packages: Mapping[str, str]

    def checked(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return settings as the stages take them; lists and dictionaries may be JSON texts.

        A ParameterError says that neither stage has one, or that it is of another type.
        """
        known = {**self.informer.parameters, **self.estimator.parameters}
        name = self.estimator.name
        checked = {}
        for one, value in settings.items():
            if one in OURS:
                raise ParameterError(f"{name}: {one} is transferz's to set; leave it out")
            if one not in known:
                there = f"it has {', '.join(sorted({*known} - OURS))}"
                raise ParameterError(
                    f"{name} has no parameter '{one}'; {did_you_mean(one, known, there)}"
                )
            kind, usual = known[one]["type"], json.dumps(known[one]["default"])
            checked[one] = _as_json(value) if kind in ("list", "dict") else value
            if not _is_kind(checked[one], kind):
                raise ParameterError(
                    f"{name}: {one}: expected {kind}, found {value!r}; it is {usual} by default "
                    f"({' '.join(known[one]['help'].split())})"
                )
        return checked


def _as_json(value: Any) -> Any:
    if isinstance(value, str):
        with suppress(ValueError):
            return json.loads(value)
    return list(value) if isinstance(value, tuple) else value


def _is_kind(value: Any, kind: str) -> bool:
    """Whether RAIL takes a value as it is: it would take the text ``False`` for True."""
    wanted = KINDS.get(kind)
    if value is None or wanted is None:
        return True
    return isinstance(value, wanted) and (kind == "bool" or not isinstance(value, bool))


@cache
def find_stages(name: str, python: str) -> Stages:
    """Find an estimator by its name in the RAIL of a Python, with its informer.

    A ParameterError says that the Python can't be run, has no RAIL, or has no such estimator.
    """
    with working_folder() as folder:
        reply = call(python, "describe", folder, {"stage": name}, f"{python}: looking for {name}")
    if "informer" not in reply:
        raise ParameterError(_unknown(name, python, reply["estimators"], reply["broken"]))
    names, parts = (
        (reply["informer"], name),
        zip(reply["modules"], reply["parameters"], strict=True),
    )
    informer, estimator = (Stage(one, *part) for one, part in zip(names, parts, strict=True))
    return Stages(python, informer, estimator, reply["package"], reply["packages"])


def find_python(named: str | None) -> str:
    """Return the Python that is named, or the one of `PYTHON`, or this one.

    A path is absolute, as it is started in another folder; a link is not followed, as an
    environment's Python is one.
    """
    found = named or os.environ.get(PYTHON) or sys.executable
    return str(Path(found).absolute()) if os.sep in found else found


@contextmanager
def working_folder() -> Iterator[Path]:
    """Make a folder for a call of the worker; it and all in it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="transferz-rail-") as folder:
        yield Path(folder)


def call(
    python: str, what: str, folder: Path, request: Mapping[str, Any], title: str
) -> dict[str, Any]:
    """Have the worker do something in a folder, and return its reply.

    A ParameterError says that the Python can't be run or has no RAIL; a MethodError that begins
    with `title` has the last lines that the worker wrote, where it failed.
    """
    (folder / worker.REQUEST).write_text(json.dumps(request), encoding="utf-8")
    script = shutil.copy(worker.__file__, folder)  # so that nothing of ours lies beside it
    try:
        done = subprocess.run(  # noqa: S603 (the Python that the user names)
            [python, script, what],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise ParameterError(f"can't run {python}: {error.strerror}; {WHERE}") from None
    reply = folder / worker.REPLY
    if done.returncode or not reply.is_file():
        said = "\n".join(done.stdout.strip().splitlines()[-LAST_LINES:]) or "It said nothing."
        raise MethodError(f"{title} failed in {python} (exit status {done.returncode}):\n{said}")
    found: dict[str, Any] = json.loads(reply.read_text(encoding="utf-8"))
    if "absent" in found:
        package = BROUGHT_BY.get(request["stage"], "pz-rail-base")
        raise ParameterError(
            f"{python} has no RAIL ({found['absent']}); {WHERE}. This makes one: "
            f"python3 -m venv rail && rail/bin/python -m pip install {package}"
        )
    return found


def _unknown(name: str, python: str, there: list[str], broken: Mapping[str, str]) -> str:
    """Say which estimators there are in place of one that there isn't."""
    parts = [f"RAIL in {python} has no estimator '{name}'", did_you_mean(name, there, "")]
    if name in BROUGHT_BY:
        parts.append(f"it comes with: {quote(python)} -m pip install {BROUGHT_BY[name]}")
    parts.append(f"there are: {', '.join(there) or 'none'}")
    parts += [f"{package} can't be imported ({reason})" for package, reason in broken.items()]
    return "; ".join(filter(None, parts))
