"""What `benchmarks/real_transfer.py` found, as tables, a figure, numbers and pieces of a page."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from transferz.baselines.benchmark.forecasts import Mask, SetForecasts
from transferz.baselines.leaderboard.entries import Run, read_run
from transferz.baselines.paper.figures import paper_style
from transferz.baselines.paper.splits import NAMES, Splits
from transferz.baselines.paper.splits_tables import figure, networks, numbers, tables
from transferz.baselines.paper.tables import PaperTable, interval_text
from transferz.releases import find_release
from transferz.schemas.benchmark.entries import ENTRY_FILE
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    NONE,
    RANGES,
    TITLES,
    Metric,
    config_title,
    minus,
    value_parts,
)
from transferz.schemas.errors import InputError
from transferz.tables.files import read_json, replace_directory, save_png, write_json

LABELS, SPECTRA = "labels", "spectroscopic"
STUDIED = ("nn_base", "nn_tl")
"""The networks of the study of `shared_photometry`."""

BRIGHT = 22.5
"""i magnitude above which there are few spectra: the depth of zCOSMOS-bright."""

PERCENTILES = (5, 25, 50, 75, 95)

SHOWN: tuple[Metric, ...] = ("bias", "scatter", "outlier_rate", "rmse")

ELSEWHERE = {
    "egs": ("EGS, grizy", "there"),
    "egs_by_mock": ("EGS, grizy", "the mock"),
    "egs_all_by_mock": ("EGS, all rows", "the mock"),
    "sdss": ("SDSS MGS, ugriz", "there"),
    "des": ("DES, grizY", "there"),
    "des_by_mock": ("DES, grizY", "the mock, as they are"),
    "des_as_hsc_by_mock": ("DES, grizY", "the mock, as HSC's"),
}
"""Folder of runs -> what the galaxies are called, and where the networks learned."""

TESTED = {"sdss": "test_table", "des": "spectroscopic", "egs": "table"}
"""The test set that is shown; of the others ``test_table``."""

NOTE = "Mean over seeds ± bootstrap error over galaxies (spread over seeds)."
PIECE = re.compile(r"(<!-- begin (\w+) -->\n).*?(<!-- end -->\n)", re.DOTALL)


def report(work: Path, out: Path, page: Path | None, salts: int) -> None:
    """Write all that is known of the runs in `work`, all or nothing, into `out`.

    A `page` gets its tables anew: those between ``<!-- begin NAME -->`` and ``<!-- end -->``.
    """
    splits = Splits(read_splits(work, salts))
    if not networks(splits):
        raise InputError(f"{work} has no run of a network yet; run without --report")
    made: dict[str, Sequence[PaperTable]] = {
        "samples": [sample_table(work), colour_table(work)],
        **tables(splits),
        "distances": distance_tables(work, splits, salts),
        "elsewhere": elsewhere_tables(work / "elsewhere"),
    }
    texts = {name: "\n".join(one.markdown() for one in listed) for name, listed in made.items()}
    with replace_directory(out) as folder:
        for name, text in texts.items():
            (folder / f"{name}.md").write_text(text, encoding="utf-8", newline="\n")
        write_json(folder / "results.json", numbers(splits))
        with paper_style():
            save_png(figure(splits, "COSMOS galaxies, V r i z"), folder / "scores.png")
    if page:
        text = page.read_text(encoding="utf-8")
        page.write_text(with_tables(text, texts), encoding="utf-8", newline="\n")


def with_tables(page: str, texts: Mapping[str, str]) -> str:
    """Put tables into a page, each between its marks."""
    return PIECE.sub(lambda found: f"{found[1]}\n{texts.get(found[2], '')}\n{found[3]}", page)


def read_splits(work: Path, salts: int, ending: str = "") -> dict[str, dict[str, Run]]:
    """Read the runs that there are: method -> split -> run."""
    runs: dict[str, dict[str, Run]] = {}
    for salt in range(1, salts + 1):
        for path in sorted((work / f"salt-{salt:02d}{ending}" / "runs").glob(f"*/{ENTRY_FILE}")):
            runs.setdefault(path.parent.name, {})[f"{salt}"] = read_run(path.parent)
    return runs


# --- what the two samples are


def _samples(work: Path, ending: str = "") -> dict[str, pd.DataFrame]:
    """Return all splits' rows of both samples, of the first salt."""
    release = find_release(next(work.glob(f"salt-01{ending}/*/release/transferz")))
    return {
        name: pd.concat(pd.read_parquet(path) for path in (release.path / name).glob("*.parquet"))
        for name in (SPECTRA, LABELS)
    }


