"""The card's sections on configs, splits and columns."""

from typing import Any

from transferz.dataset.page.front_matter import CONFIG_NOTES
from transferz.dataset.page.words import is_published, table, total
from transferz.schemas import RELEASE, SPLITS
from transferz.schemas.survey.reference import column_table

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
No object, and no pair of objects within {radius:g}″, is in two splits, across configs too; where
the hashes of such a pair disagree, the lower-ranked one (spectroscopic first) is left out and
counted as `split_conflict`."""

SEPARATED_BY_ID = """\
No object is in two splits, by its HSC id. The published TransferZ gives no positions: that no two
objects within {radius:g}″ are in different splits holds among GalaxiesML's objects alone."""


def configs(manifest: dict[str, Any]) -> str:
    """Return the section on configs, splits and how the splits were made.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.
    """
    return f"""\
## Configs and splits

{split_table(manifest)}

{_split_notes(manifest)}
`calibration` is set aside for conformal and other calibration methods."""


def split_table(manifest: dict[str, Any]) -> str:
    """Return the rows of every config and split as a Markdown table."""
    content = manifest["content"]
    present = {split for facts in content.values() for split in facts}
    splits = [split for split in SPLITS if split in present]
    rows = [
        [
            f"`{name}`",
            CONFIG_NOTES[name],
            *(f"{facts[split]['rows']:,}" if split in facts else "–" for split in splits),
            f"{total(manifest, name):,}",
        ]
        for name, facts in content.items()
    ]
    return table(["Config", "What it is", *splits, "all"], rows, len(splits) + 1)


def _split_notes(manifest: dict[str, Any]) -> str:
    """How the splits were made, and what they keep apart."""
    parameters = manifest["parameters"]
    moved = manifest["counts"]["split"].get("moved", {})
    facts = {
        "moved": sum(map(len, moved.values())),
        "carved": parameters["split"]["published_calibration"],
    }
    made = SPLIT_NOTES[parameters["split"]["scheme"]].format(**facts)
    apart = SEPARATED_BY_ID if is_published(manifest) else SEPARATED
    return made + "\n" + apart.format(radius=parameters["match"]["radius_arcsec"])


def columns() -> str:
    """Return the section on columns, from their declarations."""
    return f"""\
## Columns

The same in every config. Units are written as astropy reads them; UCDs and bounds are in
`croissant.json` and in the parquet files' footers.

{column_table(RELEASE, brief=True)}"""
