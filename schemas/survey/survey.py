"""A survey as it is configured: its bands, its catalogues' columns, and the tables made of them.

Each survey has a file ``surveys/<name>/survey.yaml``: data, no code. What a stage, a page or a
check needs to know of a survey is asked here.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.catalogues import PUBLISHED_SPLIT
from transferz.schemas.survey.columns import (
    WHOLE_SKY,
    Column,
    Dtype,
    Table,
    error_column,
    magnitude_column,
    position_columns,
)
from transferz.schemas.survey.described import ROLES, Band
from transferz.schemas.survey.documents import load_yaml
from transferz.schemas.survey.files import SURVEY_NAME, is_mock_name
from transferz.schemas.survey.release import (
    assigned_table,
    compiled_table,
    index_table,
    labelled_table,
    matched_table,
    pairs_table,
    release_table,
    selected_table,
    spectroscopic_table,
    truth_table,
)
from transferz.schemas.survey.spectra import COMPILED
from transferz.schemas.survey.words import Words

FOLDER = Path(__file__).resolve().parents[2] / "surveys"
"""Beside the code: in a checkout, and in a package that is installed."""

FILE = "survey.yaml"
NAME = f"^{SURVEY_NAME.pattern}$"
VALUES = "values"
"""In place of upstream's names of an id: it is made of the row's other values."""


class Entry(BaseModel):
    """Base of what a survey's file holds: immutable, no unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class BandEntry(Entry):
    """A band: its name, its wavelength's UCD1+ word, and its filter curve where one is known."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9]*$")
    ucd: str = ""
    curve: str = ""


class ColumnEntry(Entry):
    """A column of a catalogue; the fields are those of `Column`, and two more.

    ``{band}`` in a text stands for each band of the survey in turn, ``{each}`` for each word of
    `each`. `source` (``from`` in the file) holds the names that upstream files may have for the
    column, by default its own; `from_flux` those of a flux in µJy that a magnitude is made from.
    """

    name: str
    dtype: Dtype
    description: str
    unit: str = ""
    ucd: str = ""
    minimum: float | None = None
    maximum: float | None = None
    categories: tuple[str, ...] = ()
    nullable: bool = True
    typical: tuple[float, float] | None = None
    missing_below: float | None = None
    missing_above: float | None = None
    sentinels: tuple[float, ...] = ()
    source: tuple[str, ...] = Field((), alias="from")
    from_flux: tuple[str, ...] = ()
    each: tuple[str, ...] = ("",)


class Measured(Entry):
    """How the magnitudes, or their errors, of each ``{band}`` are named and described.

    `source` (``from`` in the file) holds their names upstream, by default our own; values outside
    `missing_below` and `missing_above` stand for a missing one there.
    """

    name: str = ""
    description: str = ""
    source: tuple[str, ...] = Field((), alias="from")
    missing_below: float | None = None
    missing_above: float | None = None


class Photometry(Entry):
    """The AB magnitudes of a survey, whose `title` says by whom, and their 1-sigma errors."""

    title: str = ""
    magnitude: Measured
    error: Measured


class Position(Entry):
    """Right ascension and declination, and the range of each that holds all, deg."""

    position: tuple[str, str]
    within: tuple[tuple[float, float], tuple[float, float]] = WHOLE_SKY


class IdEntry(Entry):
    """What names an object of the survey."""

    description: str
    source: tuple[str, ...] = Field(("object_id",), alias="from")


class CatalogueEntry(Entry):
    """An upstream catalogue of a survey.

    Attributes
    ----------
    role : str
        ``label``: many-band redshifts, joined by position to a ``photometry`` catalogue;
        ``labelled``: redshifts with photometry of their own. ``spectra``: spectroscopic redshifts,
        joined as labels are; ``spectroscopic``: with photometry of their own.
    key : str
        The column that names a row; `repeated` where it may do so more than once before the cuts.
    files : sequence of mapping
        Published split (empty for none) to the pattern of a file's name without its ending, for
        each way the catalogue is distributed; a list of patterns where files hold the same rows in
        the same order, each some of the columns (the same pattern again for another table of the
        same file). `endings` are those that a file may have, the preferred group first; `remedy`
        is what a person does where there is no file.
    columns : sequence
        Columns (`ColumnEntry`), or the name of one or more that are declared with the survey:
        ``object_id``, ``photometry``, ``published_split``, ``compilation`` (all that ``transferz
        specz`` writes, and ``specz_id``) or a reference; by a mapping, with their
        names in these files: ``{object_id: [...]}`` (``values`` where they have no ids: a row is
        named by what it holds), ``{photometry: {magnitude: {from: [...]},
        error: ...}}``, ``{position: [ra, dec], within: [[from, to], [from, to]]}``.
    redshift, interval, error, magnitude : str
        The columns of the redshift (of several, params.yaml chooses), of the ends of its 68 %
        interval or else of its 1-sigma error, and of the magnitude by which chance matches are
        counted.
    primary : str
        A column of booleans, true for the one detection that stands for its object.
    cuts : sequence of mapping
        As in params.yaml, whose section ``select.<catalogue>`` replaces them.
    editions : mapping
        Where its files come from: entries as in the registry of sources.
    """

    role: Literal["label", "photometry", "labelled", "spectra", "spectroscopic"]
    description: str
    key: str = "object_id"
    repeated: bool = False
    files: tuple[dict[str, tuple[str, ...]], ...] = ({"": ("*",)},)
    endings: tuple[tuple[str, ...], ...]
    remedy: str
    columns: tuple[str | dict[str, Any], ...]
    redshift: tuple[str, ...] = ()
    interval: tuple[str, ...] = ()
    error: str = ""
    magnitude: str = ""
    primary: str = ""
    cuts: tuple[dict[str, Any], ...] = ()
    editions: dict[str, dict[str, Any]] = {}

    @field_validator("files", mode="before")
    @classmethod
    def _listed(cls, files: Any) -> Any:
        """A pattern that stands alone is a list of one."""
        if not (isinstance(files, list | tuple) and all(isinstance(way, dict) for way in files)):
            return files
        return [
            {split: [one] if isinstance(one, str) else one for split, one in way.items()}
            for way in files
        ]

    @property
    def is_side_by_side(self) -> bool:
        """Whether a row is spread over several files, or several tables of one."""
        return any(len(patterns) > 1 for way in self.files for patterns in way.values())


class Survey(Entry):
    """A survey, as its ``survey.yaml`` configures it.

    Attributes
    ----------
    configs : mapping
        Role, one of `ROLES`, to the name of the config that plays it.
    match : str
        How the label's rows find their spectroscopic ones: on the ``sky``, by ``id``, by
        ``photometry``, or empty where there is no label.
    split : str
        ``published`` where its authors' splits are kept; empty where params.yaml chooses.
    shared_photometry : float or None
        Where labels can't be told by id or position from galaxies with spectra: how near a label's
        magnitudes may come, in every band, to those of a galaxy with a spectrum in another split.
    references : sequence of ColumnEntry
        Columns of the release that name an object elsewhere.
    card : Words
        What its releases' pages say of it alone; of a `base` they are taken over one by one.
    """

    name: str = Field(pattern=NAME)
    title: str
    mock: bool = False
    configs: dict[str, str]
    match: Literal["sky", "id", "photometry", ""] = ""
    split: Literal["published", ""] = ""
    shared_photometry: float | None = Field(None, ge=0, le=1)
    bands: tuple[BandEntry, ...] = Field(min_length=1)
    photometry: Photometry
    object_id: IdEntry
    references: tuple[ColumnEntry, ...] = ()
    catalogues: dict[str, CatalogueEntry]
    card: Words = Words()

    @field_validator("configs")
    @classmethod
    def _known_roles(cls, configs: dict[str, str]) -> dict[str, str]:
        if unknown := configs.keys() - set(ROLES):
            raise ValueError(f"no such role: {', '.join(sorted(unknown))}")
        return {role: configs[role] for role in ROLES if role in configs}

    @model_validator(mode="after")
    def _sound(self) -> "Survey":
        if self.mock is not is_mock_name(self.name):
            raise ValueError("the name of a mock, and of no other survey, begins with 'mock'")
        _ = self.tables  # raises where a column is none of the survey's
        roles = [one.role for one in self.catalogues.values()]
        if "spectra" in roles:
            if "spectroscopic" in roles or self.match != "sky":
                raise ValueError(
                    "a catalogue of role 'spectra' stands in place of one of role 'spectroscopic', "
                    "in a survey whose labels take their photometry alike (match: sky)"
                )
            if "specz_name" not in (one.name for one in self.references):
                raise ValueError("role 'spectra' needs the reference specz_name, which says whose")
        return self

    @property
    def described_bands(self) -> tuple[Band, ...]:
        """The bands as a release's manifest names them, blue to red."""
        magnitude, error = self.photometry.magnitude.name, self.photometry.error.name
        return tuple(
            Band(one.name, magnitude.format(band=one.name), error.format(band=one.name), one.curve)
            for one in self.bands
        )

    def of_role(self, role: str) -> str:
        """Return the catalogue of a role; empty where there is none."""
        return next((name for name, one in self.catalogues.items() if one.role == role), "")

    @property
    def spectra(self) -> tuple[str, str]:
        """The stage whose table holds the objects with spectra, and the catalogue they are from."""
        compilation = self.of_role("spectra")
        return ("match", compilation) if compilation else ("select", self.of_role("spectroscopic"))

    @functools.cached_property
    def tables(self) -> dict[str, Table]:
        """The columns of every catalogue as ingested, with our names and units."""
        return {
            name: Table(
                name,
                tuple(column for one in entry.columns for column in self._columns(one, entry)),
                entry.key,
                entry.description,
            )
            for name, entry in self.catalogues.items()
        }

    @functools.cached_property
    def selected(self) -> Table:
        """What the cuts leave of the label's catalogue."""
        if label := self.of_role("label"):
            return selected_table(self.tables[label], self.catalogues[label].magnitude)
        released = tuple(self.photometry_columns(nullable=False))
        return labelled_table(self.tables[self.of_role("labelled")], self.id_column(), released)

    @functools.cached_property
    def spectroscopic(self) -> Table:
        """The objects with spectra, each once: what the cuts and, by position, the match leave."""
        stage, catalogue = self.spectra
        if stage == "select":
            return spectroscopic_table(self.tables[catalogue])
        released = tuple(self.photometry_columns(nullable=False))
        return compiled_table(self.tables[catalogue], self.id_column(), released)

    @functools.cached_property
    def matched(self) -> Table:
        """The labelled objects with photometry."""
        released = tuple(self.photometry_columns(nullable=False))
        label_id = tuple(map(self.reference, filter(None, [self.label_id])))
        return matched_table(self.id_column(), released, label_id)

    def pairs(self, catalogue: str) -> Table:
        """Return the table of a catalogue's matches on the sky with the one that has photometry."""
        table = self.tables[catalogue]
        return pairs_table(self.id_column(), table[table.key])

    @functools.cached_property
    def assigned(self) -> Table:
        """The splits of the objects that are released."""
        return assigned_table(self.id_column())

    @functools.cached_property
    def release(self) -> Table:
        """The rows of a release."""
        released = tuple(self.photometry_columns(nullable=False))
        references = tuple(self.reference(one.name) for one in self.references)
        return release_table(self.id_column(), released, references, self.photometry.title)

    @functools.cached_property
    def index(self) -> Table:
        """The index of a config."""
        return index_table(self.id_column())

    @functools.cached_property
    def truth(self) -> Table:
        """A mock's answer sheet."""
        return truth_table(self.id_column())

    @property
    def label_id(self) -> str:
        """The id in the label's own catalogue that the release keeps; empty where there is none."""
        names = [one.name for one in self.references]
        label = self.of_role("label")
        return self.catalogues[label].key if label and self.catalogues[label].key in names else ""

    def reference(self, name: str) -> Column:
        """Return the column of a reference, as the release has it: null where unknown."""
        (entry,) = (one for one in self.references if one.name == name)
        return next(_expanded(entry, ()))

    def id_column(self, *, unique: bool = True, source: tuple[str, ...] = ()) -> Column:
        """Return the column ``object_id``."""
        return Column(
            "object_id",
            "int64",
            self.object_id.description,
            ucd="meta.id;meta.main",
            minimum=0,
            unique=unique,
            upstream=source or self.object_id.source,
        )

    def photometry_columns(
        self, *, nullable: bool, names: Photometry | None = None
    ) -> Iterator[Column]:
        """Declare the magnitudes of all bands, then their errors.

        `nullable` says whether photometry may be missing or, where a fit failed, absurd: yes in
        upstream tables, no in what is made of them. `names` are those of one catalogue's files.
        """
        own, theirs = self.photometry, names or self.photometry
        for band in self.bands:
            name = own.magnitude.name.format(band=band.name)
            yield magnitude_column(
                name,
                own.magnitude.description.format(band=band.name),
                band.ucd,
                nullable=nullable,
                **_upstream(name, theirs.magnitude, own.magnitude, band.name),
            )
        for band in self.bands:
            name = own.error.name.format(band=band.name)
            measured = own.magnitude.name.format(band=band.name)
            yield error_column(
                name,
                own.error.description.format(band=band.name) or f"1-sigma error of {measured}",
                band.ucd,
                nullable=nullable,
                **_upstream(name, theirs.error, own.error, band.name),
            )

    def _columns(self, one: str | dict[str, Any], entry: CatalogueEntry) -> Iterator[Column]:
        names = {reference.name for reference in self.references}
        if one == "photometry":
            yield from self.photometry_columns(nullable=True)
        elif one == "published_split":
            yield PUBLISHED_SPLIT
        elif one == "compilation":
            yield from COMPILED
        elif one == "object_id":
            yield self.id_column(unique=not entry.repeated)
        elif isinstance(one, str) and one in names:
            column, is_key = self.reference(one), one == entry.key
            yield replace(column, nullable=not is_key, unique=is_key and not entry.repeated)
        elif isinstance(one, str):
            raise ValueError(f"'{one}' is no column that the survey declares")
        elif "object_id" in one and one["object_id"] == VALUES:
            yield replace(self.id_column(unique=not entry.repeated), upstream=())
        elif "object_id" in one:
            yield self.id_column(unique=not entry.repeated, source=tuple(one["object_id"]))
        elif "photometry" in one:
            theirs = Photometry.model_validate(one["photometry"])
            yield from self.photometry_columns(nullable=True, names=theirs)
        elif "position" in one:
            place = Position.model_validate(one)
            yield from position_columns(*place.position, field=place.within)
        else:
            bands = tuple(band.name for band in self.bands)
            yield from _expanded(ColumnEntry.model_validate(one), bands)


