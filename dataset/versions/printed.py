"""What `transferz compare` and `transferz diff` print and write: text, JSON, a file of rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from transferz.dataset.verify.findings import printable
from transferz.dataset.versions.changes import STEPS, WHAT, Changes, actual_step
from transferz.dataset.versions.trace import MEANINGS
from transferz.photometry.redshift_error import MAD_TO_SIGMA, OUTLIER_LIMIT
from transferz.schemas import SPLITS, ParameterError
from transferz.schemas.survey.versions import Version
from transferz.tables.files import replace_file
from transferz.tables.printing import aligned

if TYPE_CHECKING:
    from transferz.dataset.versions.diff import Snapshot

Report = Mapping[str, Any]

ROW_FORMATS = (".parquet", ".csv")


def as_json(report: Report) -> str:
    """Return a report as JSON that repeats byte for byte."""
    return json.dumps(report, indent=2, allow_nan=False) + "\n"


# Two different releases.


def compare_text(report: Report) -> str:
    """Return a comparison of two releases as tables for a terminal.

    Parameters
    ----------
    report : mapping
        As `transferz.dataset.versions.compare.compare` makes it.
    """
    lines = []
    for side in "AB":
        facts = report[side.lower()]
        lines.append(
            f"{side}  transferz {facts['version']} (survey {facts['survey']}) {facts['path']}"
        )
    for side, configs in report["configs_only_in"].items():
        lines += [f"only {side.upper()} has config {', '.join(configs)}"] if configs else []
    for name, config in report["configs"].items():
        lines += ["", name, "-" * len(name), *_config_lines(config, report)]
    cuts = {
        step["cut"]
        for config in report["configs"].values()
        for steps in config["removed_by"].values()
        for step in steps or ()
    }
    noted = [f"{cut}: {meaning}" for cut, meaning in MEANINGS.items() if cut in cuts]
    return "\n".join([*lines, *(["", *noted] if noted else [])]) + "\n"


def _config_lines(config: Report, report: Report) -> list[str]:
    rows = config["rows"]
    labels = {"both": "in both", "only_a": "only in A", "only_b": "only in B"}
    labels["changed"] = "in both, changed"
    counts = [["rows", ""], *([text, f"{rows[n]:,}"] for n, text in labels.items())]
    lines = aligned(counts, right=True)
    if rows["both"]:
        splits, statistics = config["splits"], config["labels"]
        split_rows = ([one, *(f"{splits[one][two]:,}" for two in SPLITS)] for one in SPLITS)
        label_rows = [
            ["dz = (zA - zB) / (1 + zB)", ""],
            ["rows", f"{statistics['rows']:,}"],
            ["equal labels", f"{statistics['equal']:,}"],
            ["median", f"{statistics['median']:.6f}"],
            [f"{MAD_TO_SIGMA} MAD", f"{statistics['scatter']:.6f}"],
            [f"|dz| > {OUTLIER_LIMIT}", f"{statistics['outliers']:.4%}"],
        ]
        magnitude_rows = (
            [band, f"{facts['median']:.4f}", f"{facts['max_abs']:.4f}"]
            for band, facts in config["magnitudes"].items()
        )
        lines += ["", *aligned([["split in A, in B", *SPLITS], *split_rows], right=True)]
        lines += ["", *aligned(label_rows, right=True)]
        lines += [
            "",
            *aligned([["magnitude, A - B", "median", "max |A - B|"], *magnitude_rows], right=True),
        ]
    for side, other in (("a", "b"), ("b", "a")):
        if rows[f"only_{side}"]:
            steps = config["removed_by"][f"only_{side}"]
            lines += ["", *_removed_lines(steps, side.upper(), other.upper(), report[other])]
    return lines


def _removed_lines(
    steps: Sequence[Report] | None, side: str, other: str, facts: Mapping[str, str]
) -> list[str]:
    """The table of what kept rows of one side out of the other release."""
    if steps is None:
        return [f"why {other} lacks the rows only in {side}: {facts['untraced']}"]
    head = [f"only in {side}: what {other}'s build did", "rows"]
    rows = ([f"{step['stage']} {step['cut']}".strip(), f"{step['rows']:,}"] for step in steps)
    return aligned([head, *rows], right=True)


# Two versions of one release.


def diff_report(old: "Snapshot", new: "Snapshot", changes: Changes, refusal: str) -> dict[str, Any]:
    """Return what changed between two versions as JSON.

    Parameters
    ----------
    old, new : Snapshot
        The versions.
    changes : Changes
        What differs.
    refusal : str
        Why the version number contradicts it; empty where it does not.
    """
    return {
        "old": {"path": str(old.path), "version": str(old.version)},
        "new": {"path": str(new.path), "version": str(new.version)},
        **changes.summary(),
        "consistent": not refusal,
        "refusal": refusal,
    }


def diff_text(report: Report) -> str:
    """Return what changed between two versions as text for a terminal.

    Parameters
    ----------
    report : mapping
        As `diff_report` makes it.
    """
    lines = [
        f"{name}  transferz {report[name]['version']} {report[name]['path']}"
        for name in ("old", "new")
    ]
    head = ["config", *(f"rows {what}" for what in WHAT)]
    rows = [[config, *(f"{n[what]:,}" for what in WHAT)] for config, n in report["rows"].items()]
    lines += ["", *aligned([head, *rows], right=True), ""]
    for name in ("configs_added", "configs_removed", "columns_added", "columns_removed"):
        lines += [f"{name.replace('_', ' ')}: {', '.join(report[name])}"] if report[name] else []
    lines += [f"column changed: {n}: {how}" for n, how in report["columns_changed"].items()]
    return "\n".join(map(printable, [*lines, _verdict(report)])) + "\n"


def _verdict(report: Report) -> str:
    if report["refusal"]:
        return f"CONTRADICTION: {report['refusal']}"
    old, new = (Version.parse(report[side]["version"]) for side in ("old", "new"))
    step, needed = actual_step(old, new) or "none", report["step"]
    if needed == step == "none":
        return "nothing changed"
    greater = STEPS.index(step) > STEPS.index(needed)
    allowed = " (more than it needs, which is allowed)" if greater else ""
    what = "nothing changed" if needed == "none" else f"what changed needs a {needed.upper()} step"
    return f"{what}; the version makes a {step.upper()} step{allowed}"


# Files.


def check_rows_path(path: Path) -> None:
    """Refuse a file name from which the format of the rows does not follow.

    Raises
    ------
    ParameterError
        If its suffix is none of `ROW_FORMATS`.
    """
    if path.suffix.lower() not in ROW_FORMATS:
        raise ParameterError(
            f"{path}: rows are written as {' or '.join(ROW_FORMATS)}, found '{path.suffix}'; "
            "name the file so"
        )


def write_rows(rows: pd.DataFrame, path: Path) -> None:
    """Write the listing of differing rows, as parquet or CSV by the file's name.

    Raises
    ------
    InputError
        If it can't be written; an older file of that name is then as it was.
    """
    check_rows_path(path)
    with replace_file(path) as staging:
        if path.suffix.lower() == ".csv":
            rows.to_csv(staging, index=False, lineterminator="\n")
        else:
            rows.to_parquet(staging, index=False, compression="zstd")
