"""Stage `match`: join labels to photometry on the sky and find which objects have spectra too.

Spectra that have no photometry of their own are joined to it alike. Labels that have are joined
already: there the stage finds what has spectra, by id.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.dataset.pipeline.params import MatchParams, read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, removed_rows, write_table
from transferz.dataset.sky.neighbours import (
    Mask,
    OffsetMatches,
    Pairs,
    iterate_pairs,
    match_with_offset,
    mutual_nearest,
)
from transferz.dataset.sky.neighbours import joined as stacked
from transferz.dataset.sky.positions import Floats, Positions, shift, tangent_offsets
from transferz.schemas import REMOVED, InputError, Table
from transferz.schemas.survey.frames import pandas_dtype
from transferz.schemas.survey.survey import Survey
from transferz.tables.files import replace_directory, write_json

REPORT = "report.json"
PAIRS_FILE = "pairs.parquet"
AMBIGUOUS = "ambiguous"
DIRECTIONS = 4  # in which positions are moved to count chance matches (our choice)


def match(layout: Layout) -> None:
    """Write the table of labelled objects with photometry, and what has spectra of them."""
    if layout.configured.match == "sky":
        match_on_sky(layout)
    else:
        match_ids(layout)


def match_on_sky(layout: Layout) -> None:
    """Match labels to photometry, and spectra that have none of their own; write all of it."""
    survey, params = layout.configured, read_params("match", MatchParams)
    label, (stage, spectroscopic) = survey.of_role("label"), survey.spectra
    key, objects = survey.tables[label].key, read_objects(layout)
    found = find(layout, label, objects, params)
    # Of the pairs, those remain whose both rows passed their cuts.
    photometry = selected_photometry(layout)
    selected = read_table(layout.interim("select", label) / TABLE, survey.selected)
    selected = selected[[key, "redshift", "redshift_lo", "redshift_hi"]]
    joined, removed, counts = join(selected, photometry, found.pairs, key)
    # A galaxy that has a spectrum too must be known as the same one: `split` keeps both of its
    # rows together, `release` takes one of them into the union.
    compiled = join_spectra(layout, objects, photometry, params) if stage == "match" else None
    if compiled is None:
        spectra = read_table(layout.spectra, survey.spectroscopic)
        twins, shared = shared_ids(joined, spectra, params.radius_arcsec)
    else:  # whose ids are the labels' own: another id is another object, however near
        twins = same_ids(joined, compiled.joined)
        shared = {"by_id": int(twins.notna().sum()), "by_position": 0}
    joined = joined.assign(spectroscopic_id=twins, published_split=pd.NA)
    magnitude = found.rows[survey.catalogues[label].magnitude]
    report = describe(found.positions, found.sky_match, magnitude, params)
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined, directory / TABLE, survey.matched)
        write_table(found.pairs, directory / PAIRS_FILE, survey.pairs(label))
        write_table(removed, directory / REMOVED_ROWS, REMOVED)
        write_json(directory / REPORT, report)
        counts.write(directory, shared=shared)
        if compiled is not None:
            compiled.write(directory / spectroscopic, survey)


def read_objects(layout: Layout) -> pd.DataFrame:
    """Read the whole catalogue with photometry; of an object's detections, the primary one."""
    # Whole catalogues are matched, and the cuts applied to the pairs: an object whose true
    # counterpart was cut must not take the label of its neighbour. Of several detections of one
    # object, though, only the primary one stands for it.
    survey, name = layout.configured, layout.configured.of_role("photometry")
    objects = read_table(layout.interim("ingest", name) / TABLE, survey.tables[name])
    if primary := survey.catalogues[name].primary:
        objects = objects.loc[objects[primary]].reset_index(drop=True)
    return objects


