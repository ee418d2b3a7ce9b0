"""Harder tasks than one random split of a release, as releases that are made of it."""
