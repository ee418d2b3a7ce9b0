"""``transferz benchmark`` as users call it."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from quick import whole_reports

from transferz.baselines.benchmark.benchmarking import held_folder
from transferz.baselines.methods import networks
from transferz.baselines.networks.training import PAPER
from transferz.cli import benchmark as command
from transferz.cli import main
from transferz.cli.options import positive
from transferz.schemas import ParameterError
from transferz.schemas.benchmark.entries import read_entry
from transferz.tables import files, printing

METHOD = """
import os

from transferz.baselines.benchmark import Prediction

class Constant:
    train = "transferz"

    def fit(self, train, validation, *, seed):
        self.value = train["redshift"].mean()

    def predict(self, table):
        return Prediction([self.value] * len(table))

class Deep(Constant):
    def fit(self, train, validation, *, seed):
        super().fit(train, validation, seed=seed)
        os.makedirs("scratch", exist_ok=True)
        os.chdir("scratch")

class Late(Constant):
    def fit(self, train, validation, *, seed):
        super().fit(train, validation, seed=seed)
        if seed == 1 and not os.path.exists("mended"):
            raise ValueError("diverged")

class Quits(Constant):
    def predict(self, table):
        os._exit(0)

class Broken(Constant):
    def predict(self, table):
        raise RuntimeError("out of ideas")

class Colours(Constant):
    def fit(self, train, validation, *, seed):
        self.value = (train["g_mag"] - train["r_mag"]).mean()
