"""`transferz train`, from arguments to files."""

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from transferz.baselines.benchmark.loading import Kept
from transferz.baselines.benchmark.own_tables import OwnTable, from_own_tables
from transferz.baselines.benchmark.task import from_release
from transferz.baselines.methods import METHODS
from transferz.baselines.methods.networks import PHOTOMETRY
from transferz.baselines.networks import ensemble
from transferz.baselines.networks.ensemble import load_ensemble
from transferz.baselines.scores import metrics
from transferz.cli import main as command
from transferz.cli.train import train as main
from transferz.releases import find_release
from transferz.schemas import MAGNITUDES, InputError, ParameterError, ReleaseError
from transferz.schemas.benchmark.entries import read_entry
from transferz.schemas.survey.files import file_digest, json_text, self_digest
from transferz.tables import printing

QUICK = ("--seeds", "2", "--epochs", "12", "--learning-rate", "3e-3", "--batch-size", "25")
COLUMNS = ("--bands", "g,r,i", "--redshift", "zs")
GRI = ("g", "r", "i")


def split(path, fractions=(0.7, 0.1, 0.1, 0.1), identifier=None):
    """The parts of a table, as `transferz train` splits it."""
    task = from_own_tables(
        OwnTable(path, GRI, "zs", identifier=identifier), None, fractions, require_test=False
    )
    tests = {"test": task.tests["table"].table} if task.tests else {}
    return {"train": task.training, "validation": task.validation} | tests


def write_table(path, count=600, seed=0, missing=0, **extra):
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.05, 2.0, count)
    magnitudes = rng.normal(22, 1, (count, 1)) + redshift[:, None] * [1.2, 0.4, -0.3]
    magnitudes[:missing, 0] = 99.0
    columns = {name: magnitudes[:, k] for k, name in enumerate("gri")}
    pq.write_table(pa.table({"zs": redshift, **columns, **extra}), path)
    return path


def magnitude_set(table):
    return {tuple(row) for row in table[["g_mag", "r_mag", "i_mag"]].to_numpy().tolist()}


def test_each_method_learns_from_its_config(tiny_release):
    release = find_release(tiny_release)
    for method, one in METHODS.items():
        task = from_release(release, PHOTOMETRY[method].train)
        config = release.configs()[one.role]
        stored = pq.read_table(tiny_release / config / "train-00000-of-00001.parquet")
        rows = task.training[task.training["config"] == config]
        assert task.bands == MAGNITUDES
        np.testing.assert_array_equal(rows["redshift"], stored["redshift"])
        assert list(task.tests) == ["galaxiesml", "transferz"]
        assert task.source["release"]["mock"] is True
        assert config in task.source["release"]["content"]


def test_a_release_without_a_test_split_can_be_trained_on(release_builder, tmp_path, capsys):
    place = release_builder(tmp_path / "transferz")
    strip_splits(place, "test")
    out = tmp_path / "out"
    main(["nn_combo", "--release", str(place), "--epochs", "1", "--seeds", "1", "--out", str(out)])
    assert [path.name for path in out.iterdir()] == ["model.safetensors"]
    assert "validation  all redshifts" in capsys.readouterr().out
    strip_splits(place, "validation")
    with pytest.raises(ReleaseError, match="no split 'validation'"):
        main(["nn_combo", "--release", str(place)])


def strip_splits(place, split):
    """Take a split out of all configs of a release, and of its manifest."""
    for path in place.glob(f"*/{split}-*"):
        path.unlink()
    path = place / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    for splits in manifest["content"].values():
        splits.pop(split, None)
    names = [name for name in manifest["files"] if f"/{split}-" in name]
    for name in names:
        del manifest["files"][name]
    manifest["sha256"] = self_digest(manifest)
    path.write_text(json_text(manifest))


def test_a_table_is_split_whole_once_and_by_the_fractions(tmp_path):
    parts = split(write_table(tmp_path / "t.parquet", 4000), (0.6, 0.2, 0.0, 0.2))
    assert sum(map(len, parts.values())) == 4000
    for part, share in zip(parts.values(), (0.6, 0.2, 0.2), strict=True):
        assert len(part) == pytest.approx(4000 * share, abs=4 * np.sqrt(4000 * share))
    sets = [magnitude_set(part) for part in parts.values()]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert not sets[1] & sets[2]


