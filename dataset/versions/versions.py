"""What changed between two versions of a release, and the version number that this asks for.

Croissant's rule (https://docs.mlcommons.org/croissant/docs/croissant-spec.html, "Versioning"):
PATCH for the same data, MINOR for additions, MAJOR where rows are changed, dropped or moved to
another split, or columns are dropped or change their type or unit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.tables import read_table
from transferz.dataset.splits.hashing import hash_rows
from transferz.dataset.versions.changes import STEPS, Changes, Ids, Step, compare_rows
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
        name: {fact: str(one[fact]) for fact in ("dtype", "unit")} for name, one in stated.items()
    }


def read_indices(release: Path) -> dict[str, pd.DataFrame]:
    """Read the index of every config.

    Parameters
    ----------
    release : Path
        A directory with configs.

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


def compare(old: Snapshot, new: Snapshot) -> Changes:
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
    indices = old.index, new.index
    if not set(old.columns) == set(new.columns) == set(same):
        indices = _rehashed(old, same), _rehashed(new, same)
    configs = _ordered([name for name in old.index if name in new.index])
    return Changes(
        rows={name: compare_rows(indices[0][name], indices[1][name]) for name in configs},
        configs_added=_only(new.index, old.index),
        configs_removed=_only(old.index, new.index),
        columns_added=_only(new.columns, old.columns),
        columns_removed=_only(old.columns, new.columns),
        columns_changed=_changed_columns(old.columns, new.columns),
        pages="" not in (old.digest, new.digest) and old.digest != new.digest,
    )


def _only(names: Mapping[str, Any], others: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_ordered([name for name in names if name not in others]))


def _ordered(configs: Sequence[str]) -> list[str]:
    """Configs in the card's order, other names behind them in their own."""
    return sorted(configs, key=lambda name: CONFIGS.index(name) if name in CONFIGS else 99)


def _changed_columns(old: Declared, new: Declared) -> dict[str, str]:
    return {
        name: f"{_spelt(old[name])} -> {_spelt(new[name])}"
        for name in old
        if name in new and old[name] != new[name]
    }


def _spelt(column: Mapping[str, str]) -> str:
    return f"{column['dtype']} in {column['unit']}" if column["unit"] else column["dtype"]


def _rehashed(snapshot: Snapshot, columns: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Indices whose row hashes are of some columns alone."""
    return {
        config: index.assign(row_hash=_hashes(snapshot.path, config, columns, index["object_id"]))
        for config, index in snapshot.index.items()
    }


def _hashes(release: Path, config: str, columns: Sequence[str], ids: pd.Series) -> Ids:
    """Hashes of the rows of a config, in the order of `ids`."""
    found = [
        _read_hashes(path, columns)
        for paths in data_files(release)[config].values()
        for path in paths
    ]
    hashes = pd.concat(found)
    if not hashes.index.sort_values().equals(pd.Index(ids)):
        raise ReleaseError(
            f"{release / config / INDEX_FILE}: expected the ids of the rows, found others; get the "
            "release anew"
        )
    return hashes.loc[ids].to_numpy()


def _read_hashes(path: Path, columns: Sequence[str]) -> pd.Series:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = file.read(columns=list({"object_id", *columns}))
        values = hash_rows(table, columns).view("int64")
        return pd.Series(values, index=table["object_id"].to_numpy())
    except (OSError, ValueError, KeyError, pa.ArrowException, InputError, SchemaError) as error:
        raise ReleaseError(f"can't read {path}: {error}; get the release anew") from error


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


def refusal(old: Snapshot, new: Snapshot, changes: Changes) -> str:
    """Say why the new version's number contradicts what changed.

    Parameters
    ----------
    old, new : Snapshot
        The versions.
    changes : Changes
        As `compare` finds them.

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

    Parameters
    ----------
    old, new : Snapshot
        The versions.
    changes : Changes
        As `compare` finds them.

    Raises
    ------
    ReleaseError
        If it does not.
    """
    if reason := refusal(old, new, changes):
        raise ReleaseError(reason)
