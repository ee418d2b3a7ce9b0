"""The page of a run: it shows the run's numbers and figures, and nothing of it runs or loads."""

import re
import shutil

import numpy as np
import pytest
from quick import whole_reports

from transferz.baselines.benchmark.benchmarking import RUN_FILES
from transferz.baselines.leaderboard.entries import read_entries, read_run
from transferz.baselines.leaderboard.reporting import WORST, report
from transferz.baselines.leaderboard.words import value_text
from transferz.cli import main


@pytest.fixture(scope="module")
def page(runs):
    with whole_reports():
        return report(read_run(runs / "blunt"), read_entries(runs)[0])


def test_scores_stand_beside_the_boards_entries(page, runs):
    text = re.sub(r"<[^>]+>", "", page)
    for config in ("transferz", "galaxiesml"):
        scored = read_run(runs / "blunt").entry.scores[config].ranges
        for part in scored.values():
            assert value_text("scatter", part.metrics["scatter"]) in text
    rows = re.findall(r"<tr( class=\"own\")?><td>(?:→ )?(sharp|sharp_too|blunt|point_only)<", page)
    assert len(rows) == 2 * 4
    assert [name for own_row, name in rows if own_row] == ["blunt", "blunt"]


def test_the_worst_galaxies_are_the_worst(page, runs):
    forecasts = read_run(runs / "blunt").forecasts["transferz"]  # the test set that comes first
    true = forecasts.redshift.astype(np.float64)
    dz = (forecasts.point.astype(np.float64).mean(axis=0) - true) / (1 + true)
    worst = [forecasts.object_id[k] for k in np.argsort(-np.abs(dz))[:WORST]]
    table = page[page.index("largest errors") :].split("</table>")[0]
    assert [int(one) for one in re.findall(r"<tr><td>(\d+)</td>", table)] == worst


def test_a_laptop_shows_all_columns(page, browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(page, encoding="utf-8")
    for width, is_cut in ((1280, False), (390, True)):
        browser.view(width, 900)
        browser.open(path.as_uri())
        tables = "[...document.querySelectorAll('.scroll')]"
        assert browser.run(f"{tables}.some((e) => e.scrollWidth > e.clientWidth)") == is_cut
        assert browser.run("document.documentElement.scrollWidth") == width


def test_it_says_that_a_mock_is_one_and_loads_nothing(page):
    assert "<strong>MOCK</strong>" in page
    assert "<title>MOCK: blunt" in page
    assert not re.findall(r"<script|(?:src|href)=\"(?!data:)", page)
    assert page.count("data:image/png;base64,") == 2 * 4  # redshift, residuals, PIT, QQ
    assert not re.findall(r"<img(?! alt=\"[A-Zd])", page)


def test_what_its_author_wrote_is_escaped(tmp_path, hashed_release, run_maker):
    texts = {"description": "<script>alert(1)</script>", "code": "http://example.org/a"}
    make_run, method = run_maker
    run = make_run(tmp_path / "odd", hashed_release, method("odd", 0.05, seeds=1, texts=texts))
    page = report(read_run(run), [])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<a " not in page  # an address that is not secure is no link
    assert "Beside the leaderboard" not in page  # there is none to be put beside


def test_the_command_writes_it_beside_the_run(runs, tmp_path, capsys):
    out = tmp_path / "page.html"
    assert main(["report", str(runs / "sharp"), "--entries", str(runs), "--out", str(out)]) == 0
    assert out.read_text("utf-8").startswith("<!doctype html>")
    assert capsys.readouterr().out == f"{out}: sharp\n"
    assert main(["report", str(tmp_path)]) == 2
    assert "entry.yaml" in capsys.readouterr().err


def test_it_stands_beside_methods_on_the_same_galaxies_alone(runs):
    run, other = read_run(runs / "blunt"), read_run(runs / "sharp").entry
    page = report(run, [other])
    beside = page.split("Beside the leaderboard")[1].split("</section>")[0].split("</table>")
    assert "→ blunt" in beside[0] and " (" not in re.sub(
        r"<[^>]*>", "", beside[0].split("<tbody>")[1]
    )
    assert "→ marks this run." in beside[1]
    assert "marks this run" not in report(run, [])
    parts = {
        config: {
            split: facts.model_copy(update={"hash": f"sha256:{64 * '1'}"})
            for split, facts in splits.items()
        }
        for config, splits in other.data.content.items()
    }
    data = other.data.model_copy(update={"content": parts})
    assert "Beside the leaderboard" not in report(run, [other.model_copy(update={"data": data})])


def test_methods_of_one_name_are_all_shown(runs):
    run, other = read_run(runs / "blunt"), read_run(runs / "sharp").entry
    twin = other.model_copy(update={"method": other.method.model_copy(update={"key": "twin"})})
    assert report(run, [other, twin]).count("<td>sharp</td>") == 2 * 2


def test_it_is_written_into_the_run_by_itself(runs, tmp_path):
    shutil.copytree(runs / "sharp", tmp_path / "run")
    assert main(["report", str(tmp_path / "run")]) == 0
    assert (tmp_path / "run" / "report.html").is_file()
    assert not {path.name for path in (tmp_path / "run").iterdir()} - RUN_FILES  # --replace works
