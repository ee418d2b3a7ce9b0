"""The text of a release's card: front matter, template, and the facts that are filled in.

All words stand in ``card.md.jinja`` and, those of one survey alone, in its ``survey.yaml``. This
module takes the facts from the manifest, the citation file and the registry of sources; `transferz
verify` calls it again and compares.
"""

import functools
import hashlib
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml
from huggingface_hub import DatasetCardData

from transferz.dataset.page.citation import (
    MOCK_ABSTRACT,
    OTHER_LICENCE,
    bibtex,
    licence,
    licence_url,
    paper_eprint,
    spectra_of,
)
from transferz.dataset.page.facts import baselines
from transferz.dataset.page.figures import FIGURES
from transferz.dataset.page.subject import Subject, reference_band, subject_of
from transferz.dataset.sources.registry import Citation, load_registry
from transferz.photometry.redshift_error import MAD_TO_SIGMA, OUTLIER_LIMIT
from transferz.schemas import SPLITS, Table
from transferz.schemas.survey.derived import column_table, feature_list
from transferz.schemas.survey.described import LABEL, ROLES, SPECTROSCOPIC, default_config
from transferz.schemas.survey.files import Version
from transferz.schemas.survey.survey import Survey
from transferz.tables.hats.writing import MARGIN_ARCSEC

TEMPLATE = Path(__file__).with_name("card.md.jinja")

TAGS = ("astronomy", "cosmology", "galaxies", "photometric-redshift", "photo-z")
"""Of every release; those of its survey follow."""

LEAKS = ("shared_photometry", "split_conflict")
"""The cuts of the stage `split`."""

WORDS = (
    *("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve"),
)
"""Numbers that are written out."""

SIZES = {"n<1K": 10**3, "1K<n<10K": 10**4, "10K<n<100K": 10**5, "100K<n<1M": 10**6}
"""The Hub's names for numbers of rows below a limit."""


def card_text(
    manifest: Mapping[str, Any], citation: Mapping[str, Any], table: Table | None = None
) -> str:
    """Return the whole README.md of a release.

    The manifest is as `transferz.dataset.pipeline.manifest.describe` makes it, with ``quality``,
    ``history`` and, where there are entries of baselines, ``baselines``; `citation` is the
    release's; `table` its columns, by default those of its survey. A citation that does not
    identify the paper raises `InputError`.
    """
    subject, content, counts = subject_of(manifest), manifest["content"], manifest["counts"]
    quality, eprint = manifest["quality"], paper_eprint(citation)
    table, registry = table or subject.survey.release, load_registry()
    totals = {name: sum(one["rows"] for one in splits.values()) for name, splits in content.items()}
    roles = {role: subject.configs.get(role, "") for role in ROLES}
    numbers = {role: f"{totals.get(roles[role], 0):,}" for role in subject.samples}
    if roles[SPECTROSCOPIC]:
        median = quality["medians"][roles[SPECTROSCOPIC]]["redshift"]
        numbers["spectroscopic_redshift"] = f"{median:.2f}"
    nulls = quality["nulls"].get(roles[LABEL] or roles[SPECTROSCOPIC], {})
    context = {
        "front_matter": front_matter(manifest, eprint, table),
        "title": subject.name,
        "version": manifest["version"],
        "tag": Version.parse(manifest["version"]).tag,
        "repository": subject.repository,
        "mock": manifest["mock"],
        "words": _filled(subject, numbers | {"eprint": eprint}),
        "called": {role: subject.called(role) for role in ROLES},
        **roles,
        "samples": subject.samples,
        "default": default_config(manifest),
        "bands": [band.name for band in subject.bands],
        "first_magnitude": subject.bands[0].magnitude,
        "reference": reference_band(subject.bands).name,
        "positioned": nulls.get("ra", 0) < 1,
        "interval": nulls.get("redshift_hi", 0) < 1,
        "named": subject.labels_are_named,
        "shared_distance": manifest["parameters"].get("shared_photometry"),
        "figures": FIGURES,
        "content": content,
        "config_notes": {name: subject.note(name) for name in content},
        "splits": [one for one in SPLITS if any(one in splits for splits in content.values())],
        "totals": totals,
        "parameters": manifest["parameters"],
        "radius": manifest["parameters"]["match"]["radius_arcsec"],
        "moved": sum(map(len, counts["split"].get("moved", {}).values())),
        "left_out": dict.fromkeys(LEAKS, 0) | counts["split"]["removed"],
        "objects": counts["split"]["rows_in"],
        "released": counts["split"]["rows_out"],
        "shared": counts["match"]["shared"] if subject.tells_shared else {},
        "cuts": list(_stages(manifest, subject)),
        "column_table": column_table(table, brief=True),
        "medians": quality["medians"],
        "label_noise": quality["label"],
        "nulls": quality["nulls"],
        "columns_with_nulls": list(dict.fromkeys(itertools.chain(*quality["nulls"].values()))),
        "mad_to_sigma": MAD_TO_SIGMA,
        "outlier_limit": OUTLIER_LIMIT,
        "baselines": baselines(manifest),
        "licence": licence(manifest),
        "licence_url": licence_url(manifest),
        "editions": [registry[name] for name in manifest["sources"].values()],
        "spectra": spectra_of(manifest),
        "bibtex": bibtex(citation),
        "history": manifest["history"],
        "hats": manifest.get("hats", ""),
        "margin": f"{MARGIN_ARCSEC:g}",
    }
    return _template().render(context)


