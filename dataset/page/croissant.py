"""croissant.json: a release in MLCommons' Croissant 1.1, for loaders and dataset search engines.

The standard: http://mlcommons.org/croissant/1.1. Files have their real sha256 and addresses
relative to croissant.json, so the description holds wherever the release lies. The record sets
read file sets that have no container of their own: they lie beside croissant.json, and mlcroissant
reads their records from a copy of the release on the machine.
"""

from pathlib import Path
from typing import Any

from transferz.dataset.page.citation import bibtex, read_citation
from transferz.dataset.page.front_matter import CONFIG_NOTES, licence_url, pretty_name
from transferz.dataset.page.provenance import derived_from, generated_by
from transferz.schemas import INDEX, RELEASE, SPLITS
from transferz.schemas.survey.croissant import column_fields
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    INDEX_FILE,
    data_files,
    file_digest,
)

VERSION = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "annotation": "cr:annotation",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "excludes": "cr:excludes",
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "prov": "http://www.w3.org/ns/prov#",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "readLines": "cr:readLines",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "sdVersion": "cr:sdVersion",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
    "unArchive": "cr:unArchive",
}
"""The standard's context (its appendix 1), with PROV-O and the terms of 1.0 that mlcroissant asks
for. Without the standard's ``value``, which mlcroissant knows as schema.org's and we do not use."""

SPLIT_SET = "splits"
SPLIT_TERMS = {
    "train": "cr:TrainingSplit",
    "validation": "cr:ValidationSplit",
    "test": "cr:TestSplit",
}
"""Croissant's words for splits; it has none for calibration, which is a ``cr:Split`` like any."""


def croissant(manifest: dict[str, Any], release: Path) -> dict[str, Any]:
    """Return the Croissant description of a release.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.
    release : Path
        The release directory, with its configs and its CITATION.cff.

    Returns
    -------
    dict
        JSON-LD; the same release gives the same dictionary.

    Raises
    ------
    InputError
        If the citation file is missing or can't be read.
    """
    citation = read_citation(release / CITATION_FILE)
    developers = [_organisation(author["name"]) for author in citation["authors"]]
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": pretty_name(manifest),
        "description": citation["abstract"],
        "conformsTo": VERSION,
        "url": CARD_FILE,
        "version": manifest["version"],
        "sdVersion": manifest["version"],
        "datePublished": manifest["date"],
        "license": licence_url(manifest),
        "creator": developers,
        "publisher": developers,
        "citeAs": bibtex(citation),
        "keywords": citation["keywords"],
        "inLanguage": "en",
        "isLiveDataset": False,
        "distribution": _distribution(release),
        "recordSet": [_splits(), *map(_record_set, data_files(release))],
        "prov:wasDerivedFrom": derived_from(manifest),
        "prov:wasGeneratedBy": generated_by(manifest),
    }


def _organisation(name: str) -> dict[str, str]:
    return {"@type": "sc:Organization", "name": name}


def _distribution(release: Path) -> list[dict[str, Any]]:
    """Every parquet file, and of every config the set of files that hold its rows."""
    found = []
    for config, splits in data_files(release).items():
        paths = [path for shards in splits.values() for path in shards]
        found += [_file_object(path, release, RELEASE.description) for path in paths]
        found.append(_file_object(release / config / INDEX_FILE, release, INDEX.description))
        found.append(_file_set(config, [_name(path, release) for path in paths]))
    return found


def _name(path: Path, release: Path) -> str:
    """The path of a file in the release: its ``@id`` and its address."""
    return path.relative_to(release).as_posix()


def _file_object(path: Path, release: Path, description: str) -> dict[str, Any]:
    digest = file_digest(path)
    return {
        "@type": "cr:FileObject",
        "@id": _name(path, release),
        "name": path.name,
        "description": description,
        "contentUrl": _name(path, release),
        "contentSize": f"{digest['bytes']} B",
        "encodingFormat": PARQUET,
        "sha256": digest["sha256"],
    }


def _file_set_id(config: str) -> str:
    return f"{config}-files"


def _file_set(config: str, names: list[str]) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": _file_set_id(config),
        "name": _file_set_id(config),
        "description": f"The rows of config {config}, a file or more per split.",
        "encodingFormat": PARQUET,
        "includes": names,
        "hasPart": [{"@id": name} for name in names],
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


def _record_set(config: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": config,
        "name": config,
        "description": CONFIG_NOTES[config],
        "key": {"@id": f"{config}/{RELEASE.key}"},
        "field": [_split_field(config), *column_fields(RELEASE, config, _file_set_id(config))],
    }


def _split_field(config: str) -> dict[str, Any]:
    """The split of a record: the beginning of its file's name.

    mlcroissant applies the pattern once more to what it has found, and turns it into a glob where
    only one split is wanted: hence the optional folder and the open end.
    """
    return {
        "@type": "cr:Field",
        "@id": f"{config}/split",
        "name": "split",
        "description": INDEX["split"].description,
        "dataType": "sc:Text",
        "source": {
            "fileSet": {"@id": _file_set_id(config)},
            "extract": {"fileProperty": "fullpath"},
            "transform": {"regex": f"^(?:{config}/)?({'|'.join(SPLITS)}).*$"},
        },
        "references": {"field": {"@id": f"{SPLIT_SET}/name"}},
    }
