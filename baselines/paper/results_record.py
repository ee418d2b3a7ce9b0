"""Compose the record of a result from what training, evaluation and the release say."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transferz.baselines.methods.paper import METHODS
from transferz.baselines.networks.weights import MODEL_FILE, RECORD_FILE, Model, load_ensemble
from transferz.baselines.paper.evaluate import SCORES_FILE, SPLIT, TESTED
from transferz.baselines.paper.report_input import EVALUATED
from transferz.releases import Release
from transferz.schemas.benchmark.records import parse_record
from transferz.schemas.benchmark.results import Result, Span, Training
from transferz.schemas.errors import InputError
from transferz.schemas.survey.files import RELEASE_NAME, json_text
from transferz.schemas.survey.manifest import read_manifest
from transferz.tables.files import read_json

TRAINED = "train"
"""The folder of a run with a folder per baseline."""

LEARNED = ("train", "validation")
DIGITS = 6
"""Significant ones that are kept of numbers (our choice)."""

TRAIN_AGAIN = (
    "train it again: `dvc repro --force --single-item baselines/dvc.yaml:train@<baseline>`"
)


def record_text(run: Path, method: str, release: Release) -> str:
    """Return the checked text of a method's record.

    Parameters
    ----------
    run : Path
        With ``train/<method>/`` and ``evaluate/<method>/``.
    method : str
        The baseline.
    release : Release
        What it was trained and evaluated on.

    Raises
    ------
    InputError
        Where a file is missing or not what it should be, or the release has other content than
        the one trained on.
    """
    source = run / TRAINED / method / RECORD_FILE
    trained = read_json(source)
    scores = read_json(run / EVALUATED / method / SCORES_FILE)
    _require_same_run(load_ensemble(source.parent), trained, source)
    try:
        composed = compose(method, trained, scores, release)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{source} is no record of a release: {error!r}; {TRAIN_AGAIN}") from None
    text = json_text(rounded(composed))
    parse_record(text, Result, f"{run}: the result of {method}", TRAIN_AGAIN)
    return text


def _require_same_run(model: Model, trained: Mapping[str, Any], source: Path) -> None:
    """The record is no output of DVC's: it may be of another training than the weights."""
    fits = [asdict(fit) for fit in model.ensemble.fits]
    if trained.get("training") != fits or trained.get("schedule") != model.provenance["schedule"]:
        raise InputError(
            f"{source} is of another training than the {MODEL_FILE} beside it; {TRAIN_AGAIN}"
        )


def compose(
    method: str, trained: Mapping[str, Any], scores: Mapping[str, Any], release: Release
) -> dict[str, Any]:
    """Compose a record.

    Parameters
    ----------
    method : str
        The baseline.
    trained, scores : mapping
        What training and evaluation have written.
    release : Release
        What it was trained on.

    Raises
    ------
    InputError
        Where training and evaluation are not of the same baseline and seeds, or the release is
        not what was trained on.
    KeyError, TypeError, ValueError
        Where an entry is missing or of another shape.
    """
    fits, start = trained["training"], trained["start"]
    asked = (method, len(fits))
    if (scores["method"], scores["seeds"]) != asked or trained["method"] != method:
        raise InputError(
            f"'{method}' was trained as '{trained['method']}' with {len(fits)} seeds and evaluated "
            f"as '{scores['method']}' with {scores['seeds']}; evaluate it again: `make baselines`"
        )
    return {
        "method": method,
        "title": METHODS[method].title,
        "data": _data(method, trained, release),
        "config": trained["source"]["config"],
        "start": start["method"] if start else None,
        "bands": trained["bands"],
        "seeds": len(fits),
        "schedule": trained["schedule"],
        "training": {
            name: Span.of(fit[name] for fit in fits).model_dump() for name in Training.model_fields
        },
        "scores": scores["sets"],
        "hardware": trained["hardware"],
        "duration_s": trained["duration_s"],
        "command": trained["command"],
        "packages": trained["packages"],
        "transferz": version("transferz"),
    }


def _data(method: str, trained: Mapping[str, Any], release: Release) -> dict[str, Any]:
    """What was trained and tested on, which must be what the release holds now."""
    now = read_manifest(release.path)
    used = _used_splits(trained, now["content"])
    source = trained["source"]["release"]
    _require_same(method, used, source, now)
    if start := trained["start"]:
        origin = start.get("source", trained["source"])
        learned = [(config, split) for config, split in used if config == start_config(start)]
        _require_same(method, learned, origin["release"], now)
    content: dict[str, dict[str, Any]] = {}
    for config, split in used:
        facts = now["content"][config][split]
        content.setdefault(config, {})[split] = {"rows": facts["rows"], "hash": facts["content"]}
    named = {name: now[name] for name in ("version", "survey", "mock")}
    return {"name": RELEASE_NAME, **named, "content": content}


def start_config(start: Mapping[str, Any]) -> str:
    """Return the config that the baseline which was fine-tuned had learned from."""
    return str(start["source"]["config"] if "source" in start else start["config"])


def _used_splits(
    trained: Mapping[str, Any], content: Mapping[str, Mapping[str, Any]]
) -> list[tuple[str, str]]:
    """Config and split of all that was learned from and tested on, in the release's order."""
    configs = {trained["source"]["config"]}
    if trained["start"]:
        configs.add(start_config(trained["start"]))
    tested = {*TESTED, "truth"} if "truth" in content else set(TESTED)
    used = {(config, split) for config in configs for split in LEARNED}
    used |= {(config, SPLIT) for config in tested}
    return [
        (config, split)
        for config in content
        for split in content[config]
        if (config, split) in used
    ]


def _require_same(
    method: str,
    used: Sequence[tuple[str, str]],
    source: Mapping[str, Any],
    now: Mapping[str, Any],
) -> None:
    for config, split in used:
        before = source["content"].get(config, {}).get(split, {}).get("content")
        if before != (here := now["content"][config][split]["content"]):
            raise InputError(
                f"'{method}' was trained on a release whose {config}/{split} has the content "
                f"{before}, and the release has {here} now; {TRAIN_AGAIN}"
            )


def rounded(value: Any) -> Any:
    """Return JSON with its real numbers rounded to `DIGITS` significant digits."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