def _filled(subject: Subject, numbers: Mapping[str, str]) -> dict[str, Any]:
    """The survey's words with their numbers; what no word says is as for every survey."""
    words = subject.words.model_dump() | {"summary": subject.summary}
    return {
        name: text.format_map(numbers) if isinstance(text, str) else text
        for name, text in words.items()
    }


def words_digest(survey: Survey) -> str:
    """Return the sha256 (hexadecimal) of the words that pages of a survey are written in.

    They are the card's template, the survey's own and the descriptions of columns: other words,
    another digest.
    """
    tables = [survey.release, survey.index]
    columns = {column.name: column.description for table in tables for column in table}
    own = [survey.title, survey.photometry.title, survey.card.model_dump()]
    words = json.dumps([own, columns, [table.description for table in tables], MOCK_ABSTRACT])
    return hashlib.sha256(TEMPLATE.read_bytes() + words.encode()).hexdigest()


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=False,  # noqa: S701 - the card is Markdown
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["count"] = "{:,}".format
    environment.filters["word"] = lambda number: dict(enumerate(WORDS)).get(number, str(number))
    environment.filters["link"] = _link
    environment.filters["percent"] = lambda share, digits: f"{share:.{digits}%}".replace("%", " %")
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _link(citation: Citation) -> str:
    """A citation's text before its title, as a link where there is an address."""
    text, address = citation.text.split(": ")[0], citation.url
    address = address or (f"https://doi.org/{citation.doi}" if citation.doi else "")
    return f"[{text}]({address})" if address else text


