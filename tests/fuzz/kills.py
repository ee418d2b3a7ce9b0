"""Kill every command that writes, at random moments: `python tests/fuzz/kills.py --help`."""

import argparse
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(description="Kill every command that writes, and look.")
    parser.add_argument("--kills", type=int, default=60, help="over all commands")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    arguments = parser.parse_args()

    sys.path.append(str(Path(__file__).parents[1]))  # `releases`, `mock_run`, `upstream_server`
    from fuzzing.kills import all_works, report, run_kills

    start = time.perf_counter()
    with all_works() as works:
        tallies = run_kills(works, arguments.kills, arguments.seed)
    sys.stdout.write(report(tallies))
    sys.stdout.write(f"{time.perf_counter() - start:.0f} s\n")
    return int(any(tally.failures for tally in tallies))


if __name__ == "__main__":
    sys.exit(main())
