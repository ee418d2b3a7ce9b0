"""One row for each object: which measurements are of one object, which of them is the best.

Measurements are of one object where they are linked by steps within the radius, or have the same
identifier in the same catalogue. The best is that of the highest quality, then of the smallest
error (one without an error comes last), then the first by catalogue, identifier and values. So the
order of files and rows changes nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from transferz.dataset.sky.neighbours import Pairs, group_ids, pairs_within
from transferz.dataset.sky.positions import Positions, angular_separation
from transferz.dataset.spectra.reading import MEASURED
from transferz.schemas import InputError, ParameterError
from transferz.schemas.survey.frames import pandas_dtype
from transferz.schemas.survey.spectra import SPECZ

RADIUS_ARCSEC = 1.0
"""What catalogues of different imaging differ by in a position, with room (our choice)."""

DISAGREEMENT = 0.01
"""Of abs(dz) / (1 + z): twice the typical error of PRIMUS, the coarsest of the catalogues."""

ONE_PLACE_ARCSEC = 10.0
"""Further apart than this, one identifier is two objects' (our choice)."""

SEPARATOR = ";"


@dataclass(frozen=True, slots=True)
class PairCounts:
    """How the measurements of one object in two catalogues, or twice in one, compare.

    `pairs` lie within the radius of each other; their `median` and `most` (95 %) distance is in
    arcsec. `disagreeing` pairs differ in redshift by more than the threshold; of `secure` pairs
    both redshifts are secure, and `secure_disagreeing` of these differ.
    """

    first: str
    second: str
    pairs: int
    median: float
    most: float
    disagreeing: int
    secure: int
    secure_disagreeing: int


@dataclass(frozen=True, slots=True)
class Merged:
    """The best measurement of each object (table `SPECZ`), and how the others compare with it.

    `repeated` rows were the same as another one in every value and count once. `members` gives the
    number of objects by the number of their measurements; `all_pairs` counts all pairs, `by_pair`
    those of each two catalogues.
    """

    compilation: pd.DataFrame
    repeated: int
    members: dict[int, int]
    all_pairs: PairCounts
    by_pair: tuple[PairCounts, ...]


def merge(
    parts: Sequence[pd.DataFrame],
    radius_arcsec: float = RADIUS_ARCSEC,
    disagreement: float = DISAGREEMENT,
) -> Merged:
    """Merge measurements (columns `MEASURED` of `SPECZ`) into one row for each object.

    `radius_arcsec` is inclusive; `disagreement` is the threshold of abs(dz) / (1 + z), where z is
    the mean of the two redshifts. Raises a `ParameterError` where one of them is out of its range,
    and an `InputError` where an identifier occurs at two places of the sky.

    Examples
    --------
    >>> from transferz.dataset.spectra.reading import as_measurements
    >>> row = {"ra": 150.0, "dec": 2.0, "redshift": 0.5, "redshift_err": None, "secure": True,
    ...        "object_class": None, "technique": "spectrum"}
    >>> frames = [
    ...     as_measurements({name: [value] for name, value in (row | one).items()})
    ...     for one in (
    ...         {"specz_name": "a-1", "source": "a", "source_id": "1", "quality": 3},
    ...         {"specz_name": "b-7", "source": "b", "source_id": "7", "quality": 4},
    ...     )
    ... ]
    >>> merge(frames).compilation[["specz_name", "n_measurements", "other_names"]].values.tolist()
    [['b-7', 2, 'a-1']]
    """
    if not 0.0 < disagreement < float("inf"):
        raise ParameterError(
            f"the threshold of disagreement must be above 0, found {disagreement:g}; "
            "it is one of abs(dz) / (1 + z), such as 0.01"
        )
    rows = pd.concat(list(parts), ignore_index=True).loc[:, list(MEASURED)]
    whole = len(rows)
    rows = rows.sort_values(list(MEASURED), kind="stable").drop_duplicates(ignore_index=True)
    ra, dec = rows["ra"].to_numpy(), rows["dec"].to_numpy()
    names, _ = pd.factorize(rows["specz_name"], sort=True)
    _require_one_place(rows, names)
    group = group_ids(names, ra, dec, radius_arcsec)
    pairs = pairs_within(Positions(ra, dec, np.arange(len(rows)), "redshifts"), radius_arcsec)
    apart = _apart(rows["redshift"].to_numpy(), pairs) > disagreement

    error = rows["redshift_err"].fillna(np.inf).to_numpy()
    order = np.lexsort((np.arange(len(rows)), error, -rows["quality"].to_numpy(), group))
    best = order[np.unique(group[order], return_index=True)[1]]
    _, number, members = np.unique(group, return_inverse=True, return_counts=True)
    chosen = np.zeros(len(rows), np.bool_)
    chosen[best] = True
    others: dict[int, dict[str, None]] = defaultdict(dict)  # of each object, each name once
    for of_object, name in zip(number[~chosen], rows["specz_name"][~chosen].tolist(), strict=True):
        others[of_object][name] = None
    compilation = rows.iloc[best].reset_index(drop=True)
    compilation["n_measurements"] = members.astype(np.int64)
    compilation["other_names"] = pd.Series(
        [SEPARATOR.join(others[k]) if k in others else None for k in range(len(best))],
        dtype=pandas_dtype(SPECZ["other_names"]),
    )
    compilation["disagrees"] = np.isin(np.arange(len(best)), number[pairs.i[apart]])
    return Merged(
        compilation.loc[:, list(SPECZ.names)],
        whole - len(rows),
        dict(sorted(Counter(members.tolist()).items())),
        _compare("all", "all", pairs, apart, rows["secure"].to_numpy()),
        tuple(_by_pair(rows, pairs, apart)),
    )


