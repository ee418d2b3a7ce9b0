"""Every metric, once.

`metrics` scores points, `probability` forecasts with a width; `binning` and `requirements` say of
which galaxies and against what; `bootstrap` adds error bars, and `paired` compares two methods.
"""
