"""Make the release of a harder task: fewer, other or noisier galaxies of a release.

A task only leaves rows out and changes the photometry of test galaxies. No object changes its
split, so what was free of leaks stays so; what depends on chance follows from a hash of the
object's id, so that the same release gives the same task on any machine, and an object is treated
alike in every config.
"""

import importlib.resources
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, model_validator
from scipy.special import ndtri

from transferz.dataset.page.card_text import front_matter
from transferz.dataset.page.citation import paper_eprint, read_citation
from transferz.dataset.pipeline.manifest import columns, content, seal
from transferz.dataset.pipeline.params import Params
from transferz.dataset.pipeline.tables import read_table
from transferz.dataset.release import write_config
from transferz.dataset.splits.hashing import hash_ids, split_by_hash, split_by_sky_block
from transferz.schemas import SPLITS, InputError, ParameterError
from transferz.schemas.survey.described import Band, configs_of
from transferz.schemas.survey.documents import load_yaml
from transferz.schemas.survey.files import (
    CARD_FILE,
    CITATION_FILE,
    MANIFEST_FILE,
    data_files,
    read_manifest,
    require_intact,
)
from transferz.schemas.survey.survey import Survey, find_survey
from transferz.tables.files import replace_directory, write_json

HERE = "transferz.dataset.tasks"
TEST = "test"
INHERITED = ("name", "version", "mock", "date", "sources", "parameters", "packages")
"""What a task's manifest has from that of the release it is made of."""

MAG_PER_LN = 2.5 / np.log(10.0)
"""Magnitudes by which a flux changes that changes by a factor e."""


class Blocks(Params):
    """Cells of sky: HEALPix cells of `nside`, and the `share` of them that is tested."""

    nside: int = Field(gt=0, le=2**29)
    share: float = Field(gt=0, lt=1)


class HarderTask(Params):
    """A task, as ``tasks.yaml`` explains it; what is left at its default changes nothing."""

    name: str
    title: str
    learn: str = ""
    test: str = ""
    hold_out: dict[str, str] = Field(default={}, max_length=1)
    blocks: Blocks | None = None
    share: float = Field(1.0, gt=0, le=1)
    errors: float = Field(1.0, ge=1)
    offset: float = 0.0
    bands: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_dump(exclude_defaults=True).keys() - {"name", "title"}:
            raise ValueError("it changes nothing")
        return self


def load_tasks() -> dict[str, HarderTask]:
    """Read the tasks that ship with the package, by name.

    Examples
    --------
    >>> load_tasks()["faint"].learn
    '{i} < 22.5'
    """
    path = Path(str(importlib.resources.files(HERE) / "tasks.yaml"))
    listed = load_yaml(path.read_text(encoding="utf-8"))
    try:
        return {
            name: HarderTask.model_validate({"name": name} | one) for name, one in listed.items()
        }
    except ValidationError as error:
        raise ParameterError(f"{path}: {error}; correct it") from None


def make_task(release: Path, task: HarderTask, out: Path) -> dict[str, dict[str, int]]:
    """Write the release of a task into a new folder; one that is there is replaced.

    Parameters
    ----------
    release : Path
        What it is made of: a finished release of a survey that this package has.
    task : HarderTask
        Which task.
    out : Path
        The task's release.

    Returns
    -------
    dict
        Config -> split -> rows.

    Raises
    ------
    ReleaseError
        Where `release` is not a release, or a file of it is damaged.
    InputError
        Where it is a task's, `out` lies in it, it lacks a band or column that the task is about, or
        nothing is left to learn from or to test.
    """
    base = read_manifest(release)
    if "task" in base:
        raise InputError(f"{release} is a task's release; name the one that it was made of")
    if out.resolve().is_relative_to(release.resolve()):
        raise InputError(f"--out {out} lies in the release itself; name another folder")
    survey = find_survey(base["survey"])
    files = data_files(release)
    require_intact(release, [p for of in files.values() for ps in of.values() for p in ps], base)
    kept = survey
    if task.bands:
        if task.bands >= len(survey.bands):
            raise InputError(
                f"task {task.name} keeps {task.bands} bands, {release} has {len(survey.bands)}"
            )
        stated = survey.model_dump(by_alias=True)
        kept = Survey.model_validate(stated | {"bands": stated["bands"][: task.bands]})
    with replace_directory(out) as directory:
        counts = {}
        for config in configs_of(base).values():
            rows = pd.concat(
                read_table(path, survey.release).assign(split=split)
                for split, paths in files[config].items()
                for path in paths
            ).astype({"split": "string[pyarrow]"})
            rows = task_rows(rows, task, kept.described_bands)
            counts[config] = write_config(rows, directory, config, kept)
            require_both(counts[config], task, config)
        _write_pages(release, base, task, kept, directory)
    return counts


def require_both(counts: Mapping[str, int], task: HarderTask, config: str) -> None:
    """Check that there are galaxies in every split; an `InputError` names the one without."""
    if absent := [split for split in SPLITS if not counts.get(split)]:
        raise InputError(
            f"task {task.name} leaves config '{config}' no galaxy in {absent[0]}; this release is "
            "too small for it, or has none such"
        )


