"""Forecasts for a catalogue larger than a machine: a HATS collection, partition by partition.

`collection` opens it and closes the new one, `leaves` forecasts one file of it, `job` remembers
which are done, `running` spreads them over a Dask cluster. hats, which LSDB reads with, keeps the
layout; a partition's rows go the way of a table's, so that they get the same bits.
"""
