"""Reference methods, as plug-ins of the benchmark.

Each is a class that `transferz benchmark` can run; importing this package imports none of them,
because some need scikit-learn, others the packages of the template fit.
"""
