"""Figures and tables of a run: what they show, and that they come all at once or not at all."""

import csv
import json
import re
import shutil
import subprocess

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from mock_run import write_runs

from transferz.baselines.methods import METHODS
from transferz.baselines.paper.figures import (
    CELLS,
    LOOKS,
    WIDTH,
    bins,
    density,
    forecasts,
    paper_style,
    save_figure,
    scores,
)
from transferz.baselines.paper.report import (
    FILES,
    MADE_OF,
    main,
    read_baselines,
    report,
    tabulate,
    title,
    write_tables,
)
from transferz.baselines.paper.tables import (
    PaperTable,
    escape,
    interval_text,
    noise_table,
    over_seeds,
    ratio_table,
    ratios,
    requirement_table,
    score_table,
    shared_outliers,
)
from transferz.baselines.scores.bootstrap import Interval
from transferz.baselines.scores.metrics import in_cosmological_range, rmse
from transferz.baselines.scores.requirements import LIMITS
from transferz.releases import find_release
from transferz.schemas import InputError
from transferz.schemas.benchmark.scores import TESTED
from transferz.schemas.survey.files import file_digest

NAMED = "TransferZ 2.0.0+mock (mock galaxies)"
TITLES = ["NN-Base", "NN-TL", "NN-Combo", "NN-Spec"]


@pytest.fixture(scope="module")
def run(small_release, tmp_path_factory):
    """A mock run, with enough galaxies that most bins are scored."""
    return write_runs(tmp_path_factory.mktemp("run"), small_release, galaxies=400)


@pytest.fixture(scope="module")
def runs(run):
    return read_baselines(run, TESTED)


@pytest.fixture
def copied(run, tmp_path):
    """A run that a test may change."""
    return shutil.copytree(run, tmp_path / "run")


# Figures


