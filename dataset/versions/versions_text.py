"""What changed between two versions: as text for a terminal, as JSON, as a list of rows."""

import json
from typing import Any

import pandas as pd

from transferz.dataset.verify.report import printable
from transferz.dataset.versions.changes import STEPS, WHAT, Changes, Step
from transferz.dataset.versions.compare_text import text_table
from transferz.dataset.versions.versions import Snapshot, actual_step
from transferz.schemas.survey.versions import Version

LISTED = ("config", "object_id", "what", "old_split", "new_split")
"""Columns of the list of rows."""


def report(old: Snapshot, new: Snapshot, changes: Changes, refusal: str) -> dict[str, Any]:
    """Return a comparison as JSON.

    Parameters
    ----------
    old, new : Snapshot
        The versions.
    changes : Changes
        What differs.
    refusal : str
        Why the version number contradicts it; empty where it does not.
    """
    return {
        "old": {"path": str(old.path), "version": str(old.version)},
        "new": {"path": str(new.path), "version": str(new.version)},
        **changes.summary(),
        "consistent": not refusal,
        "refusal": refusal,
    }


def as_json(content: dict[str, Any]) -> str:
    """Return a report as JSON that repeats byte for byte."""
    return json.dumps(content, indent=2) + "\n"


def as_text(content: dict[str, Any]) -> str:
    """Return a report as text for a terminal.

    Parameters
    ----------
    content : dict
        As `report` makes it.
    """
    lines = [
        f"{name}  transferz {content[name]['version']} {content[name]['path']}" for name in _SIDES
    ]
    head = ["config", *(f"rows {one}" for one in WHAT)]
    rows = [[config, *(f"{n[one]:,}" for one in WHAT)] for config, n in content["rows"].items()]
    lines += ["", *text_table([head, *rows]), ""]
    for name in ("configs_added", "configs_removed", "columns_added", "columns_removed"):
        lines += [f"{name.replace('_', ' ')}: {', '.join(content[name])}"] if content[name] else []
    lines += [f"column changed: {n}: {how}" for n, how in content["columns_changed"].items()]
    return "\n".join(map(printable, [*lines, _verdict(content)])) + "\n"


_SIDES = ("old", "new")


def _verdict(content: dict[str, Any]) -> str:
    if content["refusal"]:
        return f"CONTRADICTION: {content['refusal']}"
    step, needed = _actual(content), content["step"]
    if needed == step == "none":
        return "nothing changed"
    larger = " (more than it needs, which is allowed)" if _more(step, needed) else ""
    what = "nothing changed" if needed == "none" else f"what changed needs a {needed.upper()} step"
    return f"{what}; the version makes a {step.upper()} step{larger}"


def _more(step: Step, needed: Step) -> bool:
    return STEPS.index(step) > STEPS.index(needed)


def _actual(content: dict[str, Any]) -> Any:
    old, new = (Version.parse(content[side]["version"]) for side in _SIDES)
    return actual_step(old, new)


def changed_rows(changes: Changes) -> pd.DataFrame:
    """List every row that differs, once for each thing that happened to it.

    Parameters
    ----------
    changes : Changes
        As `transferz.dataset.versions.compare` finds them.

    Returns
    -------
    pandas.DataFrame
        The columns `LISTED`; the splits are those of a row that moved, else empty.
    """
    parts = [pd.DataFrame({name: [] for name in LISTED}).astype({"object_id": "int64"})]
    for config, rows in changes.rows.items():
        for what in ("added", "removed", "changed"):
            parts.append(pd.DataFrame({"object_id": getattr(rows, what), "what": what}))
            parts[-1]["config"] = config
        moved = rows.moved.rename(columns={"old": "old_split", "new": "new_split"})
        parts.append(moved.assign(config=config, what="moved"))
    listed = pd.concat(parts, ignore_index=True).reindex(columns=list(LISTED))
    texts = [name for name in LISTED if name != "object_id"]
    return listed.fillna(dict.fromkeys(texts, "")).astype(dict.fromkeys(texts, "str"))