def _upstream(name: str, theirs: Measured, own: Measured, band: str) -> dict[str, Any]:
    """What differs from one catalogue's files to another's."""
    sources = tuple(source.format(band=band) for source in theirs.source or own.source)
    low = theirs.missing_below if theirs.missing_below is not None else own.missing_below
    high = theirs.missing_above if theirs.missing_above is not None else own.missing_above
    return {"upstream": sources or (name,), "missing_below": low, "missing_above": high}


def _expanded(entry: ColumnEntry, bands: tuple[str, ...]) -> Iterator[Column]:
    """Make the columns that an entry stands for, one for each band and each word."""
    facts = entry.model_dump(exclude={"name", "description", "source", "from_flux", "each"})
    for band in bands if "{band}" in entry.name else ("",):
        for each in entry.each:

            def filled(text: str, words: Mapping[str, str] = {"band": band, "each": each}) -> str:
                return re.sub(r"\{(band|each)\}", lambda match: words[match[1]], text)

            name = filled(entry.name)
            yield Column(
                name,
                description=filled(entry.description),
                upstream=tuple(map(filled, entry.source)) or (name,),
                upstream_flux=tuple(map(filled, entry.from_flux)),
                **facts,
            )


def surveys() -> tuple[str, ...]:
    """Return the names of the surveys that are configured, real ones before mocks."""
    names = sorted(path.parent.name for path in FOLDER.glob(f"*/{FILE}"))
    return tuple(sorted(names, key=lambda name: _raw(name).get("mock", False)))