def task_rows(rows: pd.DataFrame, task: HarderTask, bands: Sequence[Band]) -> pd.DataFrame:
    """Take the rows that a task has of a config's, test galaxies with its photometry.

    The rows have the columns of a release, and ``split``. An `InputError` says that a rule is of a
    band or column that they lack.
    """
    tested = (rows["split"] == TEST).to_numpy(bool)
    keep = np.where(tested, _keeps(rows, task.test, bands), _keeps(rows, task.learn, bands))
    for column, beginning in task.hold_out.items():
        if column not in rows:
            raise InputError(f"task {task.name} holds out by '{column}', which the release lacks")
        held = rows[column].str.startswith(beginning).fillna(False).to_numpy(bool)
        # Labels from many bands have no spectroscopic survey: all of them are tested.
        known = rows["redshift_kind"].eq("spectroscopic").to_numpy(bool)
        keep &= np.where(tested, held | ~known, ~held)
    if task.blocks:
        shares = {"train": 1.0 - task.blocks.share, TEST: task.blocks.share}
        positions = rows["ra"].to_numpy(np.float64), rows["dec"].to_numpy(np.float64)
        if not np.isfinite(positions).all():
            raise InputError(f"task {task.name} is about the sky, and galaxies lack a position")
        block = split_by_sky_block(*positions, task.blocks.nside, f"task/{task.name}", shares)
        keep &= (block == TEST) == tested
    if task.share < 1.0:
        drawn = split_by_hash(
            hash_ids(rows["object_id"].to_numpy(), "task/labels"),
            {"train": task.share, TEST: 1.0 - task.share},
        )
        keep &= tested | (drawn == "train")
    chosen = rows.loc[keep].reset_index(drop=True)
    return _observed(chosen, task, bands) if task.errors > 1.0 or task.offset else chosen


def _keeps(rows: pd.DataFrame, rule: str, bands: Sequence[Band]) -> Any:
    """Boolean per row; of no rule, True."""
    if not rule:
        return np.ones(len(rows), bool)
    try:
        named = rule.format_map({band.name: band.magnitude for band in bands})
    except KeyError as error:
        there = ", ".join(band.name for band in bands)
        raise InputError(
            f"the task is about band {error}, and the release has {there}; take another task"
        ) from None
    return rows.eval(named, engine="python").to_numpy(bool)


def _observed(rows: pd.DataFrame, task: HarderTask, bands: Sequence[Band]) -> pd.DataFrame:
    """Change the photometry of test galaxies; those lose a band's flux to noise are left out."""
    tested = (rows["split"] == TEST).to_numpy(bool)
    rows, lost = rows.copy(), np.zeros(len(rows), bool)
    for number, band in enumerate(bands):
        dtype = rows[band.magnitude].dtype
        magnitude, error = (
            rows.loc[tested, name].to_numpy(np.float64) for name in (band.magnitude, band.error)
        )
        # Gaussian noise in flux, which brings its error up to the new one: the old flux is 1.
        old = error / MAG_PER_LN
        drawn = hash_ids(rows.loc[tested, "object_id"].to_numpy(), f"task/noise/{band.name}")
        flux = 1.0 + old * np.sqrt(task.errors**2 - 1.0) * ndtri(_uniform(drawn))
        lost[tested] |= flux <= 0.0
        flux = np.where(flux > 0.0, flux, 1.0)
        shift = task.offset * (-1.0) ** number
        rows.loc[tested, band.magnitude] = (magnitude + shift - MAG_PER_LN * np.log(flux)).astype(
            dtype
        )
        rows.loc[tested, band.error] = (MAG_PER_LN * task.errors * old / flux).astype(dtype)
    return rows.loc[~lost].reset_index(drop=True)


def _uniform(hashes: Any) -> Any:
    """Return numbers between 0 and 1, without either, of 64-bit hashes."""
    return ((hashes >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _write_pages(
    release: Path, base: Mapping[str, Any], task: HarderTask, survey: Survey, directory: Path
) -> None:
    """Write the card and the manifest of a task's release, whose configs are there."""
    shutil.copyfile(release / CITATION_FILE, directory / CITATION_FILE)
    changes = task.model_dump(mode="json", exclude_defaults=True, exclude={"name", "title"})
    manifest = {name: base[name] for name in INHERITED if name in base} | {
        "survey": f"{base['survey']}_{task.name}",
        "task": {"name": task.name, "of": base["survey"], "release": base["sha256"], **changes},
        "configs": configs_of(base),
        "bands": [asdict(band) for band in survey.described_bands],
        "columns": columns(survey.release),
        "content": content(directory),
    }
    eprint = paper_eprint(read_citation(directory / CITATION_FILE))
    front = front_matter(manifest | {"survey": base["survey"]}, eprint, survey.release)
    text = f"---\n{front}---\n\n{_card(manifest, task)}"
    (directory / CARD_FILE).write_text(text, encoding="utf-8", newline="\n")
    write_json(directory / MANIFEST_FILE, seal(manifest, directory))


def _card(manifest: Mapping[str, Any], task: HarderTask) -> str:
    made_of = manifest["task"]
    warning = "\n> **These are mock galaxies, not real ones.**\n" if manifest["mock"] else ""
    cells = {
        config: [f"{splits[split]['rows']:,}" for split in SPLITS]
        for config, splits in manifest["content"].items()
    }
    rows = "".join(f"| `{config}` | {' | '.join(row)} |\n" for config, row in cells.items())
    rules = "".join(
        f"- `{name}`: `{value}`\n"
        for name, value in made_of.items()
        if name not in ("name", "of", "release")
    )
    return f"""# Task {task.name}: {task.title}
{warning}
A harder task for photo-z methods, made of release {manifest["version"]} of survey
`{made_of["of"]}` by

```bash
transferz task {task.name} --release RELEASE --out FOLDER
```

{rules}
Galaxies are in the splits that they have there; some are left out. Columns, labels, terms and what
to cite are that release's.

| config | {" | ".join(SPLITS)} |
| --- |{" ---: |" * len(SPLITS)}
{rows}"""
