"""Corrupt small upstream files and feed them to `ingest`: `python tests/fuzz/run.py --help`."""

import argparse
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the readers of the upstream catalogues.")
    parser.add_argument("--files", type=int, default=2000, help="corrupted files, at least")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save the inputs that fail here")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()

    from fuzzing.campaign import report, run_campaign, serve

    if arguments.worker:
        serve()
        return 0
    start = time.perf_counter()
    tallies = run_campaign(arguments.files, arguments.seed, arguments.keep)
    sys.stdout.write(report(tallies))
    sys.stdout.write(f"{time.perf_counter() - start:.0f} s\n")
    return int(any(tally.failures for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
