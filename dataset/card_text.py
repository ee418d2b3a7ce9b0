"""The text of the dataset card, derived from the manifest and the schemas."""

from collections.abc import Iterable
from typing import Any

from transferz.dataset.front_matter import CONFIG_NOTES, front_matter
from transferz.dataset.sources.registry import load_registry
from transferz.schemas import RELEASE, Column

SPLIT_NOTES = {
    "hash": """\
An object's split is a salted hash of its own `object_id`: the same in every config and version.""",
    "sky_block": """\
Splits are whole blocks of sky (HEALPix cells), each by a salted hash of its number.""",
    "published": """\
An object that its authors released in a split keeps it; the others are split by a salted hash of
their `object_id`. An object that both samples hold follows GalaxiesML: {moved} TransferZ objects
were moved for it (`MANIFEST.json` lists them under `counts.split.moved`). GalaxiesML publishes no
`calibration` split: by the hash, {carved:.0%} of what it publishes as training is carved out.""",
}
"""What the card says of `split.scheme`."""

SEPARATED = """\
No object, and no pair of objects within {radius:g}″, is in two splits."""

SEPARATED_BY_ID = """\
No object is in two splits, by its HSC id. The published TransferZ gives no positions: that no two
objects within {radius:g}″ are in different splits holds among GalaxiesML's objects alone."""

CUTTING_STAGES = (
    "select@cosmos2020",
    "select@hsc",
    "select@transferz",
    "match",
    "select@galaxiesml",
    "split",
)
"""In the order in which the rows flow; `split` counts the objects of both samples."""

LIMITS = """\
- The label of config `transferz` is itself a photometric redshift: precise to about 1 % for
  i < 22.5 and to 4–5 %, with outlier rates of 20 % and more, at 25 < i < 27 (Weaver et al. 2022),
  before the quality cuts.
- The cuts keep galaxies whose template fit is sure of itself: the sample is not complete in any
  magnitude, colour or redshift, and rare kinds of galaxy are rarer in it.
- Magnitudes are as observed: neither corrected for Galactic extinction nor for aperture.
"""

DERIVED_LIMITS = """\
- `redshift_lo` and `redshift_hi` are the 68 % interval of the template fit, whichever of its
  redshifts is the label.
- Match radius, split fractions and the exact cuts of the published TransferZ are not known to us;
  those used here are listed in `MANIFEST.json` under `parameters`.
"""

PUBLISHED_LIMITS = """\
- The authors' table gives neither positions nor the label's interval nor COSMOS2020 ids: in config
  `transferz`, `ra`, `dec`, `redshift_lo`, `redshift_hi` and `cosmos_id` are null, in `combo` they
  are null in its rows. `group_id` links objects by position where both have one.
- Match radius and exact cuts are the authors' own and not known to us.
"""

CITATION = """\
```bibtex
@article{soriano2024transferz,
  title   = {Using different sources of ground truths and transfer learning to improve the
             generalization of photometric redshift estimation},
  author  = {Soriano, Jonathan and Saikrishnan, Srinath and Seenivasan, Vikram and
             Boscoe, Bernie and Singal, Jack and Do, Tuan},
  journal = {arXiv e-prints},
  eprint  = {2411.18054},
  year    = {2024}
}
```
"""


def card_text(manifest: dict[str, Any], figure: str) -> str:
    """Return the whole README.md of a release.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.manifest.describe` makes it.
    figure : str
        Path of the figure of the distributions, relative to the card.
    """
    return f"""---
{front_matter(manifest)}---

# {"TransferZ (mock)" if manifest["mock"] else "TransferZ"} {manifest["version"]}

{_introduction(manifest)}

![Redshift, i magnitude and colour of the galaxies in both configs]({figure})

## Load

```python
from transferz import load_dataset

ds = load_dataset("transferz")           # train, validation, calibration, test
test = load_dataset("transferz", "combo", split="test")
```

## Configs and splits

{_split_table(manifest["content"])}

{_split_notes(manifest)}
`calibration` is set aside for conformal and other calibration methods.

## Columns

{column_table()}

## How it was made

{_cut_table(manifest["counts"])}

Hashes of all files, the logical content of each split, all parameters and the versions of the
packages are in `MANIFEST.json`.

## Known limits

{LIMITS}{PUBLISHED_LIMITS if _is_published(manifest) else DERIVED_LIMITS}
## Sources, licences

{source_table(manifest["sources"].values())}

{PUBLISHED_LICENCE if _is_published(manifest) else LICENCE}

## How to cite

{CITATION}"""


