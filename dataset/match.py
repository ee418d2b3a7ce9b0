"""Stage `match`: join labels to photometry on the sky and find which objects have spectra too.

Spectra that have no photometry of their own are joined to it alike. Labels that have are joined
already: there the stage finds what has spectra, by id.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.dataset.pipeline.params import MatchParams, read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import read_parts, read_table, removed_rows, write_table
from transferz.dataset.sky.matching import Matches, OffsetMatches, Skies, Whole, match_with_offset
from transferz.dataset.sky.neighbours import Ids, mutual_nearest
from transferz.dataset.sky.positions import Floats, Parts, Positions, tangent_offsets, together
from transferz.schemas import REMOVED, InputError, Table
from transferz.schemas.survey.frames import pandas_dtype
from transferz.schemas.survey.survey import Survey
from transferz.tables.files import replace_directory, write_json

REPORT = "report.json"
PAIRS_FILE = "pairs.parquet"
PARTITIONS = "partitions"
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
    key = survey.tables[label].key
    with replace_directory(layout.interim("match")) as directory:
        with matched_skies(layout, label, params, directory / PARTITIONS) as found:
            report = describe(found, label_magnitudes(layout), params)
        pairs = pair_ids(found.matches, key)
        # Of the pairs, those remain whose both rows passed their cuts.
        photometry = selected_photometry(layout, pairs)
        joined, removed, counts = join(selected_labels(layout), photometry, pairs, key)
        # A galaxy that has a spectrum too must be known as the same one: `split` keeps both of its
        # rows together, `release` takes one of them into the union.
        if stage == "match":  # the ids are the labels' own: another id is another object
            compiled = join_spectra(layout, params, directory / PARTITIONS)
            compiled.write(directory / spectroscopic, survey)
            twins = same_ids(joined, compiled.joined)
            shared = {"by_id": int(twins.notna().sum()), "by_position": 0}
        else:
            spectra = read_table(layout.spectra, survey.spectroscopic)
            twins, shared = shared_ids(joined, spectra, params.radius_arcsec)
        none = pd.Series(pd.NA, joined.index, pandas_dtype(survey.matched["published_split"]))
        joined = joined.assign(spectroscopic_id=twins, published_split=none)
        write_table(joined, directory / TABLE, survey.matched)
        write_table(pairs, directory / PAIRS_FILE, survey.pairs(label))
        write_table(removed, directory / REMOVED_ROWS, REMOVED)
        write_json(directory / REPORT, report)
        counts.write(directory, shared=shared)


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


@contextlib.contextmanager
def matched_skies(
    layout: Layout, name: str, params: MatchParams, folder: Path
) -> Iterator[OffsetMatches]:
    """Match a catalogue to photometry, and yield the matches while their positions are at hand.

    A match is mutual, so that neither object serves two. The two surveys' astrometry differs by a
    constant offset: the first matches show it, and without it the second ones are closer than
    chance neighbours.
    """
    with both_skies(layout, name, params, folder) as skies:
        yield match_with_offset(skies, params.radius_arcsec, remove=params.remove_median_offset)


@contextlib.contextmanager
def both_skies(layout: Layout, name: str, params: MatchParams, folder: Path) -> Iterator[Skies]:
    """Yield the positions of a catalogue and of photometry: in memory, or partitioned in a folder.

    Of whole catalogues, and the cuts are applied to the pairs: an object whose true counterpart was
    cut must not take the label of its neighbour. Of several detections of one object, though, only
    the primary one stands for it.
    """
    survey = layout.configured

    def parts(name: str) -> Parts:
        primary, table = survey.catalogues[name].primary, survey.tables[name]
        columns = ["ra", "dec", table.key, *([primary] if primary else [])]

        def read() -> Iterator[Positions]:
            for rows in read_parts(layout.interim("ingest", name) / TABLE, table, columns):
                chosen = rows.loc[rows[primary]] if primary else rows
                yield positions(chosen, table.key, table.name)

        return read

    first, second = parts(name), parts(survey.of_role("photometry"))
    if params.engine == "memory":
        yield Whole(together(first()), together(second()))
        return
    from transferz.dataset.sky.partitions import Partitioned  # of the extra lsdb

    # The offset is a median of matches, along both axes.
    reach = 3 * params.radius_arcsec + params.chance_shift_arcsec
    yield Partitioned.written(first, second, folder, reach)
    shutil.rmtree(folder)


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


def join_spectra(layout: Layout, params: MatchParams, folder: Path) -> Compiled:
    """Give the selected redshifts of a compilation the photometry of the objects they are of.

    The whole compilation is matched, as labels are, and then cut. Of several redshifts that claim
    one object none is taken: which of them is that of its light is not known.
    """
    survey, (_, name) = layout.configured, layout.configured.spectra
    key = survey.tables[name].key
    with matched_skies(layout, name, params, folder) as found:
        unsure = ambiguous(found, params.radius_arcsec)
    pairs = pair_ids(found.matches, key)
    selected = read_table(layout.interim("select", name) / TABLE, survey.tables[name])
    ids = selected.loc[selected[key].isin(unsure), key]
    sure = selected.loc[~selected[key].isin(unsure)].drop(columns=["ra", "dec"])
    joined, removed, counts = join(sure, selected_photometry(layout, pairs), pairs, key)
    return Compiled(
        joined,
        pairs,
        pd.concat([removed_rows(ids, AMBIGUOUS), removed]),
        Counts(len(selected), len(joined), {AMBIGUOUS: len(ids)} | counts.removed),
        describe_offsets(found, params),
    )


def ambiguous(found: OffsetMatches, radius_arcsec: float) -> Ids:
    """Find rows, by key, with an object within the radius (arcsec) that is another row's as well.

    Their nearest object is the nearest of another row, too, or it lies nearer to another row.
    """
    first, second, separation = found.skies.pairs(radius_arcsec)
    order = np.lexsort((second, separation, first))
    rows, place = np.unique(first[order], return_index=True)
    _, number, claims = np.unique(second[order][place], return_inverse=True, return_counts=True)
    unsure = (claims[number] > 1) | ~np.isin(rows, found.matches.first.key)
    return rows[unsure]


def label_magnitudes(layout: Layout) -> pd.Series:
    """Read the magnitude (AB) of every row of the label's catalogue, by its id."""
    name = layout.configured.of_role("label")
    table, magnitude = layout.configured.tables[name], layout.configured.catalogues[name].magnitude
    parts = read_parts(layout.interim("ingest", name) / TABLE, table, [table.key, magnitude])
    return pd.concat(parts, ignore_index=True).set_index(table.key)[magnitude].astype(np.float64)


