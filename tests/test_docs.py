"""What the documents say can be done can be done: every code block is run, or excused by name."""

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml
from documents import (
    DOCUMENTS,
    FILE,
    NOT_PRINTED,
    NOT_RUN,
    ROOT,
    excuse,
    read_blocks,
    shape,
    shortened,
    without_environment,
)
from releases import remake

from transferz.baselines.benchmark.scoring import FEWEST
from transferz.baselines.forecasts import write_qp
from transferz.baselines.leaderboard import comparing, entries
from transferz.baselines.methods import conformal
from transferz.baselines.scores.bootstrap import DRAWS, SEED_DRAWS
from transferz.baselines.scores.discreteness import MOST_COMMON
from transferz.baselines.scores.flags import DROPPED, WIDTH_DIGITS
from transferz.baselines.scores.metrics import METRICS
from transferz.baselines.scores.paired import CONFIDENCE, SIGNIFICANCE
from transferz.baselines.scores.probability import PER_GALAXY, PROBABILITY_METRICS, GridPDF
from transferz.baselines.scores.probability.mixture import THINNED
from transferz.baselines.scores.probability.piecewise import FEWEST_LEVELS
from transferz.baselines.scores.probability.scores import BINS
from transferz.baselines.scores.requirements import LIMITS
from transferz.baselines.scores.tomography import TOMOGRAPHIES
from transferz.cli import main
from transferz.schemas.benchmark.scores import MARGINS, TomographicMetric
from transferz.schemas.survey import survey as configured
from transferz.schemas.survey.stated import DECLARED

LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
LANGUAGES = {"bash", "python", "text", "yaml", "toml"}
PROGRAMS = ("make", "dvc", "transferz", "python", "topcat")
BLOCKS = read_blocks()
COMMANDS = [words for block in BLOCKS for words in block.commands()]


def of_language(*languages):
    return [block for block in BLOCKS if block.language in languages]


RUN = sorted({block.document for block in of_language("bash", "python")})
QUANTILES = (0.05, 0.16, 0.5, 0.84, 0.95)
DVC = ("repro", "dag", "metrics", "params", "plots", "pull", "push", "remote", "status")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_pictures_are_there(path):
    for target in LINK.findall(path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_says_what_it_is(block):
    assert block.language in LANGUAGES
    for words in block.commands():
        program = without_environment(words)[0]
        assert program in PROGRAMS
        assert program == "transferz" or excuse(words), (
            f"'{' '.join(words)}' is neither run nor excused"
        )


def test_every_excuse_is_needed():
    used = set(map(excuse, COMMANDS))
    assert set(NOT_RUN) - used == set()
    texts = [block.text for block in BLOCKS if block.language == "text"]
    assert [one for one in NOT_PRINTED if not any(text.startswith(one) for text in texts)] == []


class Parsed(Exception):
    """A command's arguments are in order; it was not run."""


@pytest.fixture
def only_parse(monkeypatch):
    parse = argparse.ArgumentParser.parse_args

    def parse_and_stop(parser, arguments=None, namespace=None):
        parse(parser, arguments, namespace)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_and_stop)


