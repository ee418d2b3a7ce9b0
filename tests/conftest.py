"""What several rooms' tests share: a tiny release in the real format, and bare environments."""

import importlib.metadata
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from transferz.schemas import BANDS, MAGNITUDES, RELEASE, SPLITS
from transferz.schemas.frames import arrow_schema

SPLIT_ROWS = {"train": 300, "validation": 60, "calibration": 50, "test": 70}
CONFIG_KINDS = {
    "transferz": "photometric",
    "galaxiesml": "spectroscopic",
    "combo": "spectroscopic",
    "truth": "true",
}


def release_rows(count: int, kind: str, seed: int) -> pa.Table:
    """Rows that pass the release schema, with colours that redden with redshift."""
    rng = np.random.default_rng(seed)
    redshift = rng.uniform(0.05, 2.0, count)
    i_magnitude = rng.normal(22.5, 1.0, count)
    colour = redshift[:, None] * np.array([1.2, 0.5, 0.0, -0.25, -0.4])
    magnitudes = i_magnitude[:, None] + colour + rng.normal(0.0, 0.05, (count, len(BANDS)))
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
    values |= {name: magnitudes[:, k] for k, name in enumerate(MAGNITUDES)}
    schema = arrow_schema(RELEASE)
    arrays = [
        pa.array(values.get(field.name, np.full(count, 0.03)), from_pandas=True).cast(field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def card(configs: dict[str, dict[str, int]], content: str) -> str:
    """Front matter; `description` makes the cache of `datasets` depend on the content."""
    lines = ["---", "configs:"]
    for name, splits in configs.items():
        lines += [f"- config_name: {name}", f"  description: {content}", "  data_files:"]
        for split in splits:
            lines += [f"  - split: {split}", f"    path: {name}/{split}-*.parquet"]
        lines += ["  default: true"] if name == "transferz" else []
    return "\n".join([*lines, "---", "# A release for tests", ""])


def build_release(
    directory: Path, *, version: str = "1.0.0+mock", mock: bool = True, seed: int = 0
) -> Path:
    """Write a tiny release in the real layout into `directory`."""
    configs = {name: dict(SPLIT_ROWS) for name in CONFIG_KINDS if mock or name != "truth"}
    for number, (config, splits) in enumerate(configs.items()):
        folder = directory / config
        folder.mkdir(parents=True)
        for position, split in enumerate(SPLITS):
            rows = release_rows(splits[split], CONFIG_KINDS[config], seed + 10 * number + position)
            halves = [rows.slice(0, 20), rows.slice(20)] if split == "test" else [rows]
            for shard, half in enumerate(halves):
                name = f"{split}-{shard:05d}-of-{len(halves):05d}.parquet"
                pq.write_table(half, folder / name, compression="zstd")
        pq.write_table(pa.table({"object_id": [1]}), folder / "index.parquet")
    (directory / "README.md").write_text(
        card(configs, f"content {version} {seed}"), encoding="utf-8"
    )
    survey = "mock" if mock else "authors"
    manifest = {"version": version, "survey": survey, "mock": mock}
    (directory / "MANIFEST.json").write_text(json.dumps(manifest), encoding="utf-8")
    return directory


@pytest.fixture(scope="session")
def release_builder():
    """`build_release`, for tests that need a release of their own."""
    return build_release


@pytest.fixture(scope="session")
def tiny_release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small mock release; read it, do not change it."""
    return build_release(tmp_path_factory.mktemp("release") / "transferz")


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
