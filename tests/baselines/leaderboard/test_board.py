"""Entries read, ordered, marked; in a terminal, as JSON, by the command."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transferz.baselines.leaderboard.board import (
    BEST,
    EQUAL,
    UNKNOWN,
    board_json,
    board_text,
    read_board,
    value_text,
)
from transferz.baselines.leaderboard.comparisons import write_comparisons
from transferz.baselines.leaderboard.entries import add_run, find_current, fingerprint, read_entries
from transferz.baselines.leaderboard.hub_files import write_hub_files
from transferz.baselines.leaderboard.page import page
from transferz.baselines.scores.bootstrap import Draws
from transferz.cli.leaderboard import leaderboard
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import Entry, read_entry, write_entry
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


def test_the_best_and_its_equals_are_marked(board):
    found = marks(board, "rmse")
    assert sorted(found[key] for key in ("sharp", "sharp_too")) == [BEST, EQUAL]
    assert found["point_only"] == found["blunt"] == ""
    assert marks(board, "coverage_68")["sharp"] == BEST  # the nearest to 68 %, not the highest
    assert marks(board, "crps")["point_only"] == ""
    assert set(marks(board, "width_90").values()) == {""}


def test_without_comparisons_nothing_is_equal(own, release):
    (own / "comparisons.json").unlink()
    found = marks(read_board(own, release), "rmse")
    assert sorted(found.values()) == sorted([BEST, *3 * [UNKNOWN]])


def test_an_entry_of_other_forecasts_is_not_compared(own, release):
    path = own / "blunt" / "entry.yaml"
    entry = read_entry(path)
    facts = entry.forecasts.model_copy(update={"sha256": 64 * "1"})
    write_entry(path, entry.model_copy(update={"forecasts": facts}))
    board = read_board(own, release)
    assert marks(board, "rmse")["blunt"] == UNKNOWN
    assert board.status(row(board, "blunt")) == "not compared"


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
    manifest = json.loads((other / "MANIFEST.json").read_text())
    manifest["content"]["combo"]["train"]["content"] = "sha256:" + 64 * "e"
    (other / "MANIFEST.json").write_text(json.dumps(manifest))
    board = read_board(runs, find_release(other))
    assert not any(one.current for one in board.rows)
    assert "other content" in board.status(board.rows[0])


def test_one_that_left_galaxies_out_is_not_ranked(own, release, hashed_release, run_maker):
    make_run, method = run_maker
    make_run(own / "choosy", hashed_release, method("choosy", 0.001, missing=20))
    write_comparisons(own, own, Draws(20))
    board = read_board(own, release)
    assert board.ordered(*CELL, "scatter")[-1].key == "choosy"
    assert marks(board, "scatter")["choosy"] == ""
    assert BEST in marks(board, "scatter").values()
    assert "71.4 %" in board_text(board, *CELL, "scatter")


def test_entries_of_different_parts_of_a_release_are_of_the_same_data(runs):
    entries = read_entries(runs)
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
    with pytest.raises(InputError, match=r"other.yaml is the entry of 'sharp'"):
        read_entries(tmp_path)


def test_an_empty_folder_and_a_repeated_key_are_errors(own, tmp_path):
    with pytest.raises(InputError, match=r"has no entries; run `transferz benchmark`"):
        read_entries(tmp_path / "nothing")
    shutil.copy(own / "sharp" / "entry.yaml", own / "sharp.yaml")
    with pytest.raises(InputError, match=r"more than one entry of 'sharp'"):
        read_entries(own)


def test_the_table_says_all(board):
    text = board_text(board, "galaxiesml", "cosmological", "scatter")
    title, _, head, *lines = text.splitlines()
    assert "MOCK galaxies, not real ones" in title
    assert head.split()[:3] == ["method", "trained", "on"]
    assert " ± " in lines[0]
    assert text.count("\x1b") == 0
    assert "Holm over 6 pairs" in text
    assert "note" not in head
    assert "scored" not in head  # all have scored everything


def test_a_value_is_written_with_its_errors():
    whole = Summary(mean=-0.01234, spread=0.0021, error=0.0005)
    assert value_text("bias", whole) == "−0.0123 ± 0.0005 (0.0021)"
    assert value_text("outlier_rate", whole) == "−1.23 ± 0.05 (0.21)"
    assert value_text("scatter", Summary(mean=0.02, spread=None)) == "0.0200"
    assert value_text("scatter", Summary(mean=0.02, spread=0.001)) == "0.0200 (0.0010)"
    assert value_text("scatter", None) == "–"


def test_the_command_prints_table_and_json(runs, hashed_release, capsys):
    where = ["--entries", str(runs), "--release", str(hashed_release)]
    assert leaderboard([*where, "--sort", "bias", "--config", "transferz", "--range", "all"]) == 0
    assert "test split of TransferZ, all redshifts" in capsys.readouterr().out
    assert leaderboard([*where, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["mock"] is True
    assert found["pairs"] == 6
    ranking = found["ranking"]["galaxiesml"]["all"]["scatter"]
    assert ranking[0]["mark"] == BEST
    assert ranking[-1]["method"] == "blunt"
    assert ranking[-1]["against_best"]["difference"] > 0.03


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--config", "combo"], "no entry was tested on 'combo'; there are: galaxiesml"),
        (["--range", "some"], "no entry has the range 'some'"),
        (["--sort", "luck"], "no entry has the metric 'luck'; there are: bias, scatter"),
    ],
)
def test_what_is_not_there_is_said(runs, hashed_release, asked, said):
    with pytest.raises(ParameterError, match=said):
        leaderboard(["--entries", str(runs), "--release", str(hashed_release), *asked])


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
    assert board.mark(row(board, "sharp"), "table", "all", "scatter") == BEST
    assert board_text(board, "table", "all", "scatter").startswith("egs.csv: test split of the tab")
    assert "egs.csv" in page(board)


def test_they_are_not_for_the_projects_board_nor_the_hub(on_a_table, release, tmp_path):
    with pytest.raises(InputError, match="was run on a table of its own"):
        add_run(on_a_table / "sharp", release, tmp_path / "entries")
    with pytest.raises(InputError, match="no dataset on the Hub"):
        write_hub_files(read_board(on_a_table, release), "a/b", tmp_path / "hub")
