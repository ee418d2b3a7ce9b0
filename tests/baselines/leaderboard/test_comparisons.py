"""Runs, compared from their forecasts."""

import json
import shutil
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transferz.baselines.benchmark.forecasts import read_forecasts
from transferz.baselines.leaderboard.comparing import compare_runs, read_runs, write_comparisons
from transferz.baselines.leaderboard.comparisons import comparisons_text, read_comparisons
from transferz.baselines.leaderboard.entries import read_run
from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.paired import COMPARED
from transferz.schemas.benchmark.entries import read_entry, write_entry
from transferz.schemas.errors import InputError
from transferz.schemas.survey.files import file_digest

CELL = ("galaxiesml", "all")


@pytest.fixture
def own(runs, tmp_path):
    """A copy of the runs, to be spoilt."""
    return shutil.copytree(runs, tmp_path / "runs")


def rewrite(run, change):
    """Change the forecasts of a run, and the checksum in its entry with them."""
    path = run / "forecasts.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    entry = read_entry(run / "entry.yaml")
    facts = entry.forecasts.model_copy(update=file_digest(path))
    write_entry(run / "entry.yaml", entry.model_copy(update={"forecasts": facts}))


def test_the_better_method_is_found(runs):
    found = read_comparisons(runs)
    pair = found.pair(*CELL, "scatter", "sharp", "blunt")
    assert pair.difference < -0.03
    assert pair.p < 0.001
    assert found.pair(*CELL, "scatter", "blunt", "sharp").difference == -pair.difference
    assert found.pair(*CELL, "scatter", "sharp", "sharp_too").p > 0.05
    assert found.pair(*CELL, "bias", "sharp", "blunt").difference < -0.02


def test_all_metrics_of_all_pairs_are_there(runs):
    found = read_comparisons(runs)
    assert len(found.pairs) == 6
    assert set(found.sets) == {"galaxiesml", "transferz"}
    metrics = found.sets["galaxiesml"]["cosmological"].metrics
    assert list(metrics) == list(COMPARED)
    assert found.pair(*CELL, "crps", "sharp", "blunt") is not None
    assert found.pair(*CELL, "crps", "sharp", "point_only") is None  # which has no CRPS
    assert found.sets["galaxiesml"]["all"].n[found.pairs.index(("blunt", "sharp"))] == 70


def test_only_galaxies_that_both_have_scored_are_compared(
    runs, tmp_path, hashed_release, run_maker
):
    make_run, method = run_maker
    make_run(tmp_path / "partial", hashed_release, method("partial", 0.02, missing=10))
    partial, whole = read_run(tmp_path / "partial"), read_run(runs / "blunt")
    found = compare_runs([partial, whole], Draws(20))
    assert found.sets["galaxiesml"]["all"].n == (60,)
    rows = partial.forecasts["galaxiesml"].scored
    score = [run.forecasts["galaxiesml"].take(rows).replicate(Draws(2)) for run in (partial, whole)]
    expected = [one.scores["rmse"].mean() for one in score]
    pair = found.pair(*CELL, "rmse", "partial", "blunt")
    assert pair.difference == pytest.approx(expected[0] - expected[1], rel=1e-3)


def test_the_file_repeats(runs, own):
    shutil.rmtree(own / "point_only")
    (own / "comparisons.json").unlink()
    path, found = write_comparisons(own, out=own, draws=Draws(20))
    again = comparisons_text(compare_runs(read_runs(own), Draws(20)))
    assert path.read_text() == again == comparisons_text(found)
    assert json.loads(again)["schema"] == "transferz comparisons 1"


def test_pairs_that_are_there_already_stay(own):
    before = (own / "comparisons.json").read_bytes()
    path, found = write_comparisons(own / "sharp", own / "blunt", out=own, draws=Draws(60))
    assert len(found.pairs) == 6
    assert path.read_bytes() == before


def test_pair_by_pair_or_all_at_once_is_the_same(own):
    before = (own / "comparisons.json").read_bytes()
    (own / "comparisons.json").unlink()
    for first, second in combinations(("sharp_too", "sharp", "point_only", "blunt"), 2):
        write_comparisons(own / first, own / second, out=own, draws=Draws(60))
    assert (own / "comparisons.json").read_bytes() == before


def test_pairs_of_older_forecasts_are_dropped_only_where_that_is_asked(own, run_maker, request):
    make_run, method = run_maker
    before = (own / "comparisons.json").read_bytes()
    shutil.rmtree(own / "blunt")
    make_run(own / "blunt", request.getfixturevalue("hashed_release"), method("blunt", 0.2))
    asked = [own / "sharp", own / "blunt"]
    with pytest.raises(InputError, match="2 pairs of older forecasts, of 'blunt' for one"):
        write_comparisons(*asked, out=own, draws=Draws(60))
    assert (own / "comparisons.json").read_bytes() == before
    _, found = write_comparisons(*asked, out=own, draws=Draws(60), replace=True)
    assert len(found.pairs) == 4
    assert found.pair(*CELL, "scatter", "blunt", "sharp").difference > 0.1
    _, whole = write_comparisons(own, out=own, draws=Draws(60))
    assert len(whole.pairs) == 6


