"""Users' tables, damaged, in all formats, for every command that reads one.

The oracle: other people's readers read the same bytes, and what they found, written as a sound
parquet file (the twin), must give the same result. Of damage made before the table is written, the
twin is known: a sentinel, say, must be worth the same as a null.
"""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import yaml

from fuzzing.commands.attempt import Outcome, Trial, run
from fuzzing.commands.formats import (
    ENCODERS,
    PACKABLE,
    PACKED,
    Columns,
    arrow,
    comparable,
    encode,
    file_name,
    read_independently,
)
from fuzzing.commands.hostile import NAMES, TEXTS
from fuzzing.commands.workshop import BANDS, Workshop
from fuzzing.csv_mutators import CSV
from fuzzing.fits_mutators import FITS
from fuzzing.mutators import GENERIC, inside_gzip
from fuzzing.parquet_mutators import PARQUET

Rng = np.random.Generator
FLOAT = re.compile(r"-?\d+\.\d+(e-?\d+)?")

SPECIFIC = {
    **dict.fromkeys(("csv", "tsv", "txt", "dat"), CSV),
    "fits": FITS,
    "parquet": PARQUET,
}


# --- commands on tables


@dataclass(frozen=True)
class OnTable:
    """A command on a table, and how to read what is to be the same for its twin."""

    argv: Callable[[Path, Path, Workshop, Rng], list[str]]
    result: Callable[[Outcome], Any]
    uses: tuple[str, ...]
    ids_matter: bool = True
    of: str = "columns"  # which of the workshop's tables it is on


def _machine() -> list[str]:
    return ["--quiet", "--threads", "1", "--device", "cpu"]


