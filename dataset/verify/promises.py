"""What rows promise across files: one split per object, nothing near in two, unions, truth.

All checks yield what is broken. Which config is which follows from the manifest.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import KDTree

from transferz.dataset.page.facts import naming_columns
from transferz.dataset.pipeline.params import SplitParams
from transferz.dataset.sky.neighbours import group_ids, pairs_within
from transferz.dataset.sky.positions import Positions
from transferz.dataset.splits.hashing import hash_ids, split_by_hash, split_by_sky_block
from transferz.dataset.verify.findings import Broken, some
from transferz.dataset.verify.rows import LABELS, Manifest
from transferz.schemas.survey.described import (
    LABEL,
    SPECTROSCOPIC,
    TRUTH,
    UNION,
    bands_of,
    configs_of,
)
from transferz.schemas.survey.files import HATS_FOLDER, MANIFEST_FILE

Rows = Mapping[str, pd.DataFrame]
"""config -> rows, as `read_rows` gives them, of all splits."""

KINDS = {LABEL: "photometric", SPECTROSCOPIC: "spectroscopic", TRUTH: "true"}
"""The roles of configs whose labels are all of one kind."""


def check_unique(rows: Rows, _: Manifest) -> Iterator[Broken]:
    """Check that an object occurs once in a config, and that a file's rows ascend."""
    for config, table in rows.items():
        for file, part in table.groupby("file", observed=True):
            if not part["object_id"].is_monotonic_increasing:
                found = "rows in another order than their ids'"
                yield Broken(str(file), "unique_ids", found, "ascending ids")
        repeated = table["object_id"].duplicated(keep=False)
        for file, part in table.loc[repeated].groupby("file", observed=True):
            ids = part["object_id"].unique()
            found = f"{len(ids):,} objects more than once in config '{config}': {some(ids)}"
            yield Broken(str(file), "unique_ids", found)


def check_own_split(rows: Rows, manifest: Manifest) -> Iterator[Broken]:
    """Check that every object is in the split that the manifest's parameters give it.

    By scheme ``published`` a split is what its source published, which no row shows: only the
    releases of a survey of such tables may have it.
    """
    params = SplitParams.model_validate(manifest["parameters"]["split"])
    if params.scheme == "published":
        found = "split.scheme 'published' in a release that is not the authors' own table"
        yield Broken(MANIFEST_FILE, "own_split", found, "hash or sky_block, which can be checked")
        return
    spectra = rows.get(configs_of(manifest).get(SPECTROSCOPIC, ""))
    for config, table in rows.items():
        wanted = _own_split(table, spectra, params)
        wrong = table["split"].to_numpy(dtype=object) != wanted
        yield from _per_file(table, wrong, "own_split", f"of config '{config}' in another split")


def _own_split(rows: pd.DataFrame, spectra: pd.DataFrame | None, params: SplitParams) -> Any:
    if params.scheme == "hash":
        hashes = hash_ids(rows["object_id"].to_numpy(), params.salt)
        return split_by_hash(hashes, params.fractions).astype(object)
    place = rows[["ra", "dec"]]
    if spectra is not None:  # the spectroscopic position decides, where there is one
        position = spectra.drop_duplicates("object_id").set_index("object_id")[["ra", "dec"]]
        place = position.reindex(rows["object_id"]).set_axis(rows.index).fillna(place)
    ra, dec = (place[name].to_numpy() for name in ("ra", "dec"))
    names = split_by_sky_block(ra, dec, params.sky_block_nside, params.salt, params.fractions)
    return names.astype(object)


def _per_file(
    rows: pd.DataFrame, wrong: Any, promise: str, what: str, expected: str = ""
) -> Iterator[Broken]:
    """One finding for each file that has wrong rows."""
    for file, part in rows.loc[wrong].groupby("file", observed=True):
        found = f"{len(part):,} objects {what}: {some(part['object_id'])}"
        yield Broken(str(file), promise, found, expected)


def check_one_split(rows: Rows, _: Manifest) -> Iterator[Broken]:
    """Check that an object is in one split, whatever the config."""
    together = pd.concat(rows.values(), ignore_index=True)
    codes = pd.Series(pd.factorize(together["split"])[0], together.index)
    by_object = codes.groupby(together["object_id"])
    differs = by_object.transform("min") != by_object.transform("max")
    yield from _per_file(together, differs, "one_split", "that are in another split elsewhere")


def check_apart(rows: Rows, manifest: Manifest) -> Iterator[Broken]:
    """Check that no two objects within the match radius, and no group, are in two splits."""
    radius = manifest["parameters"]["match"]["radius_arcsec"]
    objects = _located(rows)
    sky = Positions(objects["ra"], objects["dec"], np.arange(len(objects)), "the release's rows")
    pairs = pairs_within(sky, radius)
    ids, split = objects["object_id"].to_numpy(), objects["split"].to_numpy(dtype=object)
    near = (split[pairs.i] != split[pairs.j]) & (ids[pairs.i] != ids[pairs.j])
    for i, j in list(zip(pairs.i[near], pairs.j[near], strict=True))[:20]:
        found = f"object {ids[i]} within {radius:g} arcsec of {ids[j]} of {objects['file'].iloc[j]}"
        yield Broken(str(objects["file"].iloc[i]), "apart", found, "such pairs in one split")
    together = pd.concat(rows.values(), ignore_index=True)
    splits = together.groupby("group_id")["split"].transform("nunique")
    yield from _per_file(together, splits > 1, "apart", "of groups that are in several splits")
    distance = manifest["parameters"].get("shared_photometry")
    if distance is not None:
        yield from _alike(rows, manifest, distance)


