"""The release keeps its promises, as built."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from astropy.coordinates import SkyCoord, search_around_sky
from astropy.units import arcsec, deg

from transferz.dataset.pipeline.params import MatchParams, read_params
from transferz.dataset.verify.findings import PROMISES
from transferz.dataset.verify.verifying import inspect
from transferz.schemas import RELEASE, SPLITS
from transferz.schemas.survey.files import data_files, file_digest, self_digest
from transferz.schemas.survey.frames import check, to_frame

CONFIGS = ("transferz", "galaxiesml", "combo", "truth")


def released(space) -> pd.DataFrame:
    """Every row of every config, with its config and split."""
    parts = [
        to_frame(pq.read_table(path), RELEASE).assign(config=config, split=split)
        for config, splits in data_files(space.release).items()
        for split, paths in splits.items()
        for path in paths
    ]
    return pd.concat(parts, ignore_index=True)


def close_pairs(space, rows) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """The objects, and pairs of their rows within the match radius, by astropy."""
    radius = read_params("match", MatchParams, space.root / "params.yaml").radius_arcsec
    objects = rows.drop_duplicates(["object_id", "ra", "dec"])
    sky = SkyCoord(objects["ra"].to_numpy() * deg, objects["dec"].to_numpy() * deg)
    first, second, _, _ = search_around_sky(sky, sky, radius * arcsec)
    return objects, first, second


@pytest.fixture(scope="module")
def rows(built) -> pd.DataFrame:
    """The built release's rows."""
    return released(built)


@pytest.fixture(scope="module")
def manifest(built):
    return json.loads((built.release / "MANIFEST.json").read_text())


def test_the_release_is_sound(built):
    """By `transferz verify`; the tests below look at the same promises in other ways."""
    report = inspect(built.release)
    assert (report.broken, report.unchecked, set(report.checked)) == (
        (),
        (),
        set(PROMISES) - {"hats"},
    )


def test_no_object_is_in_two_splits(rows):
    assert rows.groupby("object_id")["split"].nunique().max() == 1


def test_no_pair_within_the_radius_is_in_two_splits(built, rows):
    objects, first, second = close_pairs(built, rows)
    split = objects["split"].to_numpy()
    assert len(first) > len(objects)  # there are close pairs to look at, beside each with itself
    assert (split[first] == split[second]).all()


def test_scheme_published_keeps_the_promises_and_the_published_splits(stages):
    stages.change("split.scheme", "published")
    assert stages.stage("split") == (0, "")
    assert stages.stage("release") == (0, "")
    rows = released(stages)
    assert rows.groupby("object_id")["split"].nunique().max() == 1
    objects, first, second = close_pairs(stages, rows)
    split = objects["split"].to_numpy()
    assert (split[first] == split[second]).all()
    split_of_object = objects.drop_duplicates("object_id").set_index("object_id")["split"]
    table = pq.read_table(stages.interim / "select/galaxiesml/table.parquet")
    published = dict(
        zip(table["object_id"].to_pylist(), table["published_split"].to_pylist(), strict=True)
    )
    kept = [(published[n], split_of_object[n]) for n in published if n in split_of_object.index]
    assert len(kept) > 1000
    allowed = {(name, name) for name in ("train", "validation", "test")} | {
        ("train", "calibration")
    }
    assert set(kept) == allowed
    matched = pq.read_table(stages.interim / "match/table.parquet")
    twins = [
        (own, twin)
        for own, twin in zip(
            matched["object_id"].to_pylist(), matched["spectroscopic_id"].to_pylist(), strict=True
        )
        if twin is not None and own != twin and own in split_of_object.index
    ]
    assert twins
    assert all(split_of_object[own] == split_of_object[twin] for own, twin in twins)
    counts = json.loads((stages.interim / "split/counts.json").read_text())
    assert sum(map(len, counts["moved"].values())) > 20


def test_groups_do_not_cross_splits_and_are_named_by_a_released_object(rows):
    assert rows.groupby("group_id")["split"].nunique().max() == 1
    assert rows["group_id"].isin(rows["object_id"]).all()


@pytest.mark.parametrize("config", CONFIGS)
def test_every_row_keeps_the_release_schema(rows, config):
    part = rows.loc[rows["config"] == config, list(RELEASE.names)].reset_index(drop=True)
    check(part, RELEASE, source=config)
    assert len(part) > 100


def test_every_split_of_every_config_has_rows(rows):
    assert set(zip(rows["config"], rows["split"], strict=True)) == {
        (config, split) for config in CONFIGS for split in SPLITS
    }


def test_combo_is_the_union_with_the_spectroscopic_row_kept(rows):
    by = {name: part.set_index("object_id") for name, part in rows.groupby("config")}
    combo, spectroscopic, photometric = by["combo"], by["galaxiesml"], by["transferz"]
    assert set(spectroscopic.index) <= set(combo.index)
    columns = list(RELEASE.names[1:])
    pd.testing.assert_frame_equal(
        combo.loc[spectroscopic.index, columns], spectroscopic[columns], check_like=False
    )
    left_out = photometric.loc[~photometric.index.isin(combo.index)]
    assert left_out["specz_name"].notna().all()  # only galaxies that GalaxiesML holds, too
    assert set(left_out["specz_name"]) <= set(spectroscopic["specz_name"])
    assert combo["cosmos_id"].dropna().is_unique  # a galaxy is in the union once


