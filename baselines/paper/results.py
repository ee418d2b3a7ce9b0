"""The checked results of the baselines: one record each, with the figures and tables beside.

``python -m transferz.baselines.paper.results --run data/mock/baselines --release DIR
--out baselines/results/mock``. They are small files in git, which the release's card reads.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from transferz.baselines.benchmark.run_command import run_command
from transferz.baselines.methods.paper import METHODS
from transferz.baselines.paper.report import FILES, MADE_OF, REPORT, made_of
from transferz.baselines.paper.report_input import EVALUATED, evaluated
from transferz.baselines.paper.results_record import record_text
from transferz.releases import Release, find_release
from transferz.schemas.errors import InputError
from transferz.tables.files import read_json, replace_directory

KEEP = ".gitkeep"
REPORT_AGAIN = "draw figures and tables again: `python -m transferz.baselines.paper.report`"


def write_results(run: Path, release: Release, out: Path) -> list[str]:
    """Compose, check and write the results of a run, all or nothing.

    Parameters
    ----------
    run : Path
        With ``train/<method>/``, ``evaluate/<method>/`` and ``figures/``.
    release : Release
        What the baselines were trained and evaluated on.
    out : Path
        The folder to write; an older one is replaced.

    Returns
    -------
    list of str
        The methods.

    Raises
    ------
    InputError
        Where a file is missing or not what it should be, the release has other content than the
        one trained on, the figures show other scores, or `out` holds files of something else.
    """
    _require_ours(out)
    texts = {folder.name: record_text(run, folder.name, release) for folder in evaluated(run)}
    shown = _checked_report(run)
    with replace_directory(out) as folder:
        for method, text in texts.items():
            (folder / f"{method}.json").write_text(text, encoding="utf-8", newline="\n")
        for path in shown:
            shutil.copyfile(path, folder / path.name)
    return list(texts)


def _checked_report(run: Path) -> list[Path]:
    """The figures and tables of a run, which must show its scores as they are now."""
    folder = run / REPORT
    if not folder.is_dir():
        raise InputError(f"{folder} is missing; {REPORT_AGAIN}")
    if read_json(folder / MADE_OF) != made_of(run):
        raise InputError(f"{folder} shows other scores than {run / EVALUATED}; {REPORT_AGAIN}")
    return sorted(path for path in folder.iterdir() if path.name in FILES - {MADE_OF})


def _require_ours(out: Path) -> None:
    """Refuse to replace a folder with anything in it that is no result, git's own mark apart."""
    ours = FILES | {f"{method}.json" for method in METHODS} | {KEEP}
    found = [path.name for path in out.iterdir()] if out.is_dir() else []
    if out.is_file() or (others := sorted(set(found) - ours)):
        what = "is a file" if out.is_file() else f"holds '{others[0]}', which is no result"
        raise InputError(f"--out {out} {what}; remove it, or name another folder")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="what `make baselines` made")
    parser.add_argument("--release", type=Path, help="a release directory (default: the one found)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write, of one survey")
    args = parser.parse_args(argv)
    methods = write_results(args.run, find_release(args.release), args.out)
    sys.stdout.write(f"{args.out}: {', '.join(methods)}\n")
    return 0


if __name__ == "__main__":
    run_command(main)
