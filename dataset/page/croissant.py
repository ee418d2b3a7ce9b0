"""croissant.json: a release in MLCommons' Croissant 1.1, for loaders and dataset search engines.

The standard: http://mlcommons.org/croissant/1.1. Files have their real sha256 and addresses
relative to croissant.json, so the description holds wherever the release lies. The record sets
read file sets that have no container of their own: they lie beside croissant.json, and mlcroissant
reads their records from a copy of the release on the machine. What the release was derived from and
what made it is said in the W3C's words, PROV-O.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transferz.dataset.page.citation import (
    OTHER_RIGHTS,
    bibtex,
    licence_url,
    read_citation,
    spectra_of,
)
from transferz.dataset.page.subject import Subject, subject_of
from transferz.dataset.sources.registry import Citation, Edition, load_registry, record_url
from transferz.schemas import SPLITS, Table
from transferz.schemas.survey.derived import column_fields
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    MANIFEST_FILE,
    data_files,
    file_digest,
    index_file,
    json_text,
)

Facts = Mapping[str, Any]

VERSION = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"

_TERMS = (
    *("annotation", "arrayShape", "citeAs", "column", "containedIn", "equivalentProperty"),
    *("excludes", "extract", "field", "fileObject", "fileProperty", "fileSet", "format"),
    *("includes", "isArray", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path"),
    *("readLines", "recordSet", "references", "regex", "repeated", "replace", "samplingRate"),
    *("sdVersion", "separator", "source", "subField", "transform", "unArchive"),
)
"""The standard's own terms, which its context spells ``cr:<term>``."""

CONTEXT: dict[str, Any] = dict(
    sorted(
        {
            "@language": "en",
            "@vocab": "https://schema.org/",
            **{term: f"cr:{term}" for term in _TERMS},
            "conformsTo": "dct:conformsTo",
            "cr": "http://mlcommons.org/croissant/",
            "data": {"@id": "cr:data", "@type": "@json"},
            "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
            "dct": "http://purl.org/dc/terms/",
            "examples": {"@id": "cr:examples", "@type": "@json"},
            "prov": "http://www.w3.org/ns/prov#",
            "rai": "http://mlcommons.org/croissant/RAI/",
            "sc": "https://schema.org/",
        }.items()
    )
)
"""The standard's context (its appendix 1), with PROV-O and the terms of 1.0 that mlcroissant asks
for. Without the standard's ``value``, which mlcroissant knows as schema.org's and we do not use."""

SPLIT_SET = "splits"
SPLIT_TERMS = {
    "train": "cr:TrainingSplit",
    "validation": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}
"""Croissant's words for splits; it has none for calibration, which is a ``cr:Split`` like any."""

MOCK_NOTE = "Simulated: a mock in the format of this catalogue, which holds none of its data."
TRUTH_NOTE = "Simulated: what the mock's galaxies truly are."


def croissant(manifest: Facts, release: Path, table: Table | None = None) -> dict[str, Any]:
    """Return the Croissant description of a release, as JSON-LD.

    The directory `release` has its configs and its CITATION.cff; a citation file that is missing or
    can't be read raises `InputError`. `table` holds its columns, by default those of its survey.
    The same release gives the same dictionary.
    """
    subject = subject_of(manifest)
    table = table or subject.survey.release
    citation, files = read_citation(release / CITATION_FILE), data_files(release)
    files = {config: files[config] for config in manifest["content"]}
    developers = [
        {"@type": "sc:Organization", "name": author["name"]} for author in citation["authors"]
    ]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": subject.name,
        "description": citation["abstract"],
        "conformsTo": VERSION,
        "url": CARD_FILE,
        "version": manifest["version"],
        "sdVersion": manifest["version"],
        "datePublished": manifest["date"],
        "license": licence_url(manifest) or OTHER_RIGHTS,
        "creator": developers,
        "publisher": developers,
        "citeAs": bibtex(citation),
        "keywords": citation["keywords"],
        "inLanguage": "en",
        "isLiveDataset": False,
        "distribution": _distribution(release, files, subject),
        "recordSet": [_splits(), *(_record_set(config, table, subject) for config in files)],
        "prov:wasDerivedFrom": _derived_from(manifest),
        "prov:wasGeneratedBy": _generated_by(manifest),
    }


def _distribution(
    release: Path, files: Mapping[str, Mapping[str, Sequence[Path]]], subject: Subject
) -> list[dict[str, Any]]:
    """Every parquet file, and of every config the set of files that hold its rows."""
    entries = []
    for config, splits in files.items():
        rows = subject.survey.release
        shards = [_file_object(path, release, rows) for of in splits.values() for path in of]
        names = [shard["@id"] for shard in shards]
        file_set = {
            "@type": "cr:FileSet",
            "@id": f"{config}-files",
            "name": f"{config}-files",
            "description": f"The rows of config {config}, a file or more per split.",
            "encodingFormat": PARQUET,
            "includes": names,
            "hasPart": [{"@id": name} for name in names],
        }
        index = _file_object(index_file(release, config), release, subject.survey.index)
        entries += [*shards, index, file_set]
    return entries


