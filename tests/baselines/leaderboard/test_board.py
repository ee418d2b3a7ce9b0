"""Entries read, ordered, marked; in a terminal, as JSON, by the command."""

import json
import os
import shutil
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tampering import edit_manifest

from transferz.baselines.leaderboard.adding import add_run
from transferz.baselines.leaderboard.board import read_board
from transferz.baselines.leaderboard.comparing import write_comparisons
from transferz.baselines.leaderboard.entries import find_current, fingerprint, read_entries
from transferz.baselines.leaderboard.hub_files import write_hub_files
from transferz.baselines.leaderboard.page import page
from transferz.baselines.leaderboard.words import board_json, board_text, value_text
from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.standing import Mark
from transferz.cli.leaderboard import leaderboard
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import MAX_BYTES, Entry, read_entry, write_entry
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.benchmark.scores import Summary
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.files import file_digest

LEARNED = {"validation": {"table": 60}, "calibration": None}
CELL = ("galaxiesml", "all")


@pytest.fixture
def own(runs, tmp_path):
    return shutil.copytree(runs, tmp_path / "runs")


@pytest.fixture
def release(hashed_release):
    return find_release(hashed_release)


def row(board, key):
    return next(one for one in board.rows if one.key == key)


def marks(board, metric):
    return {one.key: board.mark(one, *CELL, metric) for one in board.rows}


def age(path):
    """Make an entry one of an older version with other content."""
    text = path.read_text().replace("1.0.0+mock", "0.9.0+mock")
    path.write_text(text.replace("sha256:00", "sha256:ff"))


def test_rows_come_best_first(board):
    keys = [one.key for one in board.ordered(*CELL, "scatter")]
    assert keys[-2:] == ["point_only", "blunt"]
    values = [one.summary(*CELL, "bias").mean for one in board.ordered(*CELL, "bias")]
    assert values == sorted(values, key=abs)
    assert board.ordered(*CELL, "crps")[-1].key == "point_only"  # it has none


def test_the_best_and_what_may_be_are_marked(board):
    found = marks(board, "rmse")
    assert sorted(found[key] for key in ("sharp", "sharp_too")) == [Mark.BEST, Mark.OPEN]
    assert found["point_only"] == found["blunt"] == Mark.WORSE
    assert marks(board, "coverage_68")["sharp"] == Mark.BEST  # nearest to 68 %, not the highest
    assert marks(board, "crps")["point_only"] == ""
    assert set(marks(board, "width_90").values()) == {""}
    assert set(marks(board, "outlier_rate_3sigma").values()) == {""}  # σ is a method's own


def test_two_of_the_same_forecasts_are_as_good_only_by_enough_galaxies(own, release):
    shutil.copytree(own / "sharp", own / "twin")
    path = own / "twin" / "entry.yaml"
    path.write_text(path.read_text().replace("key: sharp", "key: twin"))
    write_comparisons(own, out=own, draws=Draws(60))
    board = read_board(own, release)
    assert Mark.EQUAL not in marks(board, "outlier_rate").values()
    pair = board.pair(row(board, "sharp"), row(board, "twin"), *CELL, "outlier_rate")
    assert pair.difference == 0.0
    assert pair.half == pytest.approx(3.7 / 70, rel=1e-3)  # 70 galaxies show no rarer difference


def test_without_comparisons_nothing_has_a_mark_but_unknown(own, release):
    (own / "comparisons.json").unlink()
    board = read_board(own, release)
    assert set(marks(board, "rmse").values()) == {Mark.UNKNOWN}
    assert "?: not compared; run" in board_text(board, *CELL, "scatter")


def test_an_entry_of_other_forecasts_is_not_compared(own, release):
    path = own / "blunt" / "entry.yaml"
    entry = read_entry(path)
    facts = entry.forecasts.model_copy(update={"sha256": 64 * "1"})
    write_entry(path, entry.model_copy(update={"forecasts": facts}))
    board = read_board(own, release)
    assert marks(board, "rmse")["blunt"] == Mark.UNKNOWN
    assert board.status(row(board, "blunt")) == "not compared"


def test_the_best_value_of_an_entry_that_nobody_compared_takes_no_mark_from_the_others(
    own, release, hashed_release, run_maker
):
    """Nor does it where it was compared with one of them alone."""
    before = marks(read_board(own, release), "scatter")
    make_run, method = run_maker
    make_run(own / "new", hashed_release, method("new", 0.001, width=1.0))
    board = read_board(own, release)
    assert board.ordered(*CELL, "scatter")[0].key == "new"
    assert marks(board, "scatter") == before | {"new": Mark.UNKNOWN}
    assert "2 of them are" not in page(board) and "4 of them are compared" in page(board)
    write_comparisons(own / "new", own / "blunt", out=own, draws=Draws(60))
    assert marks(read_board(own, release), "scatter") == before | {"new": Mark.UNKNOWN}
    write_comparisons(own, out=own, draws=Draws(60))
    assert marks(read_board(own, release), "scatter")["new"] == Mark.BEST