def _require_one_place(rows: pd.DataFrame, names: npt.NDArray[np.integer]) -> None:
    """Refuse an identifier that is two objects': those are not told apart by it."""
    _, first = np.unique(names, return_index=True)
    start = first[names]
    ra, dec = rows["ra"].to_numpy(), rows["dec"].to_numpy()
    distance = angular_separation(ra[start], dec[start], ra, dec)
    if (far := np.flatnonzero(distance > ONE_PLACE_ARCSEC)).size:
        row = far[0]
        raise InputError(
            f"catalogue '{rows['source'][row]}': identifier '{rows['source_id'][row]}' occurs at "
            f"two places {distance[row]:.0f} arcsec apart, expected one object; name further "
            "columns in the catalogue's columns.id, so that they identify a row together"
        )


def _apart(redshift: npt.NDArray[np.float64], pairs: Pairs) -> npt.NDArray[np.float64]:
    """By how much the redshifts of pairs differ, over 1 + their mean."""
    first, second = redshift[pairs.i], redshift[pairs.j]
    return np.abs(first - second) / (1.0 + (first + second) / 2.0)


def _by_pair(rows: pd.DataFrame, pairs: Pairs, apart: npt.NDArray[np.bool_]) -> "list[PairCounts]":
    """Compare each two catalogues that have an object in common, by name."""
    source, secure = rows["source"].to_numpy(dtype=object), rows["secure"].to_numpy()
    # Rows are in order of their names and i < j: no two catalogues pair in both orders.
    of_pair = pd.Series(range(len(pairs.i))).groupby([source[pairs.i], source[pairs.j]])
    return [
        _compare(first, second, pairs.chosen(chosen), apart[chosen], secure)
        for (first, second), chosen in ((key, part.to_numpy()) for key, part in of_pair)
    ]


def _compare(
    first: str,
    second: str,
    pairs: Pairs,
    apart: npt.NDArray[np.bool_],
    secure: npt.NDArray[np.bool_],
) -> PairCounts:
    both = secure[pairs.i] & secure[pairs.j]
    median, most = np.percentile(pairs.separation, [50, 95]) if len(pairs.i) else (np.nan, np.nan)
    return PairCounts(
        first,
        second,
        len(pairs.i),
        float(median),
        float(most),
        int(apart.sum()),
        int(both.sum()),
        int((apart & both).sum()),
    )
