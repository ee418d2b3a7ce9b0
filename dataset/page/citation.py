"""A release's name, terms and citation, as CITATION.cff, BibTeX and DataCite metadata.

BibTeX is given by the card and Croissant. DataCite's schema 4.5 is what Zenodo and other archives
use; its vocabulary is https://schema.datacite.org/meta/kernel-4.5. Which relation says what is our
choice: a real release IsDerivedFrom its catalogues, a mock only References those whose files it
imitates.
"""

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from transferz.dataset.page.subject import subject_of
from transferz.dataset.sources.registry import Citation, Edition, load_registry, record_url
from transferz.dataset.spectra.catalogues import Catalogue, load_catalogues
from transferz.schemas import InputError
from transferz.schemas.survey.documents import MAX_YAML, parse_yaml, read_bytes
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    MANIFEST_FILE,
    RELEASE_NAME,
)
from transferz.schemas.survey.release import CONFIGS

LICENCE = "CC-BY-4.0"
"""The SPDX identifier of the licence of what we make."""

OTHER_LICENCE = "as-its-sources-allow"
"""The Hub's ``license_name`` where no licence of our own can be given."""

PAPER = "preferred-citation"
"""The key of the paper in the project's CITATION.cff."""

MOCK_ABSTRACT = """\
A mock: every galaxy is simulated, none of it is a measurement. To try the code, never for \
science."""

LINE = 92
"""Characters in a line of BibTeX."""

_TEXT = re.compile(
    r"(?P<author>[^,]+?) et al\. (?P<year>\d{4}), (?P<where>arXiv:\S+|[^:]+): (?P<title>.+)"
)
_JOURNAL = re.compile(r"(?P<journal>\D+) (?P<volume>\d+), (?P<start>[A-Z]?\d+)")
EPRINT = re.compile(r"arxiv(?:\.org/abs/|:)(\d{4}\.\d{4,5})", re.IGNORECASE)

SCHEMA = "http://datacite.org/schema/kernel-4"
PUBLISHER = "Zenodo"
RIGHTS = {LICENCE: "Creative Commons Attribution 4.0 International"}
FORMATS = [
    *("application/zip", "application/vnd.apache.parquet"),
    *("text/markdown", "application/json"),
]
MOCK_TITLE = "MOCK, simulated galaxies: "
OTHER_RIGHTS = "This data set may be passed on as far as the terms of its sources allow."
MADE = "Made by a pipeline of checked stages from the catalogues named under related identifiers."
MADE_UP = """\
Made by a pipeline of checked stages from simulated catalogues in the formats of those named under \
related identifiers: no value is a measurement."""
METHODS = f"""\
{{made}} The page {CARD_FILE} says how, with the number of objects that each cut removed; \
{MANIFEST_FILE} lists every parameter, the sha256 of every file, upstream ones too, and the \
versions of the packages used."""
TECHNICAL = f"""\
{{archive}} unpacks to the folder {RELEASE_NAME}: parquet files <config>/<split>-*.parquet with an \
IVOA VOParquet footer that gives unit, UCD and description of each column, loaded by \
datasets.load_dataset("{RELEASE_NAME}"), the figures of {CARD_FILE}, and {CROISSANT_FILE} \
(MLCommons Croissant). Beside it lie its pages, {CARD_FILE}, {MANIFEST_FILE} and {CITATION_FILE}, \
and the checksums of all files: sha256sum -c SHA256SUMS."""


def licence(manifest: Mapping[str, Any]) -> str:
    """Return the SPDX identifier of a release's terms.

    It is ``other`` for a release that passes on a table whose licence is its authors' to say.
    """
    return subject_of(manifest).words.licence


def licence_url(manifest: Mapping[str, Any]) -> str:
    """Return where the terms of a release are stated; empty where that is not known.

    Other terms than ours are those of its first catalogue.
    """
    if licence(manifest) == LICENCE:
        return "https://creativecommons.org/licenses/by/4.0/"
    record = load_registry()[next(iter(manifest["sources"].values()))].zenodo
    return record_url(record) if record else ""