def _all_labels(work: Path) -> dict[str, pd.DataFrame]:
    """Return both samples with as many labels as any distance leaves, as far as it was made."""
    folders = work.glob("salt-01*/*/release/transferz/MANIFEST.json")
    endings = {path.parents[3].name[len("salt-01") :] for path in folders}
    return _samples(work, min(endings, key=lambda ending: _distance(work, ending)))


def sample_table(work: Path) -> PaperTable:
    """Tabulate how bright and how far the galaxies of both samples are."""
    rows, whole = [], _all_labels(work)[LABELS]
    own = {f"`{name}`": table for name, table in _samples(work).items()}
    for name, table in {**own, "labels before any were left out": whole}.items():
        cells = [
            " / ".join(f"{value:.2f}" for value in np.percentile(table[column], PERCENTILES))
            for column in ("i_mag", "redshift")
        ]
        rows.append((name, f"{len(table):,}", *cells))
    return PaperTable(
        label="samples",
        caption="The two samples, all splits: percentiles "
        + " / ".join(f"{level:g}" for level in PERCENTILES),
        header=("galaxies", "number", "i magnitude", "redshift"),
        rows=tuple(rows),
    )


def colour_table(work: Path) -> PaperTable:
    """Tabulate how far the median colours of both samples are apart, at the same z and i."""
    found, samples = [], _all_labels(work)
    for low, high in pairwise((0.3, 0.5, 0.7, 0.9, 1.1)):
        chosen = [
            table[table["redshift"].between(low, high) & table["i_mag"].between(20.5, 22.0)]
            for table in samples.values()
        ]
        cells = []
        for first, second in ("Vr", "ri", "iz"):
            spectra, labels = (
                (one[f"{first}_mag"] - one[f"{second}_mag"]).to_numpy(np.float64) for one in chosen
            )
            apart = float(np.median(labels) - np.median(spectra))
            # Of a median of normal numbers, which colours are not quite.
            error = 1.25 * np.hypot(*(c.std() / np.sqrt(c.size) for c in (labels, spectra)))
            cells.append(minus(f"{apart:+.3f} ± {error:.3f}"))
        found.append((f"{low:g} to {high:g}", *(f"{len(one):,}" for one in chosen), *cells))
    return PaperTable(
        label="colours",
        caption="Median colour of labels less that of spectroscopic galaxies, 20.5 < i < 22, mag",
        header=("redshift", "spectroscopic", "labels", "V − r", "r − i", "i − z"),
        rows=tuple(found),
        notes="Labels before any were left out; each sample by its own redshift.",
    )


# --- the study of `shared_photometry`


def distance_tables(work: Path, own: Splits, salts: int) -> list[PaperTable]:
    """Tabulate what the distance within which labels are left out changes, on the same salts.

    The control, NN-Base on any labels as faint as those left, stands below all labels.
    """
    endings = {path.name[len("salt-01") :] for path in work.glob("salt-*-distance-*")}
    runs = {ending: read_splits(work, salts, ending) for ending in ("", *endings)}
    runs = {ending: one for ending, one in runs.items() if STUDIED[0] in one}
    if len(runs) < 2:
        return []
    common = set.intersection(*(set(one[STUDIED[0]]) for one in runs.values()))
    if not common:
        return []

    def chosen(one: Mapping[str, Mapping[str, Run]]) -> Splits:
        return Splits({key: {s: one[key][s] for s in one[key] if s in common} for key in one})

    studied = {
        _distance(work, ending): (_samples(work, ending)[LABELS], chosen(one))
        for ending, one in runs.items()
    }
    control = chosen(read_splits(work, salts, "-matched"))
    nearest, own_distance = min(studied), _distance(work, "")
    found = []
    for config in own.configs:
        rows = []
        for distance, (labels, splits) in sorted(studied.items()):
            left = f"{len(labels):,}", f"{(labels['i_mag'] < BRIGHT).sum():,}"
            rows.append(_distance_row((f"{distance:g}", *left), splits, config))
            if distance == nearest and control.runs:
                said = f"{nearest:g}, as faint as at {own_distance:g}", NONE, NONE
                rows.append(_distance_row(said, control, config))
        found.append(_distance_table(rows, own, config, len(common)))
    return found


def _distance_table(
    rows: Sequence[tuple[str, ...]], own: Splits, config: str, count: int
) -> PaperTable:
    return PaperTable(
        label=f"distances-{config}",
        caption=f"Labels left out within a distance of a spectroscopic galaxy in another split. "
        f"Test galaxies of `{config_title(config)}`, {RANGES[COSMOLOGICAL]}, {count} splits",
        header=(
            *("distance (mag)", "labels left", f"of i < {BRIGHT:g}", "tested"),
            *(f"{what} {own.title(key)}" for what in ("bias", "RMS") for key in STUDIED),
            *(f"RMS NN-Base / {own.title(key)}" for key in STUDIED[1:]),
        ),
        rows=tuple(rows),
        notes="Means over splits and seeds ± their error; ratios with their 68 % interval.",
    )


