"""Stage `match`: join COSMOS2020 to HSC on the sky and find what GalaxiesML holds of it.

The authors' table is joined already: there the stage finds what GalaxiesML holds, by HSC id.
"""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from transferz.dataset.pipeline.joining import join, join_published, pair_ids, positions, shared_ids
from transferz.dataset.pipeline.params import Params, read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, write_table
from transferz.dataset.sky.crossmatch import (
    Matches,
    chance_match_rate,
    match_with_offset,
    mutual_nearest,
    offset_histogram,
)
from transferz.dataset.sky.positions import Positions, shift, tangent_offsets
from transferz.schemas import (
    COSMOS2020,
    HSC,
    MATCHED,
    PAIRS,
    REMOVED,
    SELECTED,
    SPECTROSCOPIC,
    TRANSFERZ,
)
from transferz.tables.files import replace_directory, write_json

REPORT = "report.json"
PAIRS_FILE = "pairs.parquet"
MAX_RADIUS_ARCSEC = 60.0
"""The greatest match radius that makes sense (our choice)."""


class MatchParams(Params):
    """Section ``match`` of params.yaml.

    Attributes
    ----------
    radius_arcsec : float
        Greatest separation of a match.
    remove_median_offset : bool
        Whether the median offset of the matches is removed before they are made again.
    chance_shift_arcsec : float
        How far positions are moved to count chance matches.
    magnitude_edges : list of float
        Bins of the i magnitude for the chance-match rate.
    histogram_step_arcsec : float
        Bin width of the offset histogram.
    """

    radius_arcsec: float = Field(gt=0, le=MAX_RADIUS_ARCSEC)
    remove_median_offset: bool
    chance_shift_arcsec: float = Field(gt=0)
    magnitude_edges: list[float] = Field(min_length=2)
    histogram_step_arcsec: float = Field(ge=0.001)

    @field_validator("magnitude_edges")
    @classmethod
    def _ascending(cls, edges: list[float]) -> list[float]:
        if sorted(set(edges)) != edges:
            raise ValueError("edges must ascend")
        return edges


@dataclass(frozen=True, slots=True)
class SkyMatch:
    """COSMOS2020 matched to HSC, and the offset found on the way.

    Attributes
    ----------
    matches : Matches
        Rows of COSMOS2020 and of HSC.
    offset_arcsec : tuple of float
        Median offset of HSC from COSMOS2020 to the east and north, arcsec.
    hsc : Positions
        HSC positions, that offset removed if the parameters say so.
    """

    matches: Matches
    offset_arcsec: tuple[float, float]
    hsc: Positions


def match_sky(cosmos: Positions, hsc: Positions, params: MatchParams) -> SkyMatch:
    """Match COSMOS2020 to HSC: mutual nearest neighbours within the radius.

    Parameters
    ----------
    cosmos, hsc : Positions
        The two catalogues.
    params : MatchParams
        Radius, and whether the median offset is removed.
    """
    matches, offset = match_with_offset(cosmos, hsc, params.radius_arcsec)
    if params.remove_median_offset:
        return SkyMatch(matches, offset, shift(hsc, -offset[0], -offset[1]))
    return SkyMatch(mutual_nearest(cosmos, hsc, params.radius_arcsec), offset, hsc)


def report(cosmos: pd.DataFrame, found: SkyMatch, params: MatchParams) -> dict[str, Any]:
    """Describe the quality of the match.

    Parameters
    ----------
    cosmos : pandas.DataFrame
        Table `COSMOS2020`.
    found : SkyMatch
        The match.
    params : MatchParams
        Radius, shift and bins.

    Returns
    -------
    dict
        The median offset, the histogram of the offsets, and per bin of the i magnitude the share
        of objects that match a catalogue moved by ``chance_shift_arcsec``: arcsec and magnitudes.
    """
    first, matches = positions(cosmos, COSMOS2020), found.matches
    east, north = tangent_offsets(
        first.take(matches.index_first), found.hsc.take(matches.index_second)
    )
    bins = round(2 * params.radius_arcsec / params.histogram_step_arcsec)
    histogram = offset_histogram(east, north, params.radius_arcsec, max(bins, 1))
    chance = chance_match_rate(
        first,
        found.hsc,
        params.radius_arcsec,
        cosmos["i_mag_auto"].to_numpy(dtype=np.float64),
        params.magnitude_edges,
        shift_arcsec=params.chance_shift_arcsec,
    )
    return {
        "median_offset_arcsec": [round(value, 4) for value in found.offset_arcsec],
        "offset_histogram": _plain(histogram),
        "chance_matches": _plain(chance),
    }


def _plain(result: Any) -> dict[str, Any]:
    """A named tuple of arrays as JSON; NaN as null."""
    rounded = {name: np.round(values, 6).tolist() for name, values in result._asdict().items()}
    return {name: [None if v != v else v for v in values] for name, values in rounded.items()}


def primary(hsc: pd.DataFrame) -> pd.DataFrame:
    """Return the one detection of each HSC object: what a position is matched to."""
    return hsc.loc[hsc["isprimary"]].reset_index(drop=True)


def match(layout: Layout) -> None:
    """Write the table of labelled HSC objects.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    if layout.is_published:
        match_published(layout)
    else:
        match_catalogues(layout)


def match_published(layout: Layout) -> None:
    """Find which of the authors' TransferZ objects GalaxiesML holds, by HSC id.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    published = read_table(layout.interim("select", "transferz") / TABLE, TRANSFERZ)
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    joined = join_published(published, galaxiesml)
    shared = {"by_id": int(joined["galaxiesml_id"].notna().sum()), "by_position": 0}
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined, directory / TABLE, MATCHED)
        Counts(len(published), len(joined), {}).write(directory, shared=shared)


def match_catalogues(layout: Layout) -> None:
    """Match COSMOS2020 to HSC and write the joined table of selected rows with its report.

    All rows are matched, and the cuts applied to the pairs: an object whose true counterpart was
    cut must not take the label of its neighbour.

    Parameters
    ----------
    layout : Layout
        Where the survey's files lie.
    """
    params = read_params("match", MatchParams)
    cosmos = read_table(layout.interim("ingest", "cosmos2020") / TABLE, COSMOS2020)
    hsc = primary(read_table(layout.interim("ingest", "hsc") / TABLE, HSC))
    found = match_sky(positions(cosmos, COSMOS2020), positions(hsc, HSC), params)
    pairs = pair_ids(cosmos, hsc, found.matches)
    joined, removed, counts = join(
        read_table(layout.interim("select", "cosmos2020") / TABLE, SELECTED),
        read_table(layout.interim("select", "hsc") / TABLE, HSC),
        pairs,
    )
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    twins, shared = shared_ids(joined, galaxiesml, params.radius_arcsec)
    described = report(cosmos, found, params)
    with replace_directory(layout.interim("match")) as directory:
        write_table(
            joined.assign(galaxiesml_id=twins, published_split=pd.NA), directory / TABLE, MATCHED
        )
        write_table(pairs, directory / PAIRS_FILE, PAIRS)
        write_table(removed, directory / REMOVED_ROWS, REMOVED)
        write_json(directory / REPORT, described)
        counts.write(directory, shared=shared)


if __name__ == "__main__":
    sys.exit(run_stage(match, __doc__))
