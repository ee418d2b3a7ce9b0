"""How a release is cited: its CITATION.cff, and the BibTeX that the card and Croissant give."""

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from transferz.dataset.page.front_matter import licence, licence_url, pretty_name
from transferz.dataset.sources.registry import Citation, load_registry
from transferz.schemas import InputError

PAPER = "preferred-citation"
"""The key of the paper in the project's CITATION.cff."""

ABSTRACT = """\
Galaxies with Hyper Suprime-Cam grizy photometry and the many-band photometric redshift of \
COSMOS2020 as label, beside the spectroscopic sample GalaxiesML."""

MOCK_ABSTRACT = """\
A mock: every galaxy is simulated, none of it is a measurement. To try the code, never for \
science."""

LINE = 92
TILDE = r"$\sim$"

_TEXT = re.compile(
    r"(?P<author>[^,]+?) et al\. (?P<year>\d{4}), (?P<where>arXiv:\S+|[^:]+): (?P<title>.+)"
)
_JOURNAL = re.compile(r"(?P<journal>\D+) (?P<volume>\d+), (?P<start>\d+)")
EPRINT = re.compile(r"arxiv(?:\.org/abs/|:)(\d{4}\.\d{4,5})", re.IGNORECASE)


def read_citation(path: Path) -> dict[str, Any]:
    """Read a CITATION.cff.

    Parameters
    ----------
    path : Path
        The project's or a release's.

    Raises
    ------
    InputError
        If the file is not there or not YAML with a title.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return {"title": content["title"]} | content
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is not a citation file (CFF 1.2.0) that can be read: {error}; restore it"
        ) from error


def release_citation(project: dict[str, Any], manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the CITATION.cff of a release: a data set, with the paper and its catalogues.

    Parameters
    ----------
    project : dict
        The project's own, as `read_citation` reads it: who made the release, and the paper.
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it.

    Returns
    -------
    dict
        In the order in which it is written.
    """
    spdx = licence(manifest)
    mock = manifest["mock"]
    return {
        "cff-version": project["cff-version"],
        "message": "If you use this release, please cite it, the paper and its catalogues.",
        "type": "dataset",
        "title": f"{pretty_name(manifest)} {manifest['version']}",
        "abstract": MOCK_ABSTRACT if mock else ABSTRACT,
        "authors": project["authors"],
        "version": manifest["version"],
        "date-released": manifest["date"],
        **({"license-url": licence_url(manifest)} if spdx == "other" else {"license": spdx}),
        "keywords": [*project["keywords"], *(["mock"] if mock else [])],
        PAPER: project[PAPER],
        "references": [project[PAPER], *_catalogues(manifest)],
    }


def citation_text(citation: dict[str, Any]) -> str:
    """Return a citation as the text of a CITATION.cff."""
    return yaml.dump(
        citation, Dumper=_PlainDumper, sort_keys=False, allow_unicode=True, default_flow_style=False
    )


class _PlainDumper(yaml.SafeDumper):
    """Writes what occurs twice (the paper) twice: not every reader of CFF knows anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _catalogues(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The papers of a release's sources, each once; that of TransferZ itself is the project's."""
    registry = load_registry()
    found = (registry[edition].citation for edition in manifest["sources"].values())
    return [cited for one in dict.fromkeys(found) if (cited := catalogue_reference(one))]


