"""Find out whether a release is sound."""