def selected_labels(layout: Layout) -> pd.DataFrame:
    """Read id and redshift of the labels that passed their cuts."""
    survey, name = layout.configured, layout.configured.of_role("label")
    columns = [survey.tables[name].key, "redshift", "redshift_lo", "redshift_hi"]
    parts = read_parts(layout.interim("select", name) / TABLE, survey.selected)
    return pd.concat([part[columns] for part in parts], ignore_index=True)


def selected_photometry(layout: Layout, pairs: pd.DataFrame) -> pd.DataFrame:
    """Read id, position and photometry of the objects in `pairs` that passed their cuts."""
    survey, name = layout.configured, layout.configured.of_role("photometry")
    measured = (column.name for column in survey.photometry_columns(nullable=False))
    columns = ["object_id", "ra", "dec", *measured]
    rows = read_parts(layout.interim("select", name) / TABLE, survey.tables[name])
    wanted = pairs["object_id"]
    objects = [part.loc[part["object_id"].isin(wanted), columns] for part in rows]
    return pd.concat(objects, ignore_index=True)


def positions(frame: pd.DataFrame, key: str, name: str) -> Positions:
    """Return the positions of rows, keyed by their ids, the column `key`, under a table's name."""
    ra, dec, ids = (frame[column].to_numpy() for column in ("ra", "dec", key))
    return Positions(ra, dec, ids, name)


def pair_ids(matches: Matches, key: str) -> pd.DataFrame:
    """Return the ids of matched rows, and their separation in arcsec: table `pairs`.

    The first ones are called `key`.
    """
    return pd.DataFrame(
        {
            key: matches.first.key,
            "object_id": matches.second.key,
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


def describe(found: OffsetMatches, magnitudes: pd.Series, params: MatchParams) -> dict[str, Any]:
    """Describe the match: its median offset (arcsec), its offsets and its chance matches.

    `magnitudes` (AB) are those of every row of the label's catalogue, by its id.
    """
    chance = chance_matches(found.skies, magnitudes, params)
    return describe_offsets(found, params) | {"chance_matches": chance}


def describe_offsets(found: OffsetMatches, params: MatchParams) -> dict[str, Any]:
    """Describe by how much positions differ: the median offset, removed or not, and the rest."""
    east, north = tangent_offsets(found.matches.first, found.matches.second)
    return {
        "median_offset_arcsec": [round(value, 4) for value in found.offset_arcsec],
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
    skies: Skies, magnitudes: pd.Series, params: MatchParams
) -> dict[str, list[Any]]:
    """Measure how often positions match by chance: where second is moved away, all matches are.

    Any median offset is removed already; `magnitudes` has that of every first position by its key,
    NaN falls into no bin. Returns per bin the number of first ``objects``, of those ``matched``
    (mean over four directions) and the ``rate`` of the two, None in an empty bin; and the bins'
    ``edges``, the last bin closed.
    """
    edges = np.asarray(params.magnitude_edges, dtype=np.float64)
    objects = np.histogram(magnitudes, edges)[0]
    matched = np.zeros(len(objects))
    for angle in np.arange(DIRECTIONS) * 2 * np.pi / DIRECTIONS:
        way = params.chance_shift_arcsec * np.cos(angle), params.chance_shift_arcsec * np.sin(angle)
        matches = skies.moved(*way).matches(params.radius_arcsec)
        matched += np.histogram(magnitudes.loc[matches.first.key], edges)[0] / DIRECTIONS
    rate = [round(m / n, 6) if n else None for m, n in zip(matched.tolist(), objects, strict=True)]
    return {
        "edges": edges.tolist(),
        "objects": objects.tolist(),
        "matched": matched.round(6).tolist(),
        "rate": rate,
    }


if __name__ == "__main__":
    sys.exit(run_stage(match, __doc__))
