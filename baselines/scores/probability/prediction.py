"""Hand in forecasts: what a method returns."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.arrays import IN_ORDER, as_flags, as_numbers, row_labels
from transferz.baselines.scores.probability.distribution import Distribution
from transferz.baselines.scores.probability.mixture import GaussianMixture, Samples
from transferz.baselines.scores.probability.piecewise import GridPDF, Quantiles
from transferz.schemas.errors import InputError
from transferz.schemas.survey.quantities import FORECAST

FORMS = "samples, levels with quantiles, grid with pdf, mixture, distribution"

ASKED = ("take", "cdf", "density", "square_integral", "crps", "quantiles")
"""What any distribution can be asked."""

QP = "build_tables"
"""What qp's ensembles have, which the benchmark makes distributions of."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """The forecasts of N galaxies: a point for each, and at most one form of a distribution.

    Arrays may be NumPy's (masked too), pandas', PyTorch's, astropy's and others; what is masked or
    null is NaN. A pandas index other than 0, 1, 2 ... is taken for the rows of the table that was
    to be forecast; all that goes with it must have the same.

    Parameters
    ----------
    point : array_like, shape (N,)
        Redshifts; NaN where there is no forecast.
    object_id : array_like of int, shape (N,), optional
        Which galaxies; else they are those asked for, in that order.
    samples : array_like, shape (N, M), optional
        See `Samples`.
    levels, quantiles : array_like, shapes (L,) and (N, L), optional
        See `Quantiles`.
    grid, pdf : array_like, shapes (G,) and (N, G), optional
        See `GridPDF`.
    mixture : GaussianMixture, optional
        See there.
    distribution : Distribution or qp.Ensemble, optional
        Any other form.
    flag : array_like, shape (N,), optional
        How little each forecast is to be trusted, in any unit: the larger, the less. True is 1.

    Attributes
    ----------
    index : ndarray or None
        That of pandas, shape (N,); None where it is 0, 1, 2 ... or there is none.

    Raises
    ------
    InputError
        Where shapes differ, more than one form is given, a form's own check fails, or a galaxy
        that has a point has no flag where others have one.

    Examples
    --------
    >>> forecasts = Prediction([0.5, 1.2], samples=[[0.4, 0.6], [1.1, 1.3]])
    >>> len(forecasts), forecasts.distribution.cdf([0.5, 1.4])
    (2, array([0.5, 1. ]))
    """

    point: Array
    object_id: npt.NDArray[np.int64] | None = field(default=None, kw_only=True)
    samples: InitVar[npt.ArrayLike | None] = field(default=None, kw_only=True)
    levels: InitVar[npt.ArrayLike | None] = field(default=None, kw_only=True)
    quantiles: InitVar[npt.ArrayLike | None] = field(default=None, kw_only=True)
    grid: InitVar[npt.ArrayLike | None] = field(default=None, kw_only=True)
    pdf: InitVar[npt.ArrayLike | None] = field(default=None, kw_only=True)
    mixture: InitVar[GaussianMixture | None] = field(default=None, kw_only=True)
    distribution: Distribution | None = field(default=None, kw_only=True)
    flag: Array | None = field(default=None, kw_only=True)
    index: npt.NDArray[Any] | None = field(default=None, init=False, repr=False)

    def __post_init__(
        self,
        samples: npt.ArrayLike | None,
        levels: npt.ArrayLike | None,
        quantiles: npt.ArrayLike | None,
        grid: npt.ArrayLike | None,
        pdf: npt.ArrayLike | None,
        mixture: GaussianMixture | None,
    ) -> None:
        try:
            rows = {"point": self.point, "samples": samples, "quantiles": quantiles, "pdf": pdf}
            rows["flag"] = self.flag
            whole = {"mixture": mixture, "distribution": self.distribution}
            index = _common_index(rows | whole, named=self.object_id is not None)
            point = as_numbers(self.point, "point").astype(np.float64)
            if point.ndim != 1:
                raise ValueError(
                    "point: expected one redshift per galaxy, shape (N,); found shape "
                    f"{point.shape}"
                )
            if np.isinf(point).any():
                raise ValueError(
                    "point: expected finite redshifts, NaN where there is none; found infinity"
                )
            _require_forms(mixture, self.distribution)
            forms = [
                None if samples is None else Samples(as_numbers(samples, "samples")),
                _pair(Quantiles, levels=levels, quantiles=quantiles),
                _pair(GridPDF, grid=grid, pdf=pdf),
                mixture,
                self.distribution,
            ]
            given = [form for form in forms if form is not None]
            if len(given) > 1:
                raise ValueError(f"expected at most one of {FORMS}; found {len(given)}")
            for form in given:
                if len(form) != point.size:
                    raise ValueError(
                        f"{point.size} points, but distributions of {len(form)} galaxies"
                    )
            object.__setattr__(self, "index", index)
            object.__setattr__(self, "distribution", given[0] if given else None)
            object.__setattr__(self, "object_id", _as_ids(self.object_id, point.size))
            object.__setattr__(self, "point", point)
            if self.flag is not None:
                flag = as_flags(self.flag, FORECAST.is_missing(point))
                object.__setattr__(self, "flag", flag)
        except ValueError as error:
            raise InputError(f"Prediction: {error}.") from error

    def __len__(self) -> int:
        return int(self.point.size)

    def galaxies(self, asked: npt.NDArray[np.int64]) -> npt.NDArray[np.int64] | None:
        """Return the ids of the galaxies that are forecast; None for those asked for, in order.

        `asked` has the ids of the table, shape (M,), whose rows `index` names. An InputError says
        that it does not, or names other galaxies than `object_id`.
        """
        if self.index is None:
            return self.object_id
        rows = self.index
        if rows.dtype.kind in "iu" and rows.size and rows.min() >= 0 and rows.max() < asked.size:
            ids = asked[rows]
            if self.object_id is None or np.array_equal(ids, self.object_id):
                return ids
            fault = "an index that names other galaxies than object_id"
        elif self.object_id is not None:
            return self.object_id
        else:
            fault = f"an index that is not the table's, 0 to {asked.size - 1:,}"
        raise InputError(
            f"the forecasts have {fault}; give them as an array (.to_numpy()) in the order of the "
            "table, or of object_id"
        )


def _common_index(parts: Mapping[str, Any], *, named: bool) -> npt.NDArray[Any] | None:
    """Return the index that all parts have; a ValueError where only some have one, or another.

    Where galaxies are `named` by their ids, a part without an index is in the order of the ids.
    """
    index = row_labels(parts)
    for name, part in parts.items():
        if index is not None and not named and part is not None and not hasattr(part, "iloc"):
            raise ValueError(
                f"{name} has no index, and others have one that is not 0, 1, 2 ...; {IN_ORDER}"
            )
    return index


def _require_forms(mixture: object, distribution: object) -> None:
    """Refuse what is no mixture, or can't be asked what distributions are asked."""
    if not isinstance(mixture, GaussianMixture | None):
        kind = type(mixture).__name__
        raise ValueError(f"mixture: expected a GaussianMixture; found {kind}")
    if distribution is None or hasattr(distribution, QP):
        return
    if not all(callable(getattr(distribution, name, None)) for name in ASKED):
        kind = type(distribution).__name__
        raise ValueError(
            "distribution: expected one of transferz.baselines.scores.probability or a qp "
            f"ensemble; found {kind}"
        )


def _as_ids(object_id: Any, size: int) -> npt.NDArray[np.int64] | None:
    if object_id is None:
        return None
    ids = as_numbers(object_id, "object_id")
    if ids.shape != (size,) or ids.dtype.kind not in "iu":
        raise ValueError(
            f"object_id: expected {size} whole numbers, one per point; "
            f"found dtype {ids.dtype}, shape {ids.shape}"
        )
    if ids.dtype.kind == "u" and ids.size and int(ids.max()) > np.iinfo(np.int64).max:
        raise ValueError(f"object_id: expected ids that fit int64; found {ids.max()}")
    return ids.astype(np.int64)


def _pair(
    kind: type[Quantiles] | type[GridPDF], **arrays: npt.ArrayLike | None
) -> Distribution | None:
    """Build a form from its two arrays, if they are given."""
    given = {name: values for name, values in arrays.items() if values is not None}
    if not given:
        return None
    if len(given) < len(arrays):
        (present,), (absent,) = given, set(arrays) - set(given)
        raise ValueError(f"{present} is given without {absent}")
    return kind(*(as_numbers(values, name) for name, values in given.items()))
