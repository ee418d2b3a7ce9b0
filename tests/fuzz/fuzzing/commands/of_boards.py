"""Damaged entries, comparisons, runs and parameters.

The oracle: what the board says in JSON is what YAML's and JSON's own readers find in the files; a
damaged run is refused, or its entry is the one of the sound run.
"""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from fuzzing.commands.attempt import Outcome, Trial
from fuzzing.commands.hostile import JSON, NAMES, YAML
from fuzzing.commands.workshop import TESTS, Workshop
from fuzzing.mutators import GENERIC
from fuzzing.parquet_mutators import PARQUET

Rng = np.random.Generator
MARKUP = ("<img src=x", "</script><script>alert", "href='javascript:", 'href="javascript:')


def make_board(rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """Damage an entry or the comparisons, and show the board: as JSON, text, page, Hub files."""
    entries, out = _entries(shop, folder), folder.parent / "out"
    files = sorted(entries.iterdir())
    damage = _damage(rng, files[rng.integers(len(files))])
    argv = ["leaderboard", "--entries", str(entries), "--release", str(shop.release)]
    shown = (
        ["--json"],
        [],
        ["--html", f"{out}/page.html"],
        ["--hf", f"{out}/hub", "--repo", "o/mock"],
    )
    argv += shown[(0, 0, 0, 1, 1, 2, 2, 3)[rng.integers(8)]]

    def judge(outcome: Outcome) -> str:
        if "--json" in argv:
            return _unlike(json.loads(outcome.stdout)["entries"], entries)
        for page in outcome.out.glob("*.html"):
            text = page.read_text()
            if found := [mark for mark in MARKUP if mark in text]:
                return f"the page has {found}"
        return ""

    return Trial(argv, judge, damage)


def _entries(shop: Workshop, folder: Path) -> Path:
    to = folder / "entries"
    to.mkdir()
    for run in sorted(shop.runs.iterdir()):
        if (run / "entry.yaml").exists():
            shutil.copy(run / "entry.yaml", to / f"{run.name}.yaml")
    shutil.copy(shop.folder / "comparisons.json", to / "comparisons.json")
    return to


def _unlike(shown: list[dict[str, Any]], entries: Path) -> str:
    """Where the board's scores differ from those that PyYAML reads."""
    for entry in shown:
        key = entry["method"]["key"]
        plain = yaml.safe_load((entries / f"{key}.yaml").read_text())
        for what in ("scores", "method", "seeds"):
            if found := _difference(plain.get(what), entry.get(what), what):
                return f"{key}: {found}"
    return ""


def _difference(said: Any, shown: Any, where: str) -> str:
    if isinstance(said, dict) and isinstance(shown, dict):
        found = (_difference(said[k], shown.get(k), f"{where}.{k}") for k in said)
        return next(filter(None, found), "")
    if isinstance(said, list) and isinstance(shown, list) and len(said) == len(shown):
        found = (_difference(a, b, f"{where}.{k}") for k, (a, b) in enumerate(zip(said, shown)))  # noqa: B905
        return next(filter(None, found), "")
    return "" if said == shown else f"{where} is {said!r} in the file, {shown!r} on the board"


def make_run(rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """Damage a run, and add it to the board, or compare it with others."""
    runs, out = folder / "runs", folder.parent / "out"
    for name in ("nn_combo", "nn_spec"):
        shutil.copytree(shop.runs / name, runs / name)
    run = runs / "nn_combo"
    damage = _damage(rng, run / ("entry.yaml", "forecasts.parquet")[int(rng.random() < 0.3)])
    add = ["leaderboard", "add", str(run), "--entries", f"{out}/entries"]
    compare = ["leaderboard", "compare", str(runs), "--out", f"{out}/entries"]
    argv = [*add, "--release", str(shop.release)] if rng.random() < 0.7 else compare

    def judge(outcome: Outcome) -> str:
        sound = yaml.safe_load((shop.runs / "nn_combo" / "entry.yaml").read_text())
        for path in outcome.out.rglob("*.yaml"):
            added = yaml.safe_load(path.read_text())
            for what in ("scores", "seeds", "data"):
                if found := _difference(sound[what], added.get(what), what):
                    return f"added with another {found}"
        return ""

    return Trial(argv, judge, damage)


def make_params(rng: Rng, shop: Workshop, folder: Path) -> Trial:
    """Damage params.yaml, and read a stage's section as its stage does."""
    from transferz.dataset.pipeline import params as sections
    from transferz.schemas.errors import TransferZError

    shutil.copy(TESTS.parent / "params.yaml", folder / "params.yaml")
    damage = _damage(rng, folder / "params.yaml")
    section, model = (
        ("match", sections.MatchParams),
        ("split", sections.SplitParams),
        ("release", sections.ReleaseParams),
    )[rng.integers(3)]

    def read(argv: list[str]) -> int:
        import sys

        try:
            found = sections.read_params(section, model, folder / "params.yaml")
        except TransferZError as error:
            sys.stderr.write(f"{error}\n")
            return 2
        sys.stdout.write(json.dumps(found.model_dump()))
        return 0

    def judge(outcome: Outcome) -> str:
        plain = yaml.safe_load((folder / "params.yaml").read_text())[section]
        return _difference(json.loads(json.dumps(plain)), json.loads(outcome.stdout), section)

    return Trial([f"params.yaml, section {section}"], judge, damage, read)


def _damage(rng: Rng, path: Path) -> str:
    content = path.read_bytes()
    kinds = {".yaml": (*YAML, hostile_text), ".json": JSON, ".parquet": PARQUET}
    for _ in range(20):
        choice = kinds[path.suffix] if rng.random() < 0.75 else GENERIC
        mutator = choice[rng.integers(len(choice))]
        try:
            changed = mutator(rng, content)
        except Exception:  # it is not for this file
            continue
        if changed != content:
            path.write_bytes(changed)
            return f"{path.name}: {mutator.__name__}"
    path.write_bytes(content[:-1])
    return f"{path.name}: cut"


def hostile_text(rng, data):
    """A text of the entry is one from hell; the YAML is sound."""
    tree = yaml.safe_load(data)
    places = []

    def walk(node):
        for key, value in list(node.items() if isinstance(node, dict) else enumerate(node)):
            if isinstance(value, dict | list):
                walk(value)
            elif isinstance(value, str):
                places.append((node, key))

    walk(tree)
    parent, key = places[int(rng.integers(len(places)))]
    parent[key] = NAMES[int(rng.integers(len(NAMES)))]
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True).encode()