LICENCE = """\
This table is released under CC-BY 4.0, the code that made it under the BSD 3-Clause licence."""

PUBLISHED_LICENCE = """\
This table may be passed on as far as the licences of its sources allow; the code that put it
together is under the BSD 3-Clause licence."""

INTRODUCTION = """\
Galaxies with Hyper Suprime-Cam grizy photometry whose label is the photometric redshift of
COSMOS2020, from template fits to up to 35 bands (Soriano et al. 2024, arXiv:2411.18054), beside
the spectroscopic sample GalaxiesML: for training and benchmarking photo-z methods beyond the
bright galaxies that spectroscopy sees."""

MOCK_WARNING = """\
> **This is a mock.** Every galaxy in it is simulated: use it to try the code, never for science.

"""

SURVEY_NOTES = {
    "mock": """
Here both catalogues are mock surveys, made and reduced by the same steps as the real ones.""",
    "authors": """
Here config `transferz` is the paper's authors' own table, with its published splits.""",
    "cosmos2020": """
Here config `transferz` is derived anew from the catalogues.""",
}


def _introduction(manifest: dict[str, Any]) -> str:
    warning = MOCK_WARNING if manifest["mock"] else ""
    return warning + INTRODUCTION + SURVEY_NOTES[manifest["survey"]]


def _is_published(manifest: dict[str, Any]) -> bool:
    """Whether config `transferz` is the authors' own table."""
    return bool(manifest["survey"] == "authors")


def _split_notes(manifest: dict[str, Any]) -> str:
    """How the splits were made, and what they keep apart."""
    parameters = manifest["parameters"]
    moved = manifest["counts"]["split"].get("moved", {})
    facts = {
        "moved": sum(map(len, moved.values())),
        "carved": parameters["split"]["published_calibration"],
    }
    made = SPLIT_NOTES[parameters["split"]["scheme"]].format(**facts)
    apart = SEPARATED_BY_ID if _is_published(manifest) else SEPARATED
    return made + "\n" + apart.format(radius=parameters["match"]["radius_arcsec"])


def source_table(editions: Iterable[str]) -> str:
    """Return the upstream catalogues with licence and citation, as a Markdown table.

    Parameters
    ----------
    editions : iterable of str
        Keys of the sources' registry.
    """
    registry = load_registry()
    lines = ["| Source | Licence | Cite |", "|---|---|---|"]
    found = [registry[name] for name in editions]
    return "\n".join(
        lines + [f"| {one.title} | {one.licence} | {one.citation.text} |" for one in found]
    )


def _split_table(content: dict[str, Any]) -> str:
    splits = list(dict.fromkeys(split for facts in content.values() for split in facts))
    lines = [
        "| Config | " + " | ".join(splits) + " | What it is |",
        "|---" * (len(splits) + 2) + "|",
    ]
    for name, facts in content.items():
        rows = [f"{facts[split]['rows']:,}" if split in facts else "–" for split in splits]
        lines.append(f"| `{name}` | " + " | ".join(rows) + f" | {CONFIG_NOTES[name]} |")
    return "\n".join(lines)


def column_table() -> str:
    """Return the release's columns as a Markdown table, from their declarations."""
    lines = ["| Column | Type | Unit | Description |", "|---|---|---|---|"]
    return "\n".join(lines + [_column_row(column) for column in RELEASE])


def _column_row(column: Column) -> str:
    kind = column.dtype + (", may be null" if column.nullable else "")
    return f"| `{column.name}` | {kind} | {column.unit} | {column.description} |"


def _cut_table(counts: dict[str, Any]) -> str:
    """What every stage removed, in the order in which the rows flow."""
    lines = ["| Stage | Cut | Rows removed | Rows left |", "|---|---|---:|---:|"]
    for stage in CUTTING_STAGES:
        lines += _cut_rows(stage, counts[stage]) if stage in counts else []
    return "\n".join(lines)


def _cut_rows(stage: str, facts: dict[str, Any]) -> list[str]:
    left = facts["rows_in"]
    lines = [f"| `{stage}` | *rows in* | | {left:,} |"]
    for cut, removed in facts["removed"].items():
        left -= removed
        lines.append(f"| `{stage}` | {cut} | {removed:,} | {left:,} |")
    return lines
