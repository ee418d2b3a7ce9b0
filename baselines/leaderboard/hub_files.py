"""The leaderboard in the Hugging Face Hub's own format.

``eval.yaml`` stands in the dataset's repository and registers it as a benchmark, with a task per
test set and metric; ``.eval_results/*.yaml`` stand in a model's repository and report its values.
The format: https://huggingface.co/docs/hub/eval-results. The Hub takes a benchmark whose
`FRAMEWORK` is on its list of evaluation frameworks
(``packages/tasks/src/eval.ts`` of huggingface/huggingface.js): it has to be added there once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transferz.baselines.leaderboard.board import NOT_RERUN, Board, Row
from transferz.baselines.leaderboard.words import secure_link, training_title
from transferz.baselines.scores.paired import TARGETS, distance
from transferz.schemas.benchmark.scores import COSMOLOGICAL
from transferz.schemas.errors import InputError, ParameterError
from transferz.tables.files import replace_directory

FRAMEWORK = "transferz"
"""Our harness's identifier on the Hub's list."""

EVAL_FILE = "eval.yaml"
RESULTS_FOLDER = ".eval_results"

TASKS = ("scatter", "bias", "outlier_rate", "catastrophic_rate", "crps")
"""Metrics with a leaderboard each on the Hub, at 0.3 < z <= 1.5 (our choice)."""

SPLIT = "test"


def eval_task_file(board: Board) -> dict[str, Any]:
    """Compose ``eval.yaml``: what the benchmark is, and its tasks."""
    mock = "MOCK galaxies, not real ones. " if board.mock else ""
    return {
        "name": f"{'MOCK ' if board.mock else ''}TransferZ photometric redshifts",
        "description": (
            f"{mock}Photometric redshifts from broad-band photometry, scored against the labels of "
            "galaxies that no method has seen, at 0.3 < z <= 1.5. A task is a test set and a "
            "metric; less is better in all of them, and the value of a bias is its absolute "
            "value. Methods that forecast the same for every galaxy have no results. Values are "
            "made by `transferz benchmark`; which differences are more than luck is on the "
            "leaderboard's own page."
        ),
        "evaluation_framework": FRAMEWORK,
        "tasks": [
            {"id": f"{config}_{metric}", "config": config, "split": SPLIT}
            for config, metric in _tasks(board)
        ],
    }


def _tasks(board: Board) -> Iterator[tuple[str, str]]:
    for config in board.configs:
        for metric in TASKS:
            if any(row.summary(config, COSMOLOGICAL, metric) for row in board.rows):
                yield config, metric


def eval_results(board: Board, row: Row, repo: str) -> list[dict[str, Any]]:
    """Compose a model's ``.eval_results`` file; `repo` is the dataset's, ``org/name``."""
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    entry, source = row.entry, secure_link(row.entry.method.code)
    values = [
        EvalResultEntry(
            dataset_id=repo,
            task_id=f"{config}_{metric}",
            value=float(f"{distance(metric, score.mean):.6g}"),
            date=entry.date,
            source_url=source,
            source_name=entry.method.name if source else None,
            notes=_notes(row, config, metric, score.error),
        )
        for config, metric in _tasks(board)
        if (score := row.summary(config, COSMOLOGICAL, metric)) and score.mean is not None
    ]
    return eval_result_entries_to_yaml(values)


def _notes(row: Row, config: str, metric: str, error: float | None) -> str:
    entry = row.entry
    parts = [
        "MOCK galaxies" if entry.mock else "",
        NOT_RERUN if entry.published else f"learned from {training_title(row)}",
        "one training" if entry.seeds == 1 else f"mean of {entry.seeds} seeds",
        "" if error is None else f"error {error:.2g}",
        "absolute value" if metric in TARGETS else "",
        "" if row.complete(config) else "galaxies left out",
        f"data version {getattr(entry.data, 'version', '')}",
    ]
    return ", ".join(part for part in parts if part)


def write_hub_files(board: Board, repo: str | None, out: Path) -> list[Path]:
    """Write ``eval.yaml`` and a folder per current method with its ``.eval_results``.

    An older folder of ours is replaced. The files are returned relative to `out`. Raises a
    ParameterError where `repo` is no name such as ``org/name``, or names no mock though the
    galaxies are, and an InputError where the board is of tables of one's own, or `out` holds
    something else.
    """
    import yaml

    if any(row.entry.survey is None for row in board.rows):
        raise InputError(
            "these entries are of a table of one's own, which is no dataset on the Hub"
        )
    named = _checked_repo(repo, mock=board.mock)
    ours = not out.exists() or (out / EVAL_FILE).is_file()
    if not ours and (out.is_file() or any(out.iterdir())):
        raise InputError(f"{out} holds something else; remove it or name another folder")
    texts = {EVAL_FILE: eval_task_file(board)} | {
        f"{row.key}/{RESULTS_FOLDER}/transferz.yaml": eval_results(board, row, named)
        for row in board.rows
        if row.current and not row.trivial  # the Hub would rank it
    }
    with replace_directory(out) as folder:
        for name, content in texts.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
            path.write_text(text, encoding="utf-8", newline="\n")
    return [Path(name) for name in texts]


def _checked_repo(repo: str | None, *, mock: bool) -> str:
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    if repo is None or repo.count("/") != 1:
        raise ParameterError(
            f"name the dataset's repository on the Hub, repo=org/name; found {repo!r}",
            repo="--repo ",
        )
    try:
        validate_repo_id(repo)
    except HFValidationError as error:
        raise ParameterError(
            f"repo={repo} is no repository's name: {error}", repo="--repo "
        ) from None
    if mock and "mock" not in repo.split("/")[1].lower():
        raise ParameterError(
            f"repo={repo}: these galaxies are a mock's; its name must say mock", repo="--repo "
        )
    return repo
