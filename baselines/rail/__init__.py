"""Estimators of RAIL as methods of the benchmark: ``transferz benchmark rail:KNearNeighEstimator``.

RAIL's packages and ours ask for other versions of the same libraries, so RAIL runs in a Python of
its own, in which `worker` is started; data go there and forecasts come back as files.
"""
