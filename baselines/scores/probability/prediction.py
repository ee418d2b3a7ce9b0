"""What a method hands in."""

from dataclasses import InitVar, dataclass, field

import numpy as np
import numpy.typing as npt

from transferz.baselines.scores.metrics import Array
from transferz.baselines.scores.probability.distribution import Distribution
from transferz.baselines.scores.probability.grid import GridPDF
from transferz.baselines.scores.probability.mixture import GaussianMixture
from transferz.baselines.scores.probability.quantiles import Quantiles
from transferz.baselines.scores.probability.samples import Samples
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
            point = _as_point(self.point)
            _require_mixture(mixture)
            forms = [
                None if samples is None else Samples(np.asarray(samples)),
                _pair(Quantiles, ("levels", levels), ("quantiles", quantiles)),
                _pair(GridPDF, ("grid", grid), ("pdf", pdf)),
                mixture,
                self.distribution,
            ]
            object.__setattr__(self, "distribution", _only(forms, point.size))
            object.__setattr__(self, "object_id", _as_ids(self.object_id, point.size))
            object.__setattr__(self, "point", point)
        except ValueError as error:
            raise InputError(f"Prediction: {error}.") from error

    def __len__(self) -> int:
        return int(self.point.size)


def _as_point(point: npt.ArrayLike) -> Array:
    values = np.asarray(point, np.float64)
    if values.ndim != 1:
        raise ValueError(
            f"point: expected one redshift per galaxy, shape (N,); found shape {values.shape}"
        )
    if np.isinf(values).any():
        raise ValueError(
            "point: expected finite redshifts, NaN where there is none; found infinity"
        )
    return values


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
    kind: type[Quantiles] | type[GridPDF],
    first: tuple[str, npt.ArrayLike | None],
    second: tuple[str, npt.ArrayLike | None],
) -> Distribution | None:
    """Build a form from its two arrays, if they are given."""
    if first[1] is None and second[1] is None:
        return None
    for name, other in ((first, second), (second, first)):
        if name[1] is None:
            raise ValueError(f"{other[0]} is given without {name[0]}")
    return kind(np.asarray(first[1]), np.asarray(second[1]))


def _require_mixture(mixture: object) -> None:
    if not isinstance(mixture, GaussianMixture | None):
        found = type(mixture).__name__
        raise ValueError(f"mixture: expected a GaussianMixture; found {found}")


def _only(forms: list[Distribution | None], size: int) -> Distribution | None:
    given = [form for form in forms if form is not None]
    if len(given) > 1:
        raise ValueError(f"expected at most one of {FORMS}; found {len(given)}")
    if not given:
        return None
    if len(given[0]) != size:
        raise ValueError(f"{size} points, but distributions of {len(given[0])} galaxies")
    return given[0]