def _distance(work: Path, ending: str) -> float:
    path = next(work.glob(f"salt-01{ending}/*/release/transferz/MANIFEST.json"))
    return float(read_json(path)["parameters"]["shared_photometry"])


def _distance_row(first: Sequence[str], splits: Splits, config: str) -> tuple[str, ...]:
    def value(key: str, name: Metric) -> str:
        if key not in splits.runs:
            return NONE
        found = splits.summary(key, config, COSMOLOGICAL, name)
        return " ± ".join(value_parts(name, found.mean, found.error)[:2])

    def over(key: str) -> str:
        if key not in splits.runs:
            return NONE
        return interval_text(splits.ratio(STUDIED[0], key, config, COSMOLOGICAL, "rmse"))

    return (
        *first,
        f"{splits.galaxies(config, COSMOLOGICAL):,.0f}",
        *(value(key, name) for name in ("bias", "rmse") for key in STUDIED),
        *map(over, STUDIED[1:]),
    )


# --- elsewhere on the sky


def elsewhere_tables(folder: Path) -> list[PaperTable]:
    """Tabulate the checks with spectroscopic redshifts alone, and the published forecasts."""
    rows = list(_elsewhere_rows(folder))
    found = [
        PaperTable(
            label=f"elsewhere-{part}",
            caption=f"Spectroscopic checks elsewhere, {RANGES[part]}",
            header=(
                "galaxies",
                "method",
                "learned × seeds",
                "tested",
                *(TITLES[name] for name in SHOWN),
            ),
            rows=tuple(cells for where, cells in rows if where == part),
            notes=NOTE,
            text_columns=3,
        )
        for part in ("cosmological", "all")
    ]
    published = folder / "published.json"
    if published.is_file():
        found.append(_published_table(read_json(published)))
    return [table for table in found if table.rows]


def _elsewhere_rows(folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for place, (title, learned) in ELSEWHERE.items():
        name = place.replace("_all", "")
        for path in sorted((folder / name).glob(f"*/{ENTRY_FILE}")):
            run = read_run(path.parent)
            tested = run.forecasts[TESTED.get(place, "test_table")]
            if place == "egs_by_mock":
                tested = tested.take(_same(tested, folder / "egs" / "trees"))
            for part, mask in tested.ranges().items():
                if part == "lsst" or mask.sum() < 20:
                    continue
                scores = tested.take(mask).replicate_points(NAMES)
                cells = [_seeds_text(metric, scores) for metric in SHOWN]
                trained = f"{learned} × {run.entry.seeds}" if run.entry.seeds > 1 else learned
                yield part, (title, run.entry.method.name, trained, f"{mask.sum():,}", *cells)


def _same(tested: SetForecasts, other: Path) -> Mask:
    """Find the galaxies that another run was tested on, by label and magnitude."""
    ours, theirs = (
        pd.MultiIndex.from_arrays([one.redshift, one.i_mag])
        for one in (tested, read_run(other).forecasts["table"])
    )
    return np.asarray(ours.isin(theirs))


def _seeds_text(metric: Metric, scores: Any) -> str:
    values = scores.scores[metric]
    spread = float(values.std(ddof=1)) if values.size > 1 else None
    value, error, among = value_parts(metric, float(values.mean()), scores.error(metric), spread)
    return f"{value} ± {error}" + (f" ({among})" if among else "")


def _published_table(printed: Mapping[str, Any]) -> PaperTable:
    rows = []
    for part in ("all", COSMOLOGICAL):
        one = printed["scores"]["ranges"][part]
        cells = []
        for name in (*SHOWN, "scatter_biweight", "catastrophic_rate"):
            value, error, _ = value_parts(
                name, *(one["metrics"][name][k] for k in ("mean", "error"))
            )
            cells.append(f"{value} ± {error}" if error else value or NONE)
        rows.append((RANGES[part], f"{one['n']:,}", *cells))
    return PaperTable(
        label="published",
        caption="Published image forecasts (arXiv:2510.22527), by `transferz score`",
        header=(
            *("range", "galaxies", *(TITLES[name] for name in SHOWN)),
            *("scatter, biweight", TITLES["catastrophic_rate"]),
        ),
        rows=tuple(rows),
        notes="One set of forecasts; ± bootstrap error over galaxies.",
    )
