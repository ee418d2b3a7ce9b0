"""The upstream catalogues: what each holds, how its columns become ours, and where it is got."""
