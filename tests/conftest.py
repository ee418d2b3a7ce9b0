"""What several rooms' tests share: a tiny release in the real format, and bare environments."""

import os

# The workers, and what they start, share the cores; numpy looks at this when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import hashlib
import importlib.metadata
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from transferz.schemas import INDEX, RELEASE, SPLITS, Column, Table
from transferz.schemas.survey.derived import feature_list
from transferz.schemas.survey.described import HSC_BANDS, TRUTH, Band
from transferz.schemas.survey.files import (
    CARD_FILE,
    INDEX_FOLDER,
    MANIFEST_FILE,
    RELEASE_NAME,
    data_files,
    file_digest,
    index_file,
    json_text,
    self_digest,
)
from transferz.schemas.survey.frames import arrow_schema
from transferz.schemas.survey.stated import COLUMN_FACTS
from transferz.tables import printing

sys.path.append(str(Path(__file__).parent))  # `releases` and the servers are imported by name

import quick

printing.EVERY = float("inf")  # a slow machine would print more lines than a fast one

LONG = (
    "pipeline/test_baselines.py",
    "test_docs.py",
    "pipeline",
    "fuzz",
    "baselines/test_real_transfer.py",
    "baselines/test_real_galaxies.py",
    "test_same_bytes.py",
    "test_site.py",
    "test_wheel.py",
)
"""What takes longest, and is begun first, so that no worker is left alone with it at the end.

The second one needs nothing of what the first one builds for all that is in its folder.
"""

SPLIT_ROWS = {"train": 300, "validation": 60, "calibration": 50, "test": 70}
KINDS = {
    "label": "photometric",
    "spectroscopic": "spectroscopic",
    "union": "spectroscopic",
    "truth": "true",
}
CONFIGS = {
    "label": "transferz",
    "spectroscopic": "galaxiesml",
    "union": "combo",
    "truth": "truth",
}
"""Those of the releases up to 2.0.0, whose manifests name neither configs nor bands."""

SIX_BANDS = tuple(
    Band(name, f"mag_auto_{name}", f"magerr_auto_{name}", f"speclite:decam2014-{name}")
    for name in "ugrizY"
)
"""Of an invented survey; through DES's filters."""

REDDENING = {"u": 1.5, "g": 1.2, "r": 0.5, "i": 0.0, "z": -0.25}
"""Magnitudes per unit redshift by which a band is fainter than i; the reddest: -0.4."""


def release_table(bands: tuple[Band, ...]) -> Table:
    """The columns of a release, with other bands in HSC's place."""
    if bands == HSC_BANDS:
        return RELEASE
    hsc = {name for band in HSC_BANDS for name in (band.magnitude, band.error)}
    own = [Column(b.magnitude, "float32", f"{b.name} magnitude", unit="mag(AB)") for b in bands]
    own += [Column(b.error, "float32", f"Its error in {b.name}", unit="mag") for b in bands]
    names = [column for column in RELEASE if column.name not in hsc]
    return Table("release", (*names[:3], *own, *names[3:]), key="object_id")


def release_rows(count: int, kind: str, seed: int, bands: tuple[Band, ...] = HSC_BANDS) -> pa.Table:
    """Rows that pass the release schema, with colours that redden with redshift."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.05, 2.0, count)
    i_magnitude = rng.normal(22.5, 1.0, count)
    colour = redshift[:, None] * np.array([REDDENING.get(band.name, -0.4) for band in bands])
    magnitudes = i_magnitude[:, None] + colour + rng.normal(0.0, 0.05, (count, len(bands)))
    identifiers = 10_000 * (seed + 1) + np.arange(count)
    values = {
        "object_id": identifiers,
        "ra": rng.uniform(149.5, 150.5, count),
        "dec": rng.uniform(1.7, 2.7, count),
        "redshift": redshift,
        "redshift_lo": redshift - 0.02,
        "redshift_hi": redshift + 0.02,
        "redshift_kind": np.full(count, kind),
        "cosmos_id": identifiers,
        "specz_name": [None] * count,
        "group_id": identifiers,
    }
    values |= {band.magnitude: magnitudes[:, k] for k, band in enumerate(bands)}
    schema = arrow_schema(release_table(bands))
    arrays = [
        pa.array(values.get(field.name, np.full(count, 0.03)), from_pandas=True).cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def card(configs: dict[str, dict[str, int]], content: str, table: Table = RELEASE) -> str:
    """Front matter; `description` makes the cache of `datasets` depend on the content."""
    patterns = {split: f"{split}-*.parquet" for split in SPLITS}
    front = {
        "configs": [
            {
                "config_name": name,
                "description": content,
                "data_files": [
                    {"split": split, "path": f"{name}/{patterns[split]}"} for split in splits
                ],
            }
            | ({"default": True} if name == next(iter(configs)) else {})
            for name, splits in configs.items()
        ],
        "dataset_info": [
            {"config_name": name, "features": feature_list(table)} for name in configs
        ],
    }
    return f"---\n{yaml.safe_dump(front, sort_keys=False)}---\n# A release for tests\n"


def index(parts: dict[str, pa.Table]) -> pa.Table:
    """A config's index; the hash of a row is its position here, which no test looks at."""
    identifiers = [rows["object_id"].combine_chunks() for rows in parts.values()]
    splits = [split for split, rows in parts.items() for _ in range(len(rows))]
    columns = [pa.concat_arrays(identifiers), pa.array(splits), pa.array(range(len(splits)))]
    return pa.Table.from_arrays(columns, schema=arrow_schema(INDEX))


def stand_in_hash(files: list[Path]) -> str:
    """A split's hash: of its files here, not of its values as in a real release."""
    return f"sha256:{hashlib.sha256(b''.join(one.read_bytes() for one in files)).hexdigest()}"


