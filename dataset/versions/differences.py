"""How the rows of two releases differ: membership, split, label and magnitudes."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from transferz.photometry.redshift_error import redshift_error
from transferz.schemas import BANDS, MAGNITUDES, SPLITS

WHERE = ("both", "only_a", "only_b")
LISTED = (
    *("object_id", "config", "where", "differs", "stage", "cut"),
    *("split_a", "split_b", "redshift_a", "redshift_b"),
)
"""Columns of the listing of differing rows."""


@dataclass(frozen=True, slots=True)
class LabelSpread:
    """How the labels of rows in both differ: dz = (zA - zB) / (1 + zB).

    Attributes
    ----------
    rows, equal : int
        Rows in both, and those of them whose labels are the same number.
    median, scatter, outliers : float or None
        As `transferz.photometry.redshift_error.RedshiftError` has them, the median being its
        bias. None without rows.
    """

    rows: int
    equal: int
    median: float | None
    scatter: float | None
    outliers: float | None


def join_rows(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Join the rows of two releases by object.

    Parameters
    ----------
    a, b : pandas.DataFrame
        As `read_config` gives them.

    Returns
    -------
    pandas.DataFrame
        ``object_id`` ascending, ``where`` (one of `WHERE`) and the other columns of each, with
        suffixes ``_a`` and ``_b``; null where a release lacks the object.
    """
    joined = a.merge(b, on="object_id", how="outer", suffixes=("_a", "_b"), indicator="where")
    names = {"both": "both", "left_only": "only_a", "right_only": "only_b"}
    joined["where"] = joined["where"].cat.rename_categories(names).astype("str")
    return joined.sort_values("object_id", ignore_index=True)


def describe(joined: pd.DataFrame) -> dict[str, Any]:
    """Return counts, split agreement, label spread and magnitude differences as JSON.

    Parameters
    ----------
    joined : pandas.DataFrame
        As `join_rows` gives it.
    """
    sizes = joined["where"].value_counts()
    counts = {name: int(sizes.get(name, 0)) for name in WHERE}
    both = joined.loc[joined["where"] == "both"]
    return {
        "rows": counts | {"changed": int((_differences(both) != "").sum())},
        "splits": split_agreement(both),
        "labels": asdict(label_spread(both)),
        "magnitudes": magnitude_differences(both),
    }


def split_agreement(both: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Count rows in both by their split in A, then in B; all pairs of splits are there."""
    counts = both.value_counts(["split_a", "split_b"])
    return {one: {two: int(counts.get((one, two), 0)) for two in SPLITS} for one in SPLITS}


def label_spread(both: pd.DataFrame) -> LabelSpread:
    """Describe how labels of rows in both differ."""
    a, b = (both[f"redshift_{side}"].to_numpy(dtype=np.float64) for side in "ab")
    equal = int((a == b).sum())
    if not len(both):
        return LabelSpread(0, 0, None, None, None)
    return LabelSpread(len(both), equal, *(round(value, 6) for value in redshift_error(a, b)))


def magnitude_differences(both: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """Return median and greatest size of the magnitude difference A - B, mag, by band."""
    found: dict[str, dict[str, float | None]] = {}
    for band, name in zip(BANDS, MAGNITUDES, strict=True):
        difference = (both[f"{name}_a"].astype("float64") - both[f"{name}_b"]).to_numpy()
        found[band] = {
            "median": round(float(np.median(difference)), 6) if len(both) else None,
            "max_abs": round(float(np.abs(difference).max()), 6) if len(both) else None,
        }
    return found


def differing(joined: pd.DataFrame, steps: Sequence[pd.DataFrame], config: str) -> pd.DataFrame:
    """List the rows that differ.

    Parameters
    ----------
    joined : pandas.DataFrame
        As `join_rows` gives it.
    steps : sequence of pandas.DataFrame
        ``stage`` and ``cut`` of rows in one release only, by the index of `joined`.
    config : str
        The config.

    Returns
    -------
    pandas.DataFrame
        Columns `LISTED`: rows in one release only, and rows in both of which split, label, its
        kind or a magnitude differs, as ``differs`` says.
    """
    both = joined["where"] == "both"
    differs = _differences(joined).where(both, "row")
    cuts = pd.concat([pd.DataFrame({"stage": [], "cut": []}, dtype="str"), *steps])
    listed = joined.assign(config=config, differs=differs).join(cuts)
    return listed.loc[differs != "", list(LISTED)]


def _differences(joined: pd.DataFrame) -> pd.Series:
    """What differs in each row, comma-separated; empty where nothing does."""
    found = pd.Series("", joined.index, dtype="str")
    groups = {name: [name] for name in ("split", "redshift", "redshift_kind")}
    for label, names in (groups | {"magnitudes": list(MAGNITUDES)}).items():
        unlike = np.any([joined[f"{n}_a"].ne(joined[f"{n}_b"]).to_numpy() for n in names], axis=0)
        found = found.mask(unlike, found + f",{label}")
    return found.str.removeprefix(",")
