"""Corrupted upstream files: made here, read by the pipeline and by other people's readers."""