def drawn_text(figure):
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def overlapping(figure):
    """Pairs of texts of the figure, as drawn, whose boxes overlap."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    beyond = {text for axes in figure.axes for text in not_drawn(axes)}
    boxes = [
        (text.get_text(), text.get_window_extent())
        for text in figure.findobj(Text)
        if text.get_text() and text.get_visible() and text not in beyond
    ]
    return [
        (one, other)
        for k, (one, box) in enumerate(boxes)
        for other, another in boxes[k + 1 :]
        if box.overlaps(another)
    ]


def not_drawn(axes):
    """The labels of ticks that lie beyond the axis, and all of an axes that is off."""
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not axes.axison or not low <= tick.get_loc() <= high:
                yield from (tick.label1, tick.label2)


@pytest.fixture(scope="module")
def figures(runs):
    with paper_style():
        return {
            "forecasts": forecasts(runs, NAMED),
            "three": forecasts(runs[:3], NAMED),
            "scores": scores(runs, NAMED),
            "bins": bins(runs, NAMED),
            "bins_transferz": bins(runs, NAMED, "transferz"),
        }


@pytest.mark.parametrize("name", ["forecasts", "three", "scores", "bins", "bins_transferz"])
def test_a_figure_is_a_column_wide_legible_and_says_that_it_is_mock(figures, name):
    from matplotlib.text import Text

    figure = figures[name]
    assert figure.get_figwidth() == WIDTH
    assert figure.get_suptitle().startswith(NAMED)
    sizes = [text.get_fontsize() for text in figure.findobj(Text) if text.get_text()]
    assert min(sizes) >= 6.0  # points, at the size of print
    with paper_style():
        assert overlapping(figure) == []


def test_forecasts_have_a_panel_per_network(figures, runs):
    assert [one.get_title() for one in figures["forecasts"].axes[:4]] == TITLES
    assert [one.get_title() for one in figures["three"].axes[:4]] == [*TITLES[:3], ""]
    panel, base = figures["forecasts"].axes[0], runs[0]
    assert (panel.get_xlim(), panel.get_ylim()) == ((0.0, 4.0), (0.0, 4.0))
    assert [line.get_slope() for line in panel.lines] == pytest.approx([1.0, 1.15, 0.85])
    said = panel.texts[0].get_text()
    found = base.entry.scores["galaxiesml"].cosmological.metrics
    assert f"scatter {found['scatter'].mean:.4f}" in said
    assert f"outliers {100 * found['outlier_rate'].mean:.2f} %" in said


def test_forecasts_colour_counts_every_galaxy(figures, runs):
    tested = runs[0].forecasts["galaxiesml"]
    (mesh,) = figures["forecasts"].axes[0].collections
    assert mesh.get_array().sum() == tested.redshift.size
    assert {type(mesh.norm).__name__} == {"LogNorm"}
    cells = density(np.array([0.01, 9.0, 2.0]), np.array([0.01, -1.0, 2.0]))
    assert cells[0, 0] == cells[0, -1] == cells[CELLS // 2, CELLS // 2] == 1
    assert cells.sum() == 3


def test_scores_are_those_of_every_baseline_on_both_sets(figures, runs):
    panels = dict(zip(("bias", "scatter", "outlier_rate"), figures["scores"].axes, strict=False))
    for metric, panel in panels.items():
        scale = 100.0 if metric == "outlier_rate" else 1.0
        for config, container in zip(("galaxiesml", "transferz"), panel.containers, strict=True):
            points, _, (bars,) = container.lines
            found = [one.entry.scores[config].cosmological.metrics[metric] for one in runs]
            assert points.get_xdata() == pytest.approx([scale * one.mean for one in found])
            spans = [segment[1][0] - segment[0][0] for segment in bars.get_segments()]
            assert spans == pytest.approx([2 * scale * one.spread for one in found])
    assert [one.get_text() for one in panels["bias"].get_yticklabels()] == TITLES
    (band,) = panels["bias"].patches
    assert (band.get_x(), band.get_width()) == pytest.approx((-LIMITS["bias"], 2 * LIMITS["bias"]))
    assert panels["outlier_rate"].patches[:] == []  # LSST's is on the 3 sigma rate


def test_bins_with_too_few_galaxies_have_no_point(figures, runs):
    found = runs[0].entry.scores["galaxiesml"].bins["true_redshift"]
    scored = [one for one in found if one.metrics is not None]
    assert 0 < len(scored) < len(found)
    points = figures["bins"].axes[0].containers[0].lines[0]
    assert points.get_ydata() == pytest.approx([one.metrics["bias"].mean for one in scored])


def test_figures_repeat_byte_for_byte(runs, tmp_path):
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        with paper_style():
            save_figure(scores(runs, NAMED), folder, "scores")
    for name in ("scores.png", "scores.pdf"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


# Tables


def test_a_score_table_has_the_scores(runs):
    made = score_table(runs, "galaxiesml", NAMED)
    assert made.header[:3] == ("Baseline", "galaxies", "bias") and NAMED in made.caption
    assert [row[0] for row in made.rows] == TITLES
    found = runs[1].entry.scores["galaxiesml"].cosmological
    mean, spread = found.metrics["rmse"].mean, found.metrics["rmse"].spread
    assert made.rows[1][1] == str(found.n)
    assert f"{mean:.4f} ± {spread:.4f}" == made.rows[1][5]
    met = sum(one.met for one in found.requirements.values())
    assert made.rows[1][-1].startswith(f"{met} of 3")


def test_requirements_are_judged_in_both_ranges(runs):
    made = requirement_table(runs, "transferz", NAMED)
    assert [row[1] for row in made.rows] == ["0.3 < z ≤ 1.5"] * 4 + ["0.3 < z < 3, i < 25"] * 4
    verdict = runs[0].entry.scores["transferz"].ranges["lsst"].requirements["scatter"]
    assert ("missed", "met")[verdict.met] in made.rows[4][4]
    assert f"{verdict.value:.4f} ± {verdict.error:.4f}" in made.rows[4][4]
    assert made.rows[4][4].endswith(" (?)") == (not verdict.sure)


def test_ratios_are_of_means_over_seeds_in_the_cosmological_range(runs):
    found = ratios(runs, "galaxiesml")
    assert list(found) == ["nn_tl", "nn_combo", "nn_spec"]
    base, other = (one.forecasts["galaxiesml"] for one in runs[:2])
    rows = in_cosmological_range(base.redshift)
    roots = [
        rmse((one.point - one.redshift)[:, rows] / (1 + one.redshift[rows])).mean()
        for one in (base, other)
    ]
    assert found["nn_tl"]["rmse"].value == pytest.approx(roots[0] / roots[1])
    made = ratio_table(runs, "galaxiesml", NAMED)
    assert made.rows[0][2].startswith(f"{roots[0] / roots[1]:.2f} (")
    assert made.rows[-1][1:] == ("5", "1.5", "1.3", "–")
    other = ratio_table(runs, "transferz", NAMED)
    assert len(other.rows) == 3 and "opposite" in other.notes


def test_shared_outliers_are_those_that_no_baseline_gets_right(runs):
    shared = shared_outliers(runs, "galaxiesml")
    tested = [one.forecasts["galaxiesml"] for one in runs]
    rows = in_cosmological_range(tested[0].redshift)
    true = tested[0].redshift[rows]
    errors = [(one.point[:, rows] - true) / (1 + true) for one in tested]
    for galaxy in range(true.size):
        missed = all(abs(np.median(dz[:, galaxy])) > 0.15 for dz in errors)
        assert shared[galaxy] == missed
    roots = [rmse(dz[:, ~shared]).mean() for dz in errors]
    made = ratio_table(runs, "galaxiesml", NAMED)
    assert made.rows[0][4] == f"{roots[0] / roots[1]:.2f}"
    squares = np.square(errors[1]).sum(axis=0)
    held = 100 * squares[shared].sum() / squares.sum()
    assert f"the {shared.sum()} galaxies" in made.notes
    assert f"hold {held:.0f} % of NN-TL's" in made.notes


def test_ratios_without_a_number_are_said_to_be_none():
    assert interval_text(Interval(2.0, 0.5, 1.5, 2.5)) == "2.00 (1.50 to 2.50)"
    unbounded = Interval(float("inf"), float("nan"), 1.5, float("inf"))
    assert interval_text(unbounded) == "unbounded (1.50 to unbounded)"
    assert interval_text(Interval(*[float("nan")] * 4)) == "–"


def test_there_are_no_ratios_without_nn_base(runs):
    assert ratio_table(runs[1:], "galaxiesml", NAMED) is None
    assert ratio_table(runs[:1], "galaxiesml", NAMED) is None


def test_label_noise_is_label_less_truth(runs):
    made = noise_table(runs, "transferz", NAMED)
    assert [row[1] for row in made.rows[:5]] == [
        "bias",
        "scatter",
        "outliers (%)",
        "RMS",
        "catastrophic (%)",
    ]
    scored = runs[0].entry.scores["transferz"]
    label, truth = (
        one.metrics["scatter"].mean for one in (scored.cosmological, scored.truth["cosmological"])
    )
    error = scored.truth["cosmological"].difference["scatter"].error
    difference = f"{label - truth:+.4f} ± {error:.4f}".replace("-", "−")
    assert made.rows[1][2:] == (f"{label:.4f}", f"{truth:.4f}", difference)


TABLE = PaperTable("t", "A 5 % cut_off", ("Name", "a|b"), (("x & y", "−1 ± 2"),), "Notes #1.")


def test_a_table_as_markdown():
    assert TABLE.markdown().splitlines() == [
        "**A 5 % cut_off**",
        "",
        "| Name | a\\|b |",
        "| --- | ---: |",
        "| x & y | −1 ± 2 |",
        "",
        "Notes #1.",
    ]
    assert "Notes" not in TABLE.markdown(notes=False)
    with pytest.raises(ValueError, match="rows of 1 cells, 2 columns"):
        PaperTable("t", "", ("a", "b"), (("c",),))


def test_a_table_as_latex():
    lines = TABLE.latex().splitlines()
    assert r"\caption{A 5 \% cut\_off. Notes \#1.}" in lines
    assert r"x \& y & $-$1 $\pm$ 2 \\" in lines
    assert r"\begin{tabular}{lr}" in lines
    assert escape("a\\b{c}~^") == r"a\textbackslash{}b\{c\}\textasciitilde{}\textasciicircum{}"


@pytest.fixture(scope="module")
def written(run, small_release):
    out = run / "figures"
    assert main(["--runs", str(run), "--release", str(small_release), "--out", str(out)]) == 0
    return out


def test_latex_compiles_or_is_well_formed(written, tmp_path):
    texts = {path.name: path.read_text(encoding="utf-8") for path in written.glob("*.tex")}
    for text in texts.values():
        begun = re.findall(r"\\begin\{(\w+\*?)\}", text)
        assert sorted(begun) == sorted(re.findall(r"\\end\{(\w+\*?)\}", text)) and begun
        assert text.isascii()
        bare = re.sub(r"\\[&%$#_{}]", "", text.partition("\n")[2])
        assert bare.count("{") == bare.count("}") and not re.search(r"[%#_]", bare)
        assert bare.count("$") % 2 == 0
    if shutil.which("pdflatex") is None:
        return
    inputs = "".join(rf"\input{{{written / name}}}" for name in texts)
    document = rf"\documentclass{{article}}\usepackage{{booktabs}}\begin{{document}}{inputs}"
    (tmp_path / "all.tex").write_text(document + r"\end{document}", encoding="utf-8")
    subprocess.run(
        ["pdflatex", "-halt-on-error", "all.tex"], cwd=tmp_path, check=True, capture_output=True
    )


def test_notes_that_all_tables_share_come_once(tmp_path):
    write_tables([TABLE, TABLE], tmp_path, "t")
    assert (tmp_path / "t.md").read_text(encoding="utf-8").count("Notes") == 1
    assert (tmp_path / "t.tex").read_text(encoding="utf-8").count("Notes") == 2


# The stage


def test_everything_is_written_from_one_command(written, small_release):
    assert {path.name for path in written.iterdir()} == FILES
    for name in ("distributions.png", "flow.png"):
        drawn = small_release / "figures" / name
        assert (written / name).read_bytes() == drawn.read_bytes()
    for name in ("scores", "lsst", "ratios", "label_noise"):
        for ending in ("md", "tex"):
            assert "mock" in (written / f"{name}.{ending}").read_text(encoding="utf-8")
    text = (written / "scores.md").read_text(encoding="utf-8")
    assert text.index("GalaxiesML test split") < text.index("TransferZ test split")


def test_a_real_release_is_not_called_a_mock(small_release):
    from dataclasses import replace

    release = find_release(small_release)
    assert title(release) == NAMED
    assert title(replace(release, version="1.0.0", mock=False)) == "TransferZ 1.0.0"


def test_seeds_are_counted(runs):
    from dataclasses import replace

    def with_seeds(seeds):
        return replace(runs[0], entry=runs[0].entry.model_copy(update={"seeds": seeds}))

    more = [*runs, with_seeds(9)]
    assert over_seeds("mean", runs) == "mean over 3 seeds"
    assert over_seeds("mean", more) == "mean over 3 to 9 seeds"
    assert over_seeds("mean", [with_seeds(1)]) == "one seed"


def test_fewer_baselines_give_fewer_tables(copied):
    for method in ("nn_base", "nn_combo", "nn_spec"):
        shutil.rmtree(copied / method)
    assert set(tabulate(read_baselines(copied, TESTED), NAMED)) == {"scores", "lsst", "label_noise"}


def test_numbers_behind_the_figures_are_written_for_dvc_and_others(written, runs):
    shown = json.loads((written / "metrics.json").read_text())
    found = runs[1].entry.scores["galaxiesml"].cosmological.metrics
    assert shown["nn_tl"]["galaxiesml"]["rmse"] == found["rmse"].mean
    assert set(shown) == set(METHODS) and set(shown["nn_base"]) == {"galaxiesml", "transferz"}
    with (written / "bins.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["by"] for row in rows} == {"true_redshift", "predicted_redshift", "i", "g-i"}
    wanted = [str(one.n) for one in runs[2].entry.scores["transferz"].bins["i"]]
    named = ("nn_combo", "transferz", "i")
    assert [r["n"] for r in rows if (r["baseline"], r["config"], r["by"]) == named] == wanted
    with (written / "bias_by_redshift.csv").open(encoding="utf-8") as file:
        plotted = list(csv.DictReader(file))
    scored = [one for one in runs[0].entry.scores["galaxiesml"].bins["true_redshift"] if one.n]
    assert [float(row["middle"]) for row in plotted] == [one.middle for one in scored]
    first = next(one for one in scored if one.metrics)
    assert float(plotted[scored.index(first)]["nn_base"]) == first.metrics["bias"].mean


def test_the_figures_say_which_forecasts_they_show(written, run):
    made_of = json.loads((written / MADE_OF).read_text())
    for method in METHODS:
        digest = file_digest(run / method / "forecasts.parquet")["sha256"]
        assert made_of[method] == digest


def change_entry(folder, change):
    path = folder / "entry.yaml"
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def change_forecasts(folder, change):
    """Change a run's forecasts, and what its entry says of the file."""
    path = folder / "forecasts.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    change_entry(folder, lambda entry: entry["forecasts"].update(file_digest(path)))


