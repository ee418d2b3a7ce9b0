"""Keep the seeds of a run that are finished, so that the same run goes on there after a failure."""

import hashlib
import json
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

import transferz
from transferz.baselines.benchmark.forecasts import FLAG
from transferz.baselines.benchmark.loading import Method
from transferz.baselines.benchmark.running import Cost, SeedForecasts
from transferz.baselines.benchmark.task import Task
from transferz.baselines.scores.probability import PER_GALAXY
from transferz.schemas.survey.files import file_digest
from transferz.tables.files import made_folder, replace_file

KEPT = (*PER_GALAXY, FLAG)
NAME, NOTES = "seed-{}.parquet", b"transferz"


@dataclass(frozen=True, slots=True)
class FinishedSeeds:
    """The finished seeds of a run in a folder, a file each.

    A file is used where its `key` is the run's: that of the same method, code and data.
    """

    folder: Path
    key: str

    @classmethod
    def of(cls, out: Path, method: Method, task: Task) -> "FinishedSeeds | None":
        """Return those of a run that is to be written to `out`, in the folder ``<out>.seeds``.

        None where all seeds are trained at once, where the model is kept with the forecasts, or
        where the method's code is in no file, so that nobody could tell that it has changed.
        """
        keeps = callable(getattr(method.kind, "keep", None))
        sources = _sources(method)
        if method.all_seeds or keeps or not sources:
            return None
        facts = {
            "method": method.describe().model_dump(mode="json"),
            "sources": sources,
            "bands": task.bands,
            "learned": task.learned.model_dump(mode="json"),
            "data": task.data.model_dump(mode="json"),
            "transferz": transferz.__version__,
        }
        key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()
        return cls(out.with_name(f"{out.name}.seeds"), key)

    @property
    def seeds(self) -> list[int]:
        """Which seeds are there."""
        numbers = (path.stem.removeprefix("seed-") for path in self.folder.glob(NAME.format("*")))
        return sorted(int(number) for number in numbers if number.isdecimal())

    def read(self, seed: int, task: Task) -> SeedForecasts | None:
        """Return what a seed forecast; None where its file is missing, damaged or another run's."""
        path = self.folder / NAME.format(seed)
        with suppress(OSError, pa.ArrowException, LookupError, TypeError, ValueError):
            table = pq.read_table(path, page_checksum_verification=True)
            notes = json.loads((table.schema.metadata or {})[NOTES])
            if notes["key"] != self.key:
                return None
            pairs = {}
            for known, tested in notes["pairs"]:
                chosen = pc.and_(
                    pc.equal(table["calibrated"], known), pc.equal(table["tested"], tested)
                )
                rows = table.filter(chosen)
                if not np.array_equal(rows["object_id"].to_numpy(), task.tests[tested].object_id):
                    return None
                columns = {
                    name: rows[name].to_numpy()
                    for name in KEPT
                    if rows[name].null_count < len(rows)
                }
                pairs[known, tested] = rows["point"].to_numpy(), columns
            return SeedForecasts(pairs, Cost(**notes["cost"]))
        return None

    def write(self, seed: int, task: Task, made: SeedForecasts) -> None:
        """Keep what a seed forecast; an InputError where that can't be written."""
        parts = []
        for (known, tested), (point, columns) in made.pairs.items():
            size, nothing = len(point), pa.nulls(len(point), pa.float32())
            values: dict[str, Any] = {
                "calibrated": pa.array([known] * size, pa.string()),
                "tested": pa.array([tested] * size, pa.string()),
                "object_id": task.tests[tested].object_id,
                "point": point,
            }
            parts.append(pa.table(values | {name: columns.get(name, nothing) for name in KEPT}))
        notes = {"key": self.key, "pairs": list(made.pairs), "cost": asdict(made.cost)}
        table = pa.concat_tables(parts).replace_schema_metadata({NOTES: json.dumps(notes)})
        path = self.folder / NAME.format(seed)
        with made_folder(self.folder), replace_file(path) as beside:
            pq.write_table(table, beside, write_page_checksum=True)

    def remove(self) -> None:
        """Remove the files, and the folder if there is nothing else in it."""
        with suppress(OSError):
            for seed in self.seeds:
                (self.folder / NAME.format(seed)).unlink()
            self.folder.rmdir()


def _sources(method: Method) -> dict[str, str]:
    """Hash a method's code: its classes' bases, and all of its package or beside it that is there.

    Nothing where its own is in no file, as in a notebook.
    """
    module = method.maker.__module__
    bases = {sys.modules.get(one.__module__) for kind in method.kinds for one in kind.__mro__}
    own = getattr(sys.modules.get(module), "__file__", None)
    if not own:
        return {}
    package = getattr(sys.modules.get(module.split(".")[0]), "__path__", None)
    folder = Path(next(iter(package)) if package else own)
    files = set()
    for loaded in [*sys.modules.values()]:
        path = Path(getattr(loaded, "__file__", None) or "")
        beside = path.is_relative_to(folder) if package else path.parent == folder.parent
        if (beside or loaded in bases) and path.is_file():
            files.add(path)
    return {str(path): file_digest(path)["sha256"] for path in sorted(files)}
