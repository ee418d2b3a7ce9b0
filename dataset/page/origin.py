"""The card's sections on sources, licences, citation and versions."""

from typing import Any

from transferz.dataset.page.citation import bibtex
from transferz.dataset.page.front_matter import licence, licence_url
from transferz.dataset.page.words import table
from transferz.dataset.sources.registry import load_registry

OWN_LICENCE = """\
This table is released under [CC-BY 4.0]({url}), the code
that made it under the BSD 3-Clause licence."""

OTHER_LICENCE = """\
This table may be passed on as far as the licences of its sources allow; the code that put it
together is under the BSD 3-Clause licence."""

IMITATED = """\
A mock holds no row of these catalogues: its files have their formats, so that the same code reads
both. The terms below are those of the real ones."""


def sources(manifest: dict[str, Any]) -> str:
    """Return the section on sources and licences.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.
    """
    own = OTHER_LICENCE if licence(manifest) == "other" else OWN_LICENCE
    parts = [
        "## Sources and licences",
        own.format(url=licence_url(manifest)),
        *([IMITATED] if manifest["mock"] else []),
    ]
    return "\n\n".join([*parts, source_table(manifest)])


def source_table(manifest: dict[str, Any]) -> str:
    """Return the upstream catalogues with licence and citation, as a Markdown table."""
    registry = load_registry()
    editions = [registry[name] for name in manifest["sources"].values()]
    rows = [[one.title, one.licence, _cited(one.citation)] for one in editions]
    return table(["Source", "Licence", "Cite"], rows)


def _cited(citation: Any) -> str:
    """A citation's author, year and place, linked; the title is in the BibTeX."""
    text = ": ".join(citation.text.split(": ")[:1])
    link = citation.url or f"https://doi.org/{citation.doi}"
    return f"[{text}]({link})" + (f", doi:{citation.doi}" if citation.doi else "")


def citing(citation: dict[str, Any]) -> str:
    """Return the section on how to cite.

    Parameters
    ----------
    citation : dict
        The release's, as `transferz.dataset.page.citation.release_citation` makes it.
    """
    return f"""\
## How to cite

Please cite the paper, the catalogues and the version of this release (also in `CITATION.cff`):

```bibtex
{bibtex(citation)}
```"""


def versions(manifest: dict[str, Any]) -> str:
    """Return the section on versions: what changed in each, the newest first.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it, with the ``history`` that
        `transferz.dataset.page.history.history_of` reads.
    """
    entries = [_version(one) for one in manifest["history"]]
    return "\n\n".join(["## Versions", RULE, *entries])


RULE = """\
`x.y.z`: MAJOR where rows changed, were dropped or moved to another split, MINOR where something
was added, PATCH where the data stayed the same. An object never changes split within a major
version."""


def _version(entry: dict[str, Any]) -> str:
    parts = [f"### {entry['version']} ({entry['date']})"]
    for kind, items in entry["changes"].items():
        parts.append(f"{kind}:")
        parts.append("\n".join(f"- {item}" for item in items))
    return "\n\n".join(parts)