@pytest.mark.parametrize("words", [*filter(excuse, COMMANDS)], ids=" ".join)
def test_a_command_that_is_not_run_exists_and_takes_these_arguments(words, only_parse):
    program, *arguments = without_environment(words)
    if program == "make":
        assert re.search(rf"^{arguments[0]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    elif program == "dvc":
        check_dvc(*arguments)
    elif program == "transferz":
        with pytest.raises(Parsed):
            main(arguments)
    elif program == "topcat":
        check_topcat(*arguments)
    else:
        script = arguments[0] if arguments[0] != "-m" else f"{arguments[1].replace('.', '/')}.py"
        assert (ROOT / script.removeprefix("transferz/")).is_file()


def test_an_argument_that_a_command_does_not_take_is_found(only_parse):
    with pytest.raises(SystemExit):
        main(["publish", "--no-such-option", "nonsense"])
    with pytest.raises(AssertionError):
        check_dvc("pull", "no-such-stage")


def check_topcat(_, task, *settings):
    """A plot's task, and what it draws: columns of a release, or their difference."""
    assert task in ("plot2plane", "plot2sky")
    pairs = [one.split("=", 1) for one in settings]
    drawn = [value for key, value in pairs if key.rstrip("12") in ("x", "y", "lon", "lat", "aux")]
    assert len(drawn) >= 2
    assert {name for one in drawn for name in one.split("-")} <= DECLARED.keys()


def check_dvc(command, *arguments):
    """Subcommands that there are; targets that are stages, their outputs or pipelines."""
    assert command in DVC
    if command in ("repro", "pull", "push"):
        targets = [word for word in arguments if not word.startswith("-")]
        assert [one for one in targets if not is_target(one)] == []


def is_target(word):
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    there = word in stages or (ROOT / word).is_file()
    return there or word.startswith(("data/", "surveys/"))  # an output; or a pipeline to be built


@pytest.fixture(scope="module")
def given(small_release, tmp_path_factory):
    """A folder with what a reader has who follows the documents: releases, and tables."""
    folder = tmp_path_factory.mktemp("given")
    shutil.copytree(small_release, folder / "data/mock/release/transferz")
    shutil.copytree(small_release, folder / "OLD")
    remake(small_release, folder / "NEW", version="2.0.1", mock=True)
    for survey in ("authors", "cosmos2020", "cosmos2025"):
        remake(small_release, folder / f"data/{survey}/release/transferz")
    for name, split in (("TABLE", "test"), ("TRAINING", "train")):
        table = pq.read_table(next(small_release.glob(f"combo/{split}-*.parquet")))
        pq.write_table(table, folder / f"{name}.parquet")
    write_stand_ins(small_release, folder)
    write_forecasts(small_release, folder)
    run = ("--seeds", "1", "--release", str(small_release), "--quiet")
    assert main(["benchmark", "median", *run, "--out", str(folder / "runs/median")]) == 0
    (folder / "entries/mock").mkdir(parents=True)
    shutil.copyfile(folder / "runs/median/entry.yaml", folder / "entries/mock/median.yaml")
    return folder


def write_stand_ins(release, folder):
    """Tables in the layouts of those of real galaxies, of a release's mock rows; with gaps."""
    rows = pq.read_table(next(release.glob("combo/train-*.parquet"))).to_pandas()[:400]
    egs, cgs, mjy = (
        pd.DataFrame({name: rows["redshift"]}) for name in ("redshift", "zspec", "redshift")
    )
    for band in "grizy":
        egs[band] = rows[f"{band}_cmodel_mag"] + 0.01  # not those learned from: that is a leak
        flux = 10.0 ** (-0.4 * egs[band])
        cgs[f"f_hsc/{band}HSC.pb"] = 3.631e-20 * flux
        cgs[f"ferr_hsc/{band}HSC.pb"] = 3.631e-22 * flux
        mjy[f"subaru.suprime.{band.replace('y', 'Y')}"] = 3.631e6 * flux
        mjy[f"subaru.suprime.{band.replace('y', 'Y')}_err"] = 3.631e4 * flux
    egs.loc[::10, "y"] = -99.0
    for name, table in (
        ("egs_ugrizy_redshift.csv.gz", egs),
        ("cosmos2020_lephare100_cgs.csv", cgs[:40]),
        ("cosmos2020_classic_specz_zge2p5_mJy.csv.gz", mjy[:40]),
    ):
        table.to_csv(folder / name, index_label="id")


def write_forecasts(release, folder):
    """Forecasts of all kinds for a test split: labels with noise of a known width."""
    paths = sorted(release.glob("galaxiesml/test-*.parquet"))
    rows = pd.concat([pq.read_table(path).to_pandas() for path in paths], ignore_index=True)
    true, rng, width = rows["redshift"].to_numpy(np.float64), np.random.default_rng(0), 0.1
    point, again = true + rng.normal(0.0, width, (2, len(true)))
    found = pd.DataFrame({"object_id": rows["object_id"], "z_pred": point})
    found.to_csv(folder / "forecasts.csv", index=False)
    columns = {"z_spec": true, "z_phot": point, "z_phot_2": again, "i": rows["i_cmodel_mag"]}
    pd.DataFrame(columns).to_csv(folder / "catalogue.csv", index=False)
    normal = NormalDist()
    quantiles = {f"q{100 * q:02.0f}": point + width * normal.inv_cdf(q) for q in QUANTILES}
    drawn = point[:, None] + rng.normal(0.0, width, (len(point), 50))
    pdf = np.exp(-0.5 * ((np.linspace(0.0, 4.0, 81) - point[:, None]) / width) ** 2)
    wide = {
        f"{name}_{k}": one
        for name, many in (("s", drawn), ("p", pdf))
        for k, one in enumerate(many.T)
    }
    pd.DataFrame({**found, **quantiles, **wide}).to_parquet(folder / "forecasts.parquet")
    uneven = {f"pdf_{0.05 * k:.2f}": pdf[:, k] for k in (*range(41), *range(42, 81, 2))}
    pd.DataFrame({**found, **uneven}).to_parquet(folder / "uneven.parquet")
    grid = GridPDF(np.linspace(0.0, 4.0, 81), pdf)
    write_qp(folder / "ensemble.hdf5", grid, object_id=rows["object_id"], point=point)


@pytest.fixture
def reader(given, monkeypatch, tmp_path):
    """The reader's own copy of `given`, as the working directory, and a release to load."""
    folder = shutil.copytree(given, tmp_path / "reader")
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(folder / "data/mock/release/transferz"))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    shutil.copytree(ROOT / "surveys", folder / "surveys")
    shutil.copytree(ROOT / "baselines/results", folder / "baselines/results")
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copyfile(ROOT / name, folder / name)
    monkeypatch.setattr(configured, "FOLDER", folder / "surveys")  # a survey of one document's
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)  # as Python itself does it
    monkeypatch.setattr(entries, "ENTRIES", folder / "entries")  # not the checkout's own
    yield folder
    configured.find_survey.cache_clear()
    for name, module in [*sys.modules.items()]:  # a method of one document is none of another's
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]


