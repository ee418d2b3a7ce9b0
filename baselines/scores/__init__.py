"""Every metric, once.

`metrics` scores points, `probability` forecasts with a width; `tomography` scores n(z), `flags` how
well a method knows its own errors, `discreteness` how few values it forecasts; `binning` and
`requirements` say of which galaxies and against what; `bootstrap` adds error bars, and `paired`
compares two methods.
"""
