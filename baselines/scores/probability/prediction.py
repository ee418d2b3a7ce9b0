"""Hand in forecasts: what a method returns."""

from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import Distribution
from transferz.baselines.scores.probability.mixture import GaussianMixture, Samples
from transferz.baselines.scores.probability.piecewise import GridPDF, Quantiles
from transferz.schemas.errors import InputError

FORMS = "samples, levels with quantiles, grid with pdf, mixture, distribution"


@dataclass(frozen=True, eq=False)
class Prediction:
    """The forecasts of N galaxies: a point for each, and at most one form of a distribution.

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
    distribution : Distribution, optional
        Any other form.

    Raises
    ------
    InputError
        Where shapes differ, more than one form is given, or a form's own check fails.

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
            point = np.asarray(self.point, np.float64)
            if point.ndim != 1:
                raise ValueError(
                    "point: expected one redshift per galaxy, shape (N,); found shape "
                    f"{point.shape}"
                )
            if np.isinf(point).any():
                raise ValueError(
                    "point: expected finite redshifts, NaN where there is none; found infinity"
                )
            _require_mixture(mixture)
            forms = [
                None if samples is None else Samples(np.asarray(samples)),
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
            object.__setattr__(self, "distribution", given[0] if given else None)
            object.__setattr__(self, "object_id", _as_ids(self.object_id, point.size))
            object.__setattr__(self, "point", point)
        except ValueError as error:
            raise InputError(f"Prediction: {error}.") from error

    def __len__(self) -> int:
        return int(self.point.size)


def _require_mixture(mixture: object) -> None:
    if not isinstance(mixture, GaussianMixture | None):
        kind = type(mixture).__name__
        raise ValueError(f"mixture: expected a GaussianMixture; found {kind}")


def _as_ids(object_id: npt.ArrayLike | None, size: int) -> npt.NDArray[np.int64] | None:
    if object_id is None:
        return None
    ids = np.asarray(object_id)
    if ids.shape != (size,) or ids.dtype.kind not in "iu":
        raise ValueError(
            f"object_id: expected {size} whole numbers, one per point; "
            f"found dtype {ids.dtype}, shape {ids.shape}"
        )
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
    return kind(*map(np.asarray, given.values()))
