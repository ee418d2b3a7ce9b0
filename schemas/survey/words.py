"""What the pages of a survey's releases say of it alone: entry ``card`` of its ``survey.yaml``.

All else on them holds for every survey, or follows from the manifest.
"""

from string import Formatter
from typing import Literal

from pydantic import BaseModel, ConfigDict, field_validator

from transferz.schemas.survey.described import ROLES

NUMBERS = ("label", "spectroscopic", "spectroscopic_redshift", "eprint")
"""What a text may hold in braces: the rows of the configs of two roles, the median redshift of the
spectroscopic one, and the paper's arXiv identifier."""

Licence = Literal["CC-BY-4.0", "other"]


class Words(BaseModel):
    """What a card and its kin say of one survey. What is left out they do without.

    Texts are Markdown, shown as they are; `NUMBERS` in braces are filled in.

    Attributes
    ----------
    name : str
        What its releases are called; the survey's title where empty.
    repository : str
        What a repository of its releases is called in examples; ``transferz-<survey>`` where empty.
    samples : mapping
        Role to what the config of that role is called in sentences; its name where not given.
    catalogues : mapping
        Catalogue to its title; its name where not given.
    configs : mapping
        Role to what the config of that role is, on one line without a full stop.
    identifier : str
        What objects are told apart by, such as ``HSC id``.
    magnitude : str
        What the magnitudes are called, such as ``cModel magnitude``.
    licence : str
        SPDX identifier of the terms of a release; ``other`` where its sources' own hold.
    abstract, subtitle : str
        Of the citation, a sentence or two and a line.
    tags : sequence of str
        For the Hub, beside those of every release.
    summary, origin : str
        The first paragraph, and a sentence at its end.
    is_not : str
        Further items, each with its dash, of the list of what it is not.
    made : str
        How the catalogues were put together.
    mock_limits : str
        A list of what a mock gets wrong.
    label_noise : str
        What is published of the errors of the labels.
    interval : str
        What the label's 68 % interval is one of, such as ``of the template fit``.
    positions : str
        What follows from labels that have no positions.
    selection, photometry, remarks : str
        Paragraphs on known limits: of what was chosen, of the magnitudes, and further ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    repository: str = ""
    samples: dict[str, str] = {}
    catalogues: dict[str, str] = {}
    configs: dict[str, str] = {}
    identifier: str = "id"
    magnitude: str = "magnitude"
    licence: Licence = "CC-BY-4.0"
    abstract: str = ""
    subtitle: str = ""
    tags: tuple[str, ...] = ()
    summary: str = ""
    origin: str = ""
    is_not: str = ""
    made: str = ""
    mock_limits: str = ""
    label_noise: str = ""
    interval: str = "of the label"
    positions: str = ""
    selection: str = ""
    photometry: str = ""
    remarks: str = ""

    @field_validator("samples", "configs")
    @classmethod
    def _of_roles(cls, named: dict[str, str]) -> dict[str, str]:
        if unknown := named.keys() - set(ROLES):
            raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
        return named

    @field_validator("*")
    @classmethod
    def _filled_in(cls, value: object) -> object:
        fields = [name for _, name, *_ in Formatter().parse(value)] if type(value) is str else []
        if unknown := [name for name in fields if name is not None and name not in NUMBERS]:
            known = ", ".join(f"{{{name}}}" for name in NUMBERS)
            raise ValueError(f"found {{{unknown[0]}}}, expected one of {known}")
        return value