def test_the_calibration_part_is_set_aside(tmp_path):
    parts = split(write_table(tmp_path / "t.parquet"))
    assert list(parts) == ["train", "validation", "test"]
    assert sum(map(len, parts.values())) < 600 * 0.96


def test_splits_ignore_row_order_and_row_numbers(tmp_path):
    path = write_table(tmp_path / "t.parquet", row=np.arange(600))
    shuffled = pq.read_table(path).take(np.random.default_rng(1).permutation(600))
    renumbered = shuffled.set_column(
        shuffled.column_names.index("row"), "row", pa.array(np.arange(600))
    )
    pq.write_table(renumbered, tmp_path / "u.parquet")
    first, second = split(path), split(tmp_path / "u.parquet")
    for name in first:
        assert magnitude_set(first[name]) == magnitude_set(second[name])


def test_rows_of_the_same_photometry_stay_together_whatever_their_redshift(tmp_path):
    table = pq.read_table(write_table(tmp_path / "t.parquet", 500))
    again = table.set_column(0, "zs", pa.array(np.random.default_rng(4).uniform(0, 2, 500)))
    pq.write_table(pa.concat_tables([table, again]), tmp_path / "u.parquet")
    parts = split(tmp_path / "u.parquet", (0.5, 0.5, 0, 0))
    assert not magnitude_set(parts["train"]) & magnitude_set(parts["validation"])
    assert all(len(part) == 2 * len(magnitude_set(part)) for part in parts.values())


@pytest.mark.parametrize("kind", [int, str])
def test_an_id_decides_the_split(kind, tmp_path):
    """Two rows per object, with different photometry."""
    numbers = list(range(300)) * 2
    path = write_table(tmp_path / "t.parquet", object=[kind(number) for number in numbers])
    columns = pq.read_table(path)
    own = {tuple(row[name] for name in GRI): row["object"] for row in columns.to_pylist()}
    parts = split(path, identifier="object").values()
    sets = [{own[row] for row in magnitude_set(part)} for part in parts]
    assert not sets[0] & sets[1]
    assert not sets[0] & sets[2]
    assert all(len(part) % 2 == 0 for part in parts)


def test_the_splits_are_pinned(tmp_path):
    """A change of hash, salt or keys moves galaxies between splits: it must be on purpose."""
    path = tmp_path / "t.parquet"
    values = np.arange(12.0)
    pq.write_table(pa.table({"g": 20 + values / 8, "zs": values / 10 + 0.01}), path)
    task = from_own_tables(OwnTable(path, ("g",), "zs"), None, (0.4, 0.3, 0.0, 0.3))
    parts = {"train": task.training, "validation": task.validation}
    parts["test"] = task.tests["table"].table
    rows = {name: (8 * part["g_mag"] - 160).tolist() for name, part in parts.items()}
    assert rows == {
        "train": [0, 3, 6, 9],
        "validation": [5, 7, 8],
        "test": [1, 2, 4, 10, 11],
    }


def test_a_table_too_small_to_split_is_refused(tmp_path):
    path = write_table(tmp_path / "t.parquet", 3)
    with pytest.raises(InputError, match=r"3 usable rows leave no .* fractions="):
        split(path, (1.0, 0.0, 0.0, 0.0))


def test_a_table_without_a_test_part_gives_a_model_and_no_entry(tmp_path, capsys):
    table = ["--table", str(write_table(tmp_path / "t.parquet")), *COLUMNS, "--epochs", "1"]
    main([*table, "--fractions", "0.8,0.2,0,0", "--out", str(tmp_path / "out")])
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["model.safetensors"]
    assert "validation  all redshifts" in capsys.readouterr().out