@functools.cache
def find_survey(name: str) -> Survey:
    """Return a survey as its ``survey.yaml`` configures it.

    Raises
    ------
    ParameterError
        If there is none of that name, or its file is no survey's; it says what is wrong where.

    Examples
    --------
    >>> [band.name for band in find_survey("cosmos2020").bands]
    ['g', 'r', 'i', 'z', 'y']
    """
    content = _raw(name)
    try:
        return Survey.model_validate(content | {"name": name})
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(map(str, one['loc'])) or 'survey'}: {one['msg']}" for one in error.errors()
        )
        raise ParameterError(
            f"{FOLDER / name / FILE}: {problems}; correct it and run again"
        ) from None


def taken_over(name: str) -> tuple[str, ...]:
    """Return the surveys whose files configure one: itself, and those it takes over from.

    Examples
    --------
    >>> taken_over("mock")
    ('mock', 'cosmos2020')
    """
    content = _own(name)
    catalogues = content.get("catalogues", {})
    entries = catalogues.values() if isinstance(catalogues, dict) else ()
    others = [content.get("base"), *(one.get("of") for one in entries if isinstance(one, dict))]
    further = [survey for other in filter(None, others) for survey in taken_over(other)]
    return tuple(dict.fromkeys([name, *further]))


def base_of(name: str) -> str:
    """Return the survey whose entries one takes over; empty where there is none, or no survey.

    Examples
    --------
    >>> base_of("mock_full")
    'mock'
    """
    return str(_own(name).get("base", "")) if _is_there(name) else ""


