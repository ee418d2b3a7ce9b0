"""The report on the mock, as tables and figures: one column wide, legible without colour.

Run ``python -m transferz.dataset.mock.report --raw DIR --out docs/mock``.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from transferz.dataset.mock.measures import (
    COLOUR_LIMIT,
    COLOURS,
    RawMock,
    colour_table,
    count_table,
    fitted_galaxies,
    lsst_counts,
    lsst_median_redshift,
    quality_table,
    read_raw,
    read_real,
)
from transferz.schemas import TransferZError
from transferz.tables.files import sentence

RAW, OUT = Path("data/mock/raw"), Path("docs/mock")
BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#7F7F7F"  # Okabe & Ito: safe for colour-blind eyes
WIDTH = 4.2  # inches
STYLE: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.direction": "out",
    "lines.linewidth": 1.4,
}
RESOLUTION = 200  # dots per inch
FINE_BINS = tuple(np.arange(20.0, 27.01, 0.5))


def markdown(mock: RawMock, real: pd.DataFrame | None) -> str:
    """Return the report's tables as a Markdown fragment."""
    return "\n".join(
        [
            "### Galaxy counts and redshifts",
            *_count_lines(count_table(mock)),
            "",
            "### Label quality against the truth",
            *_quality_lines(quality_table(mock)),
            "",
            "### Median colours",
            *_colour_lines(colour_table(mock.hsc), None if real is None else colour_table(real)),
            "",
        ]
    )


def _count_lines(table: pd.DataFrame) -> list[str]:
    lines = [
        "| i < | galaxies per arcmin² | LSST Science Book | median z | LSST Science Book |",
        "|---|---|---|---|---|",
    ]
    return lines + [
        f"| {row.i_limit:g} | {row.per_arcmin2:.1f} | {row.lsst_per_arcmin2:.1f} "
        f"| {row.median_redshift:.2f} | {row.lsst_median_redshift:.2f} |"
        for row in table.itertuples()
    ]


def _quality_lines(table: pd.DataFrame) -> list[str]:
    lines = [
        "| i | n | bias | NMAD | outliers | 68 % interval covers | COSMOS2020, published |",
        "|---|---|---|---|---|---|---|",
    ]
    return lines + [
        f"| {row.low:g}–{row.high:g} | {row.count} | {row.bias:+.4f} | {row.scatter:.4f} "
        f"| {row.outliers:.1%} | {row.coverage:.0%} | {row.published} |"
        for row in table.rename(columns={"count": "number"})
        .assign(count=table["count"])
        .itertuples(index=False, name="Quality")
    ]


def _colour_lines(mock: pd.DataFrame, real: pd.DataFrame | None) -> list[str]:
    heads = [f"{blue}−{red}" for blue, red in COLOURS]
    shown = "mock" if real is None else "mock / real"
    lines = [f"| z | {' | '.join(f'{head}, {shown}' for head in heads)} |", "|---" * 4 + "|"]
    for k, row in mock.iterrows():
        cells = []
        for blue, red in COLOURS:
            name = f"{blue}-{red}_50"
            other = "" if real is None else f" / {real[name].iloc[int(str(k))]:.2f}"
            cells.append(f"{row[name]:.2f}{other}")
        lines.append(f"| {row['redshift']:.2f} | {' | '.join(cells)} |")
    return lines


def draw_all(mock: RawMock, real: pd.DataFrame | None, directory: Path) -> list[Path]:
    """Draw every figure of the report, and return the PNG files.

    `real` galaxies, where given, are laid over the mock's colours.
    """
    with mpl.rc_context(STYLE):
        figures = {
            "counts.png": draw_counts(mock),
            "colours.png": draw_colours(mock.hsc, real),
            "labels.png": draw_labels(mock),
        }
        for name, figure in figures.items():
            figure.savefig(directory / name, dpi=RESOLUTION, metadata={"Software": None})
    return [directory / name for name in figures]


