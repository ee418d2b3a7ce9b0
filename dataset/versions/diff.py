"""Two versions of one release: what changed, and whether the version number says so.

Croissant's rule (https://docs.mlcommons.org/croissant/docs/croissant-spec.html, "Versioning"):
PATCH for the same data, MINOR for additions, MAJOR where rows are changed, dropped or moved to
another split, or columns are dropped or change their type or unit.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.tables import read_table
from transferz.dataset.splits.hashing import hash_rows
from transferz.dataset.verify.claims import require_modest
from transferz.schemas import INDEX, InputError, ReleaseError, SchemaError, TransferZError
from transferz.schemas.survey.files import MANIFEST_FILE, Version, data_files, index_file
from transferz.schemas.survey.release import KNOWN_CONFIGS
from transferz.tables.files import read_json, require_file
from transferz.tables.printing import aligned, printable

Step = Literal["none", "patch", "minor", "major"]
STEPS: tuple[Step, ...] = get_args(Step)
"""From nothing to the greatest."""

WHAT = ("added", "removed", "moved", "changed")
"""What can happen to a row."""

LISTED = ("config", "object_id", "what", "old_split", "new_split")
"""Columns of the list of rows that differ."""

NAMES = ("configs_added", "configs_removed", "columns_added", "columns_removed")
"""What of two versions' `Changes` is a list of names."""

Declared = Mapping[str, Mapping[str, str]]


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


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one version of a release, in the directory ``path``, is compared by.

    ``columns`` has ``dtype`` and ``unit`` of every column, by name, in order; ``index`` has the
    table `INDEX` of each config, ascending ``object_id``; ``digest`` is the manifest's own hash,
    empty while the release has no pages yet.
    """

    path: Path
    version: Version
    columns: Declared
    index: Mapping[str, pd.DataFrame]
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.version} ({self.path})"


def read_snapshot(release: Path) -> Snapshot:
    """Read what a complete release is compared by: its manifest and its indices, not its rows.

    A manifest or index that is missing, damaged or not of a release raises `ReleaseError`.
    """
    try:
        manifest = read_json(release / MANIFEST_FILE)
        version, columns = Version.parse(manifest["version"]), compared_columns(manifest["columns"])
        return Snapshot(release, version, columns, read_indices(release), manifest["sha256"])
    except (TransferZError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(
            f"{release} can't be compared, it is no release that is whole: {error}; "
            "`transferz verify` says more, or get it anew"
        ) from error


def compared_columns(stated: Declared) -> Declared:
    """Return of a manifest's ``columns`` what makes another column: ``dtype`` and ``unit``."""
    return {
        name: {fact: str(column[fact]) for fact in ("dtype", "unit")}
        for name, column in stated.items()
    }


def read_indices(release: Path) -> dict[str, pd.DataFrame]:
    """Read the index of every config, a table `INDEX` with ascending ``object_id``.

    An index that is missing, damaged or lists an object twice raises `InputError` or `SchemaError`.
    """
    return {
        config: read_table(_modest(index_file(release, config)), INDEX).sort_values("object_id")
        for config in data_files(release)
    }


def _modest(index: Path) -> Path:
    """The path of an index that is there and can hold what it claims."""
    try:
        return require_modest(require_file(index))
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{index} is no sound parquet file ({error})") from error


def diff(old: Snapshot, new: Snapshot) -> Changes:
    """Find what differs between two versions of a release.

    Rows are compared by their hashes in the indices where both versions have the same columns, else
    by hashes of the columns that are the same in both, computed from the data. A mock beside a real
    release, or data that are needed and can't be read, raise `ReleaseError`.
    """
    if old.version.mock != new.version.mock:
        raise ReleaseError(
            f"{old} and {new} are no versions of one another: one is a mock, the other is not; "
            "compare mocks with mocks and real releases with real ones"
        )
    same = [name for name in old.columns if old.columns[name] == new.columns.get(name)]
    old_index, new_index = old.index, new.index
    if not set(old.columns) == set(new.columns) == set(same):
        old_index, new_index = _rehashed(old, same), _rehashed(new, same)
    both = _only(old.index, _only(old.index, new.index))
    none = pd.DataFrame(columns=list(LISTED), dtype="str").astype({"object_id": "int64"})
    parts = [diff_rows(old_index[name], new_index[name], name) for name in both]
    return Changes(
        rows=pd.concat([none, *parts], ignore_index=True),
        configs=both,
        configs_added=_only(new.index, old.index),
        configs_removed=_only(old.index, new.index),
        columns_added=_only(new.columns, old.columns),
        columns_removed=_only(old.columns, new.columns),
        columns_changed={
            name: f"{_spelt(old.columns[name])} -> {_spelt(new.columns[name])}"
            for name in old.columns
            if name in new.columns and name not in same
        },
        pages="" not in (old.digest, new.digest) and old.digest != new.digest,
    )