def selected_photometry(layout: Layout) -> pd.DataFrame:
    """Read id, position and photometry of the objects that passed their cuts."""
    survey, name = layout.configured, layout.configured.of_role("photometry")
    objects = read_table(layout.interim("select", name) / TABLE, survey.tables[name])
    measured = (column.name for column in survey.photometry_columns(nullable=False))
    return objects[["object_id", "ra", "dec", *measured]]


@dataclass(frozen=True, slots=True)
class Found:
    """A whole catalogue, its positions, and its matches with photometry; `pairs` has their ids."""

    rows: pd.DataFrame
    positions: Positions
    sky_match: OffsetMatches
    pairs: pd.DataFrame


def find(layout: Layout, catalogue: str, objects: pd.DataFrame, params: MatchParams) -> Found:
    """Match a catalogue as ingested to the objects of `read_objects`, each to its mutual nearest.

    A match is mutual, so that neither object serves two.
    """
    table = layout.configured.tables[catalogue]
    rows = read_table(layout.interim("ingest", catalogue) / TABLE, table)
    first = positions(rows, table.key, table.name)
    second = positions(objects, "object_id", layout.configured.of_role("photometry"))
    # The two surveys' astrometry differs by a constant offset: the first matches show it, and
    # without it the second ones are closer than chance neighbours.
    sky_match = match_with_offset(
        first, second, params.radius_arcsec, remove=params.remove_median_offset
    )
    pairs = pair_ids(rows[table.key], objects["object_id"], sky_match.matches)
    return Found(rows, first, sky_match, pairs)


@dataclass(frozen=True, slots=True)
class Compiled:
    """The redshifts of a compilation that found photometry, and what became of the others."""

    joined: pd.DataFrame
    pairs: pd.DataFrame
    removed: pd.DataFrame
    counts: Counts
    report: dict[str, Any]

    def write(self, directory: Path, survey: Survey) -> None:
        """Write all of it into a new folder."""
        directory.mkdir()
        write_table(self.joined, directory / TABLE, survey.spectroscopic)
        write_table(self.pairs, directory / PAIRS_FILE, survey.pairs(survey.spectra[1]))
        write_table(self.removed, directory / REMOVED_ROWS, REMOVED)
        write_json(directory / REPORT, self.report)
        self.counts.write(directory)


def join_spectra(
    layout: Layout, objects: pd.DataFrame, photometry: pd.DataFrame, params: MatchParams
) -> Compiled:
    """Give the selected redshifts of a compilation the photometry of the objects they are of.

    The whole compilation is matched, as labels are, and then cut. Of several redshifts that claim
    one object none is taken: which of them is that of its light is not known.
    """
    survey, (_, name) = layout.configured, layout.configured.spectra
    key, found = survey.tables[name].key, find(layout, name, objects, params)
    selected = read_table(layout.interim("select", name) / TABLE, survey.tables[name])
    unsure = found.rows.loc[ambiguous(found, params.radius_arcsec), key]
    ids = selected.loc[selected[key].isin(unsure), key]
    sure = selected.loc[~selected[key].isin(unsure)].drop(columns=["ra", "dec"])
    joined, removed, counts = join(sure, photometry, found.pairs, key)
    return Compiled(
        joined,
        found.pairs,
        pd.concat([removed_rows(ids, AMBIGUOUS), removed]),
        Counts(len(selected), len(joined), {AMBIGUOUS: len(ids)} | counts.removed),
        describe_offsets(found.positions, found.sky_match, params),
    )


def ambiguous(found: Found, radius_arcsec: float) -> Mask:
    """Find rows with an object within the radius (arcsec) that is another row's as well.

    Their nearest object is the nearest of another row, too, or it lies nearer to another row.
    """
    first, (matches, _, second) = found.positions, found.sky_match
    near = stacked(list(iterate_pairs(first, second, radius_arcsec)))
    order = np.lexsort((second.key[near.j], near.separation, near.i))
    rows, place = np.unique(near.i[order], return_index=True)
    nearest = near.j[order][place]
    claims = np.bincount(nearest, minlength=len(second))
    unsure = np.zeros(len(first), np.bool_)
    unsure[rows] = (claims[nearest] > 1) | ~np.isin(rows, matches.i)
    return unsure


