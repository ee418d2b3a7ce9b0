"""The flow chart: every number in it is the pipeline's, nothing overlaps, its bytes repeat."""

import hashlib
import re

import pytest
from releases import read_manifest

from transferz.dataset.page.figures import flow_chart, read_chart
from transferz.tables.files import save_png


@pytest.fixture(scope="module")
def manifest(small_release):
    return read_manifest(small_release)


@pytest.fixture(scope="module")
def figure(manifest):
    return flow_chart(manifest)


def large(counts):
    """The same counts, as large as real catalogues have them."""
    if isinstance(counts, dict):
        return {name: large(value) for name, value in counts.items()}
    return 1_720_700 if isinstance(counts, int) else counts


def numbers(figure):
    texts = (text.get_text() for text in figure.axes[0].texts)
    return [int(one.replace(",", "")) for text in texts for one in re.findall(r"\d[\d,]*", text)]


def test_all_counts_are_in_it(figure, manifest):
    shown = numbers(figure)
    counts = manifest["counts"]
    for stage, facts in counts.items():
        if stage.startswith("ingest"):
            continue
        rows = facts["rows_out"]
        rows = [n for one in rows.values() for n in one.values()] if stage == "release" else [rows]
        for count in [*rows, *facts.get("removed", {}).values()]:
            assert count in shown, stage
    assert sum(counts["match"]["shared"].values()) in shown


def test_a_changed_count_changes_the_chart(manifest, figure):
    cut = manifest["counts"] | {
        "select@hsc": manifest["counts"]["select@hsc"] | {"removed": {"new_cut": 987_654}}
    }
    changed = flow_chart(manifest | {"counts": cut})
    assert 987_654 in numbers(changed)
    assert 987_654 not in numbers(figure)
    assert "new cut" in [text.get_text() for text in changed.axes[0].texts]


@pytest.mark.parametrize("change", [dict, large], ids=["small", "as large as real ones"])
def test_no_text_overlaps_another_or_leaves_the_page(manifest, change):
    figure = flow_chart(manifest | {"counts": change(manifest["counts"])})
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text()]
    width, height = figure.get_size_inches() * figure.dpi
    for number, box in enumerate(boxes):
        assert box.x0 >= 0 and box.y0 >= 0 and box.x1 <= width and box.y1 <= height
        assert not [one for one in boxes[:number] if box.overlaps(one)]


def test_boxes_follow_the_survey(manifest):
    chart = read_chart(manifest)
    assert [box.title for box in chart.catalogues] == [
        "Mock COSMOS2020",
        "Mock HSC-SSP",
        "Mock GalaxiesML",
    ]
    assert [box.title for box in chart.configs] == list(manifest["content"])
    real = read_chart(manifest | {"mock": False})
    assert not [box for box in real.catalogues if "ock" in box.title]


def test_the_picture_repeats_byte_for_byte(manifest, tmp_path):
    digests = set()
    for name in ("first.png", "second.png"):
        save_png(flow_chart(manifest), tmp_path / name)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_every_box_adds_up(manifest):
    """On its face: what comes in less what each line removes is what is left."""
    chart = read_chart(manifest)
    assert chart.match is not None
    for box in (*chart.catalogues, chart.match, chart.split):
        rows = [int(rows.replace(",", "").replace("−", "-")) for _, rows in (*box.lines, box.total)]
        assert sum(rows[:-1]) == rows[-1], box.title
    assert [rows for _, rows in chart.split.lines[:2]] == [
        chart.match.total[1],
        chart.catalogues[-1].total[1],
    ]