@pytest.mark.parametrize("document", RUN)
def test_the_blocks_of_a_document_run_in_order(document, reader, capsys):
    names, printed = {}, ""
    for block in (block for block in BLOCKS if block.document == document):
        if block.file:
            Path(block.file).write_text(FILE.sub("", block.text, count=1), encoding="utf-8")
        elif block.language == "python":
            exec(compile(block.text, str(block), "exec"), names)
        elif block.language == "bash":
            printed = "".join(run(words, capsys) for words in block.commands())
        elif block.language == "text" and not block.text.startswith(tuple(NOT_PRINTED)):
            assert not_printed(block.text, printed) == [], printed
    if document == "README.md":
        assert set(names["ds"]) == {"train", "validation", "calibration", "test"}
        assert len(names["test"]) > 0


def run(words, capsys):
    """Run a command, unless it is excused; return what it printed."""
    if excuse(words):
        return ""
    capsys.readouterr()
    configured.find_survey.cache_clear()  # a command is a process of its own, elsewhere
    status = main(shortened(words))
    out, err = capsys.readouterr()
    assert status == 0, f"{' '.join(words)}: {err}"
    return out


def not_printed(text, printed):
    """Lines of a text that look like none of those that were printed."""
    lines = [line for line in text.splitlines() if line.strip() and line.strip() != "..."]
    return [line for line in lines if not shape(line).search(printed)]


def test_a_text_that_is_not_printed_is_found():
    printed = "config  galaxies  bias\ntransferz  70  -0.0123 ± 0.0045\n"
    assert not_printed("config  galaxies   bias\n\ntransferz  1,706  0.1 ± 0.2", printed) == []
    other = "config  galaxies  scatter"
    assert not_printed(other, printed) == [other]


