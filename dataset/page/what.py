"""The card's opening: what the release is, and what it is not."""

from typing import Any

from transferz.dataset.page.front_matter import pretty_name
from transferz.dataset.page.words import is_published, total

MOCK_WARNING = """\
> **This is a mock.** Every galaxy in it is simulated: use it to try the code, never for science.
> What it gets wrong is listed under [known limits](#known-limits-and-biases)."""

INTRODUCTION = """\
{transferz:,} galaxies with Hyper Suprime-Cam *grizy* photometry whose label is the photometric
redshift of COSMOS2020, from template fits to up to 35 bands, beside {galaxiesml:,} galaxies with
spectroscopic redshifts from GalaxiesML: for training, transferring and benchmarking photo-z methods
beyond the bright galaxies that spectroscopy sees
([Soriano et al. 2024](https://arxiv.org/abs/{eprint}))."""

SURVEY_NOTES = {
    "mock": """\
Here both samples are mock surveys, made and reduced by the same steps as the real ones.""",
    "authors": """\
Here config `transferz` is the paper's authors' own table, with its published splits.""",
    "cosmos2020": """\
Here config `transferz` is derived anew from the catalogues.""",
}

FIGURE = """\
![Redshift, i magnitude and g − r of the galaxies in configs transferz and galaxiesml]({path})

*Half of TransferZ lies beyond i = {transferz[i]:.1f} and z = {transferz[redshift]:.2f}, half of
GalaxiesML beyond i = {galaxiesml[i]:.1f} and z = {galaxiesml[redshift]:.2f}. Each histogram has
unit area.*"""

IT_IS = """\
- **Two ground truths in one format**: photo-z from many bands where spectroscopy doesn't reach,
  spec-z where it does, and their union, with the same columns and units.
- **Leak-free**: an object's split is the same in every config.
  {apart}
- **Traceable**: every cut is counted below; parameters, hashes and upstream files are in
  `MANIFEST.json`, and one command rebuilds it."""

APART = {
    False: "No two objects within the match radius are in different splits.",
    True: "Objects are told apart by HSC id.",
}

IT_IS_NOT = """\
- **Not spectroscopy**: the labels of `transferz` are themselves photometric, with errors that grow
  with magnitude.
- **Not complete**: cuts on the template fit choose which galaxies are in it.
- **Not the whole sky**: config `transferz` is one field, COSMOS.
- **Not images or spectra**: ten numbers per galaxy, five magnitudes and their errors."""


def opening(manifest: dict[str, Any], figure: str, eprint: str) -> str:
    """Return title, introduction and first figure.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it, with the ``quality`` that
        `transferz.dataset.page.quality.quality` measures.
    figure : str
        Path of the figure of the distributions, relative to the card.
    eprint : str
        The arXiv identifier of the paper.
    """
    samples = {name: total(manifest, name) for name in ("transferz", "galaxiesml")}
    introduction = (
        INTRODUCTION.format(**samples, eprint=eprint) + "\n" + SURVEY_NOTES[manifest["survey"]]
    )
    parts = [
        f"# {pretty_name(manifest)} {manifest['version']}",
        *([MOCK_WARNING] if manifest["mock"] else []),
        introduction,
        FIGURE.format(path=figure, **manifest["quality"]["medians"]),
    ]
    return "\n\n".join(parts)


def what_it_is(manifest: dict[str, Any]) -> str:
    """Return the section that says what the release is, and what it is not."""
    return f"""\
## What it is and what it is not

It is:

{IT_IS.format(apart=APART[is_published(manifest)])}

It is not:

{IT_IS_NOT}"""
