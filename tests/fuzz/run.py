"""Feed damaged inputs to the readers of catalogues and to every command: `run.py --help`."""

import argparse
import os
import sys
import time
from pathlib import Path


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Damaged upstream files for the readers, hostile inputs for every command. "
        "The same numbers give the same inputs."
    )
    parser.add_argument("--files", type=int, default=2000, help="inputs of each, at least")
    parser.add_argument("--seed", type=int, default=1, help="of the random numbers")
    parser.add_argument("--only", choices=("readers", "commands"), help="(default: both)")
    parser.add_argument("--matching", default="", help="only 'COMMAND INPUT' that hold this text")
    parser.add_argument("--input", type=int, metavar="N", help="one input of a command's, in full")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once (default: 1)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="save upstream files that fail")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        from fuzzing.campaign import serve

        serve()
        return 0
    start, failures = time.perf_counter(), 0
    if arguments.only != "commands" and arguments.input is None:
        failures += fuzz_readers(arguments)
    if arguments.only != "readers":
        failures += fuzz_commands(arguments)
    sys.stdout.write(f"{time.perf_counter() - start:.0f} s\n")
    return int(failures > 0)


def fuzz_readers(arguments: argparse.Namespace) -> int:
    from fuzzing.campaign import report, run_campaign

    tallies = run_campaign(arguments.files, arguments.seed, arguments.keep)
    sys.stdout.write(report(tallies))
    return sum(len(tally.failures) for tally in tallies)


def fuzz_commands(arguments: argparse.Namespace) -> int:
    os.environ |= {"OMP_NUM_THREADS": "1", "ARROW_DEFAULT_MEMORY_POOL": "system"}
    from fuzzing.commands.hunt import report, run_hunt

    one = arguments.input
    hunt = run_hunt(
        arguments.files if one is None else one + 1,
        arguments.seed,
        jobs=arguments.jobs,
        numbers=None if one is None else [one],
        matching=arguments.matching,
        say=lambda text: print(text, flush=True),
    )
    sys.stdout.write(report(hunt))
    return len(hunt.findings)


if __name__ == "__main__":
    sys.exit(main())
