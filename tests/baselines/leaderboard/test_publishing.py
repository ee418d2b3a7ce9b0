"""Published forecasts on a leaderboard, without a rerun."""

import gzip
import json
import shutil

import numpy as np
import pandas as pd
import pytest

from transferz.baselines.benchmark.forecasts import read_forecasts
from transferz.baselines.benchmark.scoring import score_set
from transferz.baselines.forecasts import score_forecasts, write_qp
from transferz.baselines.leaderboard import entries
from transferz.baselines.leaderboard.board import read_board
from transferz.baselines.leaderboard.comparing import write_comparisons
from transferz.baselines.leaderboard.page import page
from transferz.baselines.leaderboard.words import board_json, board_text
from transferz.baselines.scores.bootstrap import Draws
from transferz.baselines.scores.probability import GaussianMixture
from transferz.cli import main
from transferz.releases import find_release
from transferz.rows import read_rows
from transferz.schemas.benchmark.entries import Entry, entry_text, parse_entry, read_entry
from transferz.schemas.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch, hashed_release):
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(hashed_release))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def tables(hashed_release):
    """Forecasts for each test split, in another order."""
    rng, release = np.random.default_rng(3), find_release(hashed_release)
    found = {}
    for config in ("galaxiesml", "transferz"):
        rows = read_rows(release, config, "test", ["object_id", "redshift"]).to_pandas()
        rows["z_pred"] = rows["redshift"] + rng.normal(0.0, 0.05, len(rows))
        found[config] = rows.sample(frac=1.0, random_state=1).reset_index(drop=True)
    return found


NAMED = ("--name", "Their network", "--citation", "A. Author 2026", "--trained-on", "SDSS DR17")


def add(*arguments):
    asked = ["leaderboard", "add", "runs/theirs", "--entries", "entries", *arguments]
    return main(list(map(str, asked)))


def write(table, path="theirs.csv"):
    table[["object_id", "z_pred"]].to_csv(path, index=False)
    return path


def test_forecasts_of_a_releases_galaxies_enter_its_board(here, tables, runs, hashed_release):
    path = write(pd.concat(tables.values()).drop_duplicates("object_id"))
    assert add("--forecasts", path, *NAMED) == 0
    entry = read_entry(here / "entries" / "mock" / "their_network.yaml")
    assert entry == read_entry(here / "runs" / "theirs" / "entry.yaml")
    assert entry.published.rerun is False and entry.published.trained_on == "SDSS DR17"
    assert entry.published.file == path and entry.method.citation == "A. Author 2026"
    assert (entry.training, entry.hardware, entry.method.class_) == (None, None, None)
    assert set(entry.scores) == {"galaxiesml", "transferz"}
    forecasts = read_forecasts(here / "runs" / "theirs" / "forecasts.parquet")
    for config, one in forecasts.items():
        rows = tables[config]
        own = score_forecasts(rows["z_pred"], rows["redshift"])["ranges"]["all"]["metrics"]
        said = entry.scores[config].ranges["all"].metrics["scatter"].mean
        assert said == pytest.approx(own["scatter"]["mean"], rel=1e-4)
        assert score_set(one)["n"] == len(rows)

    # beside runs, and compared with them
    shutil.copytree(runs / "sharp", here / "runs" / "sharp")
    write_comparisons(here / "runs", out=here / "runs", draws=Draws(20))
    board = read_board(here / "runs", find_release(hashed_release))
    rows = {row.key: row for row in board.rows}
    row = rows["their_network"]
    assert row.current and row.compared and board.status(row) == "not rerun"
    assert board.pair(row, rows["sharp"], "galaxiesml", "all", "scatter")
    text = board_text(board, "galaxiesml", "all", "scatter")
    assert "not rerun: published forecasts, scored as they are" in text
    assert next(one for one in text.splitlines() if "Their network" in one).endswith("not rerun")
    html = page(board)
    assert "Not rerun</dt>" in html and "SDSS DR17" in html and "· not rerun" in html
    shown = next(one for one in board_json(board)["entries"] if one["published"])
    assert shown["published"]["rerun"] is False and shown["method"]["key"] == "their_network"
    assert main(["leaderboard", "--entries", "runs", "--hf", "hub", "--repo", "me/mock"]) == 0
    assert "not rerun" in (here / "hub/their_network/.eval_results/transferz.yaml").read_text()


def test_a_qp_file_of_one_split(here, tables):
    rows = tables["galaxiesml"]
    point = rows["z_pred"].to_numpy()[:, None]
    mixture = GaussianMixture(np.ones_like(point), point, np.full_like(point, 0.05))
    write_qp("theirs.hdf5", mixture, object_id=rows["object_id"], point=point[:, 0])
    assert add("--forecasts", "theirs.hdf5", "--name", "Theirs") == 0
    entry = read_entry(here / "entries" / "mock" / "theirs.yaml")
    assert [*entry.scores] == ["galaxiesml"] and entry.published.trained_on is None
    assert entry.scores["galaxiesml"].ranges["all"].metrics["crps"].mean > 0


