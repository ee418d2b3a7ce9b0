"""Whatever reads a release's folders finds its galaxies once, and nothing else."""

import shutil
from pathlib import Path

import pandas as pd
import pyarrow.dataset as pad
import pyarrow.parquet as pq
import pytest
from releases import read_manifest
from tampering import edit_text, reseal

from transferz.dataset.pipeline.manifest import seal
from transferz.dataset.verify.verifying import inspect
from transferz.dataset.versions.diff import diff, read_snapshot
from transferz.loading import load_dataset
from transferz.schemas import CONFIGS, INDEX
from transferz.schemas.survey.files import CROISSANT_FILE, FIRST_INDEX_FILE, INDEX_FILE
from transferz.tables.files import write_json


def rows(release, config):
    return sum(split["rows"] for split in read_manifest(release)["content"][config].values())


def counted(paths):
    return sum(pq.read_metadata(path).num_rows for path in paths)


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configs_folder_holds_its_rows_alone(small_release, config):
    folder, expected = small_release / config, rows(small_release, config)
    assert len(pd.read_parquet(folder)) == expected
    assert pad.dataset(folder).count_rows() == expected
    assert counted(folder.glob("*.parquet")) == expected
    assert counted(folder.rglob("*")) == expected


def test_so_does_the_whole_release(small_release):
    """The rows of all configs: by name, at any depth, and by content, but for hidden folders."""
    expected = sum(rows(small_release, config) for config in CONFIGS)
    assert counted(small_release.rglob("*.parquet")) == expected
    readable = pad.dataset(small_release, format="parquet", exclude_invalid_files=True)
    assert readable.count_rows() == expected


def test_columns_are_encoded_as_every_reader_knows(small_release):
    for path in small_release.rglob("*.parquet"):
        group = pq.read_metadata(path).row_group(0)
        found = {one for k in range(group.num_columns) for one in group.column(k).encodings}
        assert found <= {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY"}


def test_an_index_is_read_by_its_name(small_release):
    for config in CONFIGS:
        index = pd.read_parquet(small_release / INDEX_FILE.format(config=config))
        assert (tuple(index), len(index)) == (INDEX.names, rows(small_release, config))


@pytest.fixture
def first_layout(small_release, tmp_path):
    """The same release, as one of before 2.0.0 had its files."""
    release = shutil.copytree(small_release, tmp_path / "transferz")
    for config in CONFIGS:
        now, then = (one.format(config=config) for one in (INDEX_FILE, FIRST_INDEX_FILE))
        (release / now).rename(release / then)
        names = (now, then), (Path(now).name, Path(then).name)
        edit_text(release, CROISSANT_FILE, *names, names[0])
    (release / "_index").rmdir()
    return release


def as_version(release, version):
    """Give it another version, and seal it: the pages still state the one it was built as."""
    manifest = read_manifest(release) | {"version": version}
    (release / "MANIFEST.json").unlink()
    write_json(release / "MANIFEST.json", seal(manifest, release))


def test_a_release_of_the_first_layout_is_read_and_compared(first_layout, small_release):
    as_version(first_layout, "1.0.0+mock")
    assert load_dataset(path=first_layout)["test"].num_rows > 0
    changes = diff(read_snapshot(first_layout), read_snapshot(small_release))
    assert (changes.step, changes.counts()["combo"]["removed"]) == ("patch", 0)
    broken = inspect(first_layout).broken  # pages and manifest were made as 2.0.0, and say so
    assert broken and all("2.0.0" in f"{one.found} {one.expected}" for one in broken)


def test_an_index_among_the_rows_is_no_part_of_a_release_since(first_layout):
    broken = inspect(reseal(first_layout)).broken
    assert [(one.file, one.promise) for one in broken] == [
        (FIRST_INDEX_FILE.format(config=config), "files") for config in sorted(CONFIGS)
    ]
