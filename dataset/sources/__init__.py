"""The upstream catalogues: one module each, saying where it lies and how to read it.

Each has a function ``read(raw)``, which takes the folder with the upstream files and returns an
iterator of chunks of rows: pyarrow tables of exactly the columns that `transferz.schemas` declares
for the catalogue, as `reading.read_any` makes them. It raises `InputError` where a file is missing,
is one of several, or is not what it should be.
"""
