"""Feed one corrupted catalogue to the pipeline's own `ingest` and judge what comes of it."""

import resource
import shutil
from pathlib import Path

import pyarrow.parquet as pq

from fuzzing.campaign import EQUAL, FAILED, REFUSED, Case
from fuzzing.independent import expected_rows, sort_rows
from fuzzing.rules import MustRefuse
from fuzzing.seeds import Seed
from transferz.dataset.fetching.editions import Recorded, check_by_hand
from transferz.dataset.ingest import ingest
from transferz.dataset.pipeline.stage import TABLE, Layout
from transferz.schemas import InputError, TransferZError

MEMORY = 12 << 30  # bytes of address space: a damaged size must not take the machine down
OLD = "old"  # a file of the output that was there before


def limit_memory() -> None:
    """Make this process fail where a damaged size asks for more than `MEMORY`."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def judge(case: Case, folder: Path) -> dict[str, object]:
    """Return verdict, reason, and whether the recorded hash refuses the file."""
    layout = lay_out(case.seed, case.files, folder)
    verdict, reason = _judge(case, layout)
    return {
        "verdict": verdict,
        "reason": reason,
        "hash_refused": hash_refuses(case, layout),
        "mutators": case.mutators,
    }


def check_hash(case: Case, folder: Path) -> dict[str, object]:
    """Return whether the recorded hash refuses the file, and nothing else."""
    return {"hash_refused": hash_refuses(case, lay_out(case.seed, case.files, folder))}


def lay_out(seed: Seed, files: dict[str, bytes], folder: Path) -> Layout:
    """Put the files in a survey's raw folder, beside an earlier output."""
    layout = Layout("authors" if seed.catalogue == "transferz" else "cosmos2020", folder / "data")
    shutil.rmtree(folder / "data", ignore_errors=True)
    raw, output = layout.raw / seed.catalogue, layout.interim("ingest", seed.catalogue)
    raw.mkdir(parents=True)
    output.mkdir(parents=True)
    (output / OLD).touch()
    for name, content in files.items():
        (raw / name).write_bytes(content)
    return layout


def _judge(case: Case, layout: Layout) -> tuple[str, str]:
    try:
        ingest(layout, case.seed.catalogue)
    except TransferZError as error:
        left = _left_behind(case, layout)
        return (FAILED, f"left {left}") if left else (REFUSED, str(error))
    except BaseException as error:
        return FAILED, f"{type(error).__name__}: {error}"
    return _compared(case, layout)


def _left_behind(case: Case, layout: Layout) -> list[str]:
    """Whatever an ingest that failed has changed."""
    interim = layout.interim("ingest").parent
    found = {str(path.relative_to(interim)) for path in interim.rglob("*") if path.is_file()}
    stray = found ^ {f"ingest/{case.seed.catalogue}/{OLD}"}
    return sorted(stray)


def _compared(case: Case, layout: Layout) -> tuple[str, str]:
    table = case.seed.table
    output = layout.interim("ingest", case.seed.catalogue)
    ours = sort_rows(pq.read_table(output / TABLE).to_pydict(), table)
    try:
        theirs = expected_rows(case.seed, case.files)
    except MustRefuse as refusal:
        return FAILED, f"accepted, but: {refusal}"
    for name in table.names:
        if ours[name] != theirs[name]:
            return FAILED, f"column {name}: {_first_difference(ours[name], theirs[name])}"
    return EQUAL, ""


def _first_difference(ours: list, theirs: list) -> str:
    if len(ours) != len(theirs):
        return f"{len(ours)} rows, not {len(theirs)}"
    return next(f"{a!r}, not {b!r}" for a, b in zip(ours, theirs, strict=True) if a != b)


def hash_refuses(case: Case, layout: Layout) -> bool:
    """Whether the stage `fetch`, with the sound files' hashes recorded, refuses the damaged one."""
    raw = layout.raw / case.seed.catalogue
    recorded = Recorded(layout.survey, case.seed.name)
    if not recorded.expected(case.damaged).hashed:
        _record(case.seed, recorded, raw)
    try:
        check_by_hand(raw / case.damaged, recorded, case.damaged)
    except InputError:
        return True
    return False


def _record(seed: Seed, recorded: Recorded, raw: Path) -> None:
    """Let the stage record hashes as it does when it first sees the files."""
    for name, content in seed.files.items():
        original = raw / f"original_{name}"
        original.write_bytes(content)
        check_by_hand(original, recorded, name)
        original.unlink()
