"""A release with its configs as HATS collections: sound, and to other readers as one without."""

import shutil

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest
from hats.io.validation import is_valid_catalog
from tampering import at, copy, edit_manifest, reseal, without

from transferz import load_dataset
from transferz.dataset.verify.findings import PROMISES
from transferz.dataset.verify.verifying import inspect, verify
from transferz.schemas.survey.files import data_files
from transferz.tables.reading import open_table, read_whole

CONFIGS = ("transferz", "galaxiesml", "combo", "truth")


@pytest.fixture
def release(hats_release, tmp_path):
    """A copy to damage."""
    return copy(hats_release, tmp_path)


def test_it_is_sound_and_every_promise_is_checked(hats_release):
    report = inspect(hats_release)
    assert report.broken == ()
    assert set(report.checked) == set(PROMISES)
    assert report.others == ()


@pytest.mark.parametrize("config", CONFIGS)
def test_each_config_is_a_valid_collection_of_its_rows(hats_release, config):
    folder = hats_release / "_hats" / config
    assert is_valid_catalog(folder, strict=True)
    table = open_table(folder)
    rows = read_whole(table, table.names).sort_by("object_id")
    for split, paths in data_files(hats_release)[config].items():
        own = rows.filter(pa.compute.equal(rows["split"], split)).drop_columns(
            ["_healpix_29", "split"]
        )
        assert own.to_pydict() == pa.concat_tables(map(pq.read_table, paths)).to_pydict()


def test_other_readers_do_not_see_it(hats_release, tmp_path):
    named = [path for splits in data_files(hats_release).values() for paths in splits.values()
             for path in paths]  # fmt: skip
    assert sorted(hats_release.rglob("*.parquet")) == sorted(named)
    found = pads.dataset(hats_release, exclude_invalid_files=True).files
    assert sorted(found) == sorted(map(str, named))
    rows = sum(pq.read_metadata(path).num_rows for path in named)
    assert len(pd.read_parquet(hats_release / "combo")) < rows
    cache = {"cache_dir": str(tmp_path)}
    every = datasets.load_dataset(
        "parquet", data_files=f"{hats_release}/**/*.parquet", split="train", **cache
    )
    assert len(every) == rows
    ours = load_dataset(path=hats_release, **cache)
    stock = datasets.load_dataset(str(hats_release), "transferz", **cache)
    assert {name: len(part) for name, part in ours.items()} == {
        name: len(part) for name, part in stock.items()
    }


def leaf_of(release, config="combo"):
    return sorted((release / "_hats" / config / config).rglob("*.pq"))[0]


def rewrite(path, change):
    kept = pq.read_metadata(path).metadata
    table = change(pq.read_table(path, partitioning=None)).replace_schema_metadata(kept)
    pq.write_table(table, path)


def value(release):
    rewrite(leaf_of(release), lambda rows: at(rows, "redshift", 3, 0.125))


def split(release):
    train = "validation"
    rewrite(leaf_of(release), lambda rows: at(rows, "split", 3, train))
    rewrite(leaf_of(release), lambda rows: at(rows, "split", 4, train))


def row_left_out(release):
    rewrite(leaf_of(release), lambda rows: without(rows, 5))
    for path in (release / "_hats/combo/combo").glob("*properties"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join(one for one in lines if "hats_nrows" not in one))


def row_twice(release):
    rewrite(leaf_of(release), lambda rows: pa.concat_tables([rows, rows.slice(2, 1)]))
    for path in (release / "_hats/combo/combo").glob("*properties"):
        lines = path.read_text().splitlines()
        path.write_text("\n".join(one for one in lines if "hats_nrows" not in one))


def column(release):
    rewrite(leaf_of(release), lambda rows: rows.append_column("more", rows["ra"]))


def footer(release):
    path = leaf_of(release)
    pq.write_table(pq.read_table(path, partitioning=None).replace_schema_metadata(), path)


def leaf(release):
    leaf_of(release).unlink()


def collection(release):
    shutil.rmtree(release / "_hats" / "combo")


def another_config(release):
    shutil.rmtree(release / "_hats" / "combo" / "combo")
    source = release / "_hats" / "galaxiesml" / "galaxiesml"
    shutil.copytree(source, release / "_hats" / "combo" / "combo")


@pytest.mark.parametrize(
    "damage",
    [value, split, row_left_out, row_twice, column, footer, leaf, collection, another_config],
    ids=lambda damage: damage.__name__,
)
def test_another_content_is_found_under_a_new_seal_too(release, damage):
    damage(release)
    found = {(one.file, one.promise) for one in verify(release)}
    assert found and {promise for _, promise in found} == {"files"}
    found = verify(reseal(release))
    assert {one.promise for one in found} == {"hats"}, list(map(str, found))
    assert all(one.file.startswith("_hats/combo") for one in found)


def test_files_that_are_no_part_of_a_collection_are_told(release):
    (release / "_hats" / "combo" / "more.txt").write_text("mine")
    assert inspect(release).others == ("_hats/combo/more.txt",)
    (found,) = verify(reseal(release))
    assert (found.file, found.promise) == ("_hats/combo/more.txt", "files")


def test_a_release_cannot_say_that_it_has_none(release):
    """Its leaves are listed, so they are checked."""
    value(release)
    edit_manifest(reseal(release), lambda manifest: manifest.pop("hats"))
    assert {one.promise for one in verify(release)} >= {"hats", "card"}
