"""Put matched rows together: what the stage `match` joins, on the sky or by HSC id."""

import pandas as pd

from transferz.dataset.pipeline.cuts import removed_rows
from transferz.dataset.pipeline.stage import Counts
from transferz.dataset.sky.crossmatch import Matches, mutual_nearest
from transferz.dataset.sky.positions import Positions
from transferz.schemas import HSC, MATCHED, SPECTROSCOPIC, Table
from transferz.schemas.survey.frames import pandas_dtype


def positions(frame: pd.DataFrame, table: Table) -> Positions:
    """Return the positions of a table's rows, keyed by its ids."""
    ra, dec, key = (frame[name].to_numpy() for name in ("ra", "dec", table.key))
    return Positions(ra, dec, key, table.name)


def pair_ids(cosmos: pd.DataFrame, hsc: pd.DataFrame, matches: Matches) -> pd.DataFrame:
    """Return the ids of matched rows, and their separation in arcsec: table `PAIRS`."""
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
) -> tuple[pd.DataFrame, pd.DataFrame, Counts]:
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
        Table `MATCHED` but for ``galaxiesml_id`` and ``published_split``.
    removed : pandas.DataFrame
        Table `REMOVED`, of COSMOS2020 rows.
    counts : Counts
        COSMOS2020 rows without a counterpart, and with one that HSC's cuts removed.
    """
    labels = cosmos[["cosmos_id", "redshift", "redshift_lo", "redshift_hi"]]
    paired = labels.merge(pairs, on="cosmos_id", validate="one_to_one")
    joined = paired.merge(hsc, on="object_id", validate="one_to_one")
    alone = labels.loc[~labels["cosmos_id"].isin(paired["cosmos_id"]), "cosmos_id"]
    cut = paired.loc[~paired["cosmos_id"].isin(joined["cosmos_id"]), "cosmos_id"]
    gone = {"no_counterpart": alone, "counterpart_cut": cut}
    removed = pd.concat([removed_rows(ids, name) for name, ids in gone.items()])
    counts = Counts(len(labels), len(joined), {name: len(ids) for name, ids in gone.items()})
    return joined, removed, counts


def join_published(published: pd.DataFrame, galaxiesml: pd.DataFrame) -> pd.DataFrame:
    """Bring the authors' table into the form of a matched one.

    Parameters
    ----------
    published, galaxiesml : pandas.DataFrame
        Tables `TRANSFERZ` and `SPECTROSCOPIC`.

    Returns
    -------
    pandas.DataFrame
        Table `MATCHED`. What the authors do not give is null: positions, label interval,
        COSMOS2020 id and separation. ``galaxiesml_id`` is found by HSC id alone.
    """
    rows = published.reindex(columns=list(MATCHED.names))
    same = published["object_id"].isin(galaxiesml["object_id"])
    rows["galaxiesml_id"] = published["object_id"].astype("Int64").where(same)
    return rows.astype({column.name: pandas_dtype(column) for column in MATCHED})
