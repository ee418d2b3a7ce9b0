"""What can change between two versions of a release, and the step of the number that asks for.

Croissant's rule (https://docs.mlcommons.org/croissant/docs/croissant-spec.html, "Versioning"):
PATCH for the same data, MINOR for additions, MAJOR where rows are changed, dropped or moved to
another split, or columns are dropped or change their type or unit.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import pandas as pd

from transferz.schemas.survey.versions import Version

Step = Literal["none", "patch", "minor", "major"]
STEPS: tuple[Step, ...] = get_args(Step)
"""From nothing to the greatest."""

WHAT = ("added", "removed", "moved", "changed")
"""What can happen to a row."""

LISTED = ("config", "object_id", "what", "old_split", "new_split")
"""Columns of the list of rows that differ."""

NAMES = ("configs_added", "configs_removed", "columns_added", "columns_removed")
"""What of two versions' `Changes` is a list of names."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two versions.

    ``rows`` has the columns `LISTED`: every row that differs, once for each thing that happened to
    it, of the ``configs`` in both. The splits are those of a row that moved, else empty.
    ``columns_changed`` has ``"<old> -> <new>"``, type and unit, of the columns in both that differ
    in these. ``pages`` says whether a file differs whatever the data: the card, a figure, the way
    data are stored.
    """

    rows: pd.DataFrame
    configs: tuple[str, ...]
    configs_added: tuple[str, ...] = ()
    configs_removed: tuple[str, ...] = ()
    columns_added: tuple[str, ...] = ()
    columns_removed: tuple[str, ...] = ()
    columns_changed: Mapping[str, str] = field(default_factory=dict)
    pages: bool = False

    @property
    def step(self) -> Step:
        """The least step of the version number that says what changed."""
        happened = set(self.rows["what"])
        lost = self.configs_removed or self.columns_removed or self.columns_changed
        if lost or happened - {"added"}:
            return "major"
        if self.configs_added or self.columns_added or happened:
            return "minor"
        return "patch" if self.pages else "none"

    def counts(self) -> dict[str, dict[str, int]]:
        """Return the number of objects by config and by what happened to them."""
        counts = self.rows.value_counts(["config", "what"])
        return {
            config: {what: int(counts.get((config, what), 0)) for what in WHAT}
            for config in self.configs
        }

    def __str__(self) -> str:
        return "; ".join(self._phrases()) or "nothing changed"

    def _phrases(self) -> Iterator[str]:
        counts = self.counts()
        for what in ("removed", "moved", "changed", "added"):
            listed = [f"{n[what]:,} in {config}" for config, n in counts.items() if n[what]]
            if listed:
                yield f"rows {what}: " + ", ".join(listed)
        for name in ("columns_removed", "columns_added", "configs_removed", "configs_added"):
            if names := getattr(self, name):
                yield f"{name.replace('_', ' ')}: {', '.join(names)}"
        if self.columns_changed:
            pairs = (f"{name} ({how})" for name, how in self.columns_changed.items())
            yield f"columns changed: {', '.join(pairs)}"
        if self.pages and self.step == "patch":
            yield "files other than the data's values"


def diff_rows(old: pd.DataFrame, new: pd.DataFrame, config: str) -> pd.DataFrame:
    """List the objects of one config that differ, in the columns `LISTED`.

    `old` and `new` are tables `INDEX`: an object once, ascending ``object_id``. An object has
    ``changed`` where its values differ in a column that both versions have; it may have moved too.
    """
    both = old.merge(new, on="object_id", suffixes=("_old", "_new"))
    splits = both.rename(columns={"split_old": "old_split", "split_new": "new_split"})
    rows_by_what = {
        "added": new.loc[~new["object_id"].isin(old["object_id"])],
        "removed": old.loc[~old["object_id"].isin(new["object_id"])],
        "changed": both.loc[both["row_hash_old"] != both["row_hash_new"]],
        "moved": splits.loc[both["split_old"] != both["split_new"]],
    }
    parts = [rows.assign(config=config, what=what) for what, rows in rows_by_what.items()]
    listed = pd.concat(parts, ignore_index=True).reindex(columns=list(LISTED))
    texts = dict.fromkeys(("config", "what", "old_split", "new_split"), "str")
    return listed.astype(texts).fillna(dict.fromkeys(texts, ""))


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
