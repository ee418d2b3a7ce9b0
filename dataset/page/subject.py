"""What a release's pages are about: its survey, configs by role, bands, and what these are called.

The survey is the one that this package has under the manifest's name for it; where its words are
silent, what is called here is called by what the survey consists of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from transferz.schemas.survey.described import (
    LABEL,
    ROLES,
    SPECTROSCOPIC,
    TRUTH,
    UNION,
    Band,
    bands_of,
    configs_of,
)
from transferz.schemas.survey.survey import Survey, find_survey
from transferz.schemas.survey.words import Words

SAMPLES = (LABEL, SPECTROSCOPIC)
"""The roles of the configs that a union is made of."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A release, as its pages speak of it.

    Attributes
    ----------
    configs : mapping
        Role to config, in the order of `ROLES`; roles that no config plays are not there.
    bands : sequence of Band
        Blue to red.
    mock : bool
        Whether its galaxies are simulated.
    """

    survey: Survey
    configs: Mapping[str, str]
    bands: Sequence[Band]
    mock: bool

    @property
    def words(self) -> Words:
        """What is said of this survey alone."""
        return self.survey.card

    @property
    def name(self) -> str:
        """What the release is called; a mock's name says that it is one."""
        return (self.words.name or self.survey.title) + (" (mock)" if self.mock else "")

    @property
    def repository(self) -> str:
        """What a repository of its releases is called in examples."""
        return self.words.repository or f"transferz-{self.survey.name.replace('_', '-')}"

    @property
    def photometry(self) -> str:
        """Whose photometry it is, such as ``HSC photometry``."""
        return f"{self.survey.photometry.title} photometry".strip()

    @property
    def samples(self) -> dict[str, str]:
        """Role to config of the samples that are there, the label's first."""
        return {role: self.configs[role] for role in SAMPLES if role in self.configs}

    @property
    def labels_are_named(self) -> bool:
        """Whether every label has an id upstream, and not one that is made of its values."""
        catalogue = self.survey.of_role("labelled")
        return not catalogue or bool(self.survey.tables[catalogue]["object_id"].upstream)

    @property
    def tells_shared(self) -> bool:
        """Whether there are labels, and which of them are galaxies with a spectrum is known."""
        return self.survey.match in ("sky", "id")

    @property
    def spectroscopic(self) -> str:
        """The catalogue that the spectroscopic redshifts are from."""
        return self.survey.spectra[1]

    def called(self, role: str) -> str:
        """Return what the config of a role is called in sentences; empty where there is none."""
        return self.words.samples.get(role, self.configs.get(role, ""))

    def title(self, catalogue: str) -> str:
        """Return a catalogue's title."""
        return self.words.catalogues.get(catalogue, catalogue)

    def note(self, config: str) -> str:
        """Return what a config is, on one line."""
        notes = {
            LABEL: f"{self.photometry}, label from many bands",
            SPECTROSCOPIC: f"{self.photometry}, spectroscopic redshift",
            UNION: "the union of both; a galaxy in both keeps its spectroscopic row",
            TRUTH: "the true redshift of every released mock galaxy",
        } | self.words.configs
        return next((notes[role] for role in ROLES if self.configs.get(role) == config), "")

    @property
    def summary(self) -> str:
        """The card's first paragraph, its numbers in braces."""
        if self.words.summary:
            return self.words.summary
        if LABEL not in self.configs:
            return f"{{spectroscopic}} galaxies with {self.photometry} and spectroscopic redshifts."
        return (
            f"{{label}} galaxies with {self.photometry} whose label is a many-band photometric\n"
            "redshift, beside {spectroscopic} galaxies with spectroscopic redshifts."
        )

    @property
    def subtitle(self) -> str:
        """What it holds, on one line."""
        kind = "many-band photometric" if LABEL in self.configs else "spectroscopic"
        return self.words.subtitle or f"Galaxies with {self.photometry} and {kind} redshifts"

    @property
    def abstract(self) -> str:
        """What it holds, in a sentence or two."""
        beside = ", beside galaxies with spectroscopic ones" if LABEL in self.configs else ""
        return self.words.abstract or f"{self.subtitle}{beside}."


def subject_of(manifest: Mapping[str, Any]) -> Subject:
    """Return what the pages of a manifest's release are about.

    A survey that this package does not have raises `ParameterError`; bands or configs that are not
    what they should be, `ReleaseError`.
    """
    survey = find_survey(manifest["survey"])
    return Subject(survey, configs_of(manifest), bands_of(manifest), manifest["mock"])


def reference_band(bands: Sequence[Band]) -> Band:
    """Return the band by which galaxies are called bright or faint: i, or else the middle one."""
    return next((band for band in bands if band.name == "i"), bands[len(bands) // 2])
