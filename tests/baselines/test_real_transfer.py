"""The paper's experiment on real galaxies, small: on real tables where there are, else invented."""

import json
import os
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytest.importorskip("safetensors", reason="NN-TL starts from a model in a file")
real_transfer = pytest.importorskip("real_transfer", reason="not all packages are installed")

from transferz.dataset.ingest import ingest  # noqa: E402
from transferz.dataset.match import match  # noqa: E402
from transferz.dataset.pipeline.stage import Layout  # noqa: E402
from transferz.dataset.select import select  # noqa: E402
from transferz.dataset.verify.verifying import inspect  # noqa: E402

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "baselines" / "results" / "cosmos_lite"
PAGE = ROOT / "docs" / "real-transfer.md"
BANDS = "Vriz"
FILES = {"cosmos2015": "cosmos_vriz_manyband_label", "zcosmos": "zcosmos_bright"}

EDITIONS = {"cosmos2015": "cosmos2015_galpro", "zcosmos": "zcosmos_bright"}


def tables():
    """Parts of both catalogues; invented ones are no galaxies."""
    if folder := os.environ.get("TRANSFERZ_REAL_DATA"):
        read = {name: pd.read_csv(Path(folder) / f"{file}.csv.gz") for name, file in FILES.items()}
        return {name: table.iloc[::5] for name, table in read.items()}
    rng = np.random.default_rng(1)
    redshift = rng.gamma(4.0, 0.15, 2600) + 0.02
    i = rng.uniform(19.0, 23.5, redshift.size)
    colours = 1.0 + np.sin(np.multiply.outer([3.0, 2.0, 0.0, 1.0], redshift))
    magnitudes = i + colours + rng.normal(0.0, 0.05, colours.shape)
    labels, spectra = slice(0, 1400), slice(1400, None)
    photometry = {f"mag_{band}": magnitudes[k, labels] for k, band in enumerate(BANDS)}
    errors = {f"magerr_{band}": 0.05 for band in BANDS}
    label = pd.DataFrame(photometry | errors | {"z_cosmos_label": redshift[labels]})
    measured = {f"{b.lower()}_photzi25": magnitudes[k, spectra] for k, b in enumerate(BANDS)}
    around = {f"e{band.lower()}_photzi25": 0.05 for band in BANDS}
    spectrum = pd.DataFrame(measured | around | {"zpec": redshift[spectra], "cc": 4.5})
    spectrum["id_zcosmos"] = 800_000 + np.arange(len(spectrum))
    spectrum["alpha"] = rng.uniform(149.5, 150.5, len(spectrum))
    spectrum["delta"] = rng.uniform(1.7, 2.7, len(spectrum))
    return {"cosmos2015": label, "zcosmos": spectrum}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Where the command has run."""
    data = tmp_path_factory.mktemp("real") / "data"
    layout = Layout(real_transfer.SURVEY, data)
    before = Path.cwd()
    os.chdir(ROOT)  # params.yaml
    try:
        for catalogue, table in tables().items():
            (layout.raw / catalogue).mkdir(parents=True)
            table.to_csv(layout.raw / catalogue / f"{catalogue}.csv", index=False)
            fetched = layout.interim("fetch", catalogue)
            fetched.mkdir(parents=True)
            said = {"edition": EDITIONS[catalogue], "files": {}}
            (fetched / "counts.json").write_text(json.dumps(said))
            ingest(layout, catalogue)
            select(layout, catalogue)
        match(layout)
        assert real_transfer.main(arguments(data)) == 0
        yield data
    finally:
        os.chdir(before)


def arguments(data, *more):
    small = ["--quick", "--salts", "2", "--seeds", "2", "--workers", "1"]
    return [*small, "--survey-data", str(data), *more]


def of(data, *parts):
    return data.joinpath("cosmos_lite", "real-transfer-quick", *parts)


def test_every_salt_has_a_sound_release_of_its_own(made):
    splits = []
    for salt in (1, 2):
        folder = of(made, f"salt-0{salt}", "cosmos_lite", "release", "transferz")
        report = inspect(folder)
        assert report.sound, report.text()
        manifest = json.loads((folder / "MANIFEST.json").read_text())
        assert manifest["parameters"]["split"]["salt"] == f"transferz-{salt}"
        assert manifest["parameters"]["shared_photometry"] == 0.1
        index = pd.read_parquet(folder / "_index" / "spectroscopic.index")
        splits.append(index.set_index("object_id")["split"])
    assert set(splits[0].index) == set(splits[1].index)
    assert (splits[0] != splits[1].reindex(splits[0].index)).mean() > 0.3


def test_another_distance_leaves_more_labels(made):
    counts = [
        json.loads(of(made, name, "cosmos_lite", "interim", "split", "counts.json").read_text())
        for name in ("salt-01-distance-0", "salt-01")
    ]
    assert counts[0]["removed"]["shared_photometry"] < counts[1]["removed"]["shared_photometry"]
    assert counts[0]["rows_in"] == counts[1]["rows_in"]


def test_the_control_learns_from_as_many_and_as_faint_labels(made):
    entries = [
        yaml.safe_load(of(made, name, "runs", "nn_base", "entry.yaml").read_text())
        for name in ("salt-01-matched", "salt-01", "salt-01-distance-0")
    ]
    matched, fewer, whole = (entry["training"]["rows"]["train"]["labels"] for entry in entries)
    assert 0.9 * fewer < matched <= fewer < whole


def test_all_methods_ran_on_all_splits(made):
    for salt in (1, 2):
        ran = {path.name for path in of(made, f"salt-0{salt}", "runs").iterdir()}
        assert ran == {*real_transfer.NETWORKS, *real_transfer.QUICK_METHODS[:2]}
        tuned = yaml.safe_load(of(made, f"salt-0{salt}", "runs", "nn_tl", "entry.yaml").read_text())
        assert tuned["networks"]["start"]["method"] == "nn_base" and tuned["seeds"] == 2


def test_the_results_are_of_both_test_sets_and_ranges(made):
    numbers = json.loads(of(made, "results", "results.json").read_text())
    assert list(numbers) == ["spectroscopic", "labels"]
    for ranges in numbers.values():
        assert list(ranges) == ["cosmological", "all"]
        assert ranges["all"]["nn_combo"]["splits"] == 2
        assert 0 < ranges["all"]["nn_combo"]["rmse"]["mean"] < 1
    written = {path.name for path in of(made, "results").iterdir()}
    assert {"scores.md", "ratios.md", "paired.md", "bins.md", "scores.png"} <= written
    distances = of(made, "results", "distances.md").read_text()
    assert re.search(r"^\| 0, as faint as at 0\.1 \|", distances, re.M)
    assert re.search(r"^\| 0 \|", distances, re.M) and re.search(r"^\| 0\.1 \|", distances, re.M)


def test_what_has_run_is_kept_and_what_lacks_is_made(made):
    own = of(made, "salt-01", "runs")
    kept = (own / "nn_base" / "entry.yaml").stat().st_mtime_ns
    numbers = of(made, "results", "results.json").read_text()
    for path in (own / "nn_spec").iterdir():
        path.unlink()
    (own / "nn_spec").rmdir()
    assert real_transfer.main(arguments(made)) == 0
    assert (own / "nn_base" / "entry.yaml").stat().st_mtime_ns == kept
    assert (own / "nn_spec" / "entry.yaml").is_file()
    assert of(made, "results", "results.json").read_text() == numbers


def test_a_page_gets_the_tables_between_its_marks(made, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin ratios -->\nold\n<!-- end -->\nafter\n")
    assert real_transfer.main(arguments(made, "--report", "--page", str(page))) == 0
    text = page.read_text()
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    assert of(made, "results", "ratios.md").read_text() in text


def test_without_the_survey_it_says_what_to_build(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(real_transfer.InputError, match="make repro SURVEY=cosmos_lite"):
        job = real_transfer.Job(tmp_path, tmp_path, 1, None, (), 2, 1)
        real_transfer.build(job)


def test_the_project_page_has_the_committed_tables():
    """No number of a table is typed by hand."""
    text = PAGE.read_text(encoding="utf-8")
    names = re.findall(r"<!-- begin (\w+) -->", text)
    assert {"scores", "ratios", "paired", "bins", "distances", "elsewhere"} <= set(names)
    for name in names:
        assert (RESULTS / f"{name}.md").read_text(encoding="utf-8") in text, name