def catalogue_reference(citation: Citation) -> dict[str, Any] | None:
    """Return the registry's citation of a catalogue as a CFF reference.

    Parameters
    ----------
    citation : Citation
        Its text is ``Author et al. YEAR, JOURNAL VOLUME, PAGE: TITLE``, or ``arXiv:ID`` in the
        journal's place.

    Returns
    -------
    dict or None
        None for the paper's own table, whose text is not of that form.
    """
    match = _TEXT.fullmatch(citation.text)
    if match is None:
        return None
    eprint = EPRINT.search(f"{citation.url} {match['where']}")
    published = _JOURNAL.fullmatch(match["where"])
    return {
        "type": "article",
        "title": match["title"],
        "authors": [{"family-names": match["author"]}, {"name": "et al."}],
        "year": int(match["year"]),
        **({"journal": "arXiv e-prints"} if published is None else published.groupdict()),
        **({"url": citation.url} if citation.url else {}),
        **({"notes": f"Data: https://doi.org/{citation.doi}"} if citation.doi else {}),
        **({"identifiers": [_arxiv(eprint[1])]} if eprint else {}),
    }


def _arxiv(eprint: str) -> dict[str, str]:
    return {"type": "other", "value": f"arXiv:{eprint}", "description": "arXiv identifier"}


def paper_eprint(citation: dict[str, Any]) -> str:
    """Return the arXiv identifier of the paper.

    Parameters
    ----------
    citation : dict
        The project's or a release's, as `read_citation` reads it.

    Raises
    ------
    InputError
        If the citation does not give it.
    """
    found = _eprint(citation.get(PAPER, {}))
    if not found:
        raise InputError(
            f"the citation file has no identifier such as arXiv:YYMM.NNNNN under {PAPER}, to which "
            "the card links; restore it"
        )
    return found


def _eprint(reference: dict[str, Any]) -> str:
    """The arXiv identifier of a CFF reference; empty where it has none."""
    found = (EPRINT.search(one["value"]) for one in reference.get("identifiers", ()))
    return next((match[1] for match in found if match), "")


def bibtex(citation: dict[str, Any]) -> str:
    """Return BibTeX for a release, its paper and its catalogues.

    Parameters
    ----------
    citation : dict
        Of a release, as `release_citation` makes it or `read_citation` reads it.

    Returns
    -------
    str
        One entry after the other, the release's first, without a final line end.
    """
    return "\n\n".join([_release_entry(citation), *map(_article, citation["references"])])


def _release_entry(citation: dict[str, Any]) -> str:
    version = str(citation["version"])
    key = "transferz" + re.sub(r"\W", "_", version)
    year, month, _ = str(citation["date-released"]).split("-")
    fields = {
        "title": _tex(citation["title"]),
        "author": _authors(citation["authors"]),
        "year": year,
        "month": str(int(month)),
        "version": version,
        "note": "Data set",
    }
    return _entry("misc", key, fields)


def _article(reference: dict[str, Any]) -> str:
    eprint = _eprint(reference)
    fields = {
        "title": _tex(reference["title"]),
        "author": _authors(reference["authors"]),
        "journal": reference["journal"],
        "volume": reference.get("volume", ""),
        "pages": reference.get("start", ""),
        "year": str(reference["year"]),
        "eprint": eprint,
        "archivePrefix": "arXiv" if eprint else "",
        "note": reference.get("notes", ""),
    }
    first = reference["authors"][0]["family-names"].lower()
    return _entry("article", f"{first}{reference['year']}", fields)


def _authors(authors: list[dict[str, str]]) -> str:
    return " and ".join(map(_author, authors))


def _author(author: dict[str, str]) -> str:
    if "name" in author:
        return "others" if author["name"] == "et al." else f"{{{author['name']}}}"
    return ", ".join(author[key] for key in ("family-names", "given-names") if key in author)


def _entry(kind: str, key: str, fields: dict[str, str]) -> str:
    width = max(map(len, fields))
    lines = [_field(f"  {name:{width}} = ", value) for name, value in fields.items() if value]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _field(head: str, value: str) -> str:
    """One field of an entry, on as many lines as it needs."""
    indent = " " * (len(head) + 1)
    return textwrap.fill(
        f"{{{value}}},",
        LINE,
        initial_indent=head,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def _tex(title: str) -> str:
    """A title whose capitals BibTeX keeps."""
    return f"{{{title.replace('~', TILDE)}}}"
