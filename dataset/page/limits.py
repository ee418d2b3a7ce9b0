"""The card's section on known limits and biases, with the labels' measured noise."""

from typing import Any

from transferz.dataset.page.words import is_published, table
from transferz.photometry.redshift_error import MAD_TO_SIGMA, OUTLIER_LIMIT

PUBLISHED_NOISE = """\
**Label noise.** The label of config `transferz` is itself a photometric redshift. Published for
COSMOS2020, before any quality cut: precise to about 1 % for i < 22.5, and to 4–5 % with outlier
rates of 20 % and more at 25 < i < 27 (Weaver et al. 2022)."""

MEASURED = {
    "spectroscopic": """\
In this release, against the spectroscopic redshifts of the galaxies that both samples hold, which
are brighter and easier than most:""",
    "true": "In this mock, against the true redshifts:",
}

DEFINED = f"""\
With dz = (label − reference) / (1 + reference): bias is the median of dz, scatter
{MAD_TO_SIGMA:g} times its median absolute deviation, outliers the share with
abs(dz) > {OUTLIER_LIMIT:g}."""

SELECTION = """\
**Selection.** The cuts keep galaxies whose template fit is sure of itself: the sample is complete
in no magnitude, colour or redshift, rare kinds of galaxy are rarer in it, and any scatter measured
on it holds for what passed them."""

SPECTROSCOPY = """\
**Spectroscopic selection.** GalaxiesML joins surveys with different targets: bright limits, colour
cuts for luminous red or emission-line galaxies, quasars. Its magnitudes and colours show their
edges; which redshifts fail depends on magnitude, type and redshift. Half of it lies below
z = {median:.2f}."""

VARIANCE = """\
**Cosmic variance.** Config `transferz` is one field: clusters and voids of COSMOS show as spikes
and gaps in its redshifts, and all splits share them. Test on another field before you trust a
redshift distribution."""

CONFLICTS = """\
**Split conflicts.** {removed:,} of {objects:,} objects ({share:.2f} %) are left out because a
neighbour within {radius:g}″ is in another split: close pairs are rarer here than on the sky."""

PHOTOMETRY = """\
**Photometry.** Magnitudes are as observed: not corrected for Galactic extinction. cModel magnitudes
of blended or very extended galaxies are less certain than their errors say."""

INTERVALS = """\
**Intervals.** In `transferz`, `redshift_lo` and `redshift_hi` are the 68 % interval of the template
fit, whichever of its redshifts is the label; in `galaxiesml` they are the redshift ± its error."""

UNKNOWN = {
    False: """\
**What isn't published.** Match radius, split fractions and the exact cuts of the paper's TransferZ
are not known to us; ours are listed above and in `MANIFEST.json` under `parameters`.""",
    True: """\
**What isn't published.** Match radius and exact cuts are the authors' own and not known to us.""",
}

NO_POSITIONS = """\
**No positions.** The authors' table gives neither positions nor the label's interval nor COSMOS2020
ids: in config `transferz`, `ra`, `dec`, `redshift_lo`, `redshift_hi` and `cosmos_id` are null, in
`combo` they are null in its rows. `group_id` links objects by position where both have one."""

MOCK = """\
**This is a mock.** Its own limits come on top, and first:

- No galaxy in it exists. Luminosity functions and dust were tuned to published counts, median
  redshifts and real colours, so none of these is a test of it.
- Too few catastrophic labels: against the truth they are rarer than COSMOS2020's published ones at
  i > 25, and the template fit shares its family of spectra with the galaxies it is fitted to.
- The 68 % intervals are too tight; the table below says how many truths they hold.
- Noise, blends, masks and survey targets are simple models; a network trained on it does worse on
  real galaxies than one trained on those."""


def limits(manifest: dict[str, Any]) -> str:
    """Return the section on known limits and biases.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it, with the ``quality`` that
        `transferz.dataset.page.quality.quality` measures.
    """
    published = is_published(manifest)
    median = manifest["quality"]["medians"]["galaxiesml"]["redshift"]
    parts = [
        "## Known limits and biases",
        *([MOCK] if manifest["mock"] else []),
        PUBLISHED_NOISE,
        *_measured(manifest["quality"]["label"]),
        *(SELECTION, SPECTROSCOPY.format(median=median), VARIANCE),
        *(*_conflicts(manifest), PHOTOMETRY),
        NO_POSITIONS if published else INTERVALS,
        UNKNOWN[published],
        null_table(manifest),
    ]
    return "\n\n".join(parts)


def _measured(label: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What was measured, and how; nothing where there is no reference."""
    return [*noise_tables(label), DEFINED] if label else []


def noise_tables(label: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return the noise of the labels by magnitude: a sentence and a Markdown table each."""
    return [f"{MEASURED[kind]}\n\n{_noise_table(bins)}" for kind, bins in label.items()]


def _noise_table(bins: list[dict[str, Any]]) -> str:
    header = ["i (AB mag)", "galaxies", "bias", "scatter", "outliers"]
    intervals = any("covered" in one for one in bins)
    rows = [_noise_row(one, intervals) for one in bins if one["rows"]]
    return table(header + ["in the 68 % interval"] * intervals, rows, len(header) + intervals - 1)


def _noise_row(one: dict[str, Any], intervals: bool) -> list[str]:
    forms = {"bias": "{:+.4f}", "scatter": "{:.4f}", "outliers": "{:.1%}", "covered": "{:.0%}"}
    shown = [name for name in forms if intervals or name != "covered"]
    scores = [_percent(forms[name].format(one[name])) if name in one else "–" for name in shown]
    return [_bin_name(one["from"], one["to"]), f"{one['rows']:,}", *scores]


def _percent(text: str) -> str:
    return text.replace("%", " %")


def _bin_name(low: float | None, high: float | None) -> str:
    if low is None:
        return f"below {high:g}"
    return f"{low:g} to {high:g}" if high is not None else f"{low:g} and fainter"


def _conflicts(manifest: dict[str, Any]) -> list[str]:
    """Nothing where none was left out."""
    facts = manifest["counts"]["split"]
    removed = sum(facts["removed"].values())
    numbers = {
        "removed": removed,
        "objects": facts["rows_in"],
        "share": 100 * removed / facts["rows_in"],
        "radius": manifest["parameters"]["match"]["radius_arcsec"],
    }
    return [CONFLICTS.format(**numbers)] if removed else []


def _share(share: float | None) -> str:
    return "none" if share is None else _percent(f"{share:.1%}")


def null_table(manifest: dict[str, Any]) -> str:
    """Return the share of nulls of every column that has any, as a Markdown table."""
    nulls = manifest["quality"]["nulls"]
    names = list(dict.fromkeys(name for shares in nulls.values() for name in shares))
    if not names:
        return "**Nulls.** There are none."
    rows = [
        [f"`{config}`", *(_share(shares.get(name)) for name in names)]
        for config, shares in nulls.items()
    ]
    header = ["Config", *(f"`{name}`" for name in names)]
    return "**Nulls.** Share of rows without a value:\n\n" + table(header, rows, len(names))