FLUX = "f_{}"


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e3])  # Jy, µJy, nJy
@pytest.mark.parametrize("drop", [[], ["--drop-missing"]])
def test_fluxes_are_no_magnitudes_and_are_turned_into_them(unit, drop, tmp_path, capsys):
    table = pq.read_table(write_table(tmp_path / "t.parquet"))
    fluxes = {FLUX.format(band): 10 ** (0.4 * (23.9 - table[band].to_numpy())) for band in GRI}
    errors = {f"ferr_{band}": np.full(600, 0.1) for band in GRI}
    path, out = tmp_path / "fluxes.parquet", tmp_path / "magnitudes.parquet"
    columns = {name: unit * flux for name, flux in (fluxes | errors).items()}
    pq.write_table(pa.table({"zs": table["zs"], **columns}), path)
    learn = ["--bands", ",".join(fluxes), "--redshift", "zs", *drop]
    with pytest.raises(InputError, match=r"no magnitudes: .* may be fluxes") as error:
        main(["--table", str(path), *learn])
    said = re.search(r"the numbers in f_g \(median (\S+)\), f_r \(median ", str(error.value))
    assert float(said[1]) == pytest.approx(np.median(columns["f_g"]), rel=0.01)
    assert "m = 23.9 - 2.5 log10 f" in str(error.value)
    if unit == 1.0:
        assert command(["magnitudes", str(path), "--unit", "ujy", "--out", str(out)]) == 0
        learn[1] = ",".join(f"{name}_mag" for name in fluxes)
        assert main(["--table", str(out), *learn, "--epochs", "1", "--seeds", "1"]) == 0


@pytest.mark.parametrize("bands", ["g,r,i", "G,r_mag,i"])
def test_a_band_without_its_column_s_ending_is_told(bands, tmp_path):
    table = pq.read_table(write_table(tmp_path / "t.parquet"))
    pq.write_table(table.rename_columns(["zs", "g_mag", "r_mag", "i_mag"]), tmp_path / "u.parquet")
    asked = ["--table", str(tmp_path / "u.parquet"), "--redshift", "zs", "--epochs", "1", "--bands"]
    with pytest.raises(InputError, match=rf"did you mean g_mag,r_mag,i_mag for {bands}\?"):
        main([*asked, bands])
    assert main([*asked, "g_mag,r_mag,i_mag", "--seeds", "1"]) == 0
    with pytest.raises(InputError, match="has no column 'u'; it has: zs, g_mag, r_mag, i_mag"):
        main([*asked, "u,g"])


def test_a_test_table_needs_as_many_bands(tmp_path):
    path = write_table(tmp_path / "t.parquet")
    further = OwnTable(path, ("g", "r"), "zs")
    with pytest.raises(InputError, match=r"2 test bands \(g, r\) for a network of 3 \(g, r, i\)"):
        from_own_tables(OwnTable(path, GRI, "zs"), further)


