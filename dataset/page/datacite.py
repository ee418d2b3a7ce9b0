"""A release's metadata by the DataCite schema 4.5, as Zenodo and other archives use it.

Source of the vocabulary: https://schema.datacite.org/meta/kernel-4.5. Which relation says what is
our choice: a real release IsDerivedFrom its catalogues, a mock only References those whose files it
imitates.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from transferz.dataset.page.citation import EPRINT, LICENCE, PAPER, licence, licence_url
from transferz.dataset.sources.registry import Edition, load_registry
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    CROISSANT_FILE,
    MANIFEST_FILE,
    RELEASE_NAME,
)

SCHEMA = "http://datacite.org/schema/kernel-4"
PUBLISHER = "Zenodo"
RIGHTS = {LICENCE: "Creative Commons Attribution 4.0 International"}
FORMATS = [
    *("application/zip", "application/vnd.apache.parquet"),
    *("text/markdown", "application/json"),
]
MOCK_TITLE = "MOCK, simulated galaxies: "
OTHER_RIGHTS = "This data set may be passed on as far as the terms of its sources allow."
SUBTITLE = "Galaxies with HSC photometry and many-band photometric redshifts"
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
            {"title": SUBTITLE, "titleType": "Subtitle"},
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
        "relatedIdentifiers": [*_relations(mock, citation, editions)],
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
    mock: bool, citation: Mapping[str, Any], editions: Sequence[Edition]
) -> Iterator[dict[str, str]]:
    """The paper, and the catalogues with their papers, each once."""
    paper = _arxiv(" ".join(one["value"] for one in citation[PAPER].get("identifiers", ())))
    if paper:
        yield _related(paper, "arXiv", "Cites" if mock else "IsDescribedBy", "Preprint")
    derived = "References" if mock else "IsDerivedFrom"
    seen = {paper}
    for source in (edition.citation for edition in editions):
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
