"""Stage `match`: join COSMOS2020 to HSC on the sky and find what GalaxiesML holds of it."""

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from transferz.dataset.crossmatch import (
    Matches,
    chance_match_rate,
    match_with_offset,
    mutual_nearest,
    offset_histogram,
)
from transferz.dataset.files import replace_directory, write_json
from transferz.dataset.params import Params, read_params
from transferz.dataset.sky import Positions, shift, tangent_offsets
from transferz.dataset.stage import TABLE, Counts, Layout, run_stage
from transferz.dataset.tables import read_table, write_table
from transferz.schemas import COSMOS2020, HSC, MATCHED, SELECTED, SPECTROSCOPIC, Table

REPORT = "report.json"


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

    radius_arcsec: float = Field(gt=0, le=60)
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


def positions(frame: pd.DataFrame, table: Table) -> Positions:
    """Return the positions of a table's rows, keyed by its ids."""
    ra, dec, key = (frame[name].to_numpy() for name in ("ra", "dec", table.key))
    return Positions(ra, dec, key, table.name)


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


def pair_ids(cosmos: pd.DataFrame, hsc: pd.DataFrame, matches: Matches) -> pd.DataFrame:
    """Return the ids of matched rows, and their separation in arcsec."""
    return pd.DataFrame(
        {
            "cosmos_id": cosmos["cosmos_id"].to_numpy()[matches.index_first],
            "object_id": hsc["object_id"].to_numpy()[matches.index_second],
            "separation": matches.separation_arcsec.round(4).astype("float32"),
        }
    )


def shared_ids(
    matched: pd.DataFrame, galaxiesml: pd.DataFrame, radius_arcsec: float
) -> tuple[pd.Series, dict[str, int]]:
    """Find the objects that both samples hold: by HSC id, and by position where ids differ.

    Parameters
    ----------
    matched, galaxiesml : pandas.DataFrame
        TransferZ's and GalaxiesML's rows, with HSC ids and positions.
    radius_arcsec : float
        Match radius for the positions.

    Returns
    -------
    galaxiesml_id : pandas.Series of Int64
        GalaxiesML's id of each matched row, null where it is not there.
    counts : dict of str to int
        Objects found ``by_id`` and, of the others, ``by_position``.
    """
    same = matched["object_id"].isin(galaxiesml["object_id"])
    found = matched["object_id"].astype("Int64").where(same)
    rest = matched.loc[~same]
    others = galaxiesml.loc[~galaxiesml["object_id"].isin(matched["object_id"])]
    near = mutual_nearest(positions(rest, HSC), positions(others, SPECTROSCOPIC), radius_arcsec)
    rows = rest.index[near.index_first]
    found.loc[rows] = others["object_id"].to_numpy()[near.index_second]
    return found, {"by_id": int(same.sum()), "by_position": len(rows)}


def join(
    cosmos: pd.DataFrame, hsc: pd.DataFrame, pairs: pd.DataFrame
) -> tuple[pd.DataFrame, Counts]:
    """Join the selected rows that are pairs: HSC's id and photometry, COSMOS2020's redshift.

    Parameters
    ----------
    cosmos, hsc : pandas.DataFrame
        Tables `SELECTED` and `HSC`, after their cuts.
    pairs : pandas.DataFrame
        ``cosmos_id``, ``object_id`` and ``separation`` of all matches, cut or not.

    Returns
    -------
    joined : pandas.DataFrame
        Table `MATCHED` but for ``galaxiesml_id``.
    counts : Counts
        COSMOS2020 rows without a counterpart, and with one that HSC's cuts removed.
    """
    labels = cosmos[["cosmos_id", "redshift", "redshift_lo", "redshift_hi"]]
    paired = labels.merge(pairs, on="cosmos_id", validate="one_to_one")
    joined = paired.merge(hsc, on="object_id", validate="one_to_one")
    removed = {
        "no_counterpart": len(labels) - len(paired),
        "counterpart_cut": len(paired) - len(joined),
    }
    return joined, Counts(len(labels), len(joined), removed)


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
    """Match the catalogues and write the joined table of selected rows with its report.

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
    joined, counts = join(
        read_table(layout.interim("select", "cosmos2020") / TABLE, SELECTED),
        read_table(layout.interim("select", "hsc") / TABLE, HSC),
        pair_ids(cosmos, hsc, found.matches),
    )
    galaxiesml = read_table(layout.interim("select", "galaxiesml") / TABLE, SPECTROSCOPIC)
    twins, shared = shared_ids(joined, galaxiesml, params.radius_arcsec)
    described = report(cosmos, found, params)
    with replace_directory(layout.interim("match")) as directory:
        write_table(joined.assign(galaxiesml_id=twins), directory / TABLE, MATCHED)
        write_json(directory / REPORT, described)
        counts.write(directory, shared=shared)


if __name__ == "__main__":
    sys.exit(run_stage(match, __doc__))