def seek_survey(name: str) -> Survey | None:
    """Return a survey as `find_survey` does; None where this package does not have it."""
    return find_survey(name) if _is_there(name) else None


def _is_there(name: str) -> bool:
    return bool(re.match(NAME, name)) and (FOLDER / name / FILE).is_file()


def _raw(name: str) -> dict[str, Any]:
    """The content of a survey's file, with what it takes over from other surveys."""
    content = _own(name)
    if base := content.pop("base", ""):
        others, own = _raw(base), content.get("card", {})
        content = others | content
        if isinstance(own, dict):
            content["card"] = others.get("card", {}) | own
    catalogues = content.get("catalogues", {})
    for key, entry in catalogues.items() if isinstance(catalogues, dict) else ():
        if isinstance(entry, dict) and (other := entry.pop("of", "")):
            catalogues[key] = _raw(other)["catalogues"][key] | entry
    return content


def _own(name: str) -> dict[str, Any]:
    """The content of a survey's file as it stands there."""
    path = FOLDER / name / FILE
    if not _is_there(name):
        raise ParameterError(
            f"there is no survey '{name}': {path} is missing; "
            f"`transferz survey new {name}` writes a skeleton"
        )
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ParameterError(f"{path} can't be read as YAML: {error}; correct it") from None
    if not isinstance(content, dict):
        raise ParameterError(f"{path}: expected named entries, found {type(content).__name__}")
    return content
