"""`transferz train`, from arguments to files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transferz.baselines.benchmark.experiment import (
    Columns,
    add_test_table,
    from_release,
    from_table,
)
from transferz.baselines.benchmark.samples import read_sample
from transferz.baselines.methods.paper import METHODS
from transferz.baselines.networks import weights as output
from transferz.baselines.networks.weights import load_ensemble
from transferz.baselines.scores import metrics
from transferz.cli.train_command import main
from transferz.releases import find_release
from transferz.schemas import MAGNITUDES, InputError, ParameterError, ReleaseError
from transferz.schemas.survey.manifest import read_manifest

QUICK = ("--seeds", "2", "--epochs", "12", "--learning-rate", "3e-3", "--batch-size", "25")
COLUMNS = ("--bands", "g,r,i", "--redshift", "zs")


def write_table(path, count=600, seed=0, missing=0, **extra):
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.05, 2.0, count)
    magnitudes = rng.normal(22, 1, (count, 1)) + redshift[:, None] * [1.2, 0.4, -0.3]
    magnitudes[:missing, 0] = 99.0
    columns = {name: magnitudes[:, k] for k, name in enumerate("gri")}
    pq.write_table(pa.table({"zs": redshift, **columns, **extra}), path)
    return path


def magnitude_set(sample):
    return {tuple(row) for row in sample.magnitudes.tolist()}


def test_each_method_learns_from_its_config(tiny_release):
    release = find_release(tiny_release)
    for method, config in ((name, one.config) for name, one in METHODS.items()):
        made = from_release(release, method)
        stored = pq.read_table(tiny_release / config / "train-00000-of-00001.parquet")
        assert made.bands == MAGNITUDES
        np.testing.assert_array_equal(made.samples["train"].redshift, stored["redshift"])
        assert list(made.samples) == ["train", "validation", "test"]
        assert made.source["config"] == config
        assert made.source["release"]["mock"] is True
        assert made.source["release"]["content"] == read_manifest(tiny_release)["content"]


def test_a_release_without_a_test_split_can_be_trained_on(release_builder, tmp_path):
    place = release_builder(tmp_path / "transferz")
    for path in (place / "combo").glob("test-*"):
        path.unlink()
    assert list(from_release(find_release(place), "nn_combo").samples) == ["train", "validation"]
    for path in (place / "combo").glob("validation-*"):
        path.unlink()
    with pytest.raises(ReleaseError, match="no split 'validation'"):
        from_release(find_release(place), "nn_combo")


def test_a_table_is_split_whole_once_and_by_the_fractions(tmp_path):
    path = write_table(tmp_path / "t.parquet", 4000)
    made = from_table(path, Columns(("g", "r", "i"), "zs"), (0.6, 0.2, 0.0, 0.2))
    sizes = {name: len(sample) for name, sample in made.samples.items()}
    assert sum(sizes.values()) == 4000
    for name, share in zip(sizes, (0.6, 0.2, 0.2), strict=True):
        assert sizes[name] == pytest.approx(4000 * share, abs=4 * np.sqrt(4000 * share))
    sets = [magnitude_set(sample) for sample in made.samples.values()]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


def test_the_calibration_part_is_set_aside(tmp_path):
    made = from_table(write_table(tmp_path / "t.parquet"), Columns(("g", "r", "i"), "zs"))
    assert list(made.samples) == ["train", "validation", "test"]
    assert sum(map(len, made.samples.values())) < 600 * 0.96


def test_splits_ignore_row_order_and_row_numbers(tmp_path):
    columns = Columns(("g", "r", "i"), "zs")
    path = write_table(tmp_path / "t.parquet", row=np.arange(600))
    shuffled = pq.read_table(path).take(np.random.default_rng(1).permutation(600))
    renumbered = shuffled.set_column(
        shuffled.column_names.index("row"), "row", pa.array(np.arange(600))
    )
    pq.write_table(renumbered, tmp_path / "u.parquet")
    first, second = from_table(path, columns), from_table(tmp_path / "u.parquet", columns)
    for name in first.samples:
        assert magnitude_set(first.samples[name]) == magnitude_set(second.samples[name])


def test_rows_of_the_same_photometry_stay_together_whatever_their_redshift(tmp_path):
    table = pq.read_table(write_table(tmp_path / "t.parquet", 500))
    again = table.set_column(0, "zs", pa.array(np.random.default_rng(4).uniform(0, 2, 500)))
    pq.write_table(pa.concat_tables([table, again]), tmp_path / "u.parquet")
    made = from_table(tmp_path / "u.parquet", Columns(("g", "r", "i"), "zs"), (0.5, 0.5, 0, 0))
    assert not magnitude_set(made.samples["train"]) & magnitude_set(made.samples["validation"])
    assert all(len(sample) == 2 * len(magnitude_set(sample)) for sample in made.samples.values())


@pytest.mark.parametrize("kind", [int, str])
def test_an_id_decides_the_split(kind, tmp_path):
    """Two rows per object, with different photometry."""
    ids = [kind(number) for number in list(range(300)) * 2]
    path = write_table(tmp_path / "t.parquet", object=ids)
    made = from_table(path, Columns(("g", "r", "i"), "zs", "object"))
    sets = [set(sample.identifiers.tolist()) for sample in made.samples.values()]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert all(len(sample) % 2 == 0 for sample in made.samples.values())


def test_the_splits_are_pinned(tmp_path):
    """A change of hash, salt or keys moves galaxies between splits: it must be on purpose."""
    path = tmp_path / "t.parquet"
    values = np.arange(12.0)
    pq.write_table(pa.table({"g": 20 + values / 8, "zs": values / 10 + 0.01}), path)
    made = from_table(path, Columns(("g",), "zs"), (0.4, 0.3, 0.0, 0.3))
    rows = {
        name: (8 * sample.magnitudes[:, 0] - 160).tolist() for name, sample in made.samples.items()
    }
    assert rows == {
        "train": [0, 3, 6, 9],
        "validation": [5, 7, 8],
        "test": [1, 2, 4, 10, 11],
    }


def test_a_table_too_small_to_split_is_refused(tmp_path):
    path = write_table(tmp_path / "t.parquet", 3)
    with pytest.raises(InputError, match=r"3 usable rows leave no .*--fractions"):
        from_table(path, Columns(("g", "r", "i"), "zs"), (1.0, 0.0, 0.0, 0.0))


def test_a_test_table_needs_as_many_bands(tmp_path):
    path = write_table(tmp_path / "t.parquet")
    made = from_table(path, Columns(("g", "r", "i"), "zs"))
    with pytest.raises(InputError, match=r"2 test bands \(g, r\) for a network of 3 \(g, r, i\)"):
        add_test_table(made, path, Columns(("g", "r"), "zs"))


def test_a_run_on_a_table_prints_scores_and_writes_what_reproduces_them(tmp_path, capsys):
    path, out = write_table(tmp_path / "t.parquet", missing=7), tmp_path / "deep" / "out"
    assert main(["--table", str(path), *COLUMNS, "--drop-missing", *QUICK, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""  # no progress where there is no terminal
    assert "7 rows without all of g, r, i and zs dropped" in captured.out
    results = json.loads((out / "results.json").read_text())
    assert results["source"]["table"]["dropped"] == 7
    assert results["galaxies"].keys() == results["scores"].keys() == {"train", "validation", "test"}
    assert sorted(p.name for p in out.iterdir()) == ["model.safetensors", "results.json"]

    test = from_table(path, Columns(("g", "r", "i"), "zs"), drop_missing=True).samples["test"]
    written = results["scores"]["test"]["all"]["metrics"]
    model = load_ensemble(out)
    assert model.bands == ("g", "r", "i")
    assert model.provenance["source"] == results["source"]
    assert model.ensemble.seeds == (0, 1)
    again = metrics.score(model.ensemble.predict(test.magnitudes), test.redshift)
    for name, values in again.items():
        np.testing.assert_allclose(written[name]["seeds"], values, atol=1e-9)
    rmse = written["rmse"]
    assert rmse["mean"] == pytest.approx(np.mean(rmse["seeds"]))
    assert rmse["spread"] == pytest.approx(np.std(rmse["seeds"], ddof=1))
    assert f"{rmse['mean']:.4f} ± {rmse['spread']:.4f}" in captured.out
    assert [one["seed"] for one in results["training"]] == [0, 1]
    assert results["hardware"]["cpu"]
    assert results["duration_s"] >= 0
    assert "--table" in results["command"]


def test_a_run_on_a_release_scores_another_table_too(tiny_release, tmp_path, capsys):
    table = write_table(tmp_path / "own.parquet", y=np.full(600, 21.0), z=np.full(600, 21.5))
    args = ["nn_combo", "--release", str(tiny_release), *QUICK, "--test-table", str(table)]
    assert main([*args, "--test-bands", "g,r,i,z,y", "--test-redshift", "zs"]) == 0
    rows = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[2:]]
    assert rows == [
        name for name in ("train", "validation", "test", "table own.parquet") for _ in range(2)
    ]


def test_one_seed_has_no_spread_and_no_galaxies_no_score(tmp_path, capsys):
    path = tmp_path / "t.parquet"
    table = pq.read_table(write_table(path))
    low = table.set_column(0, "zs", pa.array(np.random.default_rng(0).uniform(0.01, 0.3, 600)))
    pq.write_table(low, path)
    out = tmp_path / "out"
    main(["--table", str(path), *COLUMNS, "--seeds", "1", "--epochs", "2", "--out", str(out)])
    part = json.loads((out / "results.json").read_text())["scores"]["test"]
    assert part["all"]["metrics"]["bias"]["spread"] is None
    assert part["cosmological"]["n"] == 0
    found = part["cosmological"]["metrics"].values()
    assert all(one["mean"] is None and one["spread"] is None for one in found)
    assert "±" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--table", "T", "--bands", "g"], "--table needs --bands and --redshift"),
        (["--bands", "g"], "--bands is about a --table"),
        (["--table", "T", *COLUMNS, "--test-bands", "g"], "--test-bands is about a --test-table"),
        (["--test-table", "T"], "--test-table needs --test-bands"),
        (["--table", "T", *COLUMNS, "--learning-rate", "-1"], "--learning-rate must be above 0"),
        (["--table", "T", *COLUMNS, "--learning-rate", "nan"], "--learning-rate must be above 0"),
        (["--table", "T", *COLUMNS, "--fractions", "0.5,0.5,0.5,0.5"], "sum"),
        (["--table", "T", *COLUMNS, "--device", "abacus"], "no device 'abacus' here"),
        (["nn_tl", "--table", "T", *COLUMNS], "needs --start, the model to fine-tune"),
        (["nn_spec", "--table", "T", *COLUMNS, "--start", "T"], "nn_spec starts anew"),
        (["--table", "T", *COLUMNS, "--replace"], "--replace is about --out"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(args, words, tmp_path):
    table = str(write_table(tmp_path / "t.parquet"))
    with pytest.raises(ParameterError, match=words):
        main([table if word == "T" else word for word in args])


@pytest.mark.parametrize(
    "args",
    [
        ["--seeds", "0"],
        ["--seeds", "x"],
        ["--fractions", "1,0"],
        ["--bands", "g,,r"],
        ["nn"],
        ["--frozen", "first"],
    ],
)
def test_arguments_wrong_by_themselves_exit_with_2(args, capsys):
    with pytest.raises(SystemExit) as stop:
        main(args)
    assert stop.value.code == 2
    assert "error" in capsys.readouterr().err


def test_an_output_directory_in_use_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "transferz.baselines.networks.training.train", lambda *_, **__: pytest.fail()
    )
    path, out = write_table(tmp_path / "t.parquet"), tmp_path / "out"
    out.mkdir()
    (out / "precious").touch()
    with pytest.raises(InputError, match="exists already"):
        main(["--table", str(path), *COLUMNS, "--out", str(out)])
    with pytest.raises(InputError, match="exists already"):
        main(["--table", str(path), *COLUMNS, "--out", str(out), "--replace"])
    with pytest.raises(InputError, match="can't write to --out"):
        main(["--table", str(path), *COLUMNS, "--out", str(path / "below" / "a_file")])


def full(path, *rest):
    path.write_bytes(b"half")
    raise OSError(28, "No space left on device")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "save_ensemble", full)
    path, out = write_table(tmp_path / "t.parquet"), tmp_path / "runs" / "out"
    with pytest.raises(InputError, match="No space left"):
        main(["--table", str(path), *COLUMNS, "--seeds", "1", "--epochs", "1", "--out", str(out)])
    assert list(out.parent.iterdir()) == []


def test_an_older_model_is_replaced_when_the_new_one_is_done(tmp_path, monkeypatch):
    path, out = write_table(tmp_path / "t.parquet"), tmp_path / "out"
    command = ["--table", str(path), *COLUMNS, "--epochs", "1", "--out", str(out)]
    main([*command, "--seeds", "1"])
    before = (out / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"exists already.*--replace"):
        main([*command, "--seeds", "2"])
    with monkeypatch.context() as patched:
        patched.setattr(output, "save_ensemble", full)
        with pytest.raises(InputError, match="No space left"):
            main([*command, "--seeds", "2", "--replace"])
    assert (out / "model.safetensors").read_bytes() == before
    main([*command, "--seeds", "2", "--replace"])
    assert len(load_ensemble(out).ensemble) == 2


def test_training_repeats_bit_for_bit(tmp_path):
    path = write_table(tmp_path / "t.parquet")
    command = ["--table", str(path), *COLUMNS, *QUICK]
    for name in ("one", "again"):
        main([*command, "--threads", "1", "--out", str(tmp_path / name)])
    one, again = (tmp_path / name / "model.safetensors" for name in ("one", "again"))
    assert one.read_bytes() == again.read_bytes()


def test_fine_tuning_on_a_table_starts_from_the_model_named(tmp_path):
    path = write_table(tmp_path / "t.parquet")
    table = ["--table", str(path), *COLUMNS]
    main(["nn_base", *table, *QUICK, "--out", str(tmp_path / "base")])
    tune = ["nn_tl", *table, "--start", str(tmp_path / "base"), "--epochs", "2"]
    main([*tune, "--seeds", "2", "--frozen", "1,2", "--out", str(tmp_path / "tuned")])
    base, tuned = (load_ensemble(tmp_path / name) for name in ("base", "tuned"))
    weights = zip(base.ensemble.networks.weights, tuned.ensemble.networks.weights, strict=True)
    assert [bool((one == two).all()) for one, two in weights] == [True, True, False, False, False]
    np.testing.assert_array_equal(tuned.ensemble.scaler.minimum, base.ensemble.scaler.minimum)
    assert tuned.provenance["start"] == base.provenance
    with pytest.raises(ParameterError, match="2 seeds, 0 to 1, and none for seed 2"):
        main([*tune, "--seeds", "3"])
    with pytest.raises(ParameterError, match="takes 3 bands"):
        main(["nn_tl", *table[:2], "--bands", "g,r", *COLUMNS[2:], *tune[-4:]])
    with pytest.raises(ParameterError, match="expected the model's order g,r,i, found r,g,i"):
        main(["nn_tl", *table[:2], "--bands", "r,g,i", *COLUMNS[2:], *tune[-4:]])
    with pytest.raises(ParameterError, match="is 'nn_tl'; nn_tl fine-tunes 'nn_base'"):
        main(["nn_tl", *table, "--start", str(tmp_path / "tuned")])


def test_nn_tl_on_a_release_trains_nn_base_first(tiny_release, tmp_path, capsys):
    release = ["--release", str(tiny_release)]
    main(["nn_base", *release, *QUICK[:4], "--out", str(tmp_path / "base")])
    whole = ["nn_tl", *release, *QUICK[:4], "--learning-rate", "1e-3"]
    capsys.readouterr()
    main([*whole, "--out", str(tmp_path / "both")])
    assert "NN-Base is trained first" in capsys.readouterr().err
    main([*whole, "--start", str(tmp_path / "base"), "--out", str(tmp_path / "second")])
    one, other = (load_ensemble(tmp_path / name).ensemble for name in ("both", "second"))
    assert one.fits == other.fits
    record = json.loads((tmp_path / "second" / "results.json").read_text())
    assert record["schedule"]["learning_rate"] == 1e-3
    assert record["source"]["config"] == "galaxiesml"
    assert record["start"]["method"] == "nn_base"
    assert "version" not in load_ensemble(tmp_path / "both").provenance["source"]["release"]


def test_progress_is_one_line_on_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    command = ["--table", str(write_table(tmp_path / "t.parquet")), *COLUMNS, "--epochs", "3"]
    main([*command, "--seeds", "2"])
    shown = capsys.readouterr().err
    assert "\n" not in shown
    assert "NN-Base: 0 epochs" in shown
    assert shown.rsplit("\r", 2)[1].strip() == ""  # wiped
    main([*command, "--seeds", "2", "--quiet"])
    assert capsys.readouterr().err == ""


def test_models_that_are_none_are_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    with pytest.raises(InputError, match="can't read a model"):
        load_ensemble(path)
    with pytest.raises(InputError, match="can't read a model"):
        load_ensemble(tmp_path)
    path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="can't read a model"):
        load_ensemble(path)
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="not written by transferz train"):
        load_ensemble(path)


@pytest.mark.parametrize("lost", ["weights.3", "scaler.maximum"])
def test_a_model_that_lacks_a_part_is_refused(lost, tmp_path):
    from safetensors import safe_open
    from safetensors.torch import save_file

    table = ["--table", str(write_table(tmp_path / "t.parquet")), *COLUMNS, "--epochs", "1"]
    main([*table, "--out", str(tmp_path / "out")])
    path = tmp_path / "out" / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        notes = file.metadata()
    del tensors[lost]
    save_file(tensors, path, metadata=notes)
    with pytest.raises(InputError, match=r"is damaged: .*train the model again"):
        load_ensemble(path)


def test_it_runs_on_a_bare_training_machine(tiny_release, bare_site, tmp_path):
    """With numpy, pyarrow and torch alone, as DESIGN promises."""
    import transferz

    site = bare_site("numpy", "pyarrow", "torch")
    package = Path(transferz.__file__).parents[1]
    link_package(site / "transferz", package)
    command = [sys.executable, "-S", "-m", "transferz.cli.train_command", "nn_base"]
    options = ["--release", str(tiny_release), "--seeds", "1", "--epochs", "2"]
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        command + options, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "test        all z           70" in done.stdout
    others = [sys.executable, "-S", "-c", "import pandas"]
    assert subprocess.run(others, env=environment, capture_output=True).returncode != 0


def link_package(target, root):
    """The package as an install lays it out: loaders' modules, rooms below."""
    target.mkdir()
    for module in (root / "loaders").iterdir():
        (target / module.name).symlink_to(module)
    for room in ("schemas", "photometry", "dataset", "baselines"):
        (target / room).symlink_to(root / room)


