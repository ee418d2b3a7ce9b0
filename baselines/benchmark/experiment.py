"""What a network is trained and scored on: a release's config, or a table split by hash."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from transferz.baselines.benchmark.samples import Sample, read_sample, read_split
from transferz.baselines.methods.paper import METHODS
from transferz.dataset.splits.hashing import hash_ids
from transferz.dataset.splits.splitting import object_keys, split_by_hash
from transferz.releases import Release
from transferz.schemas.errors import InputError
from transferz.schemas.survey.catalogues import SPLITS
from transferz.schemas.survey.magnitudes import MAGNITUDES
from transferz.schemas.survey.manifest import read_manifest

SALT = "transferz-1"
"""Salt of the splits of a table: the one that the project's releases use."""

FRACTIONS = (0.7, 0.1, 0.1, 0.1)
"""Train, validation, calibration and test parts of a table: the project's default."""

SCORED = ("train", "validation", "test")
"""`calibration` is kept for methods that calibrate intervals."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are what.

    Attributes
    ----------
    bands : tuple of str
        Magnitudes, in the order in which the network takes them.
    redshift : str
        True redshift.
    identifier : str or None
        Object id.
    names : tuple of str or None
        All the columns' names, where the table's own header lacks some.
    errors : tuple of str
        Errors of the magnitudes: read behind them into a sample's magnitudes, and without a say in
        the splits.
    """

    bands: tuple[str, ...]
    redshift: str
    identifier: str | None = None
    names: tuple[str, ...] | None = None
    errors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Experiment:
    """Samples with their names, and where they come from.

    Attributes
    ----------
    bands : tuple of str
        What the network's inputs are called.
    samples : dict of str to Sample
        ``train`` and ``validation`` at least; all of them are scored.
    source : dict
        Provenance, as JSON.
    """

    bands: tuple[str, ...]
    samples: dict[str, Sample]
    source: dict[str, Any]


def from_release(release: Release, method: str) -> Experiment:
    """Take the splits of the config that a method is trained on.

    Raises
    ------
    ReleaseError
        Where the release lacks the config, or its training or validation split.
    """
    config = METHODS[method].config
    there = release.require(config, ["train", "validation"])
    samples = {split: read_split(release, config, split) for split in SCORED if split in there}
    source = {
        "version": release.version,
        "survey": release.survey,
        "mock": release.mock,
        "content": read_manifest(release.path).get("content", {}),
    }
    return Experiment(MAGNITUDES, samples, {"release": source, "config": config})


def from_table(
    path: Path,
    columns: Columns,
    fractions: Sequence[float] = FRACTIONS,
    *,
    parts: Sequence[str] = SCORED,
    drop_missing: bool = False,
) -> Experiment:
    """Split a table by the hash of each row's id, as releases are split.

    Where there is no id the hash is that of the magnitudes, so rows with the same photometry
    stay together (our choice: the same galaxy with two redshifts must not be in two splits).

    Parameters
    ----------
    path : Path
        The table, in a format of `transferz.baselines.benchmark.samples.read_sample`.
    columns : Columns
        What to read.
    fractions : sequence of float
        Of train, validation, calibration and test; their sum is 1.
    parts : sequence of str
        Those that are wanted.
    drop_missing : bool
        Drop and count rows that lack a value, instead of refusing them.

    Raises
    ------
    InputError
        Where the table can't be used, or its training or validation part is empty.
    ParameterError
        Where the fractions are wrong.
    """
    sample = _read(path, columns, drop_missing)
    shares = dict(zip(SPLITS, fractions, strict=True))
    split = split_by_hash(hash_ids(_keys(sample, columns.bands), SALT), shares)
    samples = {name: sample.take(split == name) for name in parts if np.any(split == name)}
    if missing := {"train", "validation"} - set(samples):
        raise InputError(
            f"{path}: its {len(sample)} usable rows leave no {' and no '.join(sorted(missing))} "
            f"part at the fractions {shares}; give more rows or other --fractions"
        )
    source = describe(path, columns, sample) | {"fractions": shares, "salt": SALT}
    return Experiment(columns.bands, samples, {"table": source})


def add_test_table(
    experiment: Experiment, path: Path, columns: Columns, *, drop_missing: bool = False
) -> Experiment:
    """Score another table too, with as many bands, in the same order.

    Raises
    ------
    InputError
        Where the table can't be used.
    """
    if len(columns.bands) != len(experiment.bands):
        raise InputError(
            f"{len(columns.bands)} test bands ({', '.join(columns.bands)}) for a network of "
            f"{len(experiment.bands)} ({', '.join(experiment.bands)}); give as many, in that order"
        )
    sample = _read(path, columns, drop_missing)
    samples = experiment.samples | {f"table {path.name}": sample}
    source = experiment.source | {"test_table": describe(path, columns, sample)}
    return Experiment(experiment.bands, samples, source)


def describe(path: Path, columns: Columns, sample: Sample) -> dict[str, Any]:
    """Provenance of a table: its name, its checksum, what was read of it."""
    with path.open("rb") as file:
        checksum = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "file": path.name,
        "sha256": checksum,
        "bands": list(columns.bands),
        "redshift": columns.redshift,
        "id": columns.identifier,
        "rows": len(sample),
        "dropped": sample.dropped,
    }


def _read(path: Path, columns: Columns, drop_missing: bool) -> Sample:
    return read_sample(
        path,
        (*columns.bands, *columns.errors),
        columns.redshift,
        identifier=columns.identifier,
        drop_missing=drop_missing,
        names=columns.names,
    )


def _keys(sample: Sample, bands: Sequence[str]) -> npt.NDArray[np.uint64]:
    if sample.identifiers is None:
        values = {name: sample.magnitudes[:, k] for k, name in enumerate(bands)}
        return object_keys(pa.table(values))
    ids = pa.table({"id": sample.identifiers})
    whole = np.issubdtype(sample.identifiers.dtype, np.integer)
    return object_keys(ids, "id") if whole else object_keys(ids)
