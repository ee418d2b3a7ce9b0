"""The paper's figures and tables of networks on releases with other bands and configs."""

import shutil

import pytest

pytest.importorskip("matplotlib")

from transferz.baselines.benchmark.tables import scored_configs
from transferz.baselines.paper.figures import bins, forecasts, paper_style, scores
from transferz.baselines.paper.report import read_baselines, tabulate, title
from transferz.cli import main
from transferz.dataset.page import facts
from transferz.releases import find_release


@pytest.mark.parametrize(
    ("place", "methods", "tested"),
    [
        ("six_bands", ("nn_base", "nn_spec"), ["spectroscopic", "labels"]),
        ("spectra_only", ("nn_spec",), ["spectra"]),
    ],
)
def test_they_show_the_test_sets_that_there_are(place, methods, tested, request, tmp_path):
    release = find_release(request.getfixturevalue(place))
    for method in methods:
        command = ["train", method, "--release", str(release.path), "--seeds", "2", "--epochs", "2"]
        assert main([*command, "--quiet", "--out", str(tmp_path / method)]) == 0
        shutil.copyfile(tmp_path / method / "entry.yaml", tmp_path / f"{method}.yaml")
    stated = facts.read_baselines(tmp_path, tmp_path, release.manifest()["survey"])
    assert [list(one["scores"]) for one in stated] == [tested] * len(methods)
    runs, named = read_baselines(tmp_path, scored_configs(release)), title(release)
    with paper_style():
        labels = scores(runs, named).axes[0].get_legend_handles_labels()[1]
        assert [name for name in labels if "test" in name] == [f"{name} test" for name in tested]
        for draw in (forecasts, bins):
            assert f"{tested[0]} test split" in draw(runs, named).get_suptitle()
    tables = tabulate(runs, named)
    assert [table.label for table in tables["scores"]] == [f"scores-{name}" for name in tested]
    ratios = [table.label for table in tables.get("ratios", [])]
    assert ratios == [f"ratios-{name}" for name in tested if "nn_base" in methods]
