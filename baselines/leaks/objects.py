"""The objects of a release that no training table may hold, by what tells them again."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.releases import Release
from transferz.schemas.errors import ParameterError, ReleaseError
from transferz.schemas.survey.manifest import read_manifest
from transferz.schemas.survey.release import CONFIGS

RADIUS_ARCSEC = 1.0
"""Within which two positions are one object, where a manifest does not say (params.yaml's)."""

TRUTH = "truth"  # the objects of the others again
COLUMNS = ("object_id", "group_id", "ra", "dec")

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """Objects that are held back for tests: a row for each of their ids, groups and positions.

    Attributes
    ----------
    object_id, group_id : ndarray of int64, shape (M,)
        Ids in the release.
    ra, dec : ndarray, shape (M,)
        Positions, degrees; NaN where the release has none.
    radius_arcsec : float
        Within which another position is one of them.
    release : Release
        Whose they are.
    splits, configs : tuple of str
        Which splits of which of its configs.
    """

    object_id: Ints
    group_id: Ints
    ra: Floats
    dec: Floats
    radius_arcsec: float
    release: Release
    splits: tuple[str, ...]
    configs: tuple[str, ...]

    def __len__(self) -> int:
        """Objects, each counted once."""
        return len(np.unique(self.object_id))

    def __str__(self) -> str:
        mock = " (a mock)" if self.release.mock else ""
        return f"{' or '.join(self.splits)} objects of transferz {self.release.version}{mock}"


def read_objects(
    release: Release, configs: Sequence[str] | None = None, splits: Sequence[str] = ("test",)
) -> Held:
    """Read the objects of some splits of a release.

    Parameters
    ----------
    release : Release
        The release.
    configs : sequence of str, optional
        Of which configs; by default of all that the release has with such a split. A mock's
        ``truth`` is none of them.
    splits : sequence of str
        Whose objects are held back.

    Raises
    ------
    ReleaseError
        Where a config or split is not there, or a file is damaged.
    ParameterError
        Where no split or config is named, or ``truth`` is.
    """
    files = _files(release, splits, configs)
    table = pa.concat_tables(_read(path) for paths in files.values() for path in paths)
    frame = table.to_pandas().drop_duplicates(ignore_index=True)
    return Held(
        object_id=frame["object_id"].to_numpy(np.int64),
        group_id=frame["group_id"].to_numpy(np.int64),
        ra=frame["ra"].to_numpy(np.float64),
        dec=frame["dec"].to_numpy(np.float64),
        radius_arcsec=match_radius(read_manifest(release.path)),
        release=release,
        splits=tuple(splits),
        configs=tuple(files),
    )


def match_radius(manifest: Mapping[str, Any]) -> float:
    """Return the match radius that a release was made with, arcsec."""
    try:
        return float(manifest["parameters"]["match"]["radius_arcsec"])
    except (KeyError, TypeError, ValueError):  # loading does not look at it, so anything may be
        return RADIUS_ARCSEC


def _files(
    release: Release, splits: Sequence[str], configs: Sequence[str] | None
) -> dict[str, list[Path]]:
    """Config -> files of the splits; each split is in at least one config."""
    there = {name: found for name, found in release.files().items() if name != TRUTH}
    chosen = tuple(there) if configs is None else tuple(configs)
    if not splits or not chosen or TRUTH in chosen:
        names = ", ".join(name for name in CONFIGS if name != TRUTH)
        raise ParameterError(
            f"expected a split, such as test, and configs among {names}; "
            f"found splits {list(splits)}, configs {list(chosen)}"
        )
    for split in splits:
        holders = [name for name in chosen if split in there.get(name, ())]
        for name in chosen if configs is not None or not holders else ():
            release.require(name, [split])
    files = {name: _of_splits(there[name], splits) for name in chosen}
    return {name: paths for name, paths in files.items() if paths}


def _of_splits(files: Mapping[str, Iterable[Path]], splits: Sequence[str]) -> list[Path]:
    return [path for split in splits for path in files.get(split, ())]


def _read(path: Path) -> pa.Table:
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            return file.read(list(COLUMNS)).select(list(COLUMNS))
    except (OSError, ValueError, KeyError) as error:
        raise ReleaseError(
            f"can't read {path}: {error}; it is damaged: build or fetch the release again"
        ) from None
