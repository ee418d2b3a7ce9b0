"""Two different releases compared: rows, splits, labels, magnitudes, and who lacks what and why."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.verify.claims import require_modest
from transferz.dataset.versions.trace import MEANINGS, count_steps, find_build, trace
from transferz.photometry.redshift_error import MAD_TO_SIGMA, OUTLIER_LIMIT, redshift_error
from transferz.schemas import SPLITS, ReleaseError
from transferz.schemas.survey.described import bands_of
from transferz.schemas.survey.files import data_files, read_manifest, require_intact
from transferz.tables.printing import aligned

COLUMNS = {"object_id": pa.int64(), "redshift": pa.float32(), "redshift_kind": pa.string()}
"""What is compared, with split and magnitudes."""

WHERE = ("both", "only_a", "only_b")
LISTED = (
    *("object_id", "config", "where", "differs", "stage", "cut"),
    *("split_a", "split_b", "redshift_a", "redshift_b"),
)
"""Columns of the listing of differing rows."""

Report = Mapping[str, Any]


class Comparison(NamedTuple):
    """Two releases compared: counts and statistics as JSON, and every differing row, `LISTED`."""

    report: dict[str, Any]
    rows: pd.DataFrame


def compare(a: Path, b: Path) -> Comparison:
    """Compare two releases, config by config, in the roles of ours and theirs.

    Of magnitudes those are compared that both have, in bands and columns of the same names.
    Where the tables between the stages that one was built from are here too, what it lacks is
    traced through them. `ReleaseError` says that they have no config in common, or that a file is
    damaged or not of a release.
    """
    places = {"a": a, "b": b}
    manifests = {side: read_manifest(place) for side, place in places.items()}
    files = {side: data_files(place) for side, place in places.items()}
    for side, place in places.items():
        splits = (paths for config in files[side].values() for paths in config.values())
        require_intact(place, chain(*splits), manifests[side])
    builds = {side: find_build(place) for side, place in places.items()}
    common = [name for name in files["a"] if name in files["b"]]
    if not common:
        a_has, b_has = (", ".join(configs) or "none" for configs in files.values())
        raise ReleaseError(
            f"no config in common: {a} has {a_has}, {b} has {b_has}; "
            "compare releases that share a config"
        )
    bands = _bands_of_both(*manifests.values())
    configs, listings = {}, []
    for name in common:
        joined = join_rows(*(read_config(files[side][name], bands) for side in places))
        removed_by: dict[str, list[dict[str, Any]] | None] = {"only_a": None, "only_b": None}
        traced = []
        for side, (build, _) in zip(places, (builds["b"], builds["a"]), strict=True):
            if build is None:
                continue
            # What one side alone has was kept out by the other's build: its tables say where.
            alone = joined.loc[joined["where"] == f"only_{side}"]
            objects = alone[["object_id"]].assign(redshift_kind=alone[f"redshift_kind_{side}"])
            traced.append(trace(build, objects, name))
            removed_by[f"only_{side}"] = count_steps(build, traced[-1])
        configs[name] = describe(joined, bands) | {"removed_by": removed_by}
        listings.append(differing(joined, traced, name, bands))
    report: dict[str, Any] = {}
    for side, place in places.items():
        facts = {name: str(manifests[side][name]) for name in ("version", "survey")}
        report[side] = {"path": str(place), **facts, "untraced": builds[side][1]}
    report["configs"] = configs
    report["configs_only_in"] = {
        side: [name for name in files[side] if name not in common] for side in places
    }
    return Comparison(report, pd.concat(listings, ignore_index=True))


def _bands_of_both(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, str]:
    """The bands that both releases have in the same column: name -> column of the magnitude."""
    first, second = ({band.name: band.magnitude for band in bands_of(one)} for one in (a, b))
    return {name: column for name, column in first.items() if second.get(name) == column}


def read_config(files: Mapping[str, Sequence[Path]], bands: Mapping[str, str]) -> pd.DataFrame:
    """Read what is compared of one config: `COLUMNS`, magnitudes and ``split``, a row per object.

    `files` are its parquet files by split, `bands` holds the column of each band's magnitude. One
    that is damaged, lacks a column or has it in a wrong type, and a repeated object raise
    `ReleaseError`.
    """
    parts = [
        _read(path, bands).to_pandas().assign(split=split)
        for split, paths in files.items()
        for path in paths
    ]
    rows = pd.concat(parts, ignore_index=True)
    if (repeated := rows["object_id"].duplicated()).any():
        place = next(path.parent for paths in files.values() for path in paths)
        raise ReleaseError(
            f"{place}: expected every object_id once, found "
            f"{rows.loc[repeated, 'object_id'].iloc[0]} twice; get the release anew"
        )
    return rows


def _read(path: Path, bands: Mapping[str, str]) -> pa.Table:
    wanted = pa.schema(COLUMNS | dict.fromkeys(bands.values(), pa.float32()))
    try:
        with pq.ParquetFile(require_modest(path), page_checksum_verification=True) as file:
            missing = [name for name in wanted.names if name not in file.schema_arrow.names]
            if missing:
                raise ReleaseError(f"{path}: no column {', '.join(missing)}; get the release anew")
            return file.read(wanted.names).select(wanted.names).cast(wanted)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise ReleaseError(f"can't read {path}: {error}; get the release anew") from error


def join_rows(a: pd.DataFrame, b: pd.DataFrame) -> pd.DataFrame:
    """Join the rows of two releases by object, ascending ``object_id``.

    ``where`` is one of `WHERE`. The other columns of each have suffixes ``_a`` and ``_b``, and are
    null where a release lacks the object.
    """
    joined = a.merge(b, on="object_id", how="outer", suffixes=("_a", "_b"), indicator="where")
    names = {"both": "both", "left_only": "only_a", "right_only": "only_b"}
    joined["where"] = joined["where"].cat.rename_categories(names).astype("str")
    return joined.sort_values("object_id", ignore_index=True)


def describe(joined: pd.DataFrame, bands: Mapping[str, str]) -> dict[str, Any]:
    """Describe how the joined rows of one config differ, as JSON.

    There are ``rows``: counts by `WHERE`, and how many in both are ``changed``; of the rows in both
    ``splits``: counts by split in A, then in B; ``labels``, see `label_statistics`; and
    ``magnitudes``: by band median and greatest size of A - B, mag, null without rows.
    """
    sizes = joined["where"].value_counts()
    counts = {name: int(sizes.get(name, 0)) for name in WHERE}
    both = joined.loc[joined["where"] == "both"]
    splits = both.value_counts(["split_a", "split_b"])
    magnitudes: dict[str, dict[str, float | None]] = {}
    for band, name in bands.items():
        difference = (both[f"{name}_a"].astype("float64") - both[f"{name}_b"]).to_numpy()
        magnitudes[band] = {
            "median": round(float(np.median(difference)), 6) if len(both) else None,
            "max_abs": round(float(np.abs(difference).max()), 6) if len(both) else None,
        }
    return {
        "rows": counts | {"changed": int((_differences(both, bands) != "").sum())},
        "splits": {one: {two: int(splits.get((one, two), 0)) for two in SPLITS} for one in SPLITS},
        "labels": label_statistics(both),
        "magnitudes": magnitudes,
    }


def label_statistics(both: pd.DataFrame) -> dict[str, float | None]:
    """Describe how the labels of rows in both differ: dz = (zA - zB) / (1 + zB).

    There are ``rows``, ``equal`` (those whose labels are the same number) and, null without rows,
    ``median``, ``scatter`` and ``outliers`` of dz (see `transferz.photometry.redshift_error`).
    """
    a, b = (both[f"redshift_{side}"].to_numpy(dtype=np.float64) for side in "ab")
    dz = redshift_error(a, b) if len(both) else (None, None, None)
    median, scatter, outliers = (None if value is None else round(value, 6) for value in dz)
    statistics = {"median": median, "scatter": scatter, "outliers": outliers}
    return {"rows": len(both), "equal": int((a == b).sum()), **statistics}


def differing(
    joined: pd.DataFrame,
    steps: Sequence[pd.DataFrame],
    config: str,
    bands: Mapping[str, str],
) -> pd.DataFrame:
    """List the joined rows of a config that differ, in the columns `LISTED`.

    These are rows in one release only, whose ``stage`` and ``cut`` are in `steps` by the index of
    `joined`, and rows in both of which split, label, its kind or a magnitude differs, as
    ``differs`` says.
    """
    differs = _differences(joined, bands).where(joined["where"] == "both", "row")
    cuts = pd.concat([pd.DataFrame({"stage": [], "cut": []}, dtype="str"), *steps])
    listed = joined.assign(config=config, differs=differs).join(cuts)
    return listed.loc[differs != "", list(LISTED)]


def _differences(joined: pd.DataFrame, bands: Mapping[str, str]) -> pd.Series:
    """What differs in each row, comma-separated; empty where nothing does."""
    differs = pd.Series("", joined.index, dtype="str")
    columns = {name: [name] for name in ("split", "redshift", "redshift_kind")}
    columns |= {"magnitudes": list(bands.values())} if bands else {}
    for label, names in columns.items():
        unlike = np.any([joined[f"{n}_a"].ne(joined[f"{n}_b"]).to_numpy() for n in names], axis=0)
        differs = differs.mask(unlike, differs + f",{label}")
    return differs.str.removeprefix(",")


def compare_text(report: Report) -> str:
    """Return a comparison of two releases as tables for a terminal."""
    lines = []
    for side in "AB":
        of = report[side.lower()]
        lines.append(f"{side}  transferz {of['version']} (survey {of['survey']}) {of['path']}")
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
        split_head = ["split in A, in B", *SPLITS]
        magnitude_head = ["magnitude, A - B", "median", "max |A - B|"]
        lines += ["", *aligned([split_head, *split_rows], right=True)]
        lines += ["", *aligned(label_rows, right=True)]
        if config["magnitudes"]:
            lines += ["", *aligned([magnitude_head, *magnitude_rows], right=True)]
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
