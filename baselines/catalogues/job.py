"""What is done of a catalogue: a folder beside the new one, from which a run that ended goes on.

``OUT.unfinished`` holds ``job.json``, what is to be done; ``done/``, a small file for each leaf
that is whole; and ``catalogue/``, which is renamed to ``OUT`` when all are. So what has the name of
the output is a catalogue that is whole.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from transferz.baselines.catalogues.collection import Leaf
from transferz.baselines.catalogues.leaves import Done
from transferz.baselines.networks.forecasting import RowCounts
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.files import json_text
from transferz.tables.files import only_writer, replace_file

JOB_FILE = "job.json"


@dataclass(frozen=True, slots=True)
class Job:
    """A new catalogue at `out`, being made in `folder`."""

    out: Path
    folder: Path

    @property
    def catalogue(self) -> Path:
        """Where the leaves are written."""
        return self.folder / "catalogue"

    def place(self, leaf: Leaf) -> Path:
        """Return where a leaf is written."""
        return self.catalogue / leaf.part / leaf.name

    def done(self, leaf: Leaf) -> Done | None:
        """Return what came of a leaf, if it is whole."""
        mark = self._mark(leaf)
        if not mark.is_file():
            return None
        facts = json.loads(mark.read_text(encoding="utf-8"))
        if facts["written"] and not self.place(leaf).is_file():
            return None
        sky = {int(pixel): count for pixel, count in facts["sky"].items()}
        return Done(RowCounts(**facts["counts"]), facts["written"], sky)

    def mark(self, leaf: Leaf, done: Done) -> None:
        """Remember what came of a leaf, which is whole."""
        mark = self._mark(leaf)
        mark.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(mark) as beside:
            beside.write_text(json_text(asdict(done)), encoding="utf-8")

    def _mark(self, leaf: Leaf) -> Path:
        return self.folder / "done" / leaf.part / f"{leaf.name}.json"

    def clear(self) -> None:
        """Remove what workers that were killed have left among the leaves, which are all whole."""
        for left in self.catalogue.rglob(".transferz-*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)

    def finish(self) -> None:
        """Give the catalogue, which is whole, its name, and forget how it was made."""
        self.catalogue.rename(self.out)
        shutil.rmtree(self.folder, ignore_errors=True)


def check_new(out: Path) -> None:
    """Refuse, before anything is read or fitted, a place where no new catalogue can go."""
    if not out.parent.is_dir():
        raise InputError(f"can't write {out}: name a new folder in a folder that exists")
    if out.exists() or out.is_symlink():
        raise InputError(f"{out} is there already; name another folder, or remove it")


@contextmanager
def open_job(out: Path, facts: Mapping[str, Any]) -> Iterator[Job]:
    """Begin a job, or go on with the one that was begun, as the only process that does so.

    `facts` say what is done: all that the output hangs on. An `InputError` says that the place is
    taken, a `ParameterError` that leaves are done there of something else.
    """
    check_new(out)
    folder = out.with_name(f"{out.name}.unfinished")
    with only_writer(folder):
        job = Job(out, folder)
        told = folder / JOB_FILE
        if told.is_file() and (folder / "done").is_dir() and job.catalogue.is_dir():
            _require_same(folder, json.loads(told.read_text(encoding="utf-8")), facts)
        else:
            shutil.rmtree(
                folder / "done", ignore_errors=True
            )  # of a run that was killed at its end
            folder.mkdir(exist_ok=True)
            with replace_file(told) as beside:
                beside.write_text(json_text(dict(facts)), encoding="utf-8")
        job.catalogue.mkdir(exist_ok=True)
        yield job


def _require_same(folder: Path, begun: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    wanted = json.loads(json.dumps(facts))
    other = [name for name in sorted({*begun, *wanted}) if begun.get(name) != wanted.get(name)]
    if other:
        name = other[0]
        raise ParameterError(
            f"{folder} was begun with another {name}: expected {wanted.get(name)}, found "
            f"{begun.get(name)}; run it as it was begun to go on, or remove {folder}, or name "
            "another out=",
            out="--out",
        )