def _file_object(path: Path, release: Path, table: Table) -> dict[str, Any]:
    """A parquet file; its path in the release is its ``@id`` and its address."""
    name, digest = path.relative_to(release).as_posix(), file_digest(path)
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": path.name,
        "description": table.description,
        "contentUrl": name,
        "contentSize": f"{digest['bytes']} B",
        "encodingFormat": PARQUET,
        "sha256": digest["sha256"],
    }


def _splits() -> dict[str, Any]:
    """The record set that says what our splits' names mean."""
    name, term = f"{SPLIT_SET}/name", f"{SPLIT_SET}/url"
    return {
        "@type": "cr:RecordSet",
        "@id": SPLIT_SET,
        "name": SPLIT_SET,
        "description": "The splits of every config; 'calibration' is for conformal methods.",
        "dataType": "cr:Split",
        "key": {"@id": name},
        "field": [
            {"@type": "cr:Field", "@id": name, "name": "name", "dataType": "sc:Text"},
            {"@type": "cr:Field", "@id": term, "name": "url", "dataType": ["sc:URL", "cr:Split"]},
        ],
        "data": [{name: split, term: SPLIT_TERMS.get(split, "cr:Split")} for split in SPLITS],
    }


def _record_set(config: str, table: Table, subject: Subject) -> dict[str, Any]:
    """A config's rows: its columns, and the split, which is the beginning of a file's name.

    mlcroissant applies the split's pattern once more to what it has found, and turns it into a glob
    where only one split is wanted: hence the optional folder and the open end.
    """
    split = {
        "@type": "cr:Field",
        "@id": f"{config}/split",
        "name": "split",
        "description": subject.survey.index["split"].description,
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": f"{config}-files"},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": f"^(?:{config}/)?({'|'.join(SPLITS)}).*$"},
        },
        "references": {"field": {"@id": f"{SPLIT_SET}/name"}},
    }
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": subject.note(config),
        "key": {"@id": f"{config}/{table.key}"},
        "field": [split, *column_fields(table, config, f"{config}-files")],
    }


def _derived_from(manifest: Facts) -> list[dict[str, Any]]:
    """The upstream catalogues, a ``prov:Entity`` each with its files, terms and citation.

    That of a mock says that it is one and has neither the address nor the licence of the catalogue
    whose format it imitates.
    """
    files: dict[str, list[dict[str, Any]]] = {}  # by folder: a catalogue's, or "" for none
    for path, facts in manifest["upstream"].items():
        folder, _, name = path.rpartition("/")
        address = {"contentUrl": facts["url"]} if "url" in facts else {}
        size = {"contentSize": f"{facts['bytes']} B", "sha256": facts["sha256"]}
        file = {"@type": "sc:DataDownload", "name": name, **address, **size}
        files.setdefault(folder, []).append(file)
    described: list[tuple[str, str, str, dict[str, Any]]] = []
    for catalogue, key in manifest["sources"].items():
        edition = load_registry()[key]
        if manifest["mock"]:
            described.append((catalogue, f"Mock of {edition.title}", MOCK_NOTE, {}))
        else:
            reference = _reference(key, edition)
            described.append((catalogue, edition.title, edition.note, reference))
    if "" in files:
        described.append(("", "Truth of the mock", TRUTH_NOTE, {}))
    for name, rows, known in spectra_of(manifest):
        about = f"Of its spectra {rows:,} are here, by way of the compilation."
        reference = {"citation": _cited(known.citation)} if known else {}
        described.append((f"spectra of {name}", known.title if known else name, about, reference))
    return [
        {
            "@type": ["prov:Entity", "sc:Dataset"],
            "name": name,
            "description": description,
            "distribution": files.get(folder, []),
            **reference,
        }
        for folder, name, description, reference in described
    ]


def _reference(key: str, edition: Edition) -> dict[str, Any]:
    """Where a person finds an edition, its terms, and how to cite it."""
    citation = edition.citation
    if edition.zenodo:
        address = record_url(edition.zenodo)
    else:
        address = edition.by_hand.site if edition.by_hand else edition.files[0].urls[0]
    return {
        "identifier": [key, *([citation.doi] if citation.doi else [])],
        "url": address,
        "license": edition.licence,
        "citation": _cited(citation),
    }


def _cited(citation: Citation) -> str:
    return f"{citation.papers} ({citation.url})" if citation.url else citation.papers


def _generated_by(manifest: Facts) -> dict[str, Any]:
    """The making, a ``prov:Activity``: the parameters' digest and the packages that shape data.

    No clock and no platform is in it: a rebuild repeats it.
    """
    return {
        "@type": "prov:Activity",
        "prov:label": f"transferz pipeline, survey {manifest['survey']}",
        "prov:used": {
            "@type": "prov:Entity",
            "name": f"parameters, as in {MANIFEST_FILE} under 'parameters'",
            "sha256": hashlib.sha256(json_text(manifest["parameters"]).encode()).hexdigest(),
        },
        "prov:wasAssociatedWith": [
            {
                "@type": ["prov:SoftwareAgent", "sc:SoftwareApplication"],
                "name": name,
                "softwareVersion": version,
            }
            for name, version in manifest["packages"].items()
        ],
    }