@pytest.mark.parametrize(
    "block", [one for one in BLOCKS if one.language in ("yaml", "toml")], ids=str
)
def test_yaml_and_toml_can_be_read(block):
    read = yaml.safe_load if block.language == "yaml" else tomllib.loads
    assert read(block.text)


def test_the_folders_that_are_listed_are_there():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)/` \|", text, re.MULTILINE)
    assert len(listed) == 7
    assert [one for one in listed if not (ROOT / one).is_dir()] == []


def test_the_metrics_that_are_described_are_those_there_are():
    text = " ".join((ROOT / "docs/numbers.md").read_text(encoding="utf-8").split())
    names = (*METRICS, *PROBABILITY_METRICS, *PER_GALAXY, *TomographicMetric.__args__)
    assert [name for name in names if f"`{name}`" not in text] == []
    said = (
        f"{DRAWS.resamples} times (our choice",
        f"{DRAWS.resamples * SEED_DRAWS:,} quotients: {DRAWS.resamples} resamples",
        f"over {comparing.RESAMPLES} resamples",
        f"p · (methods − 1) < {SIGNIFICANCE}",
        f"{MARGINS['bias']} of bias",
        f"{MARGINS['scatter']} of scatter",
        f"{100 * MARGINS['outlier_rate']:g} % of outliers and of coverage",
        f"{100 * MARGINS['catastrophic_rate']:g} % of catastrophic",
        f"{MARGINS['rmse']} of RMS, {MARGINS['crps']} of CRPS, {MARGINS['cde_loss']} of CDE loss, "
        f"{MARGINS['log_score']} of log score",
        f"and the {CONFIDENCE:.0%} interval".replace("%", " %"),
        f"fewer than {FEWEST} galaxies",
        f"fewer than {conformal.FEWEST} calibration galaxies",
        f"fewer than {FEWEST_LEVELS} levels",
        f"more than {THINNED} samples",
        *(f"{bins.limit} (1 + z)" for bins in TOMOGRAPHIES.values()),
        *(f"| `{name}` | {bins.number} of equal number" for name, bins in TOMOGRAPHIES.items()),
        f"on the {MOST_COMMON} most common values",
        f"q = {', '.join(map(str, DROPPED[:-1]))} and {DROPPED[-1]} %",
        f"to {WIDTH_DIGITS} decimals",
        f"histogram has {BINS} bins",
        f"| `bias` | abs < {LIMITS['bias']} |",
        f"| `scatter` | < {LIMITS['scatter']} |",
        f"| `outlier_rate_3sigma` | < {LIMITS['outlier_rate_3sigma']:.0%} |".replace("%", " %"),
    )
    assert [one for one in said if one not in text] == []


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (targets,) = re.findall(r"^\.PHONY: (help .*)", makefile, re.MULTILINE)
    assert sorted(targets.split()) == sorted(re.findall(r"^## (\S+)  ", makefile, re.MULTILINE))
    costs = (ROOT / "docs/rebuilding.md").read_text(encoding="utf-8")
    assert [one for one in targets.split()[1:] if not re.search(f"`make {one}`", costs)] == []


def test_citation_and_version_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{citation["version"]}"' in project


def test_the_ratios_in_the_documents_are_those_of_the_checked_results():
    tables = (ROOT / "baselines/results/mock/ratios.md").read_text(encoding="utf-8")
    rows = [line for line in tables.splitlines() if line.startswith("| NN-")]
    document = (ROOT / "docs/baselines.md").read_text(encoding="utf-8")
    assert rows
    assert [row for row in rows if row not in document] == []
    times = [float(row.split("|")[2].split()[0]) for row in rows[:2]]
    assert [row.split("|")[1].strip() for row in rows[:2]] == ["NN-TL", "NN-Combo"]
    said = f"NN-TL and NN-Combo have {times[0]:.1f} and {times[1]:.1f} times less bias"
    assert said in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_plan_for_whole_surveys_is_what_its_command_prints():
    command = [sys.executable, ROOT / "benchmarks/growth.py", "--plan"]
    plan = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"```text\n{plan}```" in (ROOT / "docs/scale.md").read_text(encoding="utf-8")
