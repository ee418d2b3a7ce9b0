"""The registry of upstream files: registry.yaml, checked and typed."""

import fnmatch
import functools
import importlib.resources
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from transferz.schemas import ParameterError, Table
from transferz.schemas.survey.documents import load_yaml
from transferz.schemas.survey.survey import FILE, FOLDER, find_survey, surveys

HERE = "transferz.dataset.sources"
TABLES = {name: table for survey in surveys() for name, table in find_survey(survey).tables.items()}
"""The declarations from which the columns used are derived."""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Citation(_Entry):
    """How to cite a catalogue: in words, by DOI and by a page, empty where not known.

    `also` are further papers, in words as `text` is; the DOI and the page are of the first.
    """

    text: str
    also: tuple[str, ...] = ()
    doi: str = ""
    url: str = ""

    @property
    def papers(self) -> str:
        """All papers in words, on one line."""
        return "; and ".join([self.text, *self.also])


class UpstreamFile(_Entry):
    """One file of an edition; its size and hashes where they are known.

    In a Zenodo record, `name` is a glob where the exact name has not been verified; of several
    files of such a name, the one that the glob `prefer` matches is taken. `urls` are its addresses,
    the preferred first; those of a compressed copy end in ``.gz``. A Zenodo record has none: its
    API gives them.
    """

    name: str
    prefer: str = ""
    urls: tuple[str, ...] = ()
    bytes: int | None = Field(None, gt=0)
    md5: str | None = Field(None, pattern="^[0-9a-f]{32}$")
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")

    @field_validator("urls")
    @classmethod
    def _https(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        if not all(url.startswith("https://") and "@" not in urlsplit(url).netloc for url in urls):
            raise ValueError("every address must be https, without a user name or password")
        return urls

    @property
    def copies(self) -> dict[str, tuple[str, ...]]:
        """The file's name, and that of its compressed copy, each with its addresses."""
        names = dict.fromkeys([self.name, *map(_file_name, self.urls)])
        return {name: tuple(u for u in self.urls if _file_name(u) == name) for name in names}

    def fits(self, name: str) -> bool:
        """Whether a file's name is that of this file, or of a compressed copy."""
        endings = ("", ".gz") if name.endswith((".fits", ".fits.gz")) else ("",)
        return any(fnmatch.fnmatchcase(name, f"{copy}{e}") for copy in self.copies for e in endings)


def _file_name(url: str) -> str:
    return unquote(urlsplit(url).path).rpartition("/")[2]


class ByHand(_Entry):
    """Data that a person gets from a site and puts in place, in one file of any name.

    `how` says what to do there, `query` names the SQL that ships with the project for it (empty
    for none), and `formats` are the endings that the file's name may have. In place of one file
    there may be all of `parts`, globs of names without their endings.
    """

    site: str
    how: str
    query: str = ""
    formats: tuple[str, ...]
    parts: tuple[str, ...] = ()

    def fits(self, name: str, part: str = "*") -> bool:
        """Whether a file's name is that of a part, or one that the only file may have."""
        return any(fnmatch.fnmatchcase(name, f"{part}{ending}") for ending in self.formats)

    @property
    def query_path(self) -> Path:
        """Where the query lies on this machine."""
        return Path(str(importlib.resources.files(HERE) / self.query))


class Edition(_Entry):
    """One edition of an upstream catalogue, and where it comes from.

    It can serve as the `catalogue` of a survey; `table` names the declaration in
    `transferz.schemas` of the columns used. `note` says what of this entry is verified, second-hand
    or our own assumption. The `files` to fetch may lie in the Zenodo record `zenodo`; where nothing
    can be fetched, `by_hand` says how to get the data; where something can, a file that was put in
    place by hand is taken in its stead.
    """

    title: str
    catalogue: str
    table: str
    licence: str
    citation: Citation
    note: str
    zenodo: int | None = None
    files: tuple[UpstreamFile, ...] = ()
    by_hand: ByHand | None = None

    @field_validator("table")
    @classmethod
    def _declared(cls, table: str) -> str:
        if table not in TABLES:
            raise ValueError(f"no such table; there are {', '.join(TABLES)}")
        return table

    @model_validator(mode="after")
    def _one_origin(self) -> "Edition":
        if not (self.files or self.by_hand):
            raise ValueError("expected files, by_hand or both")
        if any(bool(file.urls) == bool(self.zenodo) for file in self.files):
            raise ValueError("expected a Zenodo record, or urls for every file")
        return self

    @property
    def columns(self) -> Table:
        """The table whose columns are read from these files."""
        return TABLES[self.table]


@functools.cache
def load_registry() -> dict[str, Edition]:
    """Read the registry that ships with the project, and the surveys' own: key to edition.

    A `ParameterError` says where it has been edited and breaks its form.
    """
    path = importlib.resources.files(HERE) / "registry.yaml"
    try:
        content = load_yaml(path.read_text(encoding="utf-8"))
        registry = {key: Edition.model_validate(entry) for key, entry in content.items()}
    except (yaml.YAMLError, ValidationError, AttributeError) as error:
        raise ParameterError(f"{path} is not a registry of sources: {error}; correct it") from error
    for where, key, entry in _configured():
        try:
            edition = Edition.model_validate(entry)
        except ValidationError as error:
            raise ParameterError(f"{where} is no edition: {error}; correct it") from error
        if registry.setdefault(key, edition) != edition:
            raise ParameterError(f"{where}: there is another edition of that name; choose another")
    return registry


def _configured() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The editions that the surveys' own files name, each with its place and key."""
    for survey in surveys():
        for catalogue, entry in find_survey(survey).catalogues.items():
            names = {"catalogue": catalogue, "table": catalogue}
            for key, one in entry.editions.items():
                where = f"{FOLDER / survey / FILE}: catalogues.{catalogue}.editions.{key}"
                yield where, key, names | one


def find_edition(key: str, catalogue: str) -> Edition:
    """Return the edition of that key in the registry, which must be one of the catalogue."""
    choices = {
        k: edition for k, edition in load_registry().items() if edition.catalogue == catalogue
    }
    if not choices:
        raise ParameterError(
            f"nobody says where catalogue '{catalogue}' comes from; give it 'editions' in its "
            "survey.yaml, as `transferz survey new` writes them"
        )
    if key not in choices:
        raise ParameterError(
            f"parameter 'fetch.{catalogue}': found '{key}', expected one of "
            f"{', '.join(choices)} (transferz sources lists them)"
        )
    return choices[key]


def record_url(record: int, name: str = "") -> str:
    """Return the address of a Zenodo record, or of a file in it, as a person would open it."""
    page = f"https://zenodo.org/records/{record}"
    return f"{page}/files/{quote(name)}" if name else page