def test_shared_objects_name_each_other(rows):
    by = {name: part.set_index("object_id") for name, part in rows.groupby("config")}
    shared = by["transferz"].dropna(subset="specz_name")
    assert len(shared) >= 10
    twins = by["galaxiesml"].dropna(subset="cosmos_id").set_index("specz_name")["cosmos_id"]
    both = shared[shared["specz_name"].isin(twins.index)]
    assert len(both) > 0.9 * len(shared)  # the split conflict drops a few on one side
    assert (twins.loc[both["specz_name"]].to_numpy() == both["cosmos_id"].to_numpy()).all()


def test_labels_are_those_of_the_objects_own_cosmos_row(built, rows):
    """The whole chain, against the upstream file: id, label and interval belong together."""
    from astropy.table import Table

    names = ["ID", "lp_zPDF", "lp_zPDF_l68", "lp_zPDF_u68"]
    upstream = Table.read(next(built.raw.glob("cosmos2020/*.fits")))[names].to_pandas()
    labels = rows[rows["config"] == "transferz"].merge(upstream, left_on="cosmos_id", right_on="ID")
    assert len(labels) == (rows["config"] == "transferz").sum()
    for ours, theirs in zip(("redshift", "redshift_lo", "redshift_hi"), names[1:], strict=True):
        np.testing.assert_allclose(labels[ours], labels[theirs], rtol=1e-6)


def test_few_labels_are_a_neighbours(rows):
    """Matching before the cuts keeps labels from wandering to the neighbour of a cut galaxy."""
    by = {name: part.set_index("object_id") for name, part in rows.groupby("config")}
    both = by["transferz"]["redshift"].to_frame("label").join(by["truth"]["redshift"], how="inner")
    off = (both["label"] - both["redshift"]).abs() / (1 + both["redshift"])
    assert len(both) > 500
    assert np.mean(off > 0.15) < 0.05


def test_truth_is_close_to_spectroscopic_labels(rows):
    by = {name: part.set_index("object_id") for name, part in rows.groupby("config")}
    label = by["galaxiesml"]["redshift"].rename("label").to_frame()
    both = label.join(by["truth"]["redshift"], how="inner")
    off = (both["label"] - both["redshift"]).abs() / (1 + both["redshift"])
    assert len(both) > 100
    assert np.mean(off > 0.01) < 0.05  # the mock puts in about 1 % of wrong redshifts


def test_index_lists_every_row_with_its_split(built, rows):
    for config in CONFIGS:
        index = pq.read_table(built.release / f"_index/{config}.index").to_pandas()
        part = rows[rows["config"] == config].set_index("object_id")["split"]
        assert index.set_index("object_id")["split"].to_dict() == part.to_dict()
        assert index["row_hash"].is_unique


def test_manifest_hashes_are_those_of_the_files(built, manifest):
    named = {
        path.relative_to(built.release).as_posix(): file_digest(path)
        for path in built.release.rglob("*")
        if path.is_file() and path.name != "MANIFEST.json"
    }
    assert manifest["files"] == named
    assert manifest["sha256"] == self_digest(manifest)


def test_manifest_says_it_is_a_mock_and_names_no_machine(built, manifest):
    assert manifest["mock"] is True
    assert manifest["version"].endswith("+mock")
    text = (built.release / "MANIFEST.json").read_text()
    assert str(built.root) not in text and "linux" not in text.lower()


ENCODINGS = {"PLAIN", "RLE", "RLE_DICTIONARY", "PLAIN_DICTIONARY"}  # which every reader knows


def test_parquet_files_are_written_as_promised(built):
    for path in built.release.glob("*/*.parquet"):
        meta = pq.read_metadata(path)
        columns = [meta.row_group(0).column(k) for k in range(meta.num_columns)]
        assert {column.compression for column in columns} == {"ZSTD"}
        assert {encoding for column in columns for encoding in column.encodings} <= ENCODINGS


def test_a_flipped_byte_is_caught_by_the_page_checksums(stages):
    path = stages.release / "transferz/train-00000-of-00001.parquet"
    good = path.read_bytes()
    middle = len(good) // 2
    path.write_bytes(good[:middle] + bytes([good[middle] ^ 1]) + good[middle + 1 :])
    with pytest.raises(OSError, match=r"CRC|checksum"):
        pq.read_table(path, page_checksum_verification=True)


def test_permuted_upstream_rows_give_the_same_release(stages):
    """Shuffle the upstream files' rows; no byte of any table changes, from the first stage on."""
    before = parquet_files(stages)
    assert len(before) > 30
    rng = np.random.default_rng(0)
    for path in [*stages.raw.glob("*/*.csv")]:
        header, *lines = path.read_text().splitlines()
        shuffled = [lines[k] for k in rng.permutation(len(lines))]
        path.write_text("\n".join([header, *shuffled, ""]))
    shuffle_fits(next(stages.raw.glob("cosmos2020/*.fits")), rng)
    catalogues = ("cosmos2020", "hsc", "galaxiesml")
    for stage in (f"{stage} {one}" for stage in ("ingest", "select") for one in catalogues):
        assert stages.stage(*stage.split()) == (0, "")
    for stage in ("match", "split", "release"):
        assert stages.stage(stage) == (0, "")
    assert parquet_files(stages) == before


def parquet_files(space):
    """Every table between the stages and of the release, and its indices, with their bytes."""
    paths = (path for folder in (space.interim, space.release) for path in folder.rglob("*"))
    return {path: path.read_bytes() for path in paths if path.suffix in (".parquet", ".index")}


def shuffle_fits(path, rng):
    from astropy.table import Table

    table = Table.read(path)
    table[rng.permutation(len(table))].write(path, overwrite=True)
