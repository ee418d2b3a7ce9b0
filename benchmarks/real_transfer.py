"""The paper's experiment on real galaxies of survey `cosmos_lite`: `make real-transfer`.

For every salt of the split the release is made anew, in a folder of its own; then the paper's
networks and the reference methods run on it, as by `transferz train` and `transferz benchmark`.
What has run on the same release with as many seeds does not run again. Work goes round by round,
each salt by salt: quick methods, the networks, slow methods, the study of `shared_photometry`.
At the end, or with ``--report`` of what is there, tables and the figure go to
``baselines/results/cosmos_lite/`` and into ``docs/real-transfer.md``.

It needs the release of `cosmos_lite` (`make repro SURVEY=cosmos_lite`). For the checks elsewhere on
the sky it needs that of `des`, the networks of `make baselines`, and a folder with the tables that
`benchmarks/real_methods.py` expects and a published one.
"""

import argparse
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from real_transfer_elsewhere import PLACES, run_elsewhere
from real_transfer_report import report

from transferz.baselines.benchmark.benchmarking import benchmark
from transferz.baselines.benchmark.loading import Method, load_method
from transferz.baselines.benchmark.task import Task, from_release
from transferz.baselines.leaderboard.entries import current_data
from transferz.baselines.paper import run_command
from transferz.dataset.card import card
from transferz.dataset.pipeline.stage import Layout
from transferz.dataset.release import release
from transferz.dataset.split import split
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.entries import ENTRY_FILE, EntryTraining, read_entry
from transferz.schemas.errors import InputError, TransferZError

SURVEY = "cosmos_lite"
SALTS, SEEDS = 10, 20
METHOD_SEEDS = 5
"""At most, of a reference method, and of networks in the study of `shared_photometry`."""

NETWORKS = ("nn_base", "nn_tl", "nn_combo", "nn_spec")
QUICK_METHODS = (
    "median",
    "nearest",
    "trees",
    "conformal_trees",
    "conformal_trees_by_magnitude",
    "template_fit",
)
SLOW_METHODS = ("quantile_trees", "mixture_density", "bayesian")

DISTANCES = (0.0, 0.05, 0.2)
"""Of `shared_photometry` (mag), beside the survey's own, which all salts have."""

DISTANCE_SALTS = 4
"""So many of the salts are made with the other distances too."""

DISTANCE_METHODS = ("nn_base", "nn_tl")
"""Those that the labels matter most to; NN-Spec sees none."""

MATCHED = "matched"
"""What the control of that study is called: `run_matched`."""

QUICK_EPOCHS = 3


@dataclass(frozen=True, slots=True)
class Job:
    """Methods to run on one split: its number, and the distance that labels are left out within.

    With no number, checks elsewhere on the sky; `methods` has which.
    """

    work: Path
    data: Path
    salt: int | None
    distance: float | None
    methods: tuple[str, ...]
    seeds: int
    epochs: int | None
    tables: Path | None = None

    @property
    def layout(self) -> Layout:
        """Where its release is made."""
        apart = "" if self.distance is None else f"-distance-{self.distance:g}"
        folder = self.work / f"salt-{self.salt:02d}{apart}"
        # The first salt is that of params.yaml.
        return Layout(SURVEY, folder, f"transferz-{self.salt}", self.distance)


def jobs(args: argparse.Namespace) -> Iterator[Job]:
    """List the work, in the order in which it is done."""
    fewer = min(args.seeds, METHOD_SEEDS)

    def job(
        salt: int | None,
        methods: Sequence[str],
        distance: float | None = None,
        seeds: int = args.seeds,
    ) -> Job:
        own = (args.work, args.survey_data, salt, distance, tuple(methods))
        return Job(*own, seeds, args.epochs, args.data)

    salts = range(1, args.salts + 1)
    yield from (job(salt, QUICK_METHODS[: 2 if args.quick else None]) for salt in salts)
    yield from (job(salt, NETWORKS) for salt in salts)
    if not args.quick:
        yield from (job(salt, SLOW_METHODS) for salt in salts)
    for salt in salts[:DISTANCE_SALTS]:
        for distance in DISTANCES[:1] if args.quick else DISTANCES:
            yield job(salt, DISTANCE_METHODS, distance, fewer)
        yield job(salt, [MATCHED], seeds=fewer)
    if args.data:
        yield from (job(None, [place]) for place in PLACES)


def build(job: Job) -> None:
    """Make the release of a job's split anew, by the stages from `split` on."""
    before, own = Layout(SURVEY, job.data), job.layout
    interim = own.interim("split").parent
    interim.mkdir(parents=True, exist_ok=True)
    for stage in ("fetch", "ingest", "select", "match"):
        if not (source := before.interim(stage)).is_dir():
            raise InputError(f"{source} is missing; build it: `make repro SURVEY={SURVEY}`")
        if not (interim / stage).exists():
            (interim / stage).symlink_to(source.resolve())
    for stage_function in (split, release, card):
        stage_function(own)


def run(job: Job) -> None:
    """Do one piece of work, but for what is there; its release is made."""
    if job.salt is None:
        assert job.tables is not None  # only then there is such a job
        run_elsewhere(job.methods[0], job.tables, job.work, job.data, job.seeds, job.epochs)
        return
    if job.methods == (MATCHED,):
        run_matched(job)
        return
    made = find_release(job.layout.release)
    for key in job.methods:
        seeds = job.seeds if key in NETWORKS else min(job.seeds, METHOD_SEEDS)
        ensure(key, made, job.layout.data / "runs" / key, seeds, job.epochs)


