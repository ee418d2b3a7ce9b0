"""The whole text of the dataset card: its sections, in the order in which they are read."""

from typing import Any

from transferz.dataset.page.baselines import baselines
from transferz.dataset.page.citation import paper_eprint
from transferz.dataset.page.contents import columns, configs
from transferz.dataset.page.front_matter import front_matter
from transferz.dataset.page.limits import limits
from transferz.dataset.page.making import how_made
from transferz.dataset.page.origin import citing, sources, versions
from transferz.dataset.page.use import loading
from transferz.dataset.page.what import opening, what_it_is


def card_text(manifest: dict[str, Any], citation: dict[str, Any], figures: dict[str, str]) -> str:
    """Return the whole README.md of a release.

    Parameters
    ----------
    manifest : dict
        As `transferz.dataset.pipeline.manifest.describe` makes it, with ``quality``, ``history``
        and, where there are results of baselines, ``baselines``.
    citation : dict
        The release's, as `transferz.dataset.page.citation.release_citation` makes it.
    figures : dict of str to str
        Paths of ``distributions`` and ``flow``, relative to the card.
    """
    eprint = paper_eprint(citation)
    sections = (
        opening(manifest, figures["distributions"], eprint),
        what_it_is(manifest),
        loading(manifest),
        configs(manifest),
        columns(),
        how_made(manifest, figures["flow"]),
        limits(manifest),
        *baselines(manifest),
        sources(manifest),
        citing(citation),
        versions(manifest),
    )
    return f"---\n{front_matter(manifest, eprint)}---\n\n" + "\n\n".join(sections) + "\n"
