"""The tables and the figure of the paper's comparison over several splits."""

import math
from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from transferz.baselines.methods import METHODS
from transferz.baselines.paper.figures import draw_scores
from transferz.baselines.paper.splits import NAMES, BinRow, Splits
from transferz.baselines.paper.tables import (
    PUBLISHED,
    PUBLISHED_NAME,
    REFERENCE,
    PaperTable,
    interval_text,
)
from transferz.baselines.scores.paired import SIGNIFICANCE, holm
from transferz.schemas.benchmark.scores import (
    COSMOLOGICAL,
    NONE,
    PERCENT,
    RANGES,
    TITLES,
    Config,
    Metric,
    Range,
    Summary,
    config_title,
    minus,
    unit,
    value_parts,
)
from transferz.tables.printing import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PARTS: tuple[Range, ...] = (COSMOLOGICAL, "all")
RATIOS: tuple[Metric, ...] = ("bias", "rmse", "scatter", "outlier_rate", "catastrophic_rate")
COMPARED: tuple[Metric, ...] = ("bias", "scatter", "outlier_rate", "rmse")

SCORES_NOTE = (
    "Mean over splits and seeds ± its error, which holds galaxies, seeds and the split (in "
    "brackets the spread from split to split). Bias is the median of dz, scatter 1.4826 MAD, an "
    "outlier has abs(dz) > 0.15, RMS is that of dz, catastrophic is abs(z_pred − z_true) > 1."
)
RATIO_NOTE = (
    "Values of NN-Base over those of the network, means over splits and seeds: above 1 the network "
    "is better. In brackets the 68 % interval, from resampling galaxies and splits. A bias "
    "enters by its absolute value. A dash: too few are catastrophic."
)
PAIRED_NOTE = (
    "Value of the first less that of the second, of a bias its distance from 0: below 0 the first "
    "is better; ± its error, on the same galaxies and splits. `*` is a difference that is not luck "
    f"at {100 * SIGNIFICANCE:g} %, corrected for all of the table (Holm)."
)
BINS_NOTE = (
    "Galaxies are per split. Bias is the median of dz over galaxies, splits and seeds. The share "
    "is that of the bin in all that the network's sum of squared dz is below NN-Base's: where it "
    "is negative, NN-Base is better there."
)


def networks(splits: Splits) -> list[str]:
    """List the paper's networks that have run, in the order of tables."""
    return [key for key in METHODS if key in splits.runs]


def by_scatter(splits: Splits, config: Config, part: Range) -> list[str]:
    """List the networks, then the other methods, best scatter first."""
    own = networks(splits)
    others = [key for key in splits.runs if key not in own]
    values = {key: splits.summary(key, config, part, "scatter").mean for key in others}
    return own + sorted(others, key=lambda key: values[key] or 0.0)


def score_table(splits: Splits, config: Config, part: Range) -> PaperTable:
    """Tabulate the scores of all methods on a test set."""
    rows = []
    for key in by_scatter(splits, config, part):
        cells = [_value_text(name, splits.summary(key, config, part, name)) for name in NAMES]
        ran = f"{len(splits.runs[key])} × {splits.seeds(key)}"
        rows.append((splits.title(key), ran, *cells))
    return PaperTable(
        label=f"scores-{config}-{part}",
        caption=f"{_where(config, part)}, {splits.galaxies(config, part):,.0f} galaxies per split",
        header=("method", "splits × seeds", *(TITLES[name] for name in NAMES)),
        rows=tuple(rows),
        notes=SCORES_NOTE,
    )


def _where(config: Config, part: Range) -> str:
    return f"Test galaxies of `{config_title(config)}`, {RANGES[part]}"


def _value_text(metric: str, summary: Summary) -> str:
    value, error, spread = value_parts(metric, summary.mean, summary.error, summary.spread)
    return f"{value} ± {error}" + (f" ({spread})" if spread else "")


def ratio_table(splits: Splits, config: Config, part: Range) -> PaperTable:
    """Tabulate NN-Base's values over those of the other networks, beside the paper's ratios."""
    rows = []
    for key in networks(splits):
        if key == REFERENCE:
            continue
        found = [splits.ratio(REFERENCE, key, config, part, name) for name in RATIOS]
        cells = (interval_text(one) if math.isfinite(one.high) else NONE for one in found)
        rows.append((splits.title(key), *cells))
    notes = RATIO_NOTE
    if config == splits.configs[0] and part == COSMOLOGICAL:
        published = (f"{PUBLISHED[n]:g}" if n in PUBLISHED else NONE for n in RATIOS)
        rows.append((PUBLISHED_NAME, *published))
    elif config != splits.configs[0]:
        notes += " The paper finds, without a number, that both are worse than NN-Base here."
    return PaperTable(
        label=f"ratios-{config}-{part}",
        caption=f"NN-Base over the other networks. {_where(config, part)}",
        header=("network", *(TITLES[name].removesuffix(" (%)") for name in RATIOS)),
        rows=tuple(rows),
        notes=notes,
    )


