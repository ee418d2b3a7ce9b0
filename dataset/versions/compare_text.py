"""What a comparison looks like: as text for a terminal, as JSON, as a file of rows."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from transferz.dataset.versions.trace import MEANINGS
from transferz.photometry.redshift_error import OUTLIER_LIMIT
from transferz.schemas import SPLITS, ParameterError
from transferz.tables.files import replace_file

Report = Mapping[str, Any]


def as_json(report: Report) -> str:
    """Return a report as JSON that repeats byte for byte."""
    return json.dumps(report, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def as_text(report: Report) -> str:
    """Return a report as tables for a terminal.

    Parameters
    ----------
    report : mapping
        As `transferz.dataset.versions.compare.compare` makes it.
    """
    lines = [_edition(side, report[side.lower()]) for side in "AB"]
    for side, configs in report["configs_only_in"].items():
        lines += [f"only {side.upper()} has config {', '.join(configs)}"] if configs else []
    for name, config in report["configs"].items():
        lines += ["", name, "-" * len(name), *_config(config, report)]
    noted = [cut for cut in MEANINGS if f'"{cut}"' in json.dumps(report["configs"])]
    lines += ["", *(f"{cut}: {MEANINGS[cut]}" for cut in noted)] if noted else []
    return "\n".join(lines) + "\n"


def _edition(side: str, edition: Mapping[str, str]) -> str:
    return f"{side}  transferz {edition['version']} (survey {edition['survey']}) {edition['path']}"


def _config(config: Report, report: Report) -> list[str]:
    rows = config["rows"]
    labels = ("in both", "only in A", "only in B", "in both, changed")
    names = ("both", "only_a", "only_b", "changed")
    lines = text_table(
        [["rows", ""], *([label, f"{rows[n]:,}"] for label, n in zip(labels, names, strict=True))]
    )
    if rows["both"]:
        lines += ["", *_splits(config["splits"]), "", *_labels(config["labels"])]
        lines += ["", *_magnitudes(config["magnitudes"])]
    for here, there in (("a", "b"), ("b", "a")):
        if rows[f"only_{here}"]:
            lines += ["", *_removed(config["removed_by"][f"only_{here}"], here, report[there])]
    return lines


def _splits(splits: Mapping[str, Mapping[str, int]]) -> list[str]:
    head = ["split in A, in B", *SPLITS]
    return text_table(
        [head, *([one, *(f"{splits[one][two]:,}" for two in SPLITS)] for one in SPLITS)]
    )


def _labels(labels: Report) -> list[str]:
    return text_table(
        [
            ["dz = (zA - zB) / (1 + zB)", ""],
            ["rows", f"{labels['rows']:,}"],
            ["equal labels", f"{labels['equal']:,}"],
            ["median", f"{labels['median']:.6f}"],
            ["1.4826 MAD", f"{labels['scatter']:.6f}"],
            [f"|dz| > {OUTLIER_LIMIT}", f"{labels['outliers']:.4%}"],
        ]
    )


def _magnitudes(magnitudes: Mapping[str, Report]) -> list[str]:
    rows = [[b, f"{d['median']:.4f}", f"{d['max_abs']:.4f}"] for b, d in magnitudes.items()]
    return text_table([["magnitude, A - B", "median", "max |A - B|"], *rows])


def _removed(steps: Sequence[Report] | None, here: str, other: Mapping[str, str]) -> list[str]:
    """The table of what kept rows out of the release that lacks them."""
    there = "B" if here == "a" else "A"
    if steps is None:
        return [f"why {there} lacks the rows only in {here.upper()}: {other['untraced']}"]
    head = [f"only in {here.upper()}: what {there}'s build did", "rows"]
    return text_table(
        [head, *([f"{s['stage']} {s['cut']}".strip(), f"{s['rows']:,}"] for s in steps)]
    )


def text_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with the first column flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]


ROW_FORMATS = (".parquet", ".csv")


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


def write_text(text: str, path: Path) -> None:
    """Write a text file whole or not at all.

    Raises
    ------
    InputError
        If it can't be written; an older file of that name is then as it was.
    """
    with replace_file(path) as staging:
        staging.write_text(text, encoding="utf-8")
