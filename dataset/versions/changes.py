"""What differs between two versions of a release: rows, configs, columns."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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

    def total(self, what: str) -> int:
        """Count objects that were ``added``, ``removed``, ``moved`` or ``changed``, config-wise."""
        return sum(rows.counts()[what] for rows in self.rows.values())

    @property
    def step(self) -> Step:
        """The least step of the version number that says what changed."""
        lost = self.configs_removed or self.columns_removed or self.columns_changed
        if lost or any(self.total(what) for what in ("removed", "moved", "changed")):
            return "major"
        if self.configs_added or self.columns_added or self.total("added"):
            return "minor"
        return "patch" if self.pages else "none"

    def summary(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        return {
            "step": self.step,
            "configs_added": list(self.configs_added),
            "configs_removed": list(self.configs_removed),
            "columns_added": list(self.columns_added),
            "columns_removed": list(self.columns_removed),
            "columns_changed": dict(self.columns_changed),
            "rows": {config: rows.counts() for config, rows in self.rows.items()},
        }

    def __str__(self) -> str:
        return "; ".join(self._phrases()) or "nothing changed"

    def _phrases(self) -> Iterator[str]:
        for what in ("removed", "moved", "changed", "added"):
            found = {c: n for c, rows in self.rows.items() if (n := rows.counts()[what])}
            if found:
                yield f"rows {what}: " + ", ".join(f"{n:,} in {c}" for c, n in found.items())
        for name in ("columns_removed", "columns_added", "configs_removed", "configs_added"):
            if names := getattr(self, name):
                yield f"{name.replace('_', ' ')}: {', '.join(names)}"
        if self.columns_changed:
            pairs = (f"{name} ({how})" for name, how in self.columns_changed.items())
            yield f"columns changed: {', '.join(pairs)}"
        if self.pages and self.step == "patch":
            yield "files other than the data's values"


def compare_rows(old: pd.DataFrame, new: pd.DataFrame) -> RowChanges:
    """Find the objects of one config that differ.

    Parameters
    ----------
    old, new : pandas.DataFrame
        Tables `INDEX`: an object once.
    """
    ids: tuple[Ids, Ids] = (old["object_id"].to_numpy(), new["object_id"].to_numpy())
    _, at_old, at_new = np.intersect1d(ids[0], ids[1], assume_unique=True, return_indices=True)
    both_old, both_new = old.iloc[at_old], new.iloc[at_new]
    common = both_old["object_id"].to_numpy()
    splits = both_old["split"].to_numpy(dtype=object), both_new["split"].to_numpy(dtype=object)
    moved = np.not_equal(*splits).astype(bool)
    changed = both_old["row_hash"].to_numpy() != both_new["row_hash"].to_numpy()
    return RowChanges(
        added=np.setdiff1d(ids[1], ids[0], assume_unique=True),
        removed=np.setdiff1d(ids[0], ids[1], assume_unique=True),
        moved=pd.DataFrame(
            {"object_id": common[moved], "old": splits[0][moved], "new": splits[1][moved]}
        ),
        changed=common[changed],
    )
