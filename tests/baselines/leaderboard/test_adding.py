"""Runs taken into the leaderboard, and those that are not."""

import json
import shutil
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transferz.baselines.leaderboard import entries
from transferz.baselines.leaderboard.adding import add_run
from transferz.cli.leaderboard import leaderboard
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import Entry, read_entry, write_entry
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.errors import InputError
from transferz.schemas.survey.files import file_digest


@pytest.fixture
def run(runs, tmp_path):
    """A run with distributions, to be spoilt."""
    return shutil.copytree(runs / "sharp", tmp_path / "sharp")


@pytest.fixture
def release(hashed_release):
    return find_release(hashed_release)


def edit(run, old, new):
    path = run / "entry.yaml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def change(run, column, edit_values):
    """Change a column of the forecasts, and the checksum in the entry with it."""
    path = run / "forecasts.parquet"
    table = pq.read_table(path)
    values = edit_values(table[column].to_numpy().copy())
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values)), path)
    entry = read_entry(run / "entry.yaml")
    facts = entry.forecasts.model_copy(update=file_digest(path))
    write_entry(run / "entry.yaml", entry.model_copy(update={"forecasts": facts}))


def test_an_honest_run_is_added_and_its_class_is_not_imported(run, release, tmp_path):
    """Its class is named mock:sharp: an import of `mock` would raise, and leave a trace."""
    before = set(sys.modules)
    path = add_run(run, release, tmp_path / "entries")
    assert path == tmp_path / "entries" / "mock" / "sharp.yaml"
    assert read_entry(path) == read_entry(run / "entry.yaml")
    assert not {name for name in set(sys.modules) - before if name.split(".")[0] == "mock"}


def test_an_installed_packages_own_entries_are_not_written_to(
    run, runs, release, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        entries, "__file__", str(tmp_path / "site/baselines/leaderboard/entries.py")
    )
    for command in (["add", str(run), "--release", str(release.path)], ["compare", str(runs)]):
        with pytest.raises(InputError, match="such as --entries board"):
            leaderboard(command)


@pytest.mark.parametrize("key", ["point_only", "blunt", "sharp_too"])
def test_every_kind_of_run_is_added(runs, release, tmp_path, key):
    assert add_run(runs / key, release, tmp_path).is_file()


def test_one_with_missing_forecasts_is_added(run_maker, release, hashed_release, tmp_path):
    make_run, method = run_maker
    run = make_run(tmp_path / "run", hashed_release, method("gappy", 0.03, width=1.0, missing=7))
    scores = read_entry(add_run(run, release, tmp_path)).scores
    assert min(one.completeness for one in scores.values()) == 0.9


def test_an_older_entry_is_replaced_only_where_that_is_asked(run, release, tmp_path, capsys):
    add_run(run, release, tmp_path)
    with pytest.raises(InputError, match="is there already; give replace=True"):
        add_run(run, release, tmp_path)
    asked = ["add", str(run), "--entries", str(tmp_path), "--release", str(release.path)]
    assert leaderboard([*asked, "--replace", "--url", "https://example.org/f.parquet"]) == 0
    assert "mock/sharp.yaml: added" in capsys.readouterr().out
    assert "https://example.org/f.parquet" in (tmp_path / "mock" / "sharp.yaml").read_text()
    for address in ("http://example.org/f", "https://me:hunter2@example.org/f"):
        with pytest.raises(InputError, match=r"--url: .*; give an address that all may") as error:
            leaderboard([*asked, "--replace", "--url", address])
        assert "hunter2" not in str(error.value)


@pytest.mark.parametrize("metric", ["scatter", "catastrophic_rate", "crps", "coverage_90"])
def test_a_better_score_than_the_forecasts_have_is_refused(run, release, tmp_path, metric):
    entry = read_entry(run / "entry.yaml").model_dump(mode="json", by_alias=True)
    part = entry["scores"]["galaxiesml"]["ranges"]["cosmological"]["metrics"][metric]
    part["mean"] = round(0.99 * part["mean"], 6) if part["mean"] else 0.001
    write_record(run, entry)
    with pytest.raises(InputError, match=rf"galaxiesml.*cosmological.metrics.{metric}.mean is"):
        add_run(run, release, tmp_path)
    assert not (tmp_path / "mock").exists()


def write_record(run, content):
    write_entry(run / "entry.yaml", parse_record(json.dumps(content), Entry, "entry", ""))


def first_metrics(scores):
    return scores["ranges"]["all"]["metrics"]


