"""Damaged releases, for every command that takes one.

The oracle: a manifest vouches for every file, so what was changed must be refused, or must change
nothing of the result. Where the manifest was sealed anew over a change, `verify` must see it.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

from fuzzing.commands.attempt import Outcome, Trial, run
from fuzzing.commands.hostile import JSON, YAML
from fuzzing.commands.workshop import Workshop
from fuzzing.mutators import GENERIC
from fuzzing.parquet_mutators import PARQUET

Rng = np.random.Generator
NO_HUB = "http://127.0.0.1:1"
EXPORTS = (".fits", ".vot", ".ecsv", ".hdf5")


@dataclass(frozen=True)
class OnRelease:
    """A command on a release; `must_see` where any damage has to be refused or called broken."""

    argv: Callable[[Path, Path, Workshop, Rng], list[str]]
    must_see: bool = False


def _export(release: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    ending = EXPORTS[rng.integers(len(EXPORTS))]
    config = ("transferz", "galaxiesml", "combo", "truth")[rng.integers(4)]
    return ["export", f"{out}/out{ending}", "--release", str(release), "--config", config]


def _score(release: Path, out: Path, shop: Workshop, rng: Rng) -> list[str]:
    path = shop.folder / "ids.csv"
    argv = ["score", str(path), "--id", "object_id", "--pred", "z_phot", "--json"]
    return [*argv, "--allow-missing", "--release", str(release)]


COMMANDS = {
    "info": OnRelease(lambda release, out, shop, rng: ["info", "--release", str(release)]),
    "verify": OnRelease(lambda release, out, shop, rng: ["verify", str(release), "--json"], True),
    "diff": OnRelease(
        lambda release, out, shop, rng: ["diff", str(shop.release), str(release), "--json"]
    ),
    "compare": OnRelease(
        lambda release, out, shop, rng: [
            *("compare", str(shop.release), str(release)),
            *("--json", f"{out}/report.json", "--rows", f"{out}/rows.csv"),
        ]
    ),
    "publish": OnRelease(
        lambda release, out, shop, rng: [
            *("publish", "--repo", "org/mock", "--release", str(release), "--dry-run"),
            *("--endpoint", NO_HUB),
        ],
        True,
    ),
    "deposit": OnRelease(
        lambda release, out, shop, rng: ["deposit", f"{out}/deposit", "--release", str(release)],
        True,
    ),
    "export": OnRelease(_export),
    "score": OnRelease(_score),
    "check-leak": OnRelease(
        lambda release, out, shop, rng: [
            *("check-leak", str(shop.table), "--release", str(release), "--json")
        ]
    ),
    "benchmark": OnRelease(
        lambda release, out, shop, rng: [
            *("benchmark", "median", "--seeds", "1", "--release", str(release)),
            *("--out", f"{out}/run", "--quiet"),
        ]
    ),
    "leaderboard": OnRelease(
        lambda release, out, shop, rng: [
            *("leaderboard", "add", str(shop.runs / "nn_combo"), "--entries", f"{out}/entries"),
            *("--release", str(release)),
        ]
    ),
}


def make(command: str, rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """Copy the release by links, damage a file of it, and name a command on it."""
    _write_ids(shop)
    on, release = COMMANDS[command], folder / "transferz"
    for path in sorted(shop.release.rglob("*")):
        to = release / path.relative_to(shop.release)
        if path.is_dir():
            to.mkdir(parents=True)
        else:
            to.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, to)
    damage = _damage(rng, release)
    argv = on.argv(release, folder.parent / "out", shop, rng)

    def judge(outcome: Outcome) -> str:
        if on.must_see:
            return "" if outcome.status == 1 else "called sound, and is damaged"
        return _differs(argv, outcome, release, shop)

    return Trial(argv, judge, damage)


def _write_ids(shop: Workshop) -> None:
    path = shop.folder / "ids.csv"
    if path.exists():
        return
    import pandas as pd

    parts = [pd.read_parquet(one) for one in sorted(shop.release.glob("combo/test-*.parquet"))]
    rows = pd.concat(parts)[["object_id", "redshift"]].rename(columns={"redshift": "z_phot"})
    rows.to_csv(path, index=False)


def _damage(rng: Rng, release: Path) -> str:
    files = sorted(path for path in release.rglob("*") if path.is_file())
    names = ("MANIFEST.json", "README.md", "croissant.json", "CITATION.cff")
    pages = [release / name for name in names]
    path = pages[rng.integers(4)] if rng.random() < 0.5 else files[rng.integers(len(files))]
    where = path.relative_to(release)
    if rng.random() < 0.12:
        return f"{where}: {_replace(rng, path, files)}"
    content = path.read_bytes()
    kinds = {".json": JSON, ".md": YAML, ".cff": YAML, ".parquet": PARQUET}
    for _ in range(20):
        choice = kinds.get(path.suffix, GENERIC) if rng.random() < 0.6 else GENERIC
        mutator = choice[rng.integers(len(choice))]
        try:
            changed = mutator(rng, content)
        except Exception:  # it is not for this file
            continue
        if changed != content:
            break
    else:
        changed, mutator = content[:-1], GENERIC[0]
    path.unlink()
    path.write_bytes(changed)
    sealed = ""
    if where.name != "MANIFEST.json" and rng.random() < 0.1:
        sealed = ", manifest's hash of it blanked"
        _unseal(release, str(where))
    return f"{where}: {mutator.__name__}{sealed}"


def _unseal(release: Path, name: str) -> None:
    """Take the file out of the manifest, as whoever edits both would try."""
    path = release / "MANIFEST.json"
    manifest = json.loads(path.read_text())
    manifest.get("files", {}).pop(name, None)
    path.unlink()
    path.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n")


def _replace(rng: Rng, path: Path, files: list[Path]) -> str:
    """Something else stands where a file was."""
    other = files[rng.integers(len(files))]
    content = other.read_bytes()
    kind = ("gone", "folder", "fifo", "loop", "another file", "empty", "huge")[rng.integers(7)]
    if other == path and kind == "another file":
        kind = "gone"
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path.name)
    elif kind == "another file":
        path.write_bytes(content)
    elif kind == "empty":
        path.touch()
    elif kind == "huge":
        with path.open("wb") as file:
            file.truncate(1 << 36)
    return kind


def _differs(argv: list[str], outcome: Outcome, release: Path, shop: Workshop) -> str:
    """Run the command on the sound release and say whether anything differs."""
    beside = outcome.out.parent / "twin"
    (beside / "out").mkdir(parents=True)
    words = [
        word.replace(str(release), str(shop.release)).replace(str(outcome.out), f"{beside}/out")
        for word in argv
    ]
    sound, trace = run(Trial(words), beside)
    if trace or sound.status != outcome.status:
        return f"status {outcome.status}, of the sound release {sound.status} {trace}"
    places = [release, shop.release, outcome.out, beside / "out"]
    ours, theirs = (_results(one, places) for one in (outcome, sound))
    for name in ours.keys() | theirs.keys():
        if ours.get(name) != theirs.get(name):
            return f"{name} is not as of the sound release: {_excerpt(ours, theirs, name)}"
    return ""


VARYING = re.compile(rb"(seconds|hours|created|Training)[^\n]*")


def _results(outcome: Outcome, places: list[Path]) -> dict[str, bytes]:
    """What a command said and wrote, but where it was and how long it took."""
    found = {"stdout": outcome.stdout.encode()}
    for path in sorted(outcome.out.rglob("*")):
        name = str(path.relative_to(outcome.out))
        if path.suffix == ".yaml":  # an entry: the rest of it is on the machine and the time
            found[name] = json.dumps(yaml.safe_load(path.read_text())["scores"]).encode()
        elif path.is_file() and path.suffix not in (".parquet", ".hdf5"):
            found[name] = path.read_bytes()
    for name, text in found.items():
        for place in places:
            text = text.replace(str(place).encode(), b"")
        found[name] = VARYING.sub(b"", text)
    return found


def _excerpt(ours: dict[str, bytes], theirs: dict[str, bytes], name: str) -> str:
    a, b = ours.get(name, b""), theirs.get(name, b"")
    at = next((k for k, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), 0)
    return f"{a[max(0, at - 60) : at + 100]!r}, not {b[max(0, at - 60) : at + 100]!r}"
