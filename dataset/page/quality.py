"""What a release says of itself: how good its labels are, and which values it lacks."""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from transferz.photometry.redshift_error import redshift_error
from transferz.schemas import RELEASE, magnitude_name

MAGNITUDE_EDGES = (-np.inf, 22.5, 24.0, 25.0, np.inf)
"""Of the i cModel magnitude, AB. Our choice, with the two that Weaver et al. (2022) publish for."""

FEWEST = 20
"""With fewer galaxies no scatter is given (our choice)."""


def quality(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    """Measure medians and nulls of every config, and the labels of config ``transferz``.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Released rows of every config, all splits.

    Returns
    -------
    dict
        ``label``: by reference (``spectroscopic``, and in a mock ``true``) a list with an entry
        per magnitude bin, see `label_quality`; ``medians``: by config of ``redshift`` and of the
        i cModel magnitude, ``i`` (AB mag); ``nulls``: by config the share of nulls of each
        column that has any.
    """
    return {
        "label": {
            name: label_quality(pairs) for name, pairs in references(tables).items() if len(pairs)
        },
        "medians": {config: _medians(rows) for config, rows in tables.items()},
        "nulls": {config: _nulls(rows) for config, rows in tables.items()},
    }


def references(tables: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Find the galaxies of config ``transferz`` whose redshift is known otherwise too.

    Parameters
    ----------
    tables : dict of str to pandas.DataFrame
        Released rows of every config, all splits.

    Returns
    -------
    dict of str to pandas.DataFrame
        By kind of reference: rows of config ``transferz`` with the column ``reference``.
    """
    rows, spectroscopic = tables["transferz"], tables["galaxiesml"]
    found = {"spectroscopic": _pair(rows, spectroscopic, "specz_name")}
    if "truth" in tables:
        found["true"] = _pair(rows, tables["truth"], "object_id")
    return found


def _pair(rows: pd.DataFrame, others: pd.DataFrame, key: str) -> pd.DataFrame:
    known = others.dropna(subset=key).drop_duplicates(key)[[key, "redshift"]]
    return rows.merge(known.rename(columns={"redshift": "reference"}), on=key)


def label_quality(pairs: pd.DataFrame) -> list[dict[str, Any]]:
    """Measure labels against a reference, by i cModel magnitude.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Released rows with the column ``reference``, a redshift.

    Returns
    -------
    list of dict
        Per bin ``from`` and ``to`` (AB mag, null where open), ``rows``, and with at least
        `FEWEST` rows ``bias``, ``scatter`` and ``outliers`` (see
        `transferz.photometry.redshift_error.RedshiftError`) and, where
        intervals are given, ``covered`` (share of references within them).
    """
    i = pairs[magnitude_name("i")].astype("float64")
    bins = itertools.pairwise(MAGNITUDE_EDGES)
    return [_bin(low, high, pairs.loc[(i >= low) & (i < high)]) for low, high in bins]


def _bin(low: float, high: float, pairs: pd.DataFrame) -> dict[str, Any]:
    edges = {"from": _finite(low), "to": _finite(high), "rows": len(pairs)}
    return edges | (_scores(pairs) if len(pairs) >= FEWEST else {})


def _finite(edge: float) -> float | None:
    return edge if np.isfinite(edge) else None


def _scores(pairs: pd.DataFrame) -> dict[str, float]:
    redshifts = (pairs[name].to_numpy("float64") for name in ("redshift", "reference"))
    scores = redshift_error(*redshifts)._asdict() | _coverage(pairs)
    return {name: round(float(value), 4) for name, value in scores.items()}


def _coverage(pairs: pd.DataFrame) -> dict[str, float]:
    given = pairs.dropna(subset=["redshift_lo", "redshift_hi"])
    if given.empty:
        return {}
    within = given["reference"].between(given["redshift_lo"], given["redshift_hi"])
    return {"covered": within.mean()}


def _medians(rows: pd.DataFrame) -> dict[str, float]:
    columns = {"redshift": "redshift", "i": magnitude_name("i")}
    medians = {name: rows[column].astype("float64").median() for name, column in columns.items()}
    return {name: round(float(value), 4) for name, value in medians.items()}


def _nulls(rows: pd.DataFrame) -> dict[str, float]:
    shares = {name: float(rows[name].isna().mean()) for name in RELEASE.names}
    return {name: round(share, 4) for name, share in shares.items() if share > 0}