def test_a_method_that_forecasts_the_same_for_all_holds_no_mark(
    own, release, hashed_release, run_maker
):
    make_run, method = run_maker
    make_run(own / "flat", hashed_release, method("flat", None))
    write_comparisons(own, out=own, draws=Draws(60))
    board = read_board(own, release)
    assert row(board, "flat").trivial and not row(board, "blunt").trivial
    assert board.status(row(board, "flat")) == "the same for every galaxy: no mark"
    for metric in board.metrics(*CELL):
        assert marks(board, metric)["flat"] == ""
    assert board_json(board)["marks"]["="].startswith("shown to be worse than the best by no more")


def test_the_reference_median_is_trivial_by_its_class(own, release):
    path = own / "sharp" / "entry.yaml"
    named = "transferz.baselines.methods.median:TrainingMedian"
    path.write_text(path.read_text().replace("mock:sharp", named))
    assert row(read_board(own, release), "sharp").trivial


def test_an_entry_of_other_data_is_shown_as_such(own, release):
    age(own / "sharp" / "entry.yaml")
    for here in (release, None):  # held against the release, or else the newest of the entries
        board = read_board(own, here)
        assert [one.key for one in board.rows if not one.current] == ["sharp"]
        assert board.ordered(*CELL, "scatter")[-1].key == "sharp"
        assert marks(board, "scatter")["sharp"] == ""
        text = board_text(board, *CELL, "scatter")
        line = next(one for one in text.splitlines() if one.startswith("sharp "))
        assert line.endswith("made on transferz 0.9.0+mock")


def test_a_release_of_other_content_makes_all_entries_old(runs, tmp_path, release_builder):
    other = release_builder(tmp_path / "transferz")
    facts = {"content": "sha256:" + 64 * "e"}
    edit_manifest(other, lambda manifest: manifest["content"]["combo"]["train"].update(facts))
    board = read_board(runs, find_release(other))
    assert not any(one.current for one in board.rows)
    assert "other content" in board.status(board.rows[0])


def test_one_that_left_galaxies_out_is_not_ranked(own, release, hashed_release, run_maker):
    make_run, method = run_maker
    make_run(own / "choosy", hashed_release, method("choosy", 0.001, missing=20))
    write_comparisons(own, out=own, draws=Draws(60))
    board = read_board(own, release)
    assert board.ordered(*CELL, "scatter")[-1].key == "choosy"
    assert marks(board, "scatter")["choosy"] == ""
    assert Mark.BEST in marks(board, "scatter").values()
    assert "71.4 %" in board_text(board, *CELL, "scatter")


def test_entries_of_different_parts_of_a_release_are_of_the_same_data(runs):
    entries, _ = read_entries(runs)
    assert len({tuple(fingerprint(one)) for one in entries}) > 1
    current = find_current(entries, None)
    assert all(current.holds(one) for one in entries)


def test_a_folder_of_files_is_read(runs, tmp_path, release):
    for path in runs.glob("*/entry.yaml"):
        shutil.copy(path, tmp_path / f"{path.parent.name}.yaml")
    assert [one.key for one in read_board(tmp_path, release).rows] == sorted(
        path.name for path in runs.iterdir() if path.is_dir()
    )
    (tmp_path / "sharp.yaml").rename(tmp_path / "other.yaml")
    entries, unusable = read_entries(tmp_path)
    assert "sharp" not in [one.method.key for one in entries]
    path = tmp_path / "other.yaml"
    assert unusable == {"other.yaml": f"{path} is the entry of 'sharp'; call it sharp.yaml"}


def test_an_empty_folder_is_an_error_and_a_repeated_key_is_named(own, tmp_path):
    with pytest.raises(InputError, match=r"has no entries; run `transferz benchmark`"):
        read_entries(tmp_path / "nothing")
    shutil.copy(own / "sharp" / "entry.yaml", own / "sharp.yaml")
    entries, unusable = read_entries(own)
    assert len(entries) == 4
    assert "one more entry of 'sharp'; remove all but one" in unusable["sharp/entry.yaml"]


