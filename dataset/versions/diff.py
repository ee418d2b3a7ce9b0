"""Two versions of one release: what changed, and whether the version number says so."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.tables import read_table
from transferz.dataset.splits.hashing import hash_rows
from transferz.dataset.versions.changes import (
    LISTED,
    STEPS,
    Changes,
    actual_step,
    diff_rows,
    next_version,
)
from transferz.schemas import CONFIGS, INDEX, InputError, ReleaseError, SchemaError, TransferZError
from transferz.schemas.survey.files import INDEX_FILE, MANIFEST_FILE, data_files
from transferz.schemas.survey.versions import Version
from transferz.tables.files import read_json

Declared = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one version of a release is compared by.

    Attributes
    ----------
    path : Path
        The release directory.
    version : Version
        As its manifest says.
    columns : mapping
        ``dtype`` and ``unit`` of every column, by name, in order.
    index : mapping
        config -> table `INDEX`, ascending ``object_id``.
    digest : str
        The manifest's own hash; empty while the release has no pages yet.
    """

    path: Path
    version: Version
    columns: Declared
    index: Mapping[str, pd.DataFrame]
    digest: str = ""

    def __str__(self) -> str:
        return f"{self.version} ({self.path})"


def read_snapshot(release: Path) -> Snapshot:
    """Read what a release is compared by: its manifest and its indices, not its rows.

    Parameters
    ----------
    release : Path
        A release directory, complete.

    Raises
    ------
    ReleaseError
        If the manifest or an index is missing, damaged or not of a release.
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
    """Read the index of every config.

    Returns
    -------
    dict of str to pandas.DataFrame
        config -> table `INDEX`, ascending ``object_id``; configs in the card's order.

    Raises
    ------
    InputError, SchemaError
        If an index is missing, damaged or lists an object twice.
    """
    return {
        config: read_table(release / config / INDEX_FILE, INDEX).sort_values("object_id")
        for config in data_files(release)
    }


def diff(old: Snapshot, new: Snapshot) -> Changes:
    """Find what differs between two versions of a release.

    Parameters
    ----------
    old, new : Snapshot
        The versions.

    Returns
    -------
    Changes
        Rows are compared by their hashes in the indices where both versions have the same columns,
        else by hashes of the columns that are the same in both, computed from the data.

    Raises
    ------
    ReleaseError
        If one is a mock and the other is not, or data that are needed can't be read.
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
    rank = {name: position for position, name in enumerate(CONFIGS)}
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
                f"{snapshot.path / config / INDEX_FILE}: expected the ids of the rows, found "
                "others; get the release anew"
            )
        indices[config] = index.assign(row_hash=hashes.loc[ids].to_numpy())
    return indices


def _row_hashes(path: Path, columns: Sequence[str]) -> pd.Series:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=list({"object_id", *columns}))
        values = hash_rows(table, columns).view("int64")
        return pd.Series(values, index=table["object_id"].to_numpy())
    except (OSError, ValueError, KeyError, pa.ArrowException, InputError, SchemaError) as error:
        raise ReleaseError(f"can't read {path}: {error}; get the release anew") from error


def refusal(old: Snapshot, new: Snapshot, changes: Changes) -> str:
    """Say why the new version's number contradicts what changed.

    Parameters
    ----------
    old, new : Snapshot
        The versions.
    changes : Changes
        As `diff` finds them.

    Returns
    -------
    str
        What changed and which version would do; empty if the number says it. A greater step than
        needed is allowed: it warns of more than there is, which harms nobody.
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
    """Check that the new version's number says what changed; see `refusal`.

    Raises
    ------
    ReleaseError
        If it does not.
    """
    if reason := refusal(old, new, changes):
        raise ReleaseError(reason)