def read_citation(path: Path) -> dict[str, Any]:
    """Read the CITATION.cff of the project or of a release.

    A file that is not there, or not YAML with a title, raises `InputError`. A date is text.
    """
    try:
        content = parse_yaml(read_bytes(path, MAX_YAML).decode("utf-8"))
        return {"title": content["title"]} | content
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a citation file (CFF 1.2.0) that can be read: {error}; restore it"
        ) from error


def release_citation(project: Mapping[str, Any], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the CITATION.cff of a release: a data set, with the paper and its catalogues.

    `project` is the project's own, as `read_citation` reads it: who made the release, and the
    paper. That paper is of the config `transferz`: the paper of a release without it is the
    first of its catalogues' that has an arXiv identifier. Keys are in the order in which they are
    written.
    """
    spdx, subject = licence(manifest), subject_of(manifest)
    url = {"license-url": licence_url(manifest)} if licence_url(manifest) else {}
    cited = [*chain.from_iterable(map(catalogue_references, cited_catalogues(manifest)))]
    own = [] if CONFIGS[0] in subject.configs.values() else filter(_eprint, cited)
    paper = next(iter(own), project[PAPER])
    return {
        "cff-version": project["cff-version"],
        "message": "If you use this release, please cite it, the paper and its catalogues.",
        "type": "dataset",
        "title": f"{subject.name} {manifest['version']}",
        "abstract": MOCK_ABSTRACT if subject.mock else subject.abstract,
        "authors": project["authors"],
        "version": manifest["version"],
        "date-released": manifest["date"],
        **(url if spdx == "other" else {"license": spdx}),
        "keywords": [*project["keywords"], *(["mock"] if subject.mock else [])],
        PAPER: paper,
        "references": [paper, *(one for one in cited if one != paper)],
    }


def spectra_of(manifest: Mapping[str, Any]) -> list[tuple[str, int, Catalogue | None]]:
    """Return the catalogues that a compilation's spectra are from: name, objects, what is known.

    There are none where spectra are no compilation's. Of a catalogue that ``transferz specz`` was
    told of by its user nothing is known here.
    """
    found = manifest.get("quality", {}).get("spectra", {})
    known = load_catalogues() if found else {}
    return [(name, rows, known.get(name)) for name, rows in found.items()]


def cited_catalogues(manifest: Mapping[str, Any]) -> list[Citation]:
    """Return the citations of a release's catalogues, each once; of spectra those compiled."""
    registry = load_registry()
    sources = [registry[edition].citation for edition in manifest["sources"].values()]
    sources += [catalogue.citation for _, _, catalogue in spectra_of(manifest) if catalogue]
    return list(dict.fromkeys(sources))


def catalogue_references(citation: Citation) -> list[dict[str, Any]]:
    """Return the registry's citation of a catalogue as CFF references.

    The text of each paper is ``Author et al. YEAR, JOURNAL VOLUME, PAGE: TITLE``, or has
    ``arXiv:ID`` in the journal's place. Addresses are of the first. There is none for the paper's
    own table, whose text is not of that form.
    """
    found = filter(None, map(_TEXT.fullmatch, (citation.text, *citation.also)))
    return [_reference(match, citation if k == 0 else None) for k, match in enumerate(found)]


def _reference(match: re.Match[str], addresses: Citation | None) -> dict[str, Any]:
    published = _JOURNAL.fullmatch(match["where"])
    reference = {
        "type": "article",
        "title": match["title"],
        "authors": [{"family-names": match["author"]}, {"name": "et al."}],
        "year": int(match["year"]),
        **({"journal": "arXiv e-prints"} if published is None else published.groupdict()),
    }
    if addresses and addresses.url:
        reference["url"] = addresses.url
    if addresses and addresses.doi:
        reference["notes"] = f"Data: https://doi.org/{addresses.doi}"
    if eprint := EPRINT.search(f"{reference.get('url', '')} {match['where']}"):
        arxiv = {"type": "other", "value": f"arXiv:{eprint[1]}", "description": "arXiv identifier"}
        reference["identifiers"] = [arxiv]
    return reference


def citation_text(citation: Mapping[str, Any]) -> str:
    """Return a citation as the text of a CITATION.cff."""
    return yaml.dump(
        citation, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )


class _PlainDumper(yaml.SafeDumper):
    """Writes what occurs twice (the paper) twice: not every reader of CFF knows anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def paper_eprint(citation: Mapping[str, Any]) -> str:
    """Return the arXiv identifier of the paper that a citation file names.

    A file without it raises `InputError`.
    """
    eprint = _eprint(citation.get(PAPER, {}))
    if not eprint:
        raise InputError(
            f"the citation file has no identifier such as arXiv:YYMM.NNNNN under {PAPER}, to which "
            "the card links; restore it"
        )
    return eprint


def _eprint(reference: Mapping[str, Any]) -> str:
    """The arXiv identifier of a CFF reference; empty where it has none."""
    match = EPRINT.search(" ".join(one["value"] for one in reference.get("identifiers", ())))
    return match[1] if match else ""


def bibtex(citation: Mapping[str, Any]) -> str:
    """Return BibTeX for a release, its paper and its catalogues, from its citation.

    Entries follow one another, the release's first, without a final line end.
    """
    version = str(citation["version"])
    year, month, _ = str(citation["date-released"]).split("-")
    dated = {"year": year, "month": str(int(month)), "version": version, "note": "Data set"}
    name = re.sub(r"\W", "", str(citation["title"]).split()[0]).lower()
    release = _entry("misc", name + re.sub(r"\W", "_", version), citation, dated)
    return "\n\n".join([release, *map(_article, citation["references"])])


def _article(reference: Mapping[str, Any]) -> str:
    eprint = _eprint(reference)
    fields = {
        "journal": reference["journal"],
        "volume": reference.get("volume", ""),
        "pages": reference.get("start", ""),
        "year": str(reference["year"]),
        "eprint": eprint,
        "archivePrefix": "arXiv" if eprint else "",
        "note": reference.get("notes", ""),
    }
    first = re.sub(r"\W", "", reference["authors"][0]["family-names"]).lower()
    return _entry("article", f"{first}{reference['year']}", reference, fields)


def _authors(reference: Mapping[str, Any]) -> str:
    names = []
    for author in reference["authors"]:
        if "name" in author:  # an entity, or what stands for those left out
            names.append("others" if author["name"] == "et al." else f"{{{author['name']}}}")
        else:
            parts = ("family-names", "given-names")
            names.append(", ".join(author[part] for part in parts if part in author))
    return " and ".join(names)


def _entry(kind: str, key: str, cited: Mapping[str, Any], further: Mapping[str, str]) -> str:
    """An entry with a field per line, or on as many lines as it needs; empty ones are left out."""
    title = "{" + cited["title"].replace("~", r"$\sim$") + "}"  # whose capitals BibTeX keeps
    fields = {"title": title, "author": _authors(cited), **further}
    width = max(map(len, fields))
    wrapped = [
        textwrap.fill(
            f"{{{value}}},",
            LINE,
            initial_indent=f"  {name:{width}} = ",
            subsequent_indent=" " * (width + 6),
            break_on_hyphens=False,
            break_long_words=False,
        )
        for name, value in fields.items()
        if value
    ]
    return "\n".join([f"@{kind}{{{key},", *wrapped, "}"])


def datacite(
    manifest: Mapping[str, Any], citation: Mapping[str, Any], archive: str
) -> dict[str, Any]:
    """Return a release's DataCite metadata: JSON of the schema 4.5.

    `citation` is its CITATION.cff, `archive` the name of the file that it is packed in. There is no
    DOI, which the archive assigns.
    """
    mock, date = manifest["mock"], str(manifest["date"])
    registry = load_registry()
    editions = [registry[name] for name in dict.fromkeys(manifest["sources"].values())]
    keywords = [*map(str, citation.get("keywords", ())), *(["mock"] if mock else [])]
    descriptions = {
        "Abstract": str(citation.get("abstract") or citation["title"]),
        "Methods": METHODS.format(made=MADE_UP if mock else MADE),
        "TechnicalInfo": TECHNICAL.format(archive=archive),
    }
    return {
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": "Galaxy catalogue"},
        "titles": [
            {"title": (MOCK_TITLE if mock else "") + str(citation["title"])},
            {"title": subject_of(manifest).subtitle, "titleType": "Subtitle"},
        ],
        "creators": [_creator(author) for author in citation["authors"]],
        "publisher": {"name": PUBLISHER},
        "publicationYear": date[:4],
        "subjects": [{"subject": word} for word in dict.fromkeys(keywords)],
        "dates": [{"date": date, "dateType": "Issued"}],
        "language": "en",
        "version": manifest["version"],
        "rightsList": _rights(manifest, editions),
        "descriptions": [
            {"description": text, "descriptionType": kind} for kind, text in descriptions.items()
        ],
        "relatedIdentifiers": [*_relations(mock, citation, cited_catalogues(manifest))],
        "sizes": [
            f"{sum(file['bytes'] for file in manifest['files'].values())} bytes",
            *(
                f"{sum(split['rows'] for split in splits.values())} rows in config {config}"
                for config, splits in manifest["content"].items()
            ),
        ],
        "formats": FORMATS,
        "schemaVersion": SCHEMA,
    }


def _creator(author: Mapping[str, Any]) -> dict[str, Any]:
    """An author of a CITATION.cff: a person, or an entity, which has a plain name."""
    if "name" in author:
        return {"name": author["name"], "nameType": "Organizational"}
    family = " ".join(author[k] for k in ("name-particle", "family-names") if k in author)
    given = author.get("given-names", "")
    creator: dict[str, Any] = {
        "name": f"{family}, {given}" if given else family,
        "nameType": "Personal",
        "familyName": family,
        **({"givenName": given} if given else {}),
    }
    if "orcid" in author:
        orcid = {"nameIdentifierScheme": "ORCID", "schemeUri": "https://orcid.org"}
        creator["nameIdentifiers"] = [{"nameIdentifier": author["orcid"]} | orcid]
    if "affiliation" in author:
        creator["affiliation"] = [{"name": author["affiliation"]}]
    return creator


def _rights(manifest: Mapping[str, Any], editions: Sequence[Edition]) -> list[dict[str, str]]:
    """The licence; where there is none of our own to give, the sources' terms in words."""
    spdx, url = licence(manifest), licence_url(manifest)
    if spdx not in RIGHTS:
        terms = [{"rights": f"{edition.title}: {edition.licence}"} for edition in editions]
        return [{"rights": OTHER_RIGHTS} | ({"rightsUri": url} if url else {}), *terms]
    return [
        {
            "rights": RIGHTS[spdx],
            "rightsUri": url,
            "rightsIdentifier": spdx,
            "rightsIdentifierScheme": "SPDX",
            "schemeUri": "https://spdx.org/licenses/",
        }
    ]


def _relations(
    mock: bool, citation: Mapping[str, Any], catalogues: Sequence[Citation]
) -> Iterator[dict[str, str]]:
    """The paper, unless it is a catalogue's, and the catalogues with their papers, each once."""
    paper = _arxiv(f"arXiv:{_eprint(citation[PAPER])}")
    if paper in {_arxiv(source.url) for source in catalogues}:
        paper = ""
    if paper:
        yield _related(paper, "arXiv", "Cites" if mock else "IsDescribedBy", "Preprint")
    derived = "References" if mock else "IsDerivedFrom"
    seen = {paper}
    for source in catalogues:
        if source.doi and source.doi not in seen:
            yield _related(source.doi, "DOI", derived, "Dataset")
        eprint = _arxiv(source.url)
        if eprint and eprint not in seen:
            yield _related(eprint, "arXiv", "Cites" if source.doi else derived, "Preprint")
        seen |= {source.doi, eprint}


def _related(identifier: str, kind: str, relation: str, general: str) -> dict[str, str]:
    return {
        "relatedIdentifier": identifier,
        "relatedIdentifierType": kind,
        "relationType": relation,
        "resourceTypeGeneral": general,
    }


def _arxiv(text: str) -> str:
    match = EPRINT.search(text)
    return f"arXiv:{match[1]}" if match else ""