def match_ids(layout: Layout) -> None:
    """Find by their ids which labelled objects, which have photometry already, have spectra."""
    survey = layout.configured
    labelled, spectra = (
        read_table(layout.interim("select", survey.of_role(role)) / TABLE, table)
        for role, table in (("labelled", survey.selected), ("spectroscopic", survey.spectroscopic))
    )
    joined = join_labelled(labelled, spectra, survey.matched)
    shared = {"by_id": int(joined["spectroscopic_id"].notna().sum()), "by_position": 0}
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined, directory / TABLE, survey.matched)
        Counts(len(labelled), len(joined), {}).write(directory, shared=shared)


def positions(frame: pd.DataFrame, key: str, name: str) -> Positions:
    """Return the positions of rows, keyed by their ids, the column `key`, under a table's name."""
    ra, dec, ids = (frame[column].to_numpy() for column in ("ra", "dec", key))
    return Positions(ra, dec, ids, name)


def pair_ids(label_ids: pd.Series, object_ids: pd.Series, matches: Pairs) -> pd.DataFrame:
    """Return the ids of matched rows, and their separation in arcsec: table `pairs`."""
    return pd.DataFrame(
        {
            label_ids.name: label_ids.to_numpy()[matches.i],
            "object_id": object_ids.to_numpy()[matches.j],
            "separation": matches.separation.round(4).astype("float32"),
        }
    )


def join(
    selected: pd.DataFrame, objects: pd.DataFrame, pairs: pd.DataFrame, key: str
) -> tuple[pd.DataFrame, pd.DataFrame, Counts]:
    """Join the selected rows that are pairs: one's id and photometry, the other's redshift.

    From a catalogue whose id is `key`, without its positions, and the one with photometry after
    their cuts, and table `pairs`: all matches, whatever the cuts did to either row. Returns the
    columns of all three; table `REMOVED`, of the first catalogue's rows; and how many of these had
    no counterpart, or one that its cuts removed. An `InputError` says that nothing is left.
    """
    paired = selected.merge(pairs, on=key, validate="one_to_one")
    joined = paired.merge(objects, on="object_id", validate="one_to_one")
    alone = selected.loc[~selected[key].isin(paired[key]), key]
    cut = paired.loc[~paired[key].isin(joined[key]), key]
    gone = {"no_counterpart": alone, "counterpart_cut": cut}
    if joined.empty:
        raise InputError(
            f"of {len(selected):,} rows with a {key} none has photometry: {len(alone):,} have no "
            f"counterpart within the match radius, those of {len(cut):,} were cut; put catalogues "
            "of one field in place, or change the cuts"
        )
    removed = pd.concat([removed_rows(ids, name) for name, ids in gone.items()])
    counts = Counts(len(selected), len(joined), {name: len(ids) for name, ids in gone.items()})
    return joined, removed, counts


def same_ids(rows: pd.DataFrame, spectra: pd.DataFrame) -> pd.Series:
    """Return the id of each row that the objects with spectra have too; null elsewhere."""
    ids = rows["object_id"]
    return ids.astype("Int64").where(ids.isin(spectra["object_id"]))


def shared_ids(
    matched: pd.DataFrame, spectra: pd.DataFrame, radius_arcsec: float
) -> tuple[pd.Series, dict[str, int]]:
    """Find the objects that both samples hold: by id, and by position where ids differ.

    Returns the spectroscopic id of each matched row, null where it is not there, and how many were
    found ``by_id`` and, of the others, ``by_position``.
    """
    twins = same_ids(matched, spectra)
    same = twins.notna()
    # The id there may be that of another detection or data release: by position, then.
    rest = matched.loc[~same]
    others = spectra.loc[~spectra["object_id"].isin(matched["object_id"])]
    near = mutual_nearest(
        positions(rest, "object_id", "matched"),
        positions(others, "object_id", "spectroscopic"),
        radius_arcsec,
    )
    rows = rest.index[near.i]
    twins.loc[rows] = others["object_id"].to_numpy()[near.j]
    return twins, {"by_id": int(same.sum()), "by_position": len(rows)}