def test_completeness_is_recorded(here, tables, capsys):
    path = write(tables["galaxiesml"].iloc[7:])
    assert add("--forecasts", path, *NAMED) == 2
    assert "7 ids of the 70 galaxies of galaxiesml's test split have no" in capsys.readouterr().err
    assert not (here / "runs" / "theirs").exists() and not (here / "entries").exists()
    assert add("--forecasts", path, *NAMED, "--allow-missing") == 0
    entry = read_entry(here / "entries" / "mock" / "their_network.yaml")
    assert entry.scores["galaxiesml"].completeness == 0.9


def test_what_is_not_to_be_scored_is_refused(here, tables, hashed_release, capsys):
    rows, release = tables["galaxiesml"], find_release(hashed_release)
    train = read_rows(release, "galaxiesml", "train", ["object_id"]).to_pandas().iloc[:3]
    path = write(pd.concat([rows, train.assign(z_pred=0.5)]))
    assert add("--forecasts", path, *NAMED) == 2
    assert "3 ids are of galaxiesml's train split" in capsys.readouterr().err
    labels = write(rows.assign(z_pred=rows["redshift"]))
    assert add("--forecasts", labels, *NAMED) == 2
    said = capsys.readouterr().err
    assert "100 % of the forecasts for 'galaxiesml' are the true redshifts themselves" in said
    assert add("--forecasts", write(rows)) == 2
    assert "--forecasts needs --name" in capsys.readouterr().err
    assert add(*NAMED) == 2
    assert "--name is about a --forecasts, and none is given" in capsys.readouterr().err
    assert add("--forecasts", write(rows), "--name", "N", "--citation", "https://a:b@c.org") == 2
    assert "give another --name, --citation or" in capsys.readouterr().err
    assert [path.name for path in here.iterdir() if path.is_dir() and any(path.iterdir())] == []


def test_an_older_entry_is_replaced_only_where_that_is_asked(here, tables, capsys):
    path = write(tables["galaxiesml"])
    assert add("--forecasts", path, *NAMED) == 0
    shutil.rmtree(here / "runs")
    assert add("--forecasts", path, *NAMED) == 2
    assert "is there already; give --replace" in capsys.readouterr().err
    assert not (here / "runs" / "theirs").exists()
    assert add("--forecasts", path, *NAMED, "--replace") == 0


def test_forecasts_of_galaxies_of_their_own_are_a_board_of_their_own(here, capsys, monkeypatch):
    # Where the package is installed too: its own entries are not asked for.
    monkeypatch.setattr(entries, "__file__", str(here / "site/baselines/leaderboard/entries.py"))
    rng = np.random.default_rng(0)
    true = rng.uniform(0.05, 3.0, 400)
    for name, width in (("one", 0.02), ("two", 0.1)):
        table = pd.DataFrame({"y_test": true, "y_pred": true + rng.normal(0.0, width, 400)})
        with gzip.open(f"{name}.csv.gz", "wt") as file:
            table.to_csv(file, index=False)
        columns = ["--true", "y_test", "--pred", "y_pred"]
        asked = ["leaderboard", "add", f"runs/{name}", "--forecasts", f"{name}.csv.gz", *columns]
        assert main([*asked, "--name", f"Net {name}"]) == 0
        said = capsys.readouterr().out
        assert "not a release's: shown by `transferz leaderboard --entries runs`" in said
    entry = read_entry(here / "runs" / "one" / "entry.yaml")
    assert entry.data.table.redshift == "y_test" and entry.data.table.bands is None
    assert main(["leaderboard", "compare", "runs"]) == 0
    assert "shown by `transferz leaderboard --entries runs`" in capsys.readouterr().out
    board = read_board(here / "runs", None)
    assert all(row.current and row.compared for row in board.rows)  # of the same galaxies
    assert [board.mark(row, "table", "all", "scatter") for row in board.rows] == ["*", ""]
    assert "Not rerun</dt>" in page(board)


def test_a_run_says_all_and_published_forecasts_nothing_of_a_run(runs):
    entry = read_entry(runs / "point_only" / "entry.yaml")
    plain = json.loads(entry.model_dump_json(by_alias=True, exclude_unset=True))
    facts = {"file": "f.csv", "sha256": 64 * "0", "rerun": False}
    with pytest.raises(InputError, match="'training' is of a run, and published forecasts were no"):
        parse_entry(json.dumps(plain | {"published": facts}))
    with pytest.raises(InputError, match="'memory' is missing, which only published forecasts"):
        parse_entry(json.dumps({name: one for name, one in plain.items() if name != "memory"}))
    with pytest.raises(InputError, match=r"published\.rerun"):
        parse_entry(json.dumps(plain | {"published": facts | {"rerun": True}}))
    assert isinstance(parse_entry(entry_text(entry)), Entry)