def manifest(
    directory: Path, version: str, mock: bool, table: Table = RELEASE, **stated: Any
) -> dict[str, Any]:
    """What vouches for the release in `directory`, as far as loading is concerned."""
    paths = sorted(path for path in directory.rglob("*") if path.is_file())
    whole = {
        "name": RELEASE_NAME,
        "version": version,
        "survey": "mock" if mock else "authors",
        "mock": mock,
        **stated,
        "columns": {one.name: {fact: getattr(one, fact) for fact in COLUMN_FACTS} for one in table},
        "content": {
            config: {
                split: {"rows": SPLIT_ROWS[split], "content": stand_in_hash(files)}
                for split, files in splits.items()
            }
            for config, splits in data_files(directory).items()
        },
        "files": {path.relative_to(directory).as_posix(): file_digest(path) for path in paths},
        "sha256": "",
    }
    return whole | {"sha256": self_digest(whole)}


def build_release(
    directory: Path,
    *,
    version: str = "1.0.0+mock",
    mock: bool = True,
    seed: int = 0,
    bands: tuple[Band, ...] = HSC_BANDS,
    roles: dict[str, str] | None = None,
) -> Path:
    """Write a tiny release in the real layout into `directory`; its rows are mock in any case.

    With `roles`, role -> config, its manifest names those and the `bands`.
    """
    played = {name: role for role, name in (roles or CONFIGS).items() if mock or role != TRUTH}
    configs, table = {name: dict(SPLIT_ROWS) for name in played}, release_table(bands)
    (directory / INDEX_FOLDER).mkdir(parents=True)
    for number, config in enumerate(configs):
        folder = directory / config
        folder.mkdir()
        parts = {
            split: release_rows(
                SPLIT_ROWS[split], KINDS[played[config]], seed + 10 * number + position, bands
            )
            for position, split in enumerate(SPLITS)
        }
        for split, rows in parts.items():
            halves = [rows.slice(0, 20), rows.slice(20)] if split == "test" else [rows]
            for shard, half in enumerate(halves):
                name = f"{split}-{shard:05d}-of-{len(halves):05d}.parquet"
                pq.write_table(half, folder / name, compression="zstd", write_page_checksum=True)
        pq.write_table(index(parts), index_file(directory, config))
    text = card(configs, f"content {version} {seed}", table)
    (directory / CARD_FILE).write_text(text, encoding="utf-8")
    stated = {"configs": roles, "bands": [asdict(band) for band in bands]} if roles else {}
    sealed = json_text(manifest(directory, version, mock, table, **stated))
    (directory / MANIFEST_FILE).write_text(sealed, encoding="utf-8")
    return directory


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes long first; else the order stays."""
    tests = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        path = item.path.relative_to(tests)
        return next((k for k, place in enumerate(LONG) if path.is_relative_to(place)), len(LONG))

    items.sort(key=rank)


@pytest.fixture(autouse=True, scope="session")
def _quickly():
    with quick.quickly():
        yield


@pytest.fixture(scope="session")
def release_builder():
    """`build_release`, for tests that need a release of their own."""
    return build_release


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small mock release; read it, do not change it."""
    return build_release(tmp_path_factory.mktemp("release") / "transferz")


@pytest.fixture(scope="session")
def six_bands(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small release of an invented survey, with six bands and own configs; do not change it."""
    roles = {"label": "labels", "spectroscopic": "spectroscopic", "union": "combo"}
    to = tmp_path_factory.mktemp("six") / "transferz"
    return build_release(to, version="1.0.0", mock=False, bands=SIX_BANDS, roles=roles)


@pytest.fixture(scope="session")
def spectra_only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small release with spectra alone, in three bands, none of them i; do not change it."""
    bands = (*SIX_BANDS[1:3], Band("w", "w_mag", "w_magerr", ""))
    to = tmp_path_factory.mktemp("spectra") / "transferz"
    roles = {"spectroscopic": "spectra"}
    return build_release(to, version="1.0.0", mock=False, bands=bands, roles=roles)


@pytest.fixture(scope="session")
def small_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole mock release of a few hundred rows, by the real stages; read it, don't change it."""
    from releases import build

    return build(tmp_path_factory.mktemp("small") / "data", figures=True)


@pytest.fixture(scope="session")
def hats_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole mock release as `small_release`, each config as a HATS collection too."""
    from releases import build

    return build(tmp_path_factory.mktemp("with hats") / "data", hats=True)


def requirements(names: tuple[str, ...]) -> set[str]:
    """The distributions that `names` need, themselves included."""
    seen: set[Requirement] = set()
    waiting = [Requirement(name) for name in names]
    while waiting:
        requirement = waiting.pop()
        if requirement in seen:
            continue
        seen.add(requirement)
        environments = [{"extra": extra} for extra in ("", *requirement.extras)]
        waiting += [
            needed
            for needed in map(Requirement, importlib.metadata.requires(requirement.name) or ())
            if needed.marker is None or any(map(needed.marker.evaluate, environments))
        ]
    return {canonicalize_name(requirement.name) for requirement in seen}


@pytest.fixture(scope="session")
def bare_site(tmp_path_factory: pytest.TempPathFactory):
    """Make a directory that holds links to some installed packages and their needs alone.

    Given to ``python -S`` as PYTHONPATH it is an environment where nothing else is installed.
    """

    def make(*names: str) -> Path:
        site = tmp_path_factory.mktemp("site")
        for name in requirements(names):
            files = importlib.metadata.distribution(name).files or ()
            for top in {file.parts[0] for file in files} - {"..", "__pycache__"}:
                source = Path(str(importlib.metadata.distribution(name).locate_file(top)))
                if not (site / top).exists():
                    (site / top).symlink_to(source)
        return site

    return make