def _only(names: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    """Names that are not among others: configs in the card's order, then the rest in their own."""
    rank = {name: position for position, name in enumerate(KNOWN_CONFIGS)}
    alone = [name for name in names if name not in others]
    return tuple(sorted(alone, key=lambda name: rank.get(name, len(rank))))


def _spelt(column: Mapping[str, str]) -> str:
    return f"{column['dtype']} in {column['unit']}" if column["unit"] else column["dtype"]


def _rehashed(snapshot: Snapshot, columns: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Indices whose row hashes are of some columns alone, computed from the data."""
    indices = {}
    for config, index in snapshot.index.items():
        splits = data_files(snapshot.path)[config].values()
        hashes = pd.concat(_row_hashes(path, columns) for paths in splits for path in paths)
        ids = index["object_id"]
        if not hashes.index.sort_values().equals(pd.Index(ids)):
            raise ReleaseError(
                f"{index_file(snapshot.path, config)}: expected the ids of the rows, found "
                "others; get the release anew"
            )
        indices[config] = index.assign(row_hash=hashes.loc[ids].to_numpy())
    return indices


def _row_hashes(path: Path, columns: Sequence[str]) -> pd.Series:
    try:
        with pq.ParquetFile(require_modest(path), page_checksum_verification=True) as file:
            table = file.read(columns=list({"object_id", *columns}))
        values = hash_rows(table, columns).view("int64")
        return pd.Series(values, index=table["object_id"].to_numpy())
    except (OSError, ValueError, KeyError, pa.ArrowException, InputError, SchemaError) as error:
        raise ReleaseError(f"can't read {path}: {error}; get the release anew") from error


def refusal(old: Snapshot, new: Snapshot, changes: Changes) -> str:
    """Say why the new version's number contradicts what changed, and which version would do.

    Empty if the number says it. A greater step than needed is allowed: it warns of more than there
    is, which harms nobody.
    """
    step = actual_step(old.version, new.version)
    would_do = next_version(old.version, changes.step)
    if step is None:
        return f"version {new.version} is older than {old}, which it follows; make it {would_do}"
    if STEPS.index(step) >= STEPS.index(changes.step):
        return ""
    have = "the same version as" if step == "none" else f"a {step.upper()} step after"
    return (
        f"version {new.version} is {have} {old}, but what changed needs a "
        f"{changes.step.upper()} step: {changes}; make it {would_do}"
    )


def require_step(old: Snapshot, new: Snapshot, changes: Changes) -> None:
    """Raise `ReleaseError` if the new version's number does not say what changed; see `refusal`."""
    if reason := refusal(old, new, changes):
        raise ReleaseError(reason)


def diff_report(old: Snapshot, new: Snapshot, changes: Changes) -> dict[str, Any]:
    """Return what changed between two versions, and whether the number says so, as JSON."""
    contradiction = refusal(old, new, changes)
    return {
        "old": {"path": str(old.path), "version": str(old.version)},
        "new": {"path": str(new.path), "version": str(new.version)},
        "step": changes.step,
        **{name: list(getattr(changes, name)) for name in NAMES},
        "columns_changed": dict(changes.columns_changed),
        "rows": changes.counts(),
        "consistent": not contradiction,
        "refusal": contradiction,
    }


def diff_text(report: Mapping[str, Any]) -> str:
    """Return what changed between two versions, as `diff_report` has it, as text for a terminal."""
    lines = [
        f"{name}  transferz {report[name]['version']} {report[name]['path']}"
        for name in ("old", "new")
    ]
    head = ["config", *(f"rows {what}" for what in WHAT)]
    rows = [[config, *(f"{n[what]:,}" for what in WHAT)] for config, n in report["rows"].items()]
    lines += ["", *aligned([head, *rows], right=True), ""]
    for name in NAMES:
        lines += [f"{name.replace('_', ' ')}: {', '.join(report[name])}"] if report[name] else []
    lines += [f"column changed: {n}: {how}" for n, how in report["columns_changed"].items()]
    return "\n".join(map(printable, [*lines, _verdict(report)])) + "\n"


def _verdict(report: Mapping[str, Any]) -> str:
    if report["refusal"]:
        return f"CONTRADICTION: {report['refusal']}"
    old, new = (Version.parse(report[side]["version"]) for side in ("old", "new"))
    step, needed = actual_step(old, new) or "none", report["step"]
    if needed == step == "none":
        return "nothing changed"
    greater = STEPS.index(step) > STEPS.index(needed)
    allowed = " (more than it needs, which is allowed)" if greater else ""
    what = "nothing changed" if needed == "none" else f"what changed needs a {needed.upper()} step"
    return f"{what}; the version makes a {step.upper()} step{allowed}"
