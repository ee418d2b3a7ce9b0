"""What a release was derived from and what made it, in the W3C's words (PROV-O), for Croissant."""

import hashlib
from collections.abc import Mapping
from typing import Any

from transferz.dataset.sources.registry import Citation, Edition, load_registry, record_url
from transferz.schemas.survey.files import MANIFEST_FILE, json_text

Facts = Mapping[str, Any]

MOCK_NOTE = "Simulated: a mock in the format of this catalogue, which holds none of its data."
TRUTH_NOTE = "Simulated: what the mock's galaxies truly are."


def derived_from(manifest: Facts) -> list[dict[str, Any]]:
    """Return the upstream catalogues of a release, each with its files, terms and citation.

    Parameters
    ----------
    manifest : mapping
        As `transferz.dataset.pipeline.manifest.describe` makes it: ``sources``, ``upstream`` and
        ``mock``.

    Returns
    -------
    list of dict
        A ``prov:Entity`` per catalogue. That of a mock says that it is one and has neither the
        address nor the licence of the catalogue whose format it imitates.
    """
    registry = load_registry()
    found = [
        _catalogue(key, registry[key], _files(manifest["upstream"], catalogue), manifest["mock"])
        for catalogue, key in manifest["sources"].items()
    ]
    truth = _files(manifest["upstream"], "")
    return found + ([_entity("Truth of the mock", TRUTH_NOTE, truth)] if truth else [])


def generated_by(manifest: Facts) -> dict[str, Any]:
    """Return the making of a release: its parameters' digest, and the packages that shape data.

    Parameters
    ----------
    manifest : mapping
        As `transferz.dataset.pipeline.manifest.describe` makes it: ``survey``, ``parameters``,
        ``packages``.

    Returns
    -------
    dict
        A ``prov:Activity``. No clock and no platform is in it: a rebuild repeats it.
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


def _files(upstream: Facts, folder: str) -> dict[str, Facts]:
    """The upstream files of one catalogue's folder, by name; those of no folder for ``""``."""
    parts = {path: path.rpartition("/") for path in upstream}
    return {name: upstream[path] for path, (of, _, name) in parts.items() if of == folder}


def _catalogue(key: str, edition: Edition, files: dict[str, Facts], mock: bool) -> dict[str, Any]:
    if mock:
        return _entity(f"Mock of {edition.title}", MOCK_NOTE, files)
    return {
        **_entity(edition.title, edition.note, files),
        "identifier": [key, *([edition.citation.doi] if edition.citation.doi else [])],
        "url": _address(edition),
        "license": edition.licence,
        "citation": _cited(edition.citation),
    }


def _entity(name: str, description: str, files: dict[str, Facts]) -> dict[str, Any]:
    return {
        "@type": ["prov:Entity", "sc:Dataset"],
        "name": name,
        "description": description,
        "distribution": [_file(name, facts) for name, facts in files.items()],
    }


def _file(name: str, facts: Facts) -> dict[str, Any]:
    return {
        "@type": "sc:DataDownload",
        "name": name,
        **({"contentUrl": facts["url"]} if "url" in facts else {}),
        "contentSize": f"{facts['bytes']} B",
        "sha256": facts["sha256"],
    }


def _address(edition: Edition) -> str:
    """Where a person finds the edition: its Zenodo record, its archive, or its first file."""
    if edition.zenodo:
        return record_url(edition.zenodo)
    return edition.by_hand.site if edition.by_hand else edition.files[0].urls[0]


def _cited(citation: Citation) -> str:
    return f"{citation.text} ({citation.url})" if citation.url else citation.text
