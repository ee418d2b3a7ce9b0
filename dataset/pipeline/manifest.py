"""MANIFEST.json: what a release holds, how it came about, and the hashes that prove it."""

from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.params import (
    PARAMS_FILE,
    find_section,
    load_params,
    select_section,
)
from transferz.dataset.pipeline.stage import COUNTS, Layout
from transferz.dataset.splits.hashing import content_hash
from transferz.schemas import Table
from transferz.schemas.survey.files import HATS_FOLDER, data_files, file_digest, self_digest
from transferz.schemas.survey.stated import COLUMN_FACTS
from transferz.tables.files import read_json

IMITATED = {"cosmos2020": "cosmos2020_classic", "hsc": "hsc_pdr2", "galaxiesml": "galaxiesml"}
"""The entries of the sources' registry in whose format the mock's files are."""

NOT_STATED = ("previous", "hats")
"""Parameters of the section `release` on which no row depends."""

PACKAGES = (
    *("astro-sedpy", "astropy", "astropy-healpix", "numpy", "pandas", "pyarrow", "scipy"),
    *("skypy", "speclite"),
)
"""The packages whose version can change the data."""


def content(release: Path) -> dict[str, dict[str, Any]]:
    """Return rows, bytes in memory and logical content hash of every config and split."""
    return {
        config: {split: table_content(read_split(paths)) for split, paths in splits.items()}
        for config, splits in data_files(release).items()
    }


def read_split(paths: Sequence[Path]) -> pa.Table:
    """Read all columns of a split's files, checking the checksums of their pages.

    A file that can't be read, or a page that differs from its checksum, raises `OSError` or
    `pyarrow.ArrowException`.
    """
    tables = [pq.read_table(path, page_checksum_verification=True) for path in paths]
    return tables[0] if len(tables) == 1 else pa.concat_tables(tables)


def table_content(table: pa.Table) -> dict[str, Any]:
    """Return rows, bytes in memory and logical content hash of a table."""
    return {"rows": table.num_rows, "bytes": table.nbytes, "content": content_hash(table)}


def columns(table: Table) -> dict[str, dict[str, str]]:
    """Return what every released column is, by name: dtype, unit, UCD and description.

    So a release says itself what its columns are, whatever a later package declares.
    """
    return {one.name: {fact: getattr(one, fact) for fact in COLUMN_FACTS} for one in table}


def describe(layout: Layout, release: Path, release_version: str, date: str) -> dict[str, Any]:
    """Describe a release's content and how it was made: a manifest without its file hashes.

    The directory `release` holds the configs; a mock gets ``+mock`` added to `release_version`
    (``x.y.z``). The `date` (``YYYY-MM-DD``) comes from params.yaml, so that a rebuild repeats it:
    nothing here depends on platform or clock.
    """
    survey, mock, catalogues = layout.configured, layout.is_mock, layout.catalogues
    sizes = content(release)
    stages = [(stage, name) for stage in ("ingest", "select") for name in catalogues]
    stages += [survey.spectra] if survey.of_role("spectra") else []
    counts = {f"{s}@{name}": read_json(layout.interim(s, name) / COUNTS) for s, name in stages}
    for stage in ("match",) * bool(survey.match) + ("split", "release"):
        counts[stage] = read_json(layout.interim(stage) / COUNTS)
    if mock:
        sources, upstream = dict(IMITATED), dict(read_json(layout.raw / COUNTS)["files"])
    else:
        fetched = {one: read_json(layout.interim("fetch", one) / COUNTS) for one in catalogues}
        sources = {catalogue: facts["edition"] for catalogue, facts in fetched.items()}
        upstream = {name: file for of in fetched.values() for name, file in of["files"].items()}
    has_hats = (release / HATS_FOLDER).is_dir()
    return {
        "name": "transferz",
        "version": release_version + ("+mock" if mock else ""),
        "survey": layout.survey,
        "mock": mock,
        "date": date,
        "bands": [asdict(band) for band in survey.described_bands],
        "configs": survey.configs,
        **({"hats": HATS_FOLDER} if has_hats else {}),
        "columns": columns(survey.release),
        "content": {name: sizes[name] for name in survey.configs.values()},
        "counts": counts,
        "sources": sources,
        "upstream": upstream,
        "parameters": _parameters(layout),
        "packages": {name: version(name) for name in PACKAGES},
    }


def _parameters(layout: Layout) -> dict[str, Any]:
    """The parameters that the release depends on.

    Not the previous release, which is compared with, nor the engine that finds neighbours: nothing
    that is written depends on them. Nor whether rows are there a second time, as HATS: entry
    ``hats`` says that.
    """
    sections, shared = load_params(PARAMS_FILE), layout.configured.shared_photometry
    split, release = sections["split"], sections["release"]
    return {
        **({"mock": find_section(sections, layout.survey)} if layout.is_mock else {}),
        "select": {one: select_section(layout.configured, one)[1] for one in layout.catalogues},
        "match": {name: value for name, value in sections["match"].items() if name != "engine"},
        **({} if shared is None else {"shared_photometry": shared}),
        "split": layout.split(split),
        "release": {name: value for name, value in release.items() if name not in NOT_STATED},
    }


def seal(manifest: dict[str, Any], release: Path) -> dict[str, Any]:
    """Complete a manifest with the hash of every file of the release and of itself.

    The directory `release` is complete but for the manifest itself.
    """
    paths = sorted(path for path in release.rglob("*") if path.is_file())
    files = {path.relative_to(release).as_posix(): file_digest(path) for path in paths}
    whole = manifest | {"files": files, "sha256": ""}
    return whole | {"sha256": self_digest(whole)}