def join_labelled(labelled: pd.DataFrame, spectra: pd.DataFrame, matched: Table) -> pd.DataFrame:
    """Bring labels that have photometry into the form of table `matched`.

    What they do not give is null, such as positions or the label's interval.
    ``spectroscopic_id`` is found by id alone.
    """
    rows = labelled.reindex(columns=list(matched.names))
    rows["spectroscopic_id"] = same_ids(labelled, spectra)
    return rows.astype({column.name: pandas_dtype(column) for column in matched})


def describe(
    labels: Positions, sky_match: OffsetMatches, magnitudes: pd.Series, params: MatchParams
) -> dict[str, Any]:
    """Describe the match: its median offset (arcsec), its offsets and its chance matches.

    `magnitudes` (AB) are those of every row of the label's catalogue.
    """
    magnitude = magnitudes.to_numpy(dtype=np.float64)
    chance = chance_matches(labels, sky_match.second, magnitude, params)
    return describe_offsets(labels, sky_match, params) | {"chance_matches": chance}


def describe_offsets(
    first: Positions, sky_match: OffsetMatches, params: MatchParams
) -> dict[str, Any]:
    """Describe by how much positions differ: the median offset, removed or not, and the rest."""
    matches, second = sky_match.matches, sky_match.second
    east, north = tangent_offsets(first.take(matches.i), second.take(matches.j))
    return {
        "median_offset_arcsec": [round(value, 4) for value in sky_match.offset_arcsec],
        "offset_histogram": offset_histogram(east, north, params),
    }


def offset_histogram(east: Floats, north: Floats, params: MatchParams) -> dict[str, list[Any]]:
    """Count offsets of matched positions (arcsec) in equal bins from minus to plus the radius."""
    radius, step = params.radius_arcsec, params.histogram_step_arcsec
    edges = np.linspace(-radius, radius, max(round(2 * radius / step), 1) + 1)
    counts = (np.histogram(offsets, edges)[0].tolist() for offsets in (east, north))
    return {"edges": edges.round(6).tolist()} | dict(
        zip(("count_ra", "count_dec"), counts, strict=True)
    )


def chance_matches(
    first: Positions, second: Positions, magnitude: Floats, params: MatchParams
) -> dict[str, list[Any]]:
    """Measure how often positions match by chance: where second is moved away, all matches are.

    Any median offset is removed already; `magnitude` is that of each first position, NaN falls into
    no bin. Returns per bin the number of first ``objects``, of those ``matched`` (mean over four
    directions) and the ``rate`` of the two, None in an empty bin; and the bins' ``edges``, the last
    bin closed.
    """
    edges = np.asarray(params.magnitude_edges, dtype=np.float64)
    objects = np.histogram(magnitude, edges)[0]
    matched = np.zeros(len(objects))
    for angle in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS:
        way = params.chance_shift_arcsec * np.cos(angle), params.chance_shift_arcsec * np.sin(angle)
        matches = mutual_nearest(first, shift(second, *way), params.radius_arcsec)
        matched += np.histogram(magnitude[matches.i], edges)[0] / DIRECTIONS
    rate = [round(m / n, 6) if n else None for m, n in zip(matched.tolist(), objects, strict=True)]
    return {
        "edges": edges.tolist(),
        "objects": objects.tolist(),
        "matched": matched.round(6).tolist(),
        "rate": rate,
    }


if __name__ == "__main__":
    sys.exit(run_stage(match, __doc__))
