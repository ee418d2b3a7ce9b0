"""Forecast all of a catalogue: in this process, in several, or on a Dask cluster."""

import contextlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transferz.baselines.catalogues.collection import (
    Collection,
    Leaf,
    Written,
    close_collection,
    close_part,
)
from transferz.baselines.catalogues.job import Job, open_job
from transferz.baselines.catalogues.leaves import Done, Layout, forecast_leaf, leaf_schema
from transferz.baselines.networks.forecasting import Applied, RowCounts, require
from transferz.schemas.errors import InputError, ParameterError, TransferZError

PATIENCE = "10s"
"""For a scheduler to answer (our choice)."""

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where partitions are forecast: here, by `workers` processes, or at a Dask `scheduler`."""

    workers: int = 0
    scheduler: str = ""


def predict_catalogue(
    applied: Applied,
    collection: Collection,
    out: Path,
    *,
    drop_missing: bool = False,
    cluster: Cluster | None = None,
    watch: Callable[[int], contextlib.AbstractContextManager[Progress | None]] | None = None,
) -> RowCounts:
    """Write a HATS collection with forecasts, and count the rows of its primary catalogue.

    Partitions, ids and margins stay as they are. Each file is written whole or not at all, and is
    not done again by the next run with the same forecasts, input and options. `watch` takes the
    number of rows, of margins too, and gives what is told how many are done. What is wrong with a
    partition is an error that names it; those that are done are kept.
    """
    place = collection.place
    for part in collection.parts:
        require(applied, part.schema.names, f"{place}/{part.name}".rstrip("/"))
    with open_job(out, applied.facts | collection.facts()) as job:
        done = _forecast(applied, collection, job, drop_missing, cluster or Cluster(), watch)
        tally = RowCounts()
        for leaf, one in done.items():
            if leaf.part == collection.parts[0].name:
                tally.add(one.counts)
        tally.require_rows(place, drop_missing=True)
        job.clear()
        for part in collection.parts:
            own = {leaf: one for leaf, one in done.items() if leaf.part == part.name}
            schema = leaf_schema(part.schema, applied, "")
            close_part(part, job.catalogue / part.name, _written(own), schema)
        close_collection(collection, job.catalogue)
        job.finish()
    return tally


def _written(done: Mapping[Leaf, Done]) -> Written:
    sky: dict[int, int] = {}
    for one in done.values():
        for pixel, count in one.sky.items():
            sky[pixel] = sky.get(pixel, 0) + count
    return Written(
        {leaf.name: one.written for leaf, one in done.items()}, dict(sorted(sky.items()))
    )


def _forecast(
    applied: Applied,
    collection: Collection,
    job: Job,
    drop_missing: bool,
    cluster: Cluster,
    watch: Callable[[int], contextlib.AbstractContextManager[Progress | None]] | None,
) -> dict[Leaf, Done]:
    """Forecast the leaves that are not done, and return what came of all, in their order."""
    layouts = {part.name: Layout.of(part) for part in collection.parts}
    leaves = [leaf for part in collection.parts for leaf in part.leaves()]
    done = {leaf: known for leaf in leaves if (known := job.done(leaf))}
    for leaf, one in done.items():
        if not drop_missing:
            one.counts.require_rows(leaf, drop_missing=False)
    tasks = [
        _Task(leaf, job, layouts[leaf.part], drop_missing) for leaf in leaves if leaf not in done
    ]
    counted = sum(one.counts.rows for one in done.values())
    with (watch or (lambda _: contextlib.nullcontext()))(collection.rows) as progress:
        if progress:
            progress(counted)
        for task, one in _run(tasks, applied, cluster):
            done[task.leaf] = one
            counted += one.counts.rows
            if progress:
                progress(counted)
    return {leaf: done[leaf] for leaf in leaves}


@dataclass(frozen=True, slots=True)
class _Task:
    """A leaf to forecast; called, it does so and remembers it, on whatever machine."""

    leaf: Leaf
    job: Job
    layout: Layout
    drop_missing: bool

    def __call__(self, applied: Applied) -> Done:
        place = self.job.place(self.leaf)
        done = forecast_leaf(self.leaf, applied, place, self.layout, drop_missing=self.drop_missing)
        self.job.mark(self.leaf, done)
        return done


def _run(tasks: list[_Task], applied: Applied, cluster: Cluster) -> Iterator[tuple[_Task, Done]]:
    """Yield what comes of each task, as they end."""
    if not tasks or cluster == Cluster():
        for task in tasks:
            yield task, task(applied)
        return
    from dask.distributed import as_completed
    from distributed.scheduler import KilledWorker

    with _client(cluster) as client:
        # A task whose result all others take: it is sent once to each worker, and again to one that
        # takes the place of a worker that died.
        shared = _sent(client, applied)
        futures = {client.submit(_on_worker, task, shared, pure=False): task for task in tasks}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except KilledWorker as error:
            raise InputError(
                f"{futures[future].leaf}: {error.allowed_failures + 1} workers died as they "
                "forecast it; see their logs, or give each more memory, and run again to go on"
            ) from None
        finally:
            client.cancel(list(futures))


def _sent(client: Any, applied: Applied) -> Any:
    """Return what is to be applied as a task's result, which lies where workers get it."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph")  # it is sent once
            return client.submit(_given, applied, pure=False)
    except Exception as error:  # whatever stands in a method's way
        reason = " ".join(str(error.__cause__ or error).split())
        raise ParameterError(
            f"{applied.note}: it can't be sent to workers ({reason}); leave out --workers and "
            "--scheduler"
        ) from error


def _given(applied: Applied) -> Applied:
    return applied


def _on_worker(task: _Task, applied: Applied) -> Done:
    """Forecast a leaf in this thread alone: a worker has as many tasks as threads."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)
    try:
        return task(_placed(applied))
    except TransferZError as error:  # its cause need not be one that can be sent
        raise type(error)(str(error), **error.options) from None


_ready: dict[str, Applied] = {}
"""What this worker applies, where it computes best: one thing, by its key."""


def _placed(applied: Applied) -> Applied:
    """Return what is to be applied on this worker's GPU, if it has one; moved there once."""
    key = json.dumps(applied.facts, sort_keys=True)
    if key not in _ready:
        _ready.clear()
        _ready[key] = applied.here()
    return _ready[key]


@contextlib.contextmanager
def _client(cluster: Cluster) -> Iterator[Any]:
    """Yield a Dask client: of processes of one thread each, or of a cluster that is there."""
    from dask.distributed import Client, LocalCluster

    if cluster.scheduler:
        try:
            client = Client(cluster.scheduler, timeout=PATIENCE)
        except (OSError, ValueError) as error:
            raise ParameterError(
                f"--scheduler {cluster.scheduler}: no Dask scheduler answers ({error}); start one "
                "with `dask scheduler` and give the address that it prints"
            ) from None
        with client:
            yield client
        return
    with (
        LocalCluster(
            n_workers=cluster.workers,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            silence_logs=50,
        ) as local,
        Client(local) as client,
    ):
        yield client