"""


@pytest.fixture
def here(tmp_path, monkeypatch, tiny_release):
    (tmp_path / "constant_method.py").write_text(METHOD, encoding="utf-8")
    monkeypatch.setenv("TRANSFERZ_RELEASE", str(tiny_release))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_class_in_the_working_directory(here, capsys):
    with whole_reports():
        assert main(["benchmark", "constant_method:Constant", "--seeds", "2", "--out", "run"]) == 0
    said = capsys.readouterr()
    assert "Constant: learned from 300 galaxies (transferz), 2 seeds. MOCK galaxies" in said.out
    assert "LSST's requirements" in said.out
    assert "training seed 1" in said.err
    assert said.out.endswith("run: entry.yaml, forecasts.parquet, report.html\n")
    page = (here / "run" / "report.html").read_text("utf-8")
    assert "<title>MOCK: Constant, a run of the photo-z benchmark</title>" in page
    assert page.count("data:image/png;base64,") == 2 * 2  # redshift, residuals
    entry = read_entry(here / "run" / "entry.yaml")
    assert entry.command == "transferz benchmark constant_method:Constant --seeds 2 --out run"
    assert entry.method.key == "constant"
    assert set(entry.packages) >= {"numpy", "pandas"}
    again = ["benchmark", "constant_method:Constant", "--seeds", "1", "--out", "run"]
    assert main(again) == 2
    assert "give --replace" in capsys.readouterr().err
    assert main([*again, "--replace", "--key", "mine"]) == 0
    assert read_entry(here / "run" / "entry.yaml").method.key == "mine"


def test_a_report_that_can_not_be_made_costs_no_run(here, capsys, monkeypatch):
    def fail(*arguments):
        raise ValueError("no such\nfont")

    monkeypatch.setattr("transferz.baselines.leaderboard.reporting.report", fail)
    run = ["benchmark", "constant_method:Constant", "--seeds", "1", "--out", "run"]
    assert main(run) == 0
    said = capsys.readouterr()
    why = "no report.html in the run: no such font; `transferz report RUN_DIR` writes it later\n"
    assert said.err.endswith(why)
    assert said.out.endswith("run: entry.yaml, forecasts.parquet\n")
    assert not (here / "run" / "report.html").exists()


@pytest.mark.parametrize("asked", [["--trial"], ["--seeds", "1", "--out", "run"]])
def test_a_quiet_run_prints_nothing(here, capsys, asked):
    assert main(["benchmark", "constant_method:Constant", *asked, "--quiet"]) == 0
    said = capsys.readouterr()
    assert said.out == "" and "MOCK galaxies" in said.err and "training" not in said.err
    assert (here / "run").exists() == ("--out" in asked)


@pytest.mark.parametrize("place", [0, 1])
def test_json_without_a_file_is_all_that_is_printed(here, capsys, place):
    words = ["constant_method:Constant"]
    words.insert(place, "--json")
    assert main(["benchmark", *words, "--seeds", "1", "--quiet"]) == 0
    assert json.loads(capsys.readouterr().out)["method"]["key"] == "constant"


def test_networks_show_how_far_they_are_as_in_train(here, capsys, monkeypatch):
    epochs = replace(PAPER, max_epochs=2)
    monkeypatch.setattr(networks.NetworkMethod, "schedule", epochs)
    monkeypatch.setattr(printing, "EVERY", 0.0)
    run = ["benchmark", "nn_base", "--seeds", "2"]
    assert main(run) == 0
    lines = capsys.readouterr().err.splitlines()
    assert len([line for line in lines if line.startswith("NN-Base: 2 epochs, 2/2 seeds")]) == 1
    assert main([*run, "--quiet"]) == 0
    assert "epochs" not in capsys.readouterr().err


def test_later_seeds_say_how_long_the_rest_will_take(here, capsys, monkeypatch):
    monkeypatch.setattr("transferz.baselines.benchmark.running.SHORT", 0.0)
    assert main(["benchmark", "constant_method:Constant", "--seeds", "2"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "Constant: training seed 0, about 0:00 left" in lines
    assert "Constant: training seed 1, about 0:00 left" in lines


def test_an_output_with_something_else_in_it_is_left_alone(here, capsys):
    (here / "run").mkdir()
    (here / "run" / "thesis.tex").write_text("...")
    command = ["benchmark", "constant_method:Constant", "--out", "run", "--replace"]
    assert main(command) == 2
    assert "holds more than a run" in capsys.readouterr().err
    assert [path.name for path in (here / "run").iterdir()] == ["thesis.tex"]


def test_a_method_that_fails_is_told_with_its_traceback(here, capsys):
    assert main(["benchmark", "constant_method:Broken", "--seeds", "1", "--out", "run"]) == 2
    said = capsys.readouterr().err
    assert (
        "Broken: predict, seed 0, test set 'galaxiesml' raised RuntimeError: out of ideas" in said
    )
    assert "constant_method.py" in said
    assert not (here / "run").exists()


def test_a_column_that_is_not_there_is_named_last(here, capsys):
    assert main(["benchmark", "constant_method:Colours", "--seeds", "1"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith("The table has no column 'g_mag'; it has: object_id, g_cmodel_mag, r_")


def test_a_method_that_goes_to_another_folder_takes_no_output_along(here):
    run = ["benchmark", "constant_method:Deep", "--seeds", "2", "--out", "run", "--quiet"]
    assert main(run) == 0
    assert (here / "run" / "entry.yaml").is_file() and (here / "scratch" / "scratch").is_dir()
    assert [*(here / "scratch" / "scratch").iterdir()] == []


def test_the_same_command_goes_on_after_a_failure(here, capsys):
    run = ["benchmark", "constant_method:Late", "--seeds", "2", "--out", "run"]
    assert main(run) == 2
    said = capsys.readouterr().err
    assert "seeds that are kept in" in said and "run.seeds: 0; the same command goes on" in said
    (here / "mended").touch()
    assert main(run) == 0
    said = capsys.readouterr().err
    assert "seed 0 is there already" in said and "training seed 0" not in said
    assert read_entry(here / "run" / "entry.yaml").seeds == 2
    assert not (here / "run.seeds").exists()


def test_a_method_that_ends_the_process_is_an_error(here, capsys):
    assert main(["benchmark", "constant_method:Quits", "--seeds", "1"]) == 2
    assert "raised SystemExit: os._exit(0)" in capsys.readouterr().err


def test_two_runs_to_one_folder(here, capsys, monkeypatch):
    """The second is refused before it starts, not when it would write over the first."""
    monkeypatch.setattr(files, "PATIENCE", 0.0)
    run = ["benchmark", "constant_method:Constant", "--seeds", "1", "--out", "run"]
    with held_folder(here / "run", replace=False), ThreadPoolExecutor(1) as other:
        assert other.submit(main, run).result() == 2
    said = capsys.readouterr().err
    assert "another process is writing it" in said and "training" not in said
    assert main(run) == 0


def test_what_was_trained_is_there_although_it_cant_be_printed(here, monkeypatch):
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr("sys.stdout", full)
        run = ["benchmark", "constant_method:Constant", "--seeds", "1", "--out", "run"]
        assert main(run) == 2
    monkeypatch.undo()
    assert read_entry(here / "run" / "entry.yaml").seeds == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cant_be_written_is_refused_before_training(here, capsys):
    (here / "locked").mkdir(mode=0o500)
    assert main(["benchmark", "constant_method:Constant", "--out", "locked/run"]) == 2
    said = capsys.readouterr().err
    assert "can't write to --out" in said and "training" not in said


def test_the_installed_methods_are_listed(capsys):
    assert main(["benchmark", "--list"]) == 0
    said = capsys.readouterr().out
    for name in ("median", "nearest", "trees", "template_fit", "nn_base", "nn_tl", "nn_combo"):
        assert f"\n{name} " in f"\n{said}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a method"),
        (["median", "--table", "t.csv"], "--table needs --bands and --redshift"),
        (["median", "--redshift", "z"], "--redshift is about a --table"),
        (
            ["median", "--table", "t.csv", "--bands", "g", "--redshift", "z", "--train", "combo"],
            "--train and --release are about a release",
        ),
        (["median", "--replace"], "--replace is about --out"),
        (
            ["constant_method:Nothing"],
            "no class 'Nothing'; its classes: Broken, Colours, Constant,",
        ),
        (
            ["./constant_method.py:Constant"],
            "a path; a method is named as package.module:Class, such as constant_method:Constant",
        ),
        (["no_such_name"], "no installed method is called 'no_such_name'"),
    ],
)
def test_arguments_that_do_not_fit(here, capsys, arguments, said):
    assert main(["benchmark", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_one_method_that_cant_be_loaded_does_not_hide_the_others(capsys, monkeypatch):
    real = command.load_method

    def load(name):
        if name == "trees":
            raise ParameterError(f"no module for '{name}'")
        return real(name)

    monkeypatch.setattr(command, "load_method", load)
    assert main(["benchmark", "--list"]) == 0
    said = capsys.readouterr().out
    assert "can't be loaded: no module for 'trees'" in said
    assert "Training median" in said


def test_a_number_of_seeds_is_positive():
    assert positive("3") == 3
    with pytest.raises(SystemExit):
        main(["benchmark", "median", "--seeds", "0"])
