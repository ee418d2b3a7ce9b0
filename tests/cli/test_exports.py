"""What `transferz export` writes, every command that takes a table reads again, to the same end."""

import json

import pyarrow.parquet as pq
import pytest

from transferz.cli import main
from transferz.exporting import export, rail_names
from transferz.hats import export_hats
from transferz.releases import find_release
from transferz.schemas import MAGNITUDES
from transferz.schemas.survey.described import HSC_BANDS

LSST = "LSST's range"  # RAIL's names of bands are not known to be i's
ENDINGS = ("vot", "fits", "ecsv", "hdf5")


@pytest.fixture(scope="module")
def folder(tiny_release, tmp_path_factory):
    """A config in every format that is exported, and as parquet."""
    folder = tmp_path_factory.mktemp("exports")
    for ending in ENDINGS:
        exported = export(find_release(tiny_release), folder / f"t.{ending}", "galaxiesml")
    pq.write_table(exported.rows, folder / "t.parquet")
    export_hats(find_release(tiny_release), folder / "t.hats", "galaxiesml", partition_rows=100)
    return folder


@pytest.fixture(scope="module")
def results():
    """What each command makes of the first of the files."""
    return {}


@pytest.mark.parametrize("ending", ["parquet", *ENDINGS, "hats"])
def test_every_command_reads_an_export(ending, folder, results, tiny_release, capsys):
    table, model = folder / f"t.{ending}", folder / "model"
    out, runs = folder / f"{ending}.parquet", folder / f"run_{ending}"

    def run(*arguments):
        status = main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        assert status == int(arguments[0] == "check-leak"), said.err
        return said.out

    bands = [rail_names(HSC_BANDS)[name] if ending == "hdf5" else name for name in MAGNITUDES]
    own = ("--table", table, "--bands", ",".join(bands), "--redshift", "redshift")
    learning = (*own, "--id", "object_id", "--fractions", "0.5,0.3,0.1,0.1", "--quiet")
    leaks = json.loads(run("check-leak", table, "--release", tiny_release, "--json"))
    score = run("score", table, "--true", "redshift", "--pred", "redshift", "--json")
    once = ("--seeds", "1", "--epochs", "1", "--out", folder / f"model_{ending}")
    train = run("train", "nn_spec", *learning, *once)
    run("benchmark", "median", *learning, "--out", runs)
    if not model.exists():
        (folder / f"model_{ending}").rename(model)
    run("predict", "--model", model, table, "--bands", ",".join(bands), "--out", out, "--quiet")
    found = {
        "check-leak": (leaks["rows"], leaks["rows_by_way"]["id"], leaks["first_objects"]),
        "score": json.loads(score)["scores"],
        "train": [line for line in train.split("Training")[0].splitlines() if LSST not in line],
        "benchmark": sorted(pq.read_table(runs / "forecasts.parquet")["redshift"].to_pylist()),
        "predict": pq.read_table(out).sort_by("object_id")["redshift_pred"].to_pylist(),
    }
    # HATS has the rows in the order of the sky, which batches of training depend on, and which
    # galaxies the bootstrap draws: forecasts that are the labels have no errors but those of n(z).
    if ending == "hats":
        del found["train"]
    for command, result in found.items():
        known = results.setdefault(command, result)
        if ending == "hats" and command == "score":
            known, result = (one | {"tomography": None} for one in (known, result))
        assert known == result
