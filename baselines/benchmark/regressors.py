"""scikit-learn's regressors as methods: they learn redshifts from magnitudes, both as they are."""

import inspect
from typing import Any

import pandas as pd

from transferz.baselines.benchmark.tables import magnitudes

SEEDED = "random_state"
"""What scikit-learn calls the parameter that a seed goes to."""


class Regressor:
    """A method around a regressor: anything that scikit-learn's ``is_regressor`` takes for one.

    It learns the redshift from `magnitudes`, neither of them transformed; a transformation belongs
    in a ``Pipeline`` or a ``TransformedTargetRegressor``. Each seed trains a clone, and is given to
    all parameters called ``random_state``, those of a pipeline's steps too. Without any, the method
    is deterministic.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> table = pd.DataFrame({"i_mag": [20.0, 21.0, 22.0], "redshift": [0.2, 0.4, 0.6]})
    >>> method = Regressor(LinearRegression())
    >>> method.fit(table, table, seed=0)
    >>> method.predict(table).round(6)
    array([0.2, 0.4, 0.6])
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator
        parameters = estimator.get_params(deep=True)
        self.seeded = [name for name in parameters if name.rpartition("__")[2] == SEEDED]
        parts = (one for one in parameters.values() if hasattr(one, "get_params"))
        self.kinds = [type(one) for one in (estimator, *parts) if not isinstance(one, type)]
        self.deterministic = not self.seeded
        named = ", ".join(kind.__name__ for kind in self.kinds)
        self.description = f"A regressor of scikit-learn's kind on the magnitudes: {named}."

    def fit(self, train: pd.DataFrame, validation: pd.DataFrame, *, seed: int) -> None:
        """Train a clone on the training galaxies; the others are not looked at."""
        from sklearn.base import clone

        self.fitted = clone(self.estimator).set_params(**dict.fromkeys(self.seeded, seed))
        self.fitted.fit(magnitudes(train), train["redshift"].to_numpy())

    def predict(self, table: pd.DataFrame) -> Any:
        """Forecast redshifts, shape (N,)."""
        return self.fitted.predict(magnitudes(table))


def is_estimator(made: Any) -> bool:
    """Tell whether an object is an estimator by its calls; nothing is imported for it."""
    return not isinstance(made, type) and all(
        callable(getattr(made, name, None)) for name in ("fit", "get_params", "set_params")
    )


def as_method(made: Any) -> Any:
    """Put a `Regressor` around a regressor; all else is returned as it is.

    So is a regressor whose `fit` takes a seed by name, which is a method already.
    """
    if not is_estimator(made) or "seed" in inspect.signature(made.fit).parameters:
        return made
    from sklearn.base import is_regressor

    return Regressor(made) if is_regressor(made) else made


def clones(estimator: Any, module: str, name: str) -> Any:
    """Return a function of parameters that makes clones of an estimator with these.

    It is called by the `module` and `name` that the estimator is found under.
    """

    def make(**parameters: Any) -> Any:
        from sklearn.base import clone

        return clone(estimator).set_params(**parameters)

    make.__module__, make.__qualname__ = module, name
    return make
