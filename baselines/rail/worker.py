"""Find, train and run a stage of RAIL, in a Python that has RAIL and nothing of ours.

Started as ``python worker.py CALL`` in a folder of its own, where it reads ``request.json`` and
writes ``reply.json``. What a stage prints goes to the standard streams. The calls:

``describe``
    Find an estimator in RAIL's catalogue by name, with its informer, their parameters and versions.
``inform``
    Train the informer on ``train.hdf5``, and leave what it learned in ``model``.
``estimate``
    Forecast the galaxies in ``test.hdf5`` with ``model``, as a qp ensemble ``forecasts.hdf5``.
"""

import importlib
import json
import platform
import random
import resource
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

REQUEST, REPLY = Path("request.json"), Path("reply.json")
TRAIN, TEST, FORECASTS = "train.hdf5", "test.hdf5", "forecasts.hdf5"
MODEL = "model"
NEEDED = ("pz-rail-base", "qp-prob", "numpy")
KIB = 1024


def describe(request: dict[str, Any]) -> dict[str, Any]:
    """Find an estimator and its informer; where there is none, say which there are."""
    from rail.core import RailEnv
    from rail.core.data import QPHandle
    from rail.core.stage import RailStage
    from rail.estimation.estimator import CatEstimator
    from rail.estimation.informer import CatInformer

    broken = {}
    for package in ("rail.stages", *RailEnv.list_rail_packages()):
        try:
            importlib.import_module(package)
        except Exception as error:
            broken[package] = f"{type(error).__name__}: {error}"
    stages = {name: stage for name, (stage, _) in RailStage.pipeline_stages.items()}
    informers = {name: one for name, one in stages.items() if issubclass(one, CatInformer)}
    pairs = {}
    for name, stage in stages.items():
        if not issubclass(stage, CatEstimator) or stage is CatEstimator:
            continue
        if not issubclass(dict(stage.outputs)["output"], QPHandle):
            continue
        beside = [one for one in informers.values() if one.__module__ == stage.__module__]
        called = informers.get(name.replace("Estimator", "Informer"))
        if called or len(beside) == 1:
            pairs[name] = (called or beside[0], stage)
    if request["stage"] not in pairs:
        return {"estimators": sorted(pairs), "broken": broken}
    pair = pairs[request["stage"]]
    return {
        "informer": pair[0].name,
        "modules": [one.__module__ for one in pair],
        "parameters": [_parameters(one) for one in pair],
        "package": _package(pair[1].__module__),
        "packages": _versions(pair[1].__module__),
    }


def inform(request: dict[str, Any]) -> dict[str, Any]:
    """Train the informer, and leave its model."""
    from rail.core.data import TableHandle

    informer = _stage(request, name="inform", **{MODEL: MODEL})
    informer.inform(TableHandle("train", path=TRAIN))
    return {}


def estimate(request: dict[str, Any]) -> dict[str, Any]:
    """Forecast, and leave a qp ensemble."""
    from rail.core.data import TableHandle

    estimator = _stage(request, name="estimate", output=FORECASTS, **{MODEL: MODEL})
    estimator.estimate(TableHandle("test", path=TEST))
    return {}


def _stage(request: dict[str, Any], **files: str) -> Any:
    """Make a stage, with Python's and NumPy's own random numbers seeded."""
    import numpy as np

    random.seed(request["seed"])
    np.random.seed(request["seed"])  # noqa: NPY002 (what stages draw from)
    stage = getattr(importlib.import_module(request["module"]), request["stage"])
    return stage.make_stage(**request["settings"], **files)


def _parameters(stage: Any) -> dict[str, Any]:
    """Return a stage's parameters: their type's name, default and help."""
    from ceci.config import StageConfig

    found = {}
    for name, parameter in dict.items(StageConfig(**stage.config_options)):
        kind = parameter.dtype
        found[name] = {
            "type": kind.__name__ if kind else "",
            "default": _plain(parameter.default),
            "help": str(parameter.msg),
        }
    return found


def _plain(value: Any) -> Any:
    """Return a default as JSON can hold it; as text where that is none."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        return str(value)


def _package(module: str) -> str:
    """Name the distribution that a module of RAIL is from; empty where it can't be told."""
    path = module.replace(".", "/") + ".py"
    for one in metadata.distributions():
        name = (one.metadata["Name"] or "").lower()
        if "rail" in name and any(str(file).endswith(path) for file in one.files or ()):
            return name.replace("_", "-")
    return ""


def _versions(module: str) -> dict[str, str]:
    versions = {"Python": platform.python_version()}
    for name in (_package(module), *NEEDED):
        try:
            versions[name] = metadata.version(name)
        except (metadata.PackageNotFoundError, ValueError):
            continue
    return versions


def main(call: str) -> None:
    """Do what is asked, and write the reply: what was found, or why RAIL is not there."""
    request = json.loads(REQUEST.read_text(encoding="utf-8"))
    try:
        importlib.import_module("rail.core.stage")
    except ImportError as error:
        reply: dict[str, Any] = {"absent": f"{type(error).__name__}: {error}"}
    else:
        reply = {"describe": describe, "inform": inform, "estimate": estimate}[call](request)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    reply["peak_mb"] = peak * (1 if sys.platform == "darwin" else KIB) / 1e6
    REPLY.write_text(json.dumps(reply), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
