"""Find out whether a training table holds test galaxies."""
