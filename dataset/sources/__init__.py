"""The upstream catalogues: one module each, saying where it lies and how to read it."""
