"""A Python with a RAIL of ours: as much of it as transferz asks for, and stages that misbehave."""

import sys

import pytest

FILES = {
    "ceci/__init__.py": "",
    "ceci/config.py": '''
class StageParameter:
    def __init__(self, dtype=None, default=None, msg="A parameter"):
        self.dtype, self.default, self.msg = dtype, default, msg


class StageConfig(dict):
    """Its values are parameters to `dict`, as ceci's are."""
''',
    "rail/__init__.py": "",
    "rail/core/__init__.py": """
class RailEnv:
    @staticmethod
    def list_rail_packages():
        return ["rail.core", "rail.broken", "rail.ours"]
""",
    "rail/core/stage.py": """
class RailStage:
    pipeline_stages = {}
    config_options = {}

    def __init_subclass__(cls):
        cls.name = cls.__name__
        RailStage.pipeline_stages[cls.__name__] = (cls, __file__)

    @classmethod
    def make_stage(cls, **settings):
        stage = cls()
        usual = {name: one.default for name, one in cls.config_options.items()}
        stage.config = {**usual, **settings}
        return stage
""",
    "rail/core/data.py": """
class TableHandle:
    def __init__(self, tag, path):
        self.path = path


class QPHandle:
    pass


class Hdf5Handle:
    pass
""",
    "rail/stages.py": "",
    "rail/broken.py": "import a_package_that_is_not_there",
    "rail/estimation/__init__.py": "",
    "rail/estimation/informer.py": """
from rail.core.stage import RailStage


class CatInformer(RailStage):
    pass
""",
    "rail/estimation/estimator.py": """
from rail.core.data import QPHandle
from rail.core.stage import RailStage


class CatEstimator(RailStage):
    outputs = [("output", QPHandle)]
""",
    "rail/ours.py": '''
import json
import os

import h5py
import numpy as np
from ceci.config import StageParameter
from rail.core.data import Hdf5Handle
from rail.estimation.estimator import CatEstimator
from rail.estimation.informer import CatInformer

SIX = [f"mag_{band}_lsst" for band in "ugrizy"]
COMMON = {
    "bands": StageParameter(list, SIX, "the bands"),
    "ref_band": StageParameter(str, "mag_i_lsst", "one of them"),
    "replace_error_vals": StageParameter(list, [0.1] * 6, "for each band"),
    "mag_limits": StageParameter(dict, {}, "for each band"),
    "nondetect_val": StageParameter(float, 99.0, "what is none"),
    "hdf5_groupname": StageParameter(str, "photometry", "the group"),
    "redshift_col": StageParameter(str, "redshift", "the labels"),
    "seed": StageParameter(int, 7, "of random numbers"),
    "zmax": StageParameter(float, 3.0, "where the grid ends"),
}


def design(config, path):
    assert config["ref_band"] in config["bands"]
    with h5py.File(path) as file:
        rows = {name: values[()] for name, values in file[config["hdf5_groupname"]].items()}
    columns = [rows[name] for name in config["bands"]]
    return rows, np.column_stack([*columns, np.ones_like(columns[0])])


class LinearInformer(CatInformer):
    config_options = COMMON | {"ridge": StageParameter(float, 1e-6, "how stiff")}

    def inform(self, handle):
        rows, known = design(self.config, handle.path)
        square = known.T @ known + self.config["ridge"] * np.eye(known.shape[1])
        weights = np.linalg.solve(square, known.T @ rows[self.config["redshift_col"]])
        noise = 0.01 * np.random.normal()
        print("a line that is nobody's business")
        settings = {name: one for name, one in self.config.items() if name != "nondetect_val"}
        settings["nan"] = str(self.config["nondetect_val"])
        with open(self.config["model"], "w") as file:
            json.dump([list(weights), noise, settings, sorted(rows)], file)


class LinearEstimator(CatEstimator):
    """Its rows are in the reverse order, with ids."""

    config_options = COMMON | {
        "width": StageParameter(float, 0.1, "of the Gaussians"),
        "clip": StageParameter(bool, True, "whether redshifts below 0 are 0"),
    }

    def estimate(self, handle):
        weights, noise, *_ = json.load(open(self.config["model"]))
        rows, seen = design(self.config, handle.path)
        assert "redshift" not in rows
        self.write(rows["object_id"][::-1], (seen @ weights + noise)[::-1])

    def write(self, ids, point):
        if self.config["clip"]:
            point = np.maximum(point, 0.0)
        with h5py.File(self.config["output"], "w") as file:
            file["meta/pdf_name"] = np.array([b"norm"])
            file["meta/pdf_version"] = np.array([0])
            file["data/loc"] = point[:, None]
            file["data/scale"] = np.full((len(point), 1), self.config["width"])
            file["ancil/zmode"] = point
            if ids is not None:
                file["ancil/id"] = ids


class NamelessInformer(LinearInformer):
    pass


class NamelessEstimator(LinearEstimator):
    """It leaves the last galaxy out, and says of none which it is."""

    def write(self, ids, point):
        super().write(None, point[1:])


class FailingInformer(LinearInformer):
    def inform(self, handle):
        raise RuntimeError("the basis is singular")


class FailingEstimator(LinearEstimator):
    pass


class EndingInformer(LinearInformer):
    def inform(self, handle):
        os._exit(9)


class EndingEstimator(LinearEstimator):
    pass


class WithoutInformerEstimator(CatEstimator):
    """There are several informers in this module, and none of its name."""


class OtherInformer(LinearInformer):
    pass


class OtherEstimator(CatEstimator):
    """What it writes is no qp ensemble."""

    outputs = [("output", Hdf5Handle)]
''',
    "pz_rail_ours-1.2.dist-info/METADATA": "Name: pz_rail_ours\nVersion: 1.2\n",
    "pz_rail_ours-1.2.dist-info/RECORD": "rail/ours.py,,\n",
}


@pytest.fixture(scope="session")
def fake_python(tmp_path_factory):
    """The path of a program that is this Python, with that RAIL."""
    folder = tmp_path_factory.mktemp("with_rail")
    for name, text in FILES.items():
        path = folder / "site" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return script(folder / "python", f'PYTHONPATH="{folder}/site" exec "{sys.executable}" "$@"')


@pytest.fixture
def here(tmp_path, monkeypatch, tiny_release, fake_python):
    """A working folder, with the tiny release, and RAIL in its own Python."""
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
    monkeypatch.setenv("TRANSFERZ_RAIL_PYTHON", fake_python)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(path, command):
    path.write_text(f"#!/bin/sh\n{command}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def make_script(tmp_path):
    """Write a program that runs one command of the shell, and return its path."""
    return lambda command: script(tmp_path / "program", command)
