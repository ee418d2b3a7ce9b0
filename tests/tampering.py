"""What a hand, careless or skilful, can do to a release; and to seal the manifest anew after it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.manifest import content, seal
from transferz.dataset.pipeline.tables import write_parquet, write_table
from transferz.dataset.splits.hashing import hash_rows
from transferz.schemas.survey.files import (
    CROISSANT_FILE,
    MANIFEST_FILE,
    SPLIT_FILE,
    data_files,
    file_digest,
    index_file,
    self_digest,
)
from transferz.schemas.survey.survey import find_survey
from transferz.tables.files import write_json

Change = Callable[[pa.Table], pa.Table]


def copy(release: Path, to: Path) -> Path:
    """A copy that a test may damage."""
    shutil.copytree(release, to / "transferz")
    return to / "transferz"


def split_file(config: str, split: str) -> str:
    return f"{config}/{SPLIT_FILE.format(split=split)}"


def rewrite(release: Path, name: str, change: Change) -> None:
    """Change a parquet file and write it as releases are written, with its old footer."""
    path = release / name
    kept = pq.read_metadata(path).metadata or {}
    footer = {key.decode(): value.decode() for key, value in kept.items()}
    table = change(pq.read_table(path))
    write_parquet([table], path, table.schema, footer)


def edit_text(release: Path, name: str, *changes: tuple[str, str]) -> None:
    """Replace the first occurrence of each text, which must be there."""
    path = release / name
    text = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    path.write_text(text, encoding="utf-8")


def edit_json(release: Path, name: str, change: Callable[[dict], object]) -> None:
    path = release / name
    found = json.loads(path.read_text(encoding="utf-8"))
    change(found)
    write_json(path, found)


def edit_manifest(release: Path, change: Callable[[dict], object]) -> None:
    """Change a manifest, and make its own hash right."""
    edit_json(release, MANIFEST_FILE, change)
    edit_json(release, MANIFEST_FILE, lambda found: found.update(sha256=self_digest(found)))


def write_index(release: Path, config: str) -> None:
    """Make a config's index that of its data."""
    parts = []
    for split, paths in data_files(release)[config].items():
        for path in paths:
            table = pq.read_table(path)
            ids = table["object_id"].to_pandas()
            hashes = hash_rows(table).view("int64")
            parts.append(pd.DataFrame({"object_id": ids, "split": split, "row_hash": hashes}))
    index = pd.concat(parts, ignore_index=True).astype({"split": "string[pyarrow]"})
    if index["object_id"].is_unique:
        survey = json.loads((release / MANIFEST_FILE).read_bytes())["survey"]
        table = find_survey(survey).index
        write_table(index, index_file(release, config), table, described=True)


def reseal(release: Path, *, index: bool = True) -> Path:
    """Make every hash and count right that depends on the bytes, as a skilful hand would.

    Content hashes and counts in the manifest, the files' hashes in Croissant and, if asked, the
    indices; not the card.
    """
    configs = data_files(release)
    for config in configs if index else ():
        write_index(release, config)
    stated = json.loads((release / CROISSANT_FILE).read_bytes())
    for one in stated["distribution"]:
        if (path := release / one.get("contentUrl", "?")).is_file():
            digest = file_digest(path)
            one |= {"sha256": digest["sha256"], "contentSize": f"{digest['bytes']} B"}
    write_json(release / CROISSANT_FILE, stated)
    manifest = json.loads((release / MANIFEST_FILE).read_bytes())
    manifest["content"] = content(release)
    manifest["counts"]["release"]["rows_out"] = {
        config: {split: facts["rows"] for split, facts in splits.items()}
        for config, splits in manifest["content"].items()
    }
    (release / MANIFEST_FILE).unlink()
    write_json(release / MANIFEST_FILE, seal(manifest, release))
    return release


def at(table: pa.Table, column: str, row: int, value: object) -> pa.Table:
    """The table with one value changed."""
    values = table[column].to_pylist()
    values[row] = value
    number = table.column_names.index(column)
    field = table.schema.field(column)
    return table.set_column(number, field, pa.array(values, field.type))


def without(table: pa.Table, row: int) -> pa.Table:
    return pa.concat_tables([table.slice(0, row), table.slice(row + 1)]).combine_chunks()


def joined(*tables: pa.Table) -> pa.Table:
    return pa.concat_tables(tables).combine_chunks()
