"""Releases of real galaxies, made of files that were put in place by hand."""

import contextlib
import gzip
import importlib.util
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from astropy.table import Table
from scipy.spatial import KDTree

from transferz import load_dataset, to_pandas
from transferz.dataset.pipeline.manifest import content
from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.verify.verifying import inspect
from transferz.schemas.survey.survey import find_survey

_spec = importlib.util.spec_from_file_location(
    "upstream_server", Path(__file__).parents[1] / "upstream_server.py"
)
upstream_server = sys.modules[_spec.name] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(upstream_server)

FILES = {
    "des": {"des": "des_dr2_grizy_specz.csv.gz"},
    "cosmos_lite": {
        "cosmos2015": "cosmos_vriz_manyband_label.csv.gz",
        "zcosmos": "zcosmos_bright.csv.gz",
    },
}


@pytest.fixture(scope="module")
def real():
    """The folder with real tables."""
    if not (data := os.environ.get("TRANSFERZ_REAL_DATA")):
        pytest.skip("TRANSFERZ_REAL_DATA names no folder with real tables")
    return Path(data)


def put(real, layout, catalogue):
    """Put a catalogue's file in place by hand."""
    (layout.raw / catalogue).mkdir(parents=True)
    shutil.copy(real / FILES[layout.survey][catalogue], layout.raw / catalogue)


def run_stages(space, layout, last="card"):
    each = [(stage, one) for stage in ("fetch", "ingest", "select") for one in layout.catalogues]
    each += [(stage,) for stage in ("match",) * bool(layout.configured.match)]
    for stage in [*each, ("split",), ("release",), ("card",)]:
        status, said = space.stage(*stage, "--survey", layout.survey)
        assert status == 0, said
        if stage[0] == last:
            return


@pytest.fixture(scope="module", params=FILES)
def made(request, real, built, tmp_path_factory):
    """The survey, and the project in which all its stages have run."""
    space = built.copy(tmp_path_factory.mktemp(request.param) / "project", code=False)
    layout = Layout(request.param, space.root / "data")
    for catalogue in FILES[request.param]:
        put(real, layout, catalogue)
    run_stages(space, layout)
    return layout


def test_a_release_of_real_galaxies_is_sound(made):
    report = inspect(made.release)
    assert report.sound, report.text()
    card = (made.release / "README.md").read_text(encoding="utf-8")
    assert "MOCK" not in card and "HSC" not in card


def test_what_is_fetched_gives_the_same_content(made, real, built, tmp_path, monkeypatch):
    """From a server on loopback, under the published names; DES's table is FITS there."""
    space = built.copy(tmp_path / "project", code=False)
    space.change("fetch.retries.backoff_seconds", 0.01)
    layout = Layout(made.survey, space.root / "data")
    with upstream_server.UpstreamServer(tmp_path / "upstream") as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for catalogue, file in FILES[made.survey].items():
            (edition,) = layout.configured.catalogues[catalogue].editions.values()
            if "files" not in edition:
                put(real, layout, catalogue)
                continue
            (published,) = edition["files"]
            table = Table.read(real / file, format="ascii.csv")
            if published["name"].endswith(".fits"):
                table.write(server.place(published["urls"][0]), format="fits")
            else:
                packed = gzip.decompress((real / file).read_bytes())
                server.place(published["urls"][0]).write_bytes(packed)
        run_stages(space, layout, last="release")
    assert content(layout.release) == content(made.release)


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