def test_a_run_on_a_table_prints_scores_and_writes_what_reproduces_them(tmp_path, capsys):
    path, out = write_table(tmp_path / "t.parquet", missing=7), tmp_path / "deep" / "out"
    assert main(["--table", str(path), *COLUMNS, "--drop-missing", *QUICK, "--out", str(out)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""  # no progress where there is no terminal
    assert "7 rows without all of g, r, i and zs dropped" in captured.out
    entry = read_entry(out / "entry.yaml")
    assert entry.data.table.dropped == 7
    assert sorted(p.name for p in out.iterdir()) == [
        "entry.yaml",
        "forecasts.parquet",
        "model.safetensors",
    ]

    model = load_ensemble(out)
    assert model.bands == GRI
    assert model.provenance["source"]["table"]["sha256"] == entry.data.table.sha256
    assert model.ensemble.seeds == (0, 1)
    task = from_own_tables(OwnTable(path, GRI, "zs"), drop_missing=True)
    test = task.tests["table"]
    magnitudes = test.table[list(task.bands)].to_numpy()
    again = metrics.score(model.ensemble.predict(magnitudes), test.redshift)
    written = entry.scores["table"].ranges["all"].metrics
    for name, values in again.items():
        assert written[name].mean == pytest.approx(values.mean(), rel=1e-4, abs=1e-6)
        assert written[name].spread == pytest.approx(values.std(ddof=1), rel=1e-3, abs=1e-6)
    rmse = written["rmse"]
    assert f"{rmse.mean:.4f} ({rmse.spread:.4f})" in captured.out
    first = [line.split()[0] for line in captured.out.splitlines() if line]
    samples = first[first.index("sample") + 1 :][:6]
    assert samples == ["train", "train", "validation", "validation", "table", "table"]
    assert entry.networks.schedule["max_epochs"] == 12 and entry.networks.epochs.max == 12
    assert entry.model.sha256 == file_digest(out / "model.safetensors")["sha256"]
    assert entry.hardware["cpu"]
    assert entry.time.fit_s >= 0
    assert "--table" in entry.command


def test_a_run_on_a_release_scores_another_table_too(tiny_release, tmp_path, capsys):
    table = write_table(tmp_path / "own.parquet", y=np.full(600, 21.0), z=np.full(600, 21.5))
    args = ["nn_combo", "--release", str(tiny_release), *QUICK, "--test-table", str(table)]
    assert main([*args, "--test-bands", "g,r,i,z,y", "--test-redshift", "zs"]) == 0
    rows = [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[2:12]]
    samples = ("train", "validation", "galaxiesml", "transferz", "test_table")
    assert rows == [name for name in samples for _ in range(2)]


def test_one_seed_has_no_spread_and_no_galaxies_no_score(tmp_path, capsys):
    path = tmp_path / "t.parquet"
    table = pq.read_table(write_table(path))
    low = table.set_column(0, "zs", pa.array(np.random.default_rng(0).uniform(0.01, 0.3, 600)))
    pq.write_table(low, path)
    out = tmp_path / "out"
    main(["--table", str(path), *COLUMNS, "--seeds", "1", "--epochs", "2", "--out", str(out)])
    ranges = read_entry(out / "entry.yaml").scores["table"].ranges
    assert ranges["all"].metrics["bias"].spread is None
    assert ranges["cosmological"].n == 0
    found = ranges["cosmological"].metrics.values()
    assert all(one.mean is None and one.spread is None for one in found)
    plain = capsys.readouterr().out.split("\n\n")[0]
    assert "±" not in plain and "–––––" in plain.replace(" ", "")


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
    with pytest.raises(InputError, match="can't write to out="):
        main(["--table", str(path), *COLUMNS, "--out", str(path / "below" / "a_file")])


def full(kept, folder):
    (folder / kept.file).write_bytes(b"half")
    raise OSError(28, "No space left on device")


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(Kept, "write", full)
    path, out = write_table(tmp_path / "t.parquet"), tmp_path / "runs" / "out"
    with pytest.raises(InputError, match="No space left"):
        main(["--table", str(path), *COLUMNS, "--seeds", "1", "--epochs", "1", "--out", str(out)])
    assert list(out.parent.iterdir()) == []


def test_an_older_model_is_replaced_when_the_new_one_is_done(tmp_path, monkeypatch):
    path, out = write_table(tmp_path / "t.parquet"), tmp_path / "out"
    command = ["--table", str(path), *COLUMNS, "--epochs", "1", "--out", str(out)]
    main([*command, "--seeds", "1"])
    before = (out / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match=r"exists already.* replace=True"):
        main([*command, "--seeds", "2"])
    with monkeypatch.context() as patched:
        patched.setattr(Kept, "write", full)
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
    second, both = (read_entry(tmp_path / name / "entry.yaml") for name in ("second", "both"))
    assert second.networks.schedule["learning_rate"] == 1e-3
    assert second.training.set == both.training.set == "transferz+galaxiesml"
    assert second.networks.start.method == both.networks.start.method == "nn_base"
    assert set(second.networks.start.learned) == {"transferz/train", "transferz/validation"}
    assert "version" not in load_ensemble(tmp_path / "both").provenance["source"]["release"]


def test_a_start_of_other_data_is_no_part_of_what_was_learned_from_here(
    tiny_release, release_builder, tmp_path
):
    other = release_builder(tmp_path / "other" / "transferz", seed=7)
    out = tmp_path / "base"
    quick = ["--epochs", "1", "--seeds", "1"]
    main(["nn_base", "--release", str(other), *quick, "--out", str(out)])
    tuned = ["nn_tl", "--release", str(tiny_release), *quick, "--start", str(out)]
    main([*tuned, "--out", str(tmp_path / "tuned")])
    entry = read_entry(tmp_path / "tuned" / "entry.yaml")
    assert entry.training.set == "galaxiesml"
    base = read_entry(out / "entry.yaml").data.content["transferz"]["train"].hash
    assert entry.networks.start.learned["transferz/train"] == base


def test_progress_is_one_line_on_a_terminal(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(printing, "SHORT", 0.0)
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


def lose(name):
    return lambda tensors, notes: tensors.pop(name)


def put(name, value):
    def edit(tensors, notes):
        tensors[name].view(-1)[0] = value

    return edit


def note(name, value):
    return lambda tensors, notes: notes.update({name: value})


EDITS = {
    "no weights": lose("weights.3"),
    "no scaling": lose("scaler.maximum"),
    "another weight": put("weights.0", 0.125),
    "an infinite one": put("weights.0", math.inf),
    "a scaling of NaN": put("scaler.minimum", math.nan),
    "other bands": note("bands", ["i", "r", "g"]),
    "bands that are none": note("bands", 5),
    "another origin": note("provenance", {}),
}


@pytest.mark.parametrize("sealed", [False, True])
def test_a_model_that_was_changed_is_refused(sealed, tmp_path):
    """By its hash; where that was made anew, if it lacks a part or a number is not finite."""
    from safetensors import safe_open
    from safetensors.torch import save_file

    table = ["--table", str(write_table(tmp_path / "t.parquet")), *COLUMNS, "--epochs", "1"]
    main([*table, "--out", str(tmp_path / "out")])
    path = tmp_path / "out" / "model.safetensors"
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        notes = json.loads(file.metadata()["transferz"])
    told_by_hash_alone = ("another weight", "other bands", "another origin")
    for what, edit in EDITS.items():
        changed = {name: one.clone() for name, one in tensors.items()}, dict(notes)
        edit(*changed)
        if sealed:
            changed[1]["sha256"] = ensemble._digest(changed[1], changed[0])
        save_file(changed[0], path, metadata={"transferz": json.dumps(changed[1])})
        if sealed and what in told_by_hash_alone:
            load_ensemble(path)
            continue
        with pytest.raises(InputError, match=r"is damaged: .*train the model again"):
            load_ensemble(path)


@pytest.mark.parametrize("notes", ["null", "[]", '"text"', "5", "{}", "[" * 9999])
def test_notes_of_a_model_that_are_none_of_ours(notes, tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file

    path = tmp_path / "model.safetensors"
    save_file({"weight": torch.zeros(2)}, path, metadata={"transferz": notes})
    with pytest.raises(InputError, match="train the model again"):
        load_ensemble(path)


def test_it_runs_on_a_bare_training_machine(tiny_release, bare_site, tmp_path):
    """With what a benchmark needs, and none of what the making of a dataset does."""
    import transferz

    site = bare_site("numpy", "pandas", "pyarrow", "pydantic", "pyyaml", "scipy", "torch")
    package = Path(transferz.__file__).parents[1]
    link_package(site / "transferz", package)
    command = [sys.executable, "-S", "-m", "transferz.cli", "train", "nn_base"]
    options = ["--release", str(tiny_release), "--seeds", "1", "--epochs", "2"]
    environment = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        command + options, cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "transferz   all redshifts  70" in done.stdout
    others = [sys.executable, "-S", "-c", "import astropy"]
    assert subprocess.run(others, env=environment, capture_output=True).returncode != 0


def link_package(target, root):
    """The package as an install lays it out: loaders' modules, rooms below."""
    target.mkdir()
    metadata = target.parent / "transferz-0.1.0.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: transferz\nVersion: 0.1.0\n")
    for module in (root / "loaders").iterdir():
        (target / module.name).symlink_to(module)
    for room in ("schemas", "photometry", "tables", "dataset", "baselines", "cli"):
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
    entry = read_entry(out / "entry.yaml")
    assert (entry.data.table.rows, entry.data.table.dropped) == (3923, 7866 - 3923)
    part = entry.scores["table"].cosmological.metrics
    assert part["scatter"].mean < 0.06
    assert part["outlier_rate"].mean < 0.08
    assert abs(part["bias"].mean) < 0.04
    whole = OwnTable(table, tuple("grizy"), "redshift").read(drop_missing=True)
    guess = metrics.score(np.full(len(whole), np.median(whole.redshift)), whole.redshift)
    assert entry.scores["table"].ranges["all"].metrics["rmse"].mean < 0.5 * guess["rmse"]
