"""Every file is the same whatever the threads, locale, hash seed, umask and time zone are."""

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parent

WRITE = """
import contextlib, hashlib, sys
from pathlib import Path
sys.path.insert(0, {tests!r})
import pandas as pd
from mock_run import write_runs
from releases import build
from transferz.baselines.benchmark import forecasts
from transferz.baselines.scores.bootstrap import Draws
from transferz.cli import main

forecasts.DRAWS = Draws(10)
here = Path.cwd()
release = str(build(here / "data", photometric=150, spectroscopic=200))
rows = pd.read_parquet(next(Path(release).glob("combo/train-*.parquet")))
rows["f_i"], rows["ferr_i"], rows["z_phot"] = rows["ra"], rows["dec"], rows["redshift"] * 1.01
rows.to_csv("rows.csv", index=False)
write_runs(here / "runs", release, seeds=2)
out = here / "out"
out.mkdir()
for words in (
    f"export out/a.fits --release {{release}}",
    f"export out/a.vot --release {{release}} --config combo",
    f"export out/a.ecsv --release {{release}} --split test",
    f"deposit out/deposit --release {{release}}",
    f"compare {{release}} {{release}} --rows out/compare.csv --json out/compare.json",
    f"predict rows.csv --model runs/nn_spec --out out/predicted.parquet --quiet",
    f"predict rows.csv --model runs/nn_spec --out out/predicted.fits --quiet",
    f"magnitudes rows.csv --unit ujy --out out/magnitudes.csv.gz",
    f"check-leak rows.csv --release {{release}} --write-clean out/clean.parquet",
    f"score rows.csv --true redshift --pred z_phot --json --plot out/plots",
    f"info --release {{release}}",
):
    with open(out / f"{{words.split()[0]}}.txt", "a") as said, contextlib.redirect_stdout(said):
        assert main(words.split()) == 0, words
for folder in (Path(release), out):
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes().replace(str(here).encode(), b"")
        print(hashlib.sha256(content).hexdigest(), path.relative_to(here))
"""

ONE = {"OMP_NUM_THREADS": "1", "LC_ALL": "C.UTF-8", "TZ": "UTC", "PYTHONHASHSEED": "0"}
OTHER = {"OMP_NUM_THREADS": "3", "LC_ALL": "POSIX", "TZ": "Pacific/Auckland", "PYTHONHASHSEED": "7"}


def test_every_file_is_the_same(tmp_path):
    found = []
    for name, environment, umask in (("one", ONE, 0o022), ("other", OTHER, 0o077)):
        folder = tmp_path / name
        folder.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", WRITE.format(tests=str(TESTS))],
            cwd=folder,
            env=os.environ | environment | {"TRANSFERZ_RELEASE": ""},
            umask=umask,
            text=True,
            capture_output=True,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        found.append(done.stdout.splitlines())
    assert len(found[0]) > 45
    assert found[0] == found[1]