def _stages(manifest: Mapping[str, Any], subject: Subject) -> Iterator[dict[str, Any]]:
    """Every stage that removes rows, as these flow, with its cuts: rule, source, removed, left."""
    last = subject.spectroscopic
    selects = {f"select@{name}": subject.title(name) for name in subject.survey.catalogues}
    spectra = {f"select@{last}": selects.pop(f"select@{last}")} if last else {}
    of_both = " (objects of both samples)" if len(subject.samples) > 1 else ""
    spectra |= {f"match@{last}": f"Match of {subject.title(last)}"}
    stages = selects | {"match": "Match"} | spectra | {"split": f"Split{of_both}"}
    whose = subject.survey.photometry.title
    built_in = {
        "no_counterpart": f"no {whose} object within the match radius",
        "ambiguous": f"its nearest {whose} object is another one's nearest too, or nearer to that",
        "counterpart_cut": f"the {whose} counterpart did not pass its own cuts",
        "shared_photometry": "magnitudes too near those of a spectrum in another split",
        "split_conflict": "too near an object of another split",
    }
    for stage, title in stages.items():
        if stage not in manifest["counts"]:
            continue
        counts = manifest["counts"][stage]
        section = manifest["parameters"]["select"].get(stage.removeprefix("select@"), {})
        stated = {cut["name"]: cut for cut in section.get("cuts", ())}
        left, cuts = counts["rows_in"], []
        for name, removed in counts["removed"].items():
            left -= removed
            source, rule = stated.get(name, {}).get("source", ""), ""
            if name in stated:
                rule = _rule(stated[name])
            elif name in built_in:
                rule = f"drops: {built_in[name]}"
            cut = {"name": name, "rule": rule, "source": source, "removed": removed, "left": left}
            cuts.append(cut)
        yield {"title": title, "rows": counts["rows_in"], "cuts": cuts}


def _rule(cut: Mapping[str, Any]) -> str:
    """A cut of params.yaml as Markdown: an expression to keep, or columns with a rule's name."""
    (kind,) = (kind for kind in ("keep", "drop_repeated", "keep_first") if kind in cut)
    text = " ".join(str(cut[kind]).split()).replace("|", r"\|")
    return f"`{text}`" if kind == "keep" else f"{kind.replace('_', ' ')} `{text}`"


def front_matter(manifest: Mapping[str, Any], eprint: str, table: Table | None = None) -> str:
    """Return the card's YAML front matter, which the Hub and `datasets` read.

    `table` holds the release's columns, by default those of its survey. By a tag with `eprint`, the
    paper's arXiv identifier, the Hub links the data set to the paper.
    """
    subject, content = subject_of(manifest), manifest["content"]
    table, default = table or subject.survey.release, default_config(manifest)
    tags = (*TAGS, *subject.words.tags, "tabular", f"arxiv:{eprint}")
    rows = sum(split["rows"] for splits in content.values() for split in splits.values())
    named: dict[str, Any] = {"license_name": OTHER_LICENCE}
    named |= {"license_link": url} if (url := licence_url(manifest)) else {}
    data = DatasetCardData(
        language=["en"],
        license=licence(manifest).lower(),
        **(named if licence(manifest) == "other" else {}),
        pretty_name=subject.name,
        annotations_creators=["machine-generated"],
        source_datasets=["original"],
        task_categories=["tabular-regression"],
        task_ids=["tabular-single-column-regression"],
        tags=[*tags, *(["mock", "simulated"] if subject.mock else [])],
        size_categories=[next((one for one in SIZES if rows < SIZES[one]), "1M<n<10M")],
        configs=[
            _config(name, subject.note(name), splits, default=name == default)
            for name, splits in content.items()
        ],
        dataset_info=[_info(name, splits, table) for name, splits in content.items()],
    )
    return yaml.safe_dump(dict(data.to_dict()), sort_keys=False, allow_unicode=True)


def _config(name: str, note: str, splits: Mapping[str, Any], *, default: bool) -> dict[str, Any]:
    """One config; `datasets` caches a local directory by this text, so it names the content."""
    contents = "".join(facts["content"] for facts in splits.values())
    digest = hashlib.sha256(contents.encode()).hexdigest()[:16]
    return {
        "config_name": name,
        "description": f"{note}; content {digest}",
        "data_files": [{"split": split, "path": f"{name}/{split}-*.parquet"} for split in splits],
        **({"default": True} if default else {}),
    }


def _info(name: str, splits: Mapping[str, Any], table: Table) -> dict[str, Any]:
    return {
        "config_name": name,
        "features": feature_list(table),
        "splits": [
            {"name": split, "num_bytes": facts["bytes"], "num_examples": facts["rows"]}
            for split, facts in splits.items()
        ],
        "dataset_size": sum(facts["bytes"] for facts in splits.values()),
    }
