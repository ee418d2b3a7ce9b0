"""What a release says of itself: how good its labels are, and which values it lacks."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from transferz.photometry.redshift_error import redshift_error
from transferz.schemas import RELEASE, magnitude_name

MAGNITUDE_EDGES = (-np.inf, 22.5, 24.0, 25.0, np.inf)
"""Of the i cModel magnitude, AB. Our choice, with the two that Weaver et al. (2022) publish for."""

FEWEST = 20
"""With fewer galaxies no scatter is given (our choice)."""


def quality(tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Measure medians and nulls of every config, and the labels of config ``transferz``.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        Released rows of every config, all splits.

    Returns
    -------
    dict
        ``label``: by reference (``spectroscopic``, and in a mock ``true``) a list with an entry
        per magnitude bin, see `label_quality`; ``medians``: by config of ``redshift`` and of the
        i cModel magnitude, ``i`` (AB mag); ``nulls``: by config the share of nulls of each
        column that has any.
    """
    label = {}
    for reference, config, key in (
        ("spectroscopic", "galaxiesml", "specz_name"),
        ("true", "truth", "object_id"),
    ):
        if config in tables:
            known = tables[config].dropna(subset=key).drop_duplicates(key)[[key, "redshift"]]
            known = known.rename(columns={"redshift": "reference"})
            if len(pairs := tables["transferz"].merge(known, on=key)):
                label[reference] = label_quality(pairs)
    columns = {"redshift": "redshift", "i": magnitude_name("i")}
    medians = {
        config: {
            name: round(float(rows[column].astype("float64").median()), 4)
            for name, column in columns.items()
        }
        for config, rows in tables.items()
    }
    return {
        "label": label,
        "medians": medians,
        "nulls": {config: _nulls(rows) for config, rows in tables.items()},
    }


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
        `transferz.photometry.redshift_error`) and, where intervals are given, ``covered``, the
        share of references within them.
    """
    i = pairs[magnitude_name("i")].astype("float64")
    bins = []
    for low, high in itertools.pairwise(MAGNITUDE_EDGES):
        inside = pairs.loc[(i >= low) & (i < high)]
        start, end = (edge if np.isfinite(edge) else None for edge in (low, high))
        statistics = _statistics(inside) if len(inside) >= FEWEST else {}
        bins.append({"from": start, "to": end, "rows": len(inside), **statistics})
    return bins


def _statistics(pairs: pd.DataFrame) -> dict[str, float]:
    redshifts = (pairs[name].to_numpy("float64") for name in ("redshift", "reference"))
    statistics = redshift_error(*redshifts)._asdict()
    given = pairs.dropna(subset=["redshift_lo", "redshift_hi"])
    if len(given):
        within = given["reference"].between(given["redshift_lo"], given["redshift_hi"])
        statistics["covered"] = within.mean()
    return {name: round(float(value), 4) for name, value in statistics.items()}


def _nulls(rows: pd.DataFrame) -> dict[str, float]:
    shares = {name: float(rows[name].isna().mean()) for name in RELEASE.names}
    return {name: round(share, 4) for name, share in shares.items() if share > 0}