BAD = {
    "sexagesimal": lambda text: text.replace("seeds: 3", f"seeds: 1{':59' * 300}"),
    "sexagesimal_float": lambda text: text.replace("seeds: 3", f"seeds: 1{':59' * 300}.5"),
    "huge": lambda text: text.replace("seeds: 3", f"seeds: {'9' * 4000}"),
    "huge_count": lambda text: text.replace("n: 70", f"n: {'9' * 4000}"),
    "huge_mean": lambda text: text.replace("scatter: {mean: 0", "scatter: {mean: 1e308"),
    "binary": lambda text: text.replace("seeds: 3", "seeds: 0b11"),
    "deep": lambda text: f"a: {'[' * 50_000}",
    "aliases": lambda text: f"a: &a [1]\nb: [{'*a, ' * 9}]\n{text}",
    "hash": lambda text: text.replace("sha256:", "sha512:"),
    "large": lambda text: text + "#" * MAX_BYTES,
    "nothing": lambda text: "",
    "latin": lambda text: text.encode() + b"\xe9",
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_entry_is_named_and_the_others_are_shown(
    own, hashed_release, capsys, kind, tmp_path
):
    path = own / "blunt" / "entry.yaml"
    spoilt = BAD[kind](path.read_text())
    path.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())
    where = ["--entries", str(own), "--release", str(hashed_release)]
    assert leaderboard(where) == 0
    shown = capsys.readouterr().out
    (said,) = [line for line in shown.splitlines() if line.startswith("left out: ")]
    assert str(path) in said and len(said) < 700
    assert "sharp_too" in shown
    assert leaderboard([*where, "--html", str(tmp_path / "page.html")]) == 0
    assert str(path) in capsys.readouterr().err
    html = (tmp_path / "page.html").read_text()
    assert "can't be used: blunt/entry.yaml." in html and str(own) not in html
    with pytest.raises(InputError, match="blunt"):
        leaderboard(["add", str(own / "blunt"), "--release", str(hashed_release)])


def test_what_is_no_file_is_no_entry(own, release):
    path = own / "blunt" / "entry.yaml"
    path.unlink()
    os.mkfifo(path)
    said = read_board(own, release).unusable["blunt/entry.yaml"]
    assert said.startswith(f"{path} can't be read: it is no regular file")


def test_the_table_says_all(board):
    text = board_text(board, "galaxiesml", "cosmological", "scatter")
    title, _, head, *lines = text.splitlines()
    assert "MOCK galaxies, not real ones" in title
    assert head.split()[:3] == ["method", "trained", "on"]
    assert " ± " in lines[0]
    assert text.count("\x1b") == 0
    assert "margins (our choice) – bias: 0.001; scatter: 0.002; outliers: 1 %" in text
    assert "\n~: not enough galaxies, or seeds, to tell it from the best\n" in text
    assert "note" not in head
    assert "scored" not in head  # all have scored everything
    kinds = Counter(kind for *_, kind in board.pairs("galaxiesml", "cosmological", "scatter"))
    assert kinds["better"] + kinds["worse"] > 0
    told = kinds["better"] + kinds["worse"]
    assert lines[-1] == (
        f"of {kinds.total()} pairs of methods, by scatter: {told} differ, {kinds['same']} are the "
        f"same within the margin, {kinds['open']} can't be told apart"
    )


def test_the_table_fits_a_terminal(board):
    whole = board_text(board, "galaxiesml", "cosmological", "rmse")
    width = max(map(len, whole.split("\n\n")[1].splitlines()))
    assert "not shown" not in board_text(board, "galaxiesml", "cosmological", "rmse", width=width)
    text = board_text(board, "galaxiesml", "cosmological", "rmse", width=width - 1)
    assert "\nnot shown, as the lines are too short: " in text
    text = board_text(board, "galaxiesml", "cosmological", "rmse", width=1)
    assert text.splitlines()[2].split() == ["method", "trained", "on", "RMS"]


def test_a_value_is_written_with_its_errors():
    whole = Summary(mean=-0.01234, spread=0.0021, error=0.0005)
    assert value_text("bias", whole) == "−0.0123 ± 0.0005 (0.0021)"
    assert value_text("outlier_rate", whole) == "−1.23 ± 0.05 (0.21)"
    assert value_text("scatter", Summary(mean=0.02, spread=None)) == "0.0200"
    assert value_text("scatter", Summary(mean=0.02, spread=0.001)) == "0.0200 (0.0010)"
    assert value_text("scatter", None) == "–"
    assert value_text("bias", Summary(mean=-0.00001, spread=None)) == "0.0000"  # a 0 has no sign