@pytest.mark.skipif(
    "TRANSFERZ_REAL_DATA" not in os.environ, reason="TRANSFERZ_REAL_DATA is not set"
)
def test_real_egs_galaxies_come_near_the_scatter_of_the_prototype(tmp_path):
    """grizy of about 3,900 EGS galaxies; a prototype on griz reached 0.032 and 2.7 % outliers.

    Six seeds give a scatter of 0.036 ± 0.005, outliers of 0.037 ± 0.007, a bias of -0.002 ± 0.007:
    the limits are five times that away.
    """
    table = Path(os.environ["TRANSFERZ_REAL_DATA"]) / "egs_ugrizy_redshift.csv.gz"
    out = tmp_path / "out"
    columns = ["--bands", "g,r,i,z,y", "--redshift", "redshift", "--drop-missing"]
    main(["--table", str(table), *columns, "--seeds", "1", "--out", str(out)])
    results = json.loads((out / "results.json").read_text())
    assert results["source"]["table"]["rows"] == 3923
    assert results["source"]["table"]["dropped"] == 7866 - 3923
    part = results["scores"]["test"]["cosmological"]["metrics"]
    assert part["scatter"]["mean"] < 0.06
    assert part["outlier_rate"]["mean"] < 0.08
    assert abs(part["bias"]["mean"]) < 0.04
    whole = read_sample(table, list("grizy"), "redshift", drop_missing=True)
    guess = metrics.score(np.full(len(whole), np.median(whole.redshift)), whole.redshift)
    assert results["scores"]["test"]["all"]["metrics"]["rmse"]["mean"] < 0.5 * guess["rmse"]