def _predict(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    ending = (".parquet", ".parquet", ".csv", ".csv.gz", ".fits")[rng.integers(5)]
    chunk = ("100000", "7")[rng.integers(2)]
    argv = ["predict", "--model", str(shop.model), str(table), "--out", f"{out}/out{ending}"]
    return [*argv, "--drop-missing", "--chunk-rows", chunk, *_machine()]


def _written(name: Callable[[str], bool]) -> Callable[[Outcome], Any]:
    """Columns of the table that a command wrote, by an independent reader, as text and numbers."""

    def result(outcome: Outcome) -> Any:
        (path,) = outcome.out.iterdir()
        form = path.name.partition(".")[2].replace("csv.gz", "csv+.gz")
        columns = read_independently(path, form)
        return {
            key: [str(comparable(value)) for value in values]
            for key, values in columns.items()
            if name(key)
        }

    return result


def _magnitudes(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    return ["magnitudes", str(table), "--unit", "ujy", "--out", f"{out}/out.parquet"]


def _score(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    argv = ["score", str(table), "--true", "z_spec", "--pred", "z_phot", "--json"]
    if rng.random() < 0.5:
        argv += ["--quantiles", "q05=0.05,q50=0.5,q95=0.95"]
    return [*argv, "--allow-missing"]


def _check_leak(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    return ["check-leak", str(table), "--release", str(shop.release), "--json"]


def _benchmark(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    argv = ["benchmark", "median", "--table", str(table), "--bands", ",".join(BANDS)]
    argv += ["--redshift", "z_spec", "--id", "object_id", "--drop-missing", "--seeds", "1"]
    return [*argv, "--quiet", "--out", f"{out}/run"]


def _train(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    argv = ["train", "nn_spec", "--table", str(table), "--bands", ",".join(BANDS)]
    argv += ["--redshift", "z_spec", "--id", "object_id", "--drop-missing", "--seeds", "1"]
    return [*argv, "--epochs", "1", "--out", f"{out}/run", *_machine()]


def _fit_templates(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    return ["fit-templates", str(table)]


def _distill(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    argv = ["distill", str(table), "--model", str(shop.model), "--epochs", "1"]
    return [*argv, "--out", f"{out}/run", *_machine()]


def _specz(table: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    return ["specz", str(table), "--out", f"{out}/out.parquet"]


def _json_but(*names: str) -> Callable[[Outcome], Any]:
    def result(outcome: Outcome) -> Any:
        facts = json.loads(outcome.stdout)
        return outcome.status, {key: value for key, value in facts.items() if key not in names}

    return result


def _entry(outcome: Outcome) -> Any:
    entry = yaml.safe_load((outcome.out / "run" / "entry.yaml").read_text())
    table = entry["data"].get("table") or {}
    return entry["scores"], {key: table.get(key) for key in ("rows", "dropped")}


def _lines_below(outcome: Outcome) -> Any:
    return outcome.stdout.split("\n")[1:]


USED = ("object_id", *BANDS, "redshift_pred")
COMMANDS = {
    "predict": OnTable(_predict, _written(USED.__contains__), BANDS, ids_matter=False),
    "magnitudes": OnTable(
        _magnitudes,
        _written(lambda name: name in ("f_r_mag", "f_i_mag", "f_r_magerr", "f_i_magerr")),
        ("f_r", "ferr_r", "f_i", "ferr_i"),
        ids_matter=False,
    ),
    "score": OnTable(_score, _json_but("file"), ("z_spec", "z_phot"), ids_matter=False),
    "check-leak": OnTable(_check_leak, _json_but("table"), ("ra", "dec")),
    "benchmark": OnTable(_benchmark, _entry, (*BANDS, "z_spec")),
    "train": OnTable(_train, _entry, (*BANDS, "z_spec")),
    "fit-templates": OnTable(
        _fit_templates, _lines_below, ("redshift",), ids_matter=False, of="photometry"
    ),
    "distill": OnTable(_distill, _lines_below, BANDS, ids_matter=False),
    "specz": OnTable(
        _specz,
        _written(("ra", "dec", "redshift", "quality", "secure").__contains__),
        ("Z", "ALPHA", "DELTA"),
        ids_matter=False,
        of="spectra",
    ),
}


# --- an input


def make(command: str, rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """Damage a table and name a command on it."""
    on = COMMANDS[command]
    original = getattr(shop, on.of)
    form = _form(rng)
    written, twin, must_refuse, damage = original, None, False, ""
    if semantic := rng.random() < 0.45:
        change = CHANGES[rng.integers(len(CHANGES))]
        written, twin, must_refuse = change(rng, {k: [*v] for k, v in original.items()}, on)
        damage = change.__name__
    try:
        content = encode(written, form)
    except Exception:  # this format can't hold that
        form = "csv" if rng.random() < 0.5 else "parquet"
        content = encode(written, form)
    if not semantic:
        content, damage = _damaged(rng, content, form)
    path = folder / file_name(form)
    path.write_bytes(content)
    argv = on.argv(path, folder.parent / "out", shop, rng)

    def judge(outcome: Outcome) -> str:
        if must_refuse and on.ids_matter:
            return "accepted, and must not be"
        try:
            known = twin or (written if semantic else read_independently(path, form))
        except Exception as error:
            known, why = original, f" (another reader: {type(error).__name__}: {error})"
        else:
            why = ""
        return _differs(on, argv, outcome, known, why)

    return Trial(argv, judge, f"{form}: {damage}")


def _form(rng: Rng) -> str:
    names = list(ENCODERS)
    form = names[rng.integers(len(names))]
    if form in PACKABLE and rng.random() < 0.2:
        form += "+" + list(PACKED)[rng.integers(len(PACKED))]
    return form


def _damaged(rng: Rng, content: bytes, form: str) -> tuple[bytes, str]:
    inner, _, packing = form.partition("+")
    kind = inner.rpartition(".")[2]
    for _ in range(20):
        choice = SPECIFIC.get(kind, GENERIC) if rng.random() < 0.6 else GENERIC
        mutator = choice[rng.integers(len(choice))]
        if packing == ".gz" and rng.random() < 0.7:
            mutator = inside_gzip(mutator)
        elif packing:
            mutator = GENERIC[rng.integers(len(GENERIC))]
        try:
            changed = mutator(rng, content)
        except Exception:  # it is not for this format
            continue
        if changed != content:
            return changed, mutator.__name__
    return content[:-1], "cut"


def _differs(on: OnTable, argv: list[str], outcome: Outcome, known: Columns, why: str) -> str:
    """Run the command on the twin and say where the results part; empty where they agree."""
    try:
        ours = on.result(outcome)
    except Exception as error:  # a FITS file that nobody else reads is copied as it stands
        return "" if why else f"nobody else reads what was written: {error!r}"
    beside = outcome.out.parent / "twin"
    (beside / "out").mkdir(parents=True)
    twin = beside / "twin.parquet"
    pq.write_table(arrow(known), twin)
    table = next(arg for arg in argv if "/in/table." in arg)
    words = [
        str(twin) if arg == table else arg.replace(str(outcome.out), f"{beside}/out")
        for arg in argv
    ]
    if on is COMMANDS["predict"]:
        words[words.index("--out") + 1] = f"{beside}/out/out.parquet"
    other, trace = run(Trial(words), beside)
    if trace or other.status == 2:
        return f"accepted, and its twin is refused{why}: {trace or other.stderr[-400:]}"
    theirs = on.result(other)
    return (
        ""
        if _same(ours, theirs)
        else f"another result than its twin's{why}: {_parting(ours, theirs)}"
    )


def _same(ours: Any, theirs: Any) -> bool:
    """Whether results agree: forecasts in other chunks are so to a part in a million (float32)."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(_same(ours[k], theirs[k]) for k in ours)
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        pairs = zip(ours, theirs, strict=False)
        return len(ours) == len(theirs) and all(_same(a, b) for a, b in pairs)
    if ours != theirs and _is_float(ours) and _is_float(theirs):
        return math.isclose(float(ours), float(theirs), rel_tol=1e-5, abs_tol=1e-7)
    return bool(ours == theirs)


def _is_float(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, str) and bool(FLOAT.fullmatch(value)))


def _parting(ours: Any, theirs: Any) -> str:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in dict.fromkeys([*ours, *theirs]):
            if not _same(ours.get(key), theirs.get(key)):
                return f"{key}: {_parting(ours.get(key), theirs.get(key))}"
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple):
        if len(ours) != len(theirs):
            return f"{len(ours)} of them, {len(theirs)} of the twin's"
        for place, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            if not _same(a, b):
                return f"[{place}] {_parting(a, b)}"
    return f"{str(ours)[:120]!r}, not {str(theirs)[:120]!r}"


# --- damage before the table is written: what it is worth, and whether it must be refused

Change = tuple[Columns, Columns | None, bool]

NO_MAGNITUDE = (np.nan, np.inf, -np.inf, -99.0, 99.0, -9.0, 0.0, 50.0, 999.0, 1e30, None)
NO_REDSHIFT = (np.nan, np.inf, -np.inf, -99.0, -1.0, -9.0, -9.99, 99.0, 999.0, None)
NO_FLUX = (np.nan, -99.0, None)
NO_POSITION = (np.nan, -99.0, None)


def _pick(rng: Rng, values):
    return values[int(rng.integers(len(values)))]


def _rows(columns: Columns) -> int:
    return len(next(iter(columns.values())))


def sentinels(rng: Rng, columns: Columns, on: OnTable) -> Change:
    """Some cells of one column are worth a null."""
    name = _pick(rng, on.uses)
    values = NO_MAGNITUDE if name in BANDS else NO_REDSHIFT
    position = name in ("ra", "dec", "ALPHA", "DELTA")
    values = NO_FLUX if name.startswith("f") else NO_POSITION if position else values
    value = _pick(rng, values)
    twin = {key: [*cells] for key, cells in columns.items()}
    count = int(rng.integers(1, 6))
    for row in rng.choice(_rows(columns), count, replace=False):
        columns[name][row], twin[name][row] = value, None
    return columns, twin, False


def drop_column(rng: Rng, columns: Columns, on: OnTable) -> Change:
    del columns[_pick(rng, list(columns))]
    return columns, None, False


def hostile_name(rng: Rng, columns: Columns, on: OnTable) -> Change:
    """A column that nobody reads, or one that is needed, has a name from hell."""
    old = "note" if "note" in columns and rng.random() < 0.7 else _pick(rng, list(columns))
    name = _pick(rng, NAMES)
    return {name if key == old else key: cells for key, cells in columns.items()}, None, False


def hostile_cell(rng: Rng, columns: Columns, on: OnTable) -> Change:
    name = _pick(rng, list(columns))
    columns[name][int(rng.integers(_rows(columns)))] = _pick(rng, TEXTS)
    return columns, None, False


def repeat_rows(rng: Rng, columns: Columns, on: OnTable) -> Change:
    at = int(rng.integers(_rows(columns)))
    return {key: [*cells, *cells[at : at + 3]] for key, cells in columns.items()}, None, False


def shuffle_rows(rng: Rng, columns: Columns, on: OnTable) -> Change:
    order = rng.permutation(_rows(columns))
    return {key: [cells[k] for k in order] for key, cells in columns.items()}, None, False


def few_rows(rng: Rng, columns: Columns, on: OnTable) -> Change:
    count = int(rng.integers(4))
    return {key: cells[:count] for key, cells in columns.items()}, None, False


def shuffle_columns(rng: Rng, columns: Columns, on: OnTable) -> Change:
    names = list(columns)
    rng.shuffle(names)
    return {name: columns[name] for name in names}, None, False


def swap_columns(rng: Rng, columns: Columns, on: OnTable) -> Change:
    names = [name for name in columns if name != "object_id"]
    a, b = rng.choice(len(names), 2, replace=False)
    columns[names[a]], columns[names[b]] = columns[names[b]], columns[names[a]]
    return columns, None, False


def ids_through_floats(rng: Rng, columns: Columns, on: OnTable) -> Change:
    if not on.ids_matter:
        return shuffle_rows(rng, columns, on)
    as_text = rng.random() < 0.5
    columns["object_id"] = [f"{k}.0" if as_text else float(k) for k in columns["object_id"]]
    return columns, None, True


def ids_as_text(rng: Rng, columns: Columns, on: OnTable) -> Change:
    if "object_id" not in columns:
        return shuffle_rows(rng, columns, on)
    twin = {key: [*cells] for key, cells in columns.items()}
    columns["object_id"] = list(map(str, columns["object_id"]))
    return columns, twin, False


def huge_id(rng: Rng, columns: Columns, on: OnTable) -> Change:
    name = next(iter(columns))
    columns[name][int(rng.integers(_rows(columns)))] = _pick(rng, (2**63, 2**64, -(2**63), 10**30))
    return columns, None, False


def numbers_as_text(rng: Rng, columns: Columns, on: OnTable) -> Change:
    name = _pick(rng, on.uses)
    columns[name] = list(map(str, columns[name]))
    return columns, None, False


def many_columns(rng: Rng, columns: Columns, on: OnTable) -> Change:
    extra = {f"extra_{k}": [k] * _rows(columns) for k in range(int(rng.integers(100, 900)))}
    return columns | extra, None, False


def another_case(rng: Rng, columns: Columns, on: OnTable) -> Change:
    return {key.upper(): cells for key, cells in columns.items()}, None, False


CHANGES = (
    sentinels,
    sentinels,
    sentinels,
    sentinels,
    drop_column,
    hostile_name,
    hostile_name,
    hostile_cell,
    hostile_cell,
    repeat_rows,
    shuffle_rows,
    few_rows,
    shuffle_columns,
    swap_columns,
    ids_through_floats,
    ids_as_text,
    huge_id,
    numbers_as_text,
    many_columns,
    another_case,
)
