"""What can change between two versions of a release, and the step of the number that asks for.

Croissant's rule (https://docs.mlcommons.org/croissant/docs/croissant-spec.html, "Versioning"):
PATCH for the same data, MINOR for additions, MAJOR where rows are changed, dropped or moved to
another split, or columns are dropped or change their type or unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transferz.schemas.survey.versions import Version

Step = Literal["none", "patch", "minor", "major"]
STEPS: tuple[Step, ...] = get_args(Step)
"""From nothing to the greatest."""

Ids = NDArray[np.int64]

WHAT = ("added", "removed", "moved", "changed")
"""What can happen to a row."""


@dataclass(frozen=True, slots=True)
class RowChanges:
    """The objects of one config that differ, by ascending ``object_id``.

    Attributes
    ----------
    added, removed : int64 array
        Objects in the new version alone, and in the old one alone.
    moved : pandas.DataFrame
        ``object_id``, ``old`` and ``new`` split of the objects that are in another split.
    changed : int64 array
        Objects whose values differ in a column that both versions have; they may have moved too.
    """

    added: Ids
    removed: Ids
    moved: pd.DataFrame
    changed: Ids

    def counts(self) -> dict[str, int]:
        """Return the number of objects by what happened to them."""
        return {name: len(getattr(self, name)) for name in WHAT}


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two versions.

    Attributes
    ----------
    rows : mapping
        config -> `RowChanges`, of the configs in both.
    configs_added, configs_removed, columns_added, columns_removed : tuple of str
        In the new version alone, and in the old one alone.
    columns_changed : mapping
        name -> ``"<old> -> <new>"``, type and unit, of the columns in both that differ in these.
    pages : bool
        Whether a file differs whatever the data: the card, a figure, the way data are stored.
    """

    rows: Mapping[str, RowChanges]
    configs_added: tuple[str, ...] = ()
    configs_removed: tuple[str, ...] = ()
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    columns_changed: Mapping[str, str] = field(default_factory=dict)
    pages: bool = False

    @property
    def step(self) -> Step:
        """The least step of the version number that says what changed."""
        happened = {what for rows in self.rows.values() for what, n in rows.counts().items() if n}
        lost = self.configs_removed or self.columns_removed or self.columns_changed
        if lost or happened & {"removed", "moved", "changed"}:
            return "major"
        if self.configs_added or self.columns_added or "added" in happened:
            return "minor"
        return "patch" if self.pages else "none"

    def summary(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        names = ("configs_added", "configs_removed", "columns_added", "columns_removed")
        return {
            "step": self.step,
            **{name: list(getattr(self, name)) for name in names},
            "columns_changed": dict(self.columns_changed),
            "rows": {config: rows.counts() for config, rows in self.rows.items()},
        }

    def __str__(self) -> str:
        return "; ".join(self._phrases()) or "nothing changed"

    def _phrases(self) -> Iterator[str]:
        for what in ("removed", "moved", "changed", "added"):
            counts = {config: rows.counts()[what] for config, rows in self.rows.items()}
            if any(counts.values()):
                listed = (f"{count:,} in {config}" for config, count in counts.items() if count)
                yield f"rows {what}: " + ", ".join(listed)
        for name in ("columns_removed", "columns_added", "configs_removed", "configs_added"):
            if names := getattr(self, name):
                yield f"{name.replace('_', ' ')}: {', '.join(names)}"
        if self.columns_changed:
            pairs = (f"{name} ({how})" for name, how in self.columns_changed.items())
            yield f"columns changed: {', '.join(pairs)}"
        if self.pages and self.step == "patch":
            yield "files other than the data's values"


def diff_rows(old: pd.DataFrame, new: pd.DataFrame) -> RowChanges:
    """Find the objects of one config that differ.

    Parameters
    ----------
    old, new : pandas.DataFrame
        Tables `INDEX`: an object once.
    """
    old_ids, new_ids = old["object_id"].to_numpy(), new["object_id"].to_numpy()
    common, old_rows, new_rows = np.intersect1d(
        old_ids, new_ids, assume_unique=True, return_indices=True
    )
    old, new = old.iloc[old_rows], new.iloc[new_rows]
    splits = {"old": old["split"].to_numpy(object), "new": new["split"].to_numpy(object)}
    moved = (splits["old"] != splits["new"]).astype(bool)
    changed = old["row_hash"].to_numpy() != new["row_hash"].to_numpy()
    return RowChanges(
        added=np.setdiff1d(new_ids, old_ids, assume_unique=True),
        removed=np.setdiff1d(old_ids, new_ids, assume_unique=True),
        moved=pd.DataFrame({"object_id": common} | splits)[moved].reset_index(drop=True),
        changed=common[changed],
    )


def actual_step(old: Version, new: Version) -> Step | None:
    """Return which part of the version number was raised; None if the new one is older."""
    if new < old:
        return None
    if old.major != new.major:
        return "major"
    if old.minor != new.minor:
        return "minor"
    return "none" if old.patch == new.patch else "patch"


def next_version(old: Version, step: Step) -> Version:
    """Return the version that follows by a step."""
    if step == "major":
        return Version(old.major + 1, 0, 0, old.mock)
    if step == "minor":
        return Version(old.major, old.minor + 1, 0, old.mock)
    return Version(old.major, old.minor, old.patch + (step == "patch"), old.mock)
