"""The page of a release: all of it is the release's own, and nothing of it runs or loads."""

import json
import re
import shutil

import pytest

from transferz.cli import main
from transferz.releases import find_release


@pytest.fixture(scope="module")
def release(small_release):
    return find_release(small_release)


@pytest.fixture(scope="module")
def page(release, tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "release.html"
    assert main(["info", "--release", str(release.path), "--html", str(out)]) == 0
    return out.read_text("utf-8")


def test_it_has_configs_columns_and_files(page, release):
    manifest = release.manifest()
    for config, splits in manifest["content"].items():
        for facts in splits.values():
            assert f"<td>{facts['rows']:,}</td>" in page, config
    for name, column in manifest["columns"].items():
        assert f"<td>{name}</td><td>{column['unit']}</td>" in page
    for name, facts in manifest["files"].items():
        assert f"<td>{name}</td><td>{facts['bytes']:,}</td><td>{facts['sha256']}</td>" in page


def test_it_has_the_citation_and_the_figures(page, release):
    assert "@misc{transferz" in page
    figures = [name for name in release.manifest()["files"] if name.endswith(".png")]
    assert page.count("data:image/png;base64,") == len(figures)


def test_it_says_that_a_mock_is_one_and_loads_nothing(page):
    assert "<strong>MOCK</strong>" in page and "<title>MOCK: " in page
    assert not re.findall(r"<script|(?:src|href)=\"(?!data:)", page)


def test_it_shows_no_file_that_was_changed(release, tmp_path, capsys):
    place = tmp_path / "transferz"
    shutil.copytree(release.path, place)
    (place / "croissant.json").write_text("{}")
    out = tmp_path / "page.html"
    assert main(["info", "--release", str(place), "--html", str(out)]) == 2
    assert "croissant.json is damaged or was edited" in capsys.readouterr().err
    assert not out.exists()


def test_a_release_without_card_and_figures_has_a_page(tiny_release, tmp_path):
    out = tmp_path / "page.html"
    assert main(["info", "--release", str(tiny_release), "--html", str(out)]) == 0
    assert "<h2>Configs and splits" in out.read_text("utf-8")


def test_info_as_json(tiny_release, capsys):
    assert main(["info", "--release", str(tiny_release), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["version"] == "1.0.0+mock"
    assert said["rows"]["combo"] == {"train": 300, "validation": 60, "calibration": 50, "test": 70}
