"""The words of the benchmark: scores, entries, records. No stage of a survey depends on them."""