def run_matched(job: Job) -> None:
    """Train NN-Base on as many and as faint labels as the survey's distance leaves, but any.

    What it does on spectra beside NN-Base on all labels, and on those left, tells what the distance
    costs by the magnitudes that it leaves, and what by keeping galaxies apart.
    """
    fewer = from_release(find_release(job.layout.release), "label")
    whole = find_release(replace(job, distance=0.0).layout.release)
    task = from_release(whole, "label")
    rng = np.random.default_rng(job.salt)
    task = replace(
        task,
        training=_as_faint(task.training, fewer.training, rng),
        validation=_as_faint(task.validation, fewer.validation, rng),
    )
    rows = {"train": {"labels": len(task.training)}, "validation": {"labels": len(task.validation)}}
    learned = task.learned.model_dump() | {"rows": {**rows, "calibration": None}}
    task = replace(task, learned=EntryTraining.model_validate(learned))
    folder = job.layout.data.with_name(f"{job.layout.data.name}-{MATCHED}") / "runs" / "nn_base"
    ensure("nn_base", whole, folder, job.seeds, job.epochs, task)


def _as_faint(table: pd.DataFrame, like: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Draw as many rows of a table as another has in each tenth of an i magnitude."""
    tenth, wanted = (np.floor(10 * each["i_mag"]) for each in (table, like))
    counts = wanted.value_counts()
    kept = [
        rng.choice(rows.index, min(len(rows), int(counts.get(place, 0))), replace=False)
        for place, rows in table.groupby(tenth)
    ]
    return table.loc[np.sort(np.concatenate(kept))].reset_index(drop=True)


def ensure(
    key: str, made: Release, folder: Path, seeds: int, epochs: int | None, task: Task | None = None
) -> None:
    """Run a method on a release, unless it has run on the same with as many seeds.

    `task` is what it learns from of the release, by default what it asks for.
    """
    method = network(key, folder.parent, epochs) if key in NETWORKS else load_method(key)
    if method.stated.deterministic:
        seeds = 1
    if (folder / ENTRY_FILE).is_file():
        entry = read_entry(folder / ENTRY_FILE)
        if entry.seeds == seeds and current_data(made).holds(entry):
            return
    folder.parent.mkdir(parents=True, exist_ok=True)
    command = f"python benchmarks/real_transfer.py --seeds {seeds}"
    benchmark(method, task or made, seeds=seeds, command=command).write(folder)
    sys.stderr.write(f"{folder}: done\n")


def network(key: str, runs: Path, epochs: int | None) -> Method:
    """Return a network of the paper's; NN-TL starts from the NN-Base that lies beside it."""
    from transferz.baselines.methods.networks import PHOTOMETRY
    from transferz.baselines.networks.ensemble import load_ensemble

    kind = PHOTOMETRY[key]
    options: dict[str, Any] = {}
    if epochs:
        options["schedule"] = replace(kind.schedule, max_epochs=epochs)
    if key == "nn_tl" and (runs / "nn_base").is_dir():
        options["start"] = load_ensemble(runs / "nn_base")
    return Method(kind, key, options)


def work(args: argparse.Namespace) -> int:
    """Do all work, a process per worker; what fails is said and hinders nothing else."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # a process per core: they don't share well
    failed, listed = 0, list(jobs(args))
    splits = {(job.salt, job.distance): job for job in listed if job.salt is not None}
    with ProcessPoolExecutor(args.workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(build, splits.values()))
        for done in as_completed([pool.submit(run, job) for job in listed]):
            try:
                done.result()
            except (TransferZError, OSError) as error:
                failed += 1
                sys.stderr.write(f"error: {error}\n")
            except Exception:  # a method's own: the others go on
                failed += 1
                traceback.print_exc()
    return failed


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, metavar="DIR", help="tables of EGS, SDSS and others")
    parser.add_argument("--salts", type=int, default=SALTS, help="splits (default: %(default)s)")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="of networks (%(default)s)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--quick", action="store_true", help="few epochs, methods and distances")
    parser.add_argument("--report", action="store_true", help="run nothing: only what is there")
    parser.add_argument("--survey-data", type=Path, default=Path("data"), help="with cosmos_lite/")
    parser.add_argument("--work", type=Path, help="(default: data/cosmos_lite/real-transfer)")
    parser.add_argument("--out", type=Path, help="(default: baselines/results/cosmos_lite)")
    parser.add_argument("--page", type=Path, help="(default: docs/real-transfer.md)")
    args = parser.parse_args(argv)
    args.epochs = QUICK_EPOCHS if args.quick else None
    name = "real-transfer-quick" if args.quick else "real-transfer"
    args.work = args.work or args.survey_data / SURVEY / name
    if not args.quick:  # a trial leaves the project's own pages alone
        args.out = args.out or Path("baselines/results") / SURVEY
        args.page = args.page or Path("docs/real-transfer.md")
    args.out = args.out or args.work / "results"
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run, and report."""
    args = parse_arguments(argv)
    failed = 0 if args.report else work(args)
    report(args.work, args.out, args.page, args.salts)
    return min(failed, 1)


if __name__ == "__main__":
    run_command(main)