def paired_table(splits: Splits, config: Config, part: Range) -> PaperTable:
    """Tabulate how the networks differ, two by two."""
    pairs = list(combinations(networks(splits), 2))
    found = [[splits.difference(*pair, config, part, name) for name in COMPARED] for pair in pairs]
    corrected = holm([one.p for row in found for one in row]).reshape(len(pairs), -1)
    rows = []
    for pair, row, p_row in zip(pairs, found, corrected, strict=True):
        cells = [
            _difference_text(name, one.difference, one.error, bool(p < SIGNIFICANCE))
            for name, one, p in zip(COMPARED, row, p_row, strict=True)
        ]
        rows.append((" − ".join(map(splits.title, pair)), *cells))
    return PaperTable(
        label=f"paired-{config}-{part}",
        caption=f"Networks compared two by two. {_where(config, part)}",
        header=("pair", *("abs(bias)" if n == "bias" else TITLES[n] for n in COMPARED)),
        rows=tuple(rows),
        notes=PAIRED_NOTE,
    )


def _difference_text(metric: Metric, difference: float, error: float, sure: bool) -> str:
    scale, digits = unit(metric), 2 if metric in PERCENT else 4
    text = f"{scale * difference:+.{digits}f} ± {scale * error:.{digits}f}"
    return minus(text) + (" *" if sure else "")


def bin_table(splits: Splits, config: Config, part: Range, by: str) -> PaperTable:
    """Tabulate which galaxies make the networks differ from NN-Base."""
    keys = networks(splits)
    titles = {key: splits.title(key) for key in keys}
    compared = keys[1:]
    header = [
        {"i": "i magnitude", "redshift": "redshift"}[by],
        "galaxies",
        *(f"bias {titles[key]}" for key in keys),
        *(f"RMS {titles[key]}" for key in keys),
        *(f"share, {titles[key]}" for key in compared),
    ]
    rows = []
    for one in splits.bins(keys, config, part, by):
        cells = [minus(f"{one.scores[key]['bias']:+.4f}") for key in keys]
        cells += [f"{one.scores[key]['rmse']:.4f}" for key in keys]
        cells += [minus(f"{100 * one.share[key]:.0f} %") for key in compared]
        rows.append((_ends(one), f"{one.n:.0f}", *cells))
    return PaperTable(
        label=f"bins-{config}-{by}",
        caption=f"Which galaxies make the difference, by {header[0]}. {_where(config, part)}",
        header=tuple(header),
        rows=tuple(rows),
        notes=BINS_NOTE,
    )


def _ends(one: BinRow) -> str:
    if one.low is None:
        return f"≤ {one.high:g}"
    return f"> {one.low:g}" if one.high is None else f"{one.low:g} to {one.high:g}"


def figure(splits: Splits, title: str) -> "Figure":
    """Draw the networks' scores at 0.3 < z <= 1.5 on both test sets (the paper's figure 3).

    Error bars are errors of the means: of galaxies, seeds and splits.
    """
    drawn: dict[str, dict[str, dict[Any, Summary]]] = {}
    for key in networks(splits):
        for config in splits.configs:
            for name in COMPARED:
                found = splits.summary(key, config, COSMOLOGICAL, name)
                shown = found.model_copy(update={"spread": found.error})
                of_method = drawn.setdefault(splits.title(key), {})
                of_method.setdefault(config, {})[name] = shown
    count = max(len(of_splits) for of_splits in splits.runs.values())
    bars = f"{RANGES[COSMOLOGICAL]}, {counted(count, 'split')}, bars: error of the mean"
    return draw_scores(drawn, f"{title}\n{bars}", COMPARED)


def numbers(splits: Splits) -> dict[str, Any]:
    """Return all scores as plain numbers: test set -> range -> method -> metric."""

    def of_method(key: str, config: Config, part: Range) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in NAMES:
            summary = splits.summary(key, config, part, name)
            values = {"mean": summary.mean, "error": summary.error, "spread": summary.spread}
            found[name] = {what: _rounded(value) for what, value in values.items()}
        return {"splits": len(splits.runs[key]), "seeds": splits.seeds(key), **found}

    return {
        config: {part: {key: of_method(key, config, part) for key in splits.runs} for part in PARTS}
        for config in splits.configs
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(f"{value:.4g}")


def tables(splits: Splits) -> dict[str, Sequence[PaperTable]]:
    """Return the tables of each file, by its name without ending."""
    places = [(config, part) for config in splits.configs for part in PARTS]
    bins = [(config, by) for config in splits.configs for by in ("i", "redshift")]
    return {
        "scores": [score_table(splits, *place) for place in places],
        "ratios": [ratio_table(splits, *place) for place in places],
        "paired": [paired_table(splits, *place) for place in places],
        "bins": [bin_table(splits, config, COSMOLOGICAL, by) for config, by in bins],
    }