def _alike(rows: Rows, manifest: Manifest, distance: float) -> Iterator[Broken]:
    """Labels whose magnitudes all come this near to those of a spectrum in another split."""
    configs = configs_of(manifest)
    labels, spectra = (rows[configs[role]] for role in (LABEL, SPECTROSCOPIC))
    names = [band.magnitude for band in bands_of(manifest)]
    near = np.zeros(len(labels), bool)
    for split in labels["split"].unique():
        mine = np.flatnonzero(labels["split"] == split)
        others = spectra.loc[spectra["split"] != split, names].to_numpy("float64")
        if len(others):
            points = labels.iloc[mine][names].to_numpy("float64")
            near[mine] = KDTree(others).query(points, p=np.inf)[0] <= distance
    what = f"within {distance:g} mag, in every band, of a spectrum in another split"
    yield from _per_file(labels, near, "apart", what)


def _located(rows: Rows) -> pd.DataFrame:
    """Rows with a position; those of one object at one place once."""
    names = ["object_id", "ra", "dec", "split", "file"]
    together = pd.concat([table[names] for table in rows.values()], ignore_index=True)
    together = together.drop_duplicates(["object_id", "ra", "dec", "split"])
    return together.dropna(subset=["ra", "dec"]).reset_index(drop=True)


def check_groups(rows: Rows, manifest: Manifest) -> Iterator[Broken]:
    """Check ``group_id`` by computing it anew from the positions."""
    radius = manifest["parameters"]["match"]["radius_arcsec"]
    together = pd.concat(rows.values(), ignore_index=True)
    places = together.drop_duplicates(["object_id", "ra", "dec"])
    ids, ra, dec = (places[name].to_numpy() for name in ("object_id", "ra", "dec"))
    group = pd.Series(group_ids(ids, ra, dec, radius), index=ids)
    wanted = group[~group.index.duplicated()].reindex(together["object_id"]).to_numpy()
    wrong = together["group_id"].to_numpy() != wanted
    yield from _per_file(together, wrong, "groups", "with another group_id than their positions'")


def check_labels(rows: Rows, manifest: Manifest) -> Iterator[Broken]:
    """Check that configs of one kind of label have no other."""
    for role, config in configs_of(manifest).items():
        if role in KINDS:
            wrong = rows[config]["redshift_kind"] != KINDS[role]
            what = f"whose redshift_kind is not '{KINDS[role]}'"
            yield from _per_file(rows[config], wrong.to_numpy(dtype=bool), "labels", what)


def check_combo(rows: Rows, manifest: Manifest) -> Iterator[Broken]:
    """Check that the union is what the other configs make it."""
    configs = configs_of(manifest)
    spectroscopic, photometric = rows[configs[SPECTROSCOPIC]], rows[configs[LABEL]]
    both = np.zeros(len(photometric), dtype=bool)
    for name in naming_columns(manifest):  # how the two name one galaxy
        both |= photometric[name].isin(spectroscopic[name].dropna()).to_numpy(dtype=bool)
    union = pd.concat([spectroscopic, photometric.loc[~both]], ignore_index=True)
    yield from _same_rows(rows[configs[UNION]], union, "row_hash", "combo")


def _same_rows(
    rows: pd.DataFrame, wanted: pd.DataFrame, values: str, promise: str, *, all_of_them: bool = True
) -> Iterator[Broken]:
    """Check rows against those they should be, by id and by a hash of their values."""
    source = wanted.drop_duplicates("object_id").set_index("object_id")[values]
    more = ~rows["object_id"].isin(source.index)
    yield from _per_file(rows, more, promise, "that should not be there")
    if all_of_them and (lacking := source.index.difference(rows["object_id"])).size:
        lost = wanted.loc[wanted["object_id"].isin(lacking)]
        yield from _per_file(lost, slice(None), promise, f"that {promise} lacks")
    shared = rows.loc[~more]
    differs = source.reindex(shared["object_id"]).to_numpy() != shared[values].to_numpy()
    yield from _per_file(shared, differs, promise, "with other values than in their own config")


def check_truth(rows: Rows, manifest: Manifest) -> Iterator[Broken]:
    """Check a mock's ``truth``: released objects, but for the label as they are elsewhere."""
    configs = configs_of(manifest)
    truth = rows[configs[TRUTH]]
    samples = (rows[configs[role]] for role in (SPECTROSCOPIC, LABEL) if role in configs)
    released = pd.concat(samples, ignore_index=True)
    yield from _same_rows(truth, released, "rest_hash", "truth", all_of_them=False)
    first, *others = (truth[name].to_numpy() for name in LABELS[:3])
    wrong = np.logical_or.reduce([first != other for other in others])
    yield from _per_file(truth, wrong, "truth", "whose interval is not their redshift")


ROW_CHECKS: dict[str, Callable[[Rows, Manifest], Iterator[Broken]]] = {
    "unique_ids": check_unique,
    "own_split": check_own_split,
    "one_split": check_one_split,
    "apart": check_apart,
    "groups": check_groups,
    "labels": check_labels,
    "combo": check_combo,
    "truth": check_truth,
}
"""The checks of what rows promise together, by promise."""


def has_hats(manifest: Manifest) -> bool:
    """Whether a release has its configs as HATS collections, too."""
    listed = any(name.startswith(f"{HATS_FOLDER}/") for name in manifest["files"])
    return listed or "hats" in manifest


def is_made(promise: str, manifest: Manifest) -> bool:
    """Whether a release makes a promise: some are of what not every release has."""
    if promise == "hats":
        return has_hats(manifest)
    needed = {"combo": {LABEL, SPECTROSCOPIC, UNION}, "truth": {TRUTH}}.get(promise, set())
    return needed <= configs_of(manifest).keys()