def ids_plus_one(table):
    number = table.column_names.index("object_id")
    moved = pa.array([one + 1 for one in table["object_id"].to_pylist()])
    return table.set_column(number, "object_id", moved)


def of_one_set(run):
    change_entry(run / "nn_tl", lambda entry: entry["scores"].pop("transferz"))
    change_forecasts(
        run / "nn_tl", lambda table: table.filter(pa.compute.equal(table["config"], "galaxiesml"))
    )


BAD = {
    "nothing": (
        lambda run: [shutil.rmtree(run / method) for method in METHODS],
        "has no folder of a network",
    ),
    "no entry": (lambda run: (run / "nn_tl/entry.yaml").unlink(), "nn_tl/entry.yaml can't be read"),
    "no forecasts": (
        lambda run: (run / "nn_tl/forecasts.parquet").unlink(),
        "nn_tl/forecasts.parquet is missing",
    ),
    "other forecasts": (
        lambda run: (run / "nn_tl/forecasts.parquet").write_bytes(b"no"),
        "it was changed or damaged",
    ),
    "a set too few": (of_one_set, "expected 'nn_tl' on galaxiesml, transferz"),
    "another's run": (
        lambda run: shutil.copytree(run / "nn_base", run / "nn_tl", dirs_exist_ok=True),
        "found 'nn_base'",
    ),
    "other galaxies": (
        lambda run: change_forecasts(run / "nn_tl", ids_plus_one),
        "were not tested on the same galaxies",
    ),
}
"""What is wrong with runs, and what the error says."""


@pytest.mark.parametrize("name", BAD)
def test_bad_runs_are_refused_and_the_old_figures_stay(copied, small_release, name):
    damage, said = BAD[name]
    out = copied / "figures"
    out.mkdir(exist_ok=True)
    (out / "old").touch()
    before = {path.name for path in out.iterdir()}
    damage(copied)
    with pytest.raises(InputError, match=re.escape(said)):
        report(copied, find_release(small_release), out)
    assert {path.name for path in out.iterdir()} == before


def test_the_methods_all_have_a_look():
    assert set(LOOKS) == set(METHODS)
    assert len({(one["color"], one["marker"], one["linestyle"]) for one in LOOKS.values()}) == 4
