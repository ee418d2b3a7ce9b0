"""The HATS collections of a release, where it has any, against its configs."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from transferz.dataset.pipeline.manifest import table_content
from transferz.dataset.verify import rows
from transferz.dataset.verify.findings import Broken, some
from transferz.schemas import InputError, Table
from transferz.schemas.survey.files import HATS_FOLDER
from transferz.schemas.survey.stated import INDEX
from transferz.tables.hats.reading import HEALPIX, HEALPIX_COLUMN, HatsTable
from transferz.tables.reading import read_whole

SPLIT = "split"


def check_hats(
    release: Path, config: str, table: Table, stated: Mapping[str, Any]
) -> Iterator[Broken]:
    """Check that a collection has a config's rows: the same ids, splits and values, each once.

    `table` declares the columns of the config, `stated` has the ``rows``, ``bytes`` and ``content``
    of each of its splits. Every leaf says in its footer what its columns are.
    """
    folder = release / HATS_FOLDER / config
    name = folder.relative_to(release).as_posix()
    try:
        collection = HatsTable.open(folder)
        whole = read_whole(collection, collection.names)
    except InputError as error:
        yield Broken(name, "hats", str(error), "a HATS collection")
        return
    declared = replace(table, columns=(HEALPIX_COLUMN, *table, INDEX[SPLIT]))
    if collection.names != declared.names:
        yield Broken(name, "hats", f"columns {some(collection.names)}", some(declared.names))
        return
    for leaf in collection.leaves:
        place = leaf.relative_to(release).as_posix()
        for finding in rows.check_footer(leaf, place, declared):
            yield replace(finding, promise="hats")
    splits = whole[SPLIT].unique().to_pylist()
    for split in dict.fromkeys([*stated, *splits]):
        part = whole.filter(pc.equal(whole[SPLIT], split)).sort_by(table.key)
        own = table_content(part.drop_columns([HEALPIX, SPLIT]).combine_chunks())
        wanted = stated.get(split, {"rows": 0, "content": ""})
        for fact in ("rows", "content"):
            if own[fact] != wanted[fact]:
                found = f"{fact} {own[fact]} of split '{split}'"
                yield Broken(name, "hats", found, f"{wanted[fact]}, as config '{config}' has")
                break