def draw_counts(mock: RawMock) -> Figure:
    """Galaxy counts and median redshift against magnitude, with the LSST Science Book's."""
    limits = tuple(np.arange(20.5, 26.01, 0.25))
    table = count_table(mock, limits)
    figure = Figure(figsize=(WIDTH, 4.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    book = np.linspace(20.5, 25.5, 50)
    for axes, name, formula in (
        (upper, "per_arcmin2", lsst_counts),
        (lower, "median_redshift", lsst_median_redshift),
    ):
        axes.plot(book, formula(book), color=ORANGE, ls="--", label="LSST Science Book")
        axes.plot(table["i_limit"], table[name], "o", ms=3.5, color=BLUE, label="mock")
    upper.set_yscale("log")
    upper.set_yticks([1, 3, 10, 30, 100], ["1", "3", "10", "30", "100"])
    upper.set_ylabel("galaxies per arcmin²")
    upper.legend(loc="upper left")
    lower.set_ylabel("median redshift")
    lower.set_xlabel("limiting true i magnitude (AB)")
    return figure


def draw_colours(galaxies: pd.DataFrame, real: pd.DataFrame | None) -> Figure:
    """Colours against redshift: median and central 68 %, real galaxies laid over if given."""
    figure = Figure(figsize=(WIDTH, 6.0), layout="constrained")
    panels = figure.subplots(len(COLOURS), 1, sharex=True)
    mock_colours = colour_table(galaxies)
    real_colours = None if real is None else colour_table(real)
    for axes, (blue, red) in zip(panels, COLOURS, strict=True):
        name, z = f"{blue}-{red}", mock_colours["redshift"]
        band = mock_colours[f"{name}_16"], mock_colours[f"{name}_84"]
        axes.fill_between(z, *band, color=BLUE, alpha=0.2, lw=0, label="mock, 68 %")
        axes.plot(z, mock_colours[f"{name}_50"], color=BLUE, label="mock")
        if real_colours is not None:
            median = real_colours[f"{name}_50"]
            spread = [median - real_colours[f"{name}_16"], real_colours[f"{name}_84"] - median]
            style = {"fmt": "s", "ms": 3.5, "lw": 0.9, "color": ORANGE}
            axes.errorbar(z, median, spread, label="real", **style)
        axes.set_ylabel(f"{blue} − {red} (mag)")
    handles, labels = panels[0].get_legend_handles_labels()
    title = f"i < {COLOUR_LIMIT:g}, median and central 68 %"
    figure.legend(handles, labels, ncols=3, loc="outside upper center", title=title)
    panels[-1].set_xlabel("redshift")
    return figure


def draw_labels(mock: RawMock) -> Figure:
    """The label against the truth, and its scatter and outlier rate per magnitude."""
    figure = Figure(figsize=(WIDTH, 6.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, height_ratios=[1.7, 1.0])
    _draw_density(figure, upper, fitted_galaxies(mock))
    _draw_quality(lower, quality_table(mock, FINE_BINS))
    return figure


def _draw_density(figure: Figure, axes: Any, galaxies: pd.DataFrame) -> None:
    shown = galaxies[galaxies["i_mag"] < 25.0]
    edges = np.linspace(0.0, 4.0, 161)
    counts, _, _ = np.histogram2d(shown["redshift_true"], shown["lp_zPDF"], bins=(edges, edges))
    norm = mpl.colors.LogNorm(1, max(counts.max(), 10))
    image = axes.pcolormesh(edges, edges, counts.T, cmap="viridis_r", norm=norm, rasterized=True)
    axes.axline((0, 0), slope=1, color="black", lw=0.6)
    for sign in (-1, 1):
        axes.axline((0, sign * 0.15), slope=1 + sign * 0.15, color="black", lw=0.6, ls=":")
    axes.set(xlim=(0, 4), ylim=(0, 4), aspect="equal")
    axes.set(xlabel="true redshift", ylabel="label: median of the PDF", title="i < 25")
    scale = axes.inset_axes((0.06, 0.9, 0.4, 0.035))
    figure.colorbar(image, cax=scale, orientation="horizontal", label="galaxies per cell")


def _draw_quality(axes: Any, table: pd.DataFrame) -> None:
    middle = (table["low"] + table["high"]) / 2
    axes.plot(middle, 100 * table["scatter"], "o-", ms=3.5, color=BLUE, label="scatter (NMAD)")
    outliers = (100 * table["outliers"]).where(table["outliers"] > 0)
    axes.plot(middle, outliers, "s--", ms=3.5, color=ORANGE, label="outliers")
    axes.plot([20.0, 22.5], [1.0, 1.0], color=GREY, lw=4, alpha=0.6, label="published scatter")
    axes.fill_between([25.0, 27.0], 4.0, 5.0, color=GREY, alpha=0.6, lw=0)
    axes.plot([25.0, 27.0], [20.0, 20.0], color=GREY, ls=":", label="published outliers, at least")
    axes.set_yscale("log")
    axes.set_ylim(0.1, 300)
    axes.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
    axes.set(xlabel="i magnitude (AB)", ylabel="per cent")
    axes.legend(loc="upper left", ncols=2)


def main(arguments: list[str] | None = None) -> int:
    """Write the tables and figures; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--raw", type=Path, default=RAW, help=f"the built mock (default {RAW})")
    parser.add_argument("--out", type=Path, default=OUT, help=f"where to write (default {OUT})")
    parser.add_argument("--real", type=Path, help="CSV of real galaxies to lay over the colours")
    options = parser.parse_args(arguments)
    try:
        mock = read_raw(options.raw)
        real = None if options.real is None else read_real(options.real)
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "tables.md").write_text(markdown(mock, real), encoding="utf-8")
        draw_all(mock, real, options.out)
    except (TransferZError, OSError) as error:
        said = sentence(error) if isinstance(error, OSError) else error
        sys.stderr.write(f"error: {said}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