def test_the_command_prints_table_and_json(runs, hashed_release, capsys):
    where = ["--entries", str(runs), "--release", str(hashed_release)]
    assert leaderboard([*where, "--sort", "bias", "--config", "transferz", "--range", "all"]) == 0
    assert "test split of TransferZ, all redshifts" in capsys.readouterr().out
    assert leaderboard([*where, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mock"] is True
    assert found["pairs"] == 6
    ranking = found["ranking"]["galaxiesml"]["all"]["scatter"]
    assert ranking[0]["mark"] == Mark.BEST
    assert ranking[-1]["method"] == "blunt"
    assert ranking[-1]["against_best"]["difference"] > 0.03


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--config", "combo"], "no entry was tested on 'combo'; there are: transferz, galaxiesml"),
        (["--range", "some"], "no entry has the range 'some'"),
        (["--sort", "luck"], "no entry has the metric 'luck'; there are: bias, scatter"),
    ],
)
def test_what_is_not_there_is_said(runs, hashed_release, asked, said):
    with pytest.raises(ParameterError, match=said):
        leaderboard(["--entries", str(runs), "--release", str(hashed_release), *asked])


def test_which_release_was_taken_and_which_others_there_are_is_said(
    tiny_release, tmp_path, monkeypatch
):
    (tmp_path / "dvc.yaml").write_text("stages: {ingest: {cmd: python -m transferz.dataset.a}}")
    (tmp_path / "params.yaml").write_text("{}")
    real, mock = (tmp_path / "data" / one / "release/transferz" for one in ("cosmos_lite", "mock"))
    for place, says in (
        (real, {"version": "1.0.0", "survey": "cosmos_lite", "mock": False}),
        (mock, {"version": "1.0.0+mock", "survey": "mock", "mock": True}),
    ):
        shutil.copytree(tiny_release, place)
        (place / "MANIFEST.json").write_text(json.dumps(says))
    monkeypatch.delenv("TRANSFERZ_RELEASE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ParameterError) as error:
        leaderboard(["--config", "transferz"])
    said = str(error.value)
    assert "no entry was tested on 'transferz'; there are: labels, spectroscopic" in said
    assert f"the release found is transferz 1.0.0 (survey cosmos_lite) from {real}" in said
    assert said.endswith(f"others are built here too: for a mock, --release {mock}")
    assert leaderboard(["--config", "transferz", "--release", str(mock)]) == 0


def test_json_has_every_entry(board):
    found = board_json(board)
    assert [one["method"]["key"] for one in found["entries"]] == [one.key for one in board.rows]
    assert json.dumps(found, allow_nan=False)


@pytest.fixture
def on_a_table(runs, tmp_path):
    """Runs on a table of one's own, compared."""
    folder = tmp_path / "table"
    for key in ("sharp", "blunt"):
        shutil.copytree(runs / key, folder / key)
        on_one_table(folder / key)
    write_comparisons(folder, draws=Draws(20))
    return folder


def on_one_table(run):
    path = run / "forecasts.parquet"
    rows = pq.read_table(path, filters=[("config", "=", "galaxiesml")])
    place = rows.column_names.index("config")
    pq.write_table(rows.set_column(place, "config", pa.array(["table"] * len(rows))), path)
    content = read_entry(run / "entry.yaml").model_dump(mode="json", by_alias=True)
    facts = {"file": "egs.csv", "sha256": 64 * "a", "bands": ["g"], "redshift": "z"}
    content["data"] = {"table": facts | {"rows": 700, "tested": 70}}
    content["training"] |= {"set": "table", "rows": {"train": {"table": 500}, **LEARNED}}
    content["scores"] = {"table": content["scores"]["galaxiesml"]}
    content["by_magnitude"] = None
    content["forecasts"] |= file_digest(path)
    write_entry(run / "entry.yaml", parse_record(json.dumps(content), Entry, "entry", ""))


def test_runs_on_a_table_of_ones_own_have_a_board_too(on_a_table, release):
    board = read_board(on_a_table, release)
    assert board.configs == ["table"]
    assert not board.mock
    assert all(one.current for one in board.rows)
    assert board.mark(row(board, "sharp"), "table", "all", "scatter") == Mark.BEST
    assert board_text(board, "table", "all", "scatter").startswith("egs.csv: test split of the tab")
    assert "egs.csv" in page(board)


def test_they_are_not_for_the_projects_board_nor_the_hub(on_a_table, release, tmp_path):
    with pytest.raises(InputError, match="was run on a table of its own"):
        add_run(on_a_table / "sharp", release, tmp_path / "entries")
    with pytest.raises(InputError, match="no dataset on the Hub"):
        write_hub_files(read_board(on_a_table, release), "a/b", tmp_path / "hub")
