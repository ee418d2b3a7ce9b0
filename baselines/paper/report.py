"""The paper's figures and tables, from one command: the last stage of ``baselines/dvc.yaml``.

``python -m transferz.baselines.paper.report --run data/mock/baselines --release DIR``.
"""

import argparse
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from transferz.baselines.benchmark.run_command import run_command
from transferz.baselines.paper.evaluate import SCORES_FILE
from transferz.baselines.paper.figures import forecasts
from transferz.baselines.paper.figures_bins import bins
from transferz.baselines.paper.figures_scores import scores
from transferz.baselines.paper.figures_style import paper_style, save_figure
from transferz.baselines.paper.report_input import Evaluation, evaluated, read_evaluations
from transferz.baselines.paper.report_ratios import ratio_table
from transferz.baselines.paper.report_scores import noise_table, requirement_table, score_table
from transferz.baselines.paper.tables_text import TextTable
from transferz.releases import Release, find_release
from transferz.schemas.benchmark.scores import TESTED
from transferz.schemas.survey.files import file_digest
from transferz.tables.files import replace_directory, require_file, write_json

REPORT = "figures"
"""The folder of a run that is written."""

OF_THE_RELEASE = ("distributions", "flow")
"""Figures 1 and 4 of the paper, which are the release's own."""

DRAWN = ("forecasts", "scores", "bins", "bins_transferz")
TABLES = ("scores", "lsst", "ratios", "label_noise")
MADE_OF = "made_of.json"
"""Which scores the figures and tables show."""

FILES = frozenset(
    {MADE_OF}
    | {f"{name}.png" for name in (*OF_THE_RELEASE, *DRAWN)}
    | {f"{name}.pdf" for name in DRAWN}
    | {f"{name}.{ending}" for name in TABLES for ending in ("md", "tex")}
)
"""All that is written; the tables of ratios and of label noise where there are such."""

LATEX_HEADER = "% Needs \\usepackage{booktabs}.\n"


def report(run: Path, release: Release) -> None:
    """Draw the paper's figures and write its tables, all or nothing.

    Parameters
    ----------
    run : Path
        With ``evaluate/<method>/``; ``figures/`` in it is replaced.
    release : Release
        What the baselines were evaluated on.

    Raises
    ------
    InputError
        Where a file is missing, damaged or of other galaxies, or the folder can't be written.
    """
    evaluations = read_evaluations(run)
    named = title(release)
    with replace_directory(run / REPORT) as folder:
        for name in OF_THE_RELEASE:
            drawn = require_file(release.path / "figures" / f"{name}.png", "build it: `make repro`")
            shutil.copyfile(drawn, folder / drawn.name)
        draw(evaluations, named, folder)
        for name, tables in tabulate(evaluations, named).items():
            write_tables(tables, folder, name)
        write_json(folder / MADE_OF, made_of(run))


def title(release: Release) -> str:
    """Return what figures and tables call a release; of a mock, that it is one."""
    return f"TransferZ {release.version}" + (" (mock galaxies)" if release.mock else "")


def made_of(run: Path) -> dict[str, str]:
    """Return the sha256 of every baseline's scores, by method."""
    return {folder.name: file_digest(folder / SCORES_FILE)["sha256"] for folder in evaluated(run)}


def draw(evaluations: Sequence[Evaluation], named: str, folder: Path) -> None:
    """Draw the figures that are about forecasts, each as PNG and PDF.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        The baselines.
    named : str
        What the figures' titles say of the release.
    folder : Path
        Where to.
    """
    with paper_style():
        save_figure(forecasts(evaluations, named), folder, "forecasts")
        save_figure(scores(evaluations, named), folder, "scores")
        save_figure(bins(evaluations, named), folder, "bins")
        save_figure(bins(evaluations, named, "transferz"), folder, "bins_transferz")


def tabulate(evaluations: Sequence[Evaluation], named: str) -> dict[str, list[TextTable]]:
    """Return the tables of each file, by its name without ending, one per test split."""
    makers = (score_table, requirement_table, ratio_table, noise_table)
    made = {
        name: [maker(evaluations, config, named) for config in TESTED]
        for name, maker in zip(TABLES, makers, strict=True)
    }
    return {
        name: there
        for name, tables in made.items()
        if (there := [table for table in tables if table is not None])
    }


def write_tables(tables: Iterable[TextTable], folder: Path, name: str) -> None:
    """Write tables into one Markdown and one LaTeX file; the notes that all share come once."""
    listed = list(tables)
    after = [*(table.notes for table in listed[1:]), ""]
    texts = {
        "md": "\n".join(
            table.markdown(notes=table.notes != following)
            for table, following in zip(listed, after, strict=True)
        ),
        "tex": LATEX_HEADER + "\n".join(table.latex() for table in listed),
    }
    for ending, text in texts.items():
        (folder / f"{name}.{ending}").write_text(text, encoding="utf-8", newline="\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the stage."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="with evaluate/<method>/")
    parser.add_argument("--release", type=Path, help="a release directory (default: the one found)")
    args = parser.parse_args(argv)
    report(args.run, find_release(args.release))
    return 0


if __name__ == "__main__":
    run_command(main)
