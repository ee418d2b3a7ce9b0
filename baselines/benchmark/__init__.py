"""Any photo-z method, trained and scored on a release, or on a table of one's own.

A method is a class with ``fit(train, validation, *, seed)`` and ``predict(table)``, which returns a
`Prediction`, and perhaps ``calibrate(calibration)``; no base class. Tables are pandas DataFrames;
`magnitudes` and `errors` take their columns. `predict` receives ids, magnitudes and errors alone.
That keeps mistakes out, not malice: a method runs in this process, and can read any file.

``transferz.baselines.benchmark.benchmarking.benchmark`` runs one, as ``transferz benchmark`` does.
"""

from transferz.baselines.benchmark.tables import errors, magnitudes
from transferz.baselines.scores.probability import GaussianMixture, Prediction

__all__ = ["GaussianMixture", "Prediction", "errors", "magnitudes"]