@pytest.mark.parametrize(
    ("key", "spoil", "said"),
    [
        ("point_only", lambda s: s["ranges"].pop("lsst"), "ranges.lsst is nothing"),
        ("point_only", lambda s: first_metrics(s).pop("rmse"), "all.metrics.rmse is nothing"),
        ("point_only", lambda s: first_metrics(s)["rmse"].update(error=1e-5), "rmse.error is 1e-0"),
        ("point_only", lambda s: s["ranges"]["all"].update(n=69), "n is 69, its forecasts say 70"),
        ("point_only", lambda s: s["bins"]["true_redshift"][0].update(n=9), "redshift.0.n is 9"),
        ("point_only", lambda s: s["ranges"]["all"]["requirements"]["bias"].update(value=0.0),
         "requirements.bias.value is 0"),
        ("point_only", lambda s: s.update(n=63, completeness=0.9, ranges={
            "all": s["ranges"]["all"] | {"n": 63}}), "scores.n is 63"),
        ("sharp", lambda s: first_metrics(s)["bias"].update(spread=1e-9), "bias.spread is 1e-09"),
        ("sharp", lambda s: s["pit"]["all"].__setitem__(0, 0.05), r"pit.all.0 is 0.05, its"),
        ("sharp", lambda s: s["risk"]["area"]["rmse"].update(mean=0.0), "risk.area.rmse.mean is 0"),
        ("sharp", lambda s: s["tomography"].pop("lsst"), "tomography.lsst is nothing"),
    ],
)  # fmt: skip
def test_every_number_is_held_against_the_forecasts(runs, release, tmp_path, key, spoil, said):
    run = shutil.copytree(runs / key, tmp_path / "run")
    entry = read_entry(run / "entry.yaml").model_dump(mode="json", by_alias=True)
    spoil(entry["scores"]["galaxiesml"])
    write_record(run, entry)
    with pytest.raises(InputError, match=said):
        add_run(run, release, tmp_path)


def test_one_from_before_n_of_z_was_scored_is_added(run, release, tmp_path):
    entry = read_entry(run / "entry.yaml").model_dump(mode="json", by_alias=True)
    for scores in entry["scores"].values():
        for name in ("tomography", "discreteness", "risk"):
            del scores[name]
        for one in (*scores["bins"]["i"], *scores["bins"]["g-i"]):
            for name in ("coverage_68", "coverage_90", "width_68", "width_90"):
                (one["metrics"] or {}).pop(name, None)
    write_record(run, entry)
    assert read_entry(add_run(run, release, tmp_path)).scores["transferz"].tomography is None


@pytest.mark.parametrize(
    ("column", "changed", "said"),
    [
        ("point", lambda v: v - np.float32(0.001), "bias.mean is"),
        ("redshift", lambda v: v + np.float32(0.001), "differ in redshift from the test split"),
        ("object_id", lambda v: v + 1, "differ in object_id"),
        ("i_mag", lambda v: v - np.float32(3), "differ in i_mag"),
        ("g_mag", lambda v: v + np.float32(1), "differ in g_mag"),
        ("crps", lambda v: v * np.float32(0.5), "crps.mean is"),
    ],
)
def test_other_forecasts_than_the_scores_are_of_are_refused(
    run, release, tmp_path, column, changed, said
):
    change(run, column, changed)
    with pytest.raises(InputError, match=said):
        add_run(run, release, tmp_path)


def test_a_truth_that_is_not_the_releases_is_refused(run, release, tmp_path):
    """Scores against the truth would come out as one likes."""
    path = run / "forecasts.parquet"
    table = pq.read_table(path)
    pq.write_table(table.append_column("truth", table["redshift"]), path)
    entry = read_entry(run / "entry.yaml")
    facts = entry.forecasts.model_copy(update=file_digest(path))
    write_entry(run / "entry.yaml", entry.model_copy(update={"forecasts": facts}))
    with pytest.raises(InputError, match="differ in truth from the test split"):
        add_run(run, release, tmp_path)


def test_a_run_on_a_further_table_is_refused(run, release, tmp_path):
    entry = read_entry(run / "entry.yaml").model_dump(mode="json", by_alias=True)
    entry["data"]["test_table"] = {
        "file": "mine.csv", "sha256": 64 * "0", "rows": 5, "tested": 5, "bands": ["g"],
        "redshift": "z",
    }  # fmt: skip
    write_record(run, entry)
    with pytest.raises(InputError, match=r"tested on a table of its own too \(mine\.csv\)"):
        add_run(run, release, tmp_path)


def test_a_run_on_other_data_is_refused(run, release, tmp_path):
    edit(run, "sha256:0", "sha256:a")
    with pytest.raises(InputError, match=r"which is not what .* holds"):
        add_run(run, release, tmp_path)


def test_another_number_of_seeds_is_refused(run, release, tmp_path):
    edit(run, "seeds: 3", "seeds: 30")
    with pytest.raises(InputError, match=r"states 420 rows, expected 4,200, one per seed"):
        add_run(run, release, tmp_path)


def test_a_record_with_more_than_a_record_is_refused(run, release, tmp_path):
    path = run / "entry.yaml"
    path.write_text(path.read_text() + "more: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(InputError, match="no YAML that can be used"):
        add_run(run, release, tmp_path)
    path.write_text("no: entry\n")
    with pytest.raises(InputError, match=r"unknown entry 'no'|is missing"):
        add_run(run, release, tmp_path)
