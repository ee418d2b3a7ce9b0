"""The text of the dataset card, derived from the manifest and the schemas."""

import hashlib
from typing import Any

import yaml
from huggingface_hub import DatasetCardData

from transferz.schemas import RELEASE, Column

CONFIG_NOTES = {
    "transferz": "HSC grizy photometry, label from the template fit to COSMOS2020's many bands",
    "galaxiesml": "HSC grizy photometry, spectroscopic redshift",
    "combo": "the union of both; a galaxy in both keeps its spectroscopic row",
    "truth": "the true redshift of every released mock galaxy",
}

SPLIT_NOTES = {
    "hash": """\
An object's split is a salted hash of its own `object_id`: the same in every config and version.""",
    "sky_block": """\
Splits are whole blocks of sky (HEALPix cells), each by a salted hash of its number.""",
    "published": """\
An object that its authors released in a split keeps it; the others are split by a salted hash of
their `object_id`, and `calibration` is carved out of the published training split by that hash.""",
}
"""What the card says of `split.scheme`."""

CUTTING_STAGES = (
    "select@cosmos2020",
    "select@hsc",
    "match",
    "select@galaxiesml",
    "split",
)
"""In the order in which the rows flow; `split` counts the objects of both samples."""

SOURCES = """\
| Source | Licence | Cite |
|---|---|---|
| COSMOS2020 | see the COSMOS2020 release | Weaver et al. 2022, ApJS 258, 11 |
| HSC-SSP PDR2 | see the HSC-SSP terms of use | Aihara et al. 2019, PASJ 71, 114 |
| GalaxiesML | CC-BY 4.0 (second-hand; check the record) | Do et al. 2024, arXiv:2410.00271 |
"""

LIMITS = """\
- The label of config `transferz` is itself a photometric redshift: precise to about 1 % for
  i < 22.5 and to 4–5 %, with outlier rates of 20 % and more, at 25 < i < 27 (Weaver et al. 2022),
  before the quality cuts. `redshift_lo` and `redshift_hi` are that fit's 68 % interval.
- The cuts keep galaxies whose template fit is sure of itself: the sample is not complete in any
  magnitude, colour or redshift, and rare kinds of galaxy are rarer in it.
- Magnitudes are as observed: neither corrected for Galactic extinction nor for aperture.
- Match radius, split fractions and the exact cuts of the published TransferZ are not known to us;
  those used here are listed in `MANIFEST.json` under `parameters`.
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


def front_matter(manifest: dict[str, Any]) -> str:
    """Return the card's YAML front matter, as the Hub and `datasets` read it.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.manifest.describe` makes it.
    """
    content = manifest["content"]
    rows = sum(split["rows"] for split in content["transferz"].values())
    data = DatasetCardData(
        license="cc-by-4.0",
        pretty_name="TransferZ" + (" (mock)" if manifest["mock"] else ""),
        task_categories=["tabular-regression"],
        tags=["astronomy", "photometric-redshift"] + (["mock"] if manifest["mock"] else []),
        size_categories=[_size_category(rows)],
        configs=[_config(name, splits) for name, splits in content.items()],
        dataset_info=[_info(name, splits) for name, splits in content.items()],
    )
    return yaml.safe_dump(data.to_dict(), sort_keys=False, allow_unicode=True)


def _size_category(rows: int) -> str:
    """The Hub's name for a number of rows."""
    for limit, name in ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K")):
        if rows < limit:
            return name
    return "100K<n<1M"


def _config(name: str, splits: dict[str, Any]) -> dict[str, Any]:
    """One config; `datasets` caches a local directory by this text, so it names the content."""
    contents = "".join(facts["content"] for facts in splits.values())
    digest = hashlib.sha256(contents.encode()).hexdigest()[:16]
    return {
        "config_name": name,
        "description": f"{CONFIG_NOTES[name]}; content {digest}",
        "data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in splits],
        **({"default": True} if name == "transferz" else {}),
    }


def _info(name: str, splits: dict[str, Any]) -> dict[str, Any]:
    return {
        "config_name": name,
        "features": [{"name": column.name, "dtype": column.dtype} for column in RELEASE],
        "splits": [
            {"name": split, "num_examples": facts["rows"], "num_bytes": facts["bytes"]}
            for split, facts in splits.items()
        ],
    }


def card_text(manifest: dict[str, Any], figure: str) -> str:
    """Return the whole README.md of a release.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.manifest.describe` makes it.
    figure : str
        Path of the figure of the distributions, relative to the card.
    """
    parameters = manifest["parameters"]
    radius = parameters["match"]["radius_arcsec"]
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

{SPLIT_NOTES[parameters["split"]["scheme"]]}
No object, and no pair of objects within {radius:g}″, is in two splits. `calibration` is set aside
for conformal and other calibration methods.

## Columns

{column_table()}

## How it was made

{_cut_table(manifest["counts"])}

Hashes of all files, the logical content of each split, all parameters and the versions of the
packages are in `MANIFEST.json`.

## Known limits

{LIMITS}
## Sources, licences

{SOURCES}
This table is released under CC-BY 4.0, the code that made it under the BSD 3-Clause licence.

## How to cite

{CITATION}"""


def _introduction(manifest: dict[str, Any]) -> str:
    text = (
        "Galaxies with Hyper Suprime-Cam grizy photometry whose label is the photometric redshift "
        "of COSMOS2020, from template fits to up to 35 bands (Soriano et al. 2024, "
        "arXiv:2411.18054), beside the spectroscopic sample GalaxiesML: for training and "
        "benchmarking photo-z methods beyond the bright galaxies that spectroscopy sees."
    )
    if manifest["mock"]:
        return (
            "> **This is a mock.** Every galaxy in it is simulated: use it to try the code, never "
            "for science.\n\n" + text + " Here both catalogues are mock surveys, made and reduced "
            "by the same steps as the real ones."
        )
    return text


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
