"""Releases of real galaxies, made of files that were put in place by hand."""

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import KDTree

from transferz import load_dataset, to_pandas
from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.verify.verifying import inspect
from transferz.schemas.survey.survey import find_survey

FILES = {
    "des": {"des": "des_dr2_grizy_specz.csv.gz"},
    "cosmos_lite": {
        "cosmos2015": "cosmos_vriz_manyband_label.csv.gz",
        "zcosmos": "zcosmos_bright.csv.gz",
    },
}


@pytest.fixture(scope="module", params=FILES)
def made(request, built, tmp_path_factory):
    """The survey, and the project in which all its stages have run."""
    if not (data := os.environ.get("TRANSFERZ_REAL_DATA")):
        pytest.skip("TRANSFERZ_REAL_DATA names no folder with real tables")
    space = built.copy(tmp_path_factory.mktemp(request.param) / "project", code=False)
    layout = Layout(request.param, space.root / "data")
    for catalogue, name in FILES[request.param].items():
        (layout.raw / catalogue).mkdir(parents=True)
        shutil.copy(Path(data) / name, layout.raw / catalogue)
    each = [(stage, one) for stage in ("fetch", "ingest", "select") for one in layout.catalogues]
    each += [(stage,) for stage in ("match",) * bool(layout.configured.match)]
    for stage in [*each, ("split",), ("release",), ("card",)]:
        assert space.stage(*stage, "--survey", request.param) == (0, "")
    return layout


def test_a_release_of_real_galaxies_is_sound(made):
    report = inspect(made.release)
    assert report.sound, report.text()
    card = (made.release / "README.md").read_text(encoding="utf-8")
    assert "MOCK" not in card and "HSC" not in card


def test_it_loads_in_one_line_with_its_own_bands(made, tmp_path):
    bands = find_survey(made.survey).described_bands
    loaded = load_dataset(path=made.release, split="test", cache_dir=str(tmp_path))
    frame = to_pandas(made.release, split="test")
    assert loaded["object_id"][:] == frame["object_id"].tolist()
    assert [name for name in loaded.column_names if name.endswith("_mag")] == [
        band.magnitude for band in bands
    ]
    assert frame["redshift"].between(0, 12).all()


def test_no_label_may_be_a_galaxy_whose_spectrum_is_in_another_split(made):
    survey = find_survey(made.survey)
    if survey.match != "photometry":
        pytest.skip(f"the objects of '{survey.name}' are told apart by their ids")
    labels, spectra = (
        to_pandas(made.release, config=survey.configs[role]) for role in ("label", "spectroscopic")
    )
    split = pd.concat(
        pd.read_parquet(made.release / "_index" / f"{survey.configs[role]}.index")
        for role in ("label", "spectroscopic")
    ).set_index("object_id")["split"]
    magnitudes = [band.magnitude for band in survey.described_bands]
    for name in split.unique():
        own = labels[labels["object_id"].map(split) == name][magnitudes].to_numpy(np.float64)
        others = spectra[spectra["object_id"].map(split) != name][magnitudes].to_numpy(np.float64)
        distance, _ = KDTree(others).query(own, p=np.inf)
        assert (distance > survey.shared_photometry).all()
    with contextlib.chdir(made.data.parent):
        assert set(made.catalogues) == set(FILES[made.survey])