def test_pairs_of_other_resamples_are_not_mixed(own):
    with pytest.raises(InputError, match=r"is of 60 resamples .* new pairs are of 20"):
        write_comparisons(own, out=own, draws=Draws(20))


def test_a_run_whose_entry_is_of_other_forecasts_is_refused(own, tmp_path):
    text = (own / "sharp" / "entry.yaml").read_text()
    sha = read_entry(own / "sharp" / "entry.yaml").forecasts.sha256
    (tmp_path / "sharp.yaml").write_text(text.replace(sha, 64 * "0"))
    with pytest.raises(InputError, match=r"sharp.yaml is of other forecasts than the run"):
        write_comparisons(own, out=tmp_path, draws=Draws(20))


def test_a_folder_is_made_and_one_that_cant_be_is_said_before_anything_is_computed(
    own, tmp_path, monkeypatch
):
    path, _ = write_comparisons(own, out=tmp_path / "new/board", draws=Draws(20))
    assert read_comparisons(path.parent)
    (tmp_path / "file").touch()
    monkeypatch.setattr("transferz.baselines.leaderboard.comparing.compare_runs", None)
    with pytest.raises(OSError, match="file"):  # the command line says so in a line
        write_comparisons(own, out=tmp_path / "file/board")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda c: c["pairs"].append(c["pairs"][0]), "twice"),
        (lambda c: c["forecasts"].popitem(), "not in 'forecasts'"),
        (lambda c: c["sets"]["galaxiesml"]["all"]["n"].pop(), "of 6 pairs"),
        (lambda c: c.update(schema="2"), "entry 'schema'"),
        (lambda c: c.update(more=1), "unknown entry 'more'"),
        (
            lambda c: c["sets"]["galaxiesml"]["all"]["metrics"]["bias"]["p"].__setitem__(0, 2),
            "'sets",
        ),
    ],
)
def test_comparisons_are_checked_when_they_are_read(own, spoil, said):
    path = own / "comparisons.json"
    content = json.loads(path.read_text())
    spoil(content)
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=said):
        read_comparisons(own)
    with pytest.raises(InputError, match="; remove it, and compare all runs anew"):
        write_comparisons(own, out=own, draws=Draws(20))
    path.unlink()
    write_comparisons(own, out=own, draws=Draws(2))


def test_changed_forecasts_are_refused(own):
    path = own / "sharp" / "forecasts.parquet"
    path.write_bytes(path.read_bytes() + b"0")
    with pytest.raises(InputError, match=r"was changed or damaged"):
        read_run(own / "sharp")
    path.unlink()
    with pytest.raises(InputError, match=r"forecasts.parquet is missing"):
        read_run(own / "sharp")


def test_runs_on_other_galaxies_are_refused(own):
    def shift(table):
        label = pa.array(table["redshift"].to_numpy() + np.float32(0.01))
        return table.set_column(table.column_names.index("redshift"), "redshift", label)

    rewrite(own / "sharp", shift)
    with pytest.raises(InputError, match=r"'blunt' and 'sharp' .* differ in redshift"):
        read_runs(own)


def test_one_run_is_too_few_and_two_of_a_method_too_many(own, tmp_path):
    (tmp_path / "one").mkdir()
    shutil.copytree(own / "sharp", tmp_path / "one" / "sharp")
    with pytest.raises(InputError, match=r"found 1 run .*made by `transferz benchmark NAME"):
        read_runs(tmp_path / "one")
    shutil.copytree(own / "sharp", own / "sharp_again")
    with pytest.raises(InputError, match=r"more than one run of 'sharp'"):
        read_runs(own)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop_columns("point"), "no column 'point'"),
        (lambda t: t.slice(1), "not as many rows"),
        (lambda t: t.take(np.argsort(np.arange(len(t)) % 70, kind="stable")), "for another seed"),
        (
            lambda t: pa.concat_tables([t.slice(0, 35)] * 2 + [t.slice(70)]),
            "another object_id|once",
        ),
        (
            lambda t: t.set_column(
                t.column_names.index("point"), "point", pa.array(["a"] * len(t))
            ),
            "column 'point' is not",
        ),
    ],
)
def test_forecasts_of_another_shape_are_refused(runs, tmp_path, change, said):
    path = tmp_path / "forecasts.parquet"
    pq.write_table(change(pq.read_table(runs / "sharp" / "forecasts.parquet")), path)
    with pytest.raises(InputError, match=said):
        read_forecasts(path)


def test_what_is_no_parquet_is_refused(tmp_path):
    (tmp_path / "forecasts.parquet").write_text("no")
    with pytest.raises(InputError, match="can't read"):
        read_forecasts(tmp_path / "forecasts.parquet")


def test_more_rows_than_the_entry_speaks_of_are_not_read(own):
    rewrite(own / "sharp", lambda table: pa.concat_tables([table, table]))
    with pytest.raises(InputError, match=r"states 840 rows, expected 420, one per seed and galaxy"):
        read_run(own / "sharp")
