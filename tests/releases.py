"""Whole small releases for tests, of invented rows: made by the real stages, or derived from one.

`build` invents a few hundred rows and lets the stages split, release and card do the rest.
`remake` edits a release's rows and writes it anew, pages and manifest too, with the same code.
"""

import contextlib
import json
import shutil
import unittest.mock
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml

from transferz.dataset import card as stage_card
from transferz.dataset.card import card, complete
from transferz.dataset.pipeline.manifest import columns, content
from transferz.dataset.pipeline.params import select_section
from transferz.dataset.pipeline.stage import COUNTS, TABLE, Layout
from transferz.dataset.pipeline.tables import write_table
from transferz.dataset.release import release, write_config
from transferz.dataset.sky.neighbours import group_ids
from transferz.dataset.split import split
from transferz.schemas import SPLITS, TRUTH
from transferz.schemas.survey.files import (
    CITATION_FILE,
    INDEX_FOLDER,
    MANIFEST_FILE,
    Version,
    data_files,
)
from transferz.schemas.survey.frames import pandas_dtype, to_frame
from transferz.schemas.survey.survey import Survey, find_survey
from transferz.tables.files import write_json

ROOT = Path(__file__).parents[1]
INVENTED = "{}_invented"
"""In the registry: the edition of a catalogue whose rows are invented here."""

MADE_AS = {"version": "2.0.0", "date": "2026-11-29", "previous": None}
"""The version that tests make, whatever version the checkout is at."""

NO_RESULTS = Path("no results of baselines")
Edit = Callable[[str, pd.DataFrame], pd.DataFrame | None]


def read_rows(release: Path, config: str, survey: str = "") -> pd.DataFrame:
    """Read all rows of a config: the columns of its survey, and ``split``; ascending ids.

    They are as whoever wrote them has checked them: not checked again, which takes long.
    """
    table = find_survey(survey or read_manifest(release)["survey"]).release
    parts = [
        to_frame(pq.read_table(path), table).assign(split=name)
        for name, paths in data_files(release)[config].items()
        for path in paths
    ]
    rows = pd.concat(parts, ignore_index=True).sort_values("object_id", ignore_index=True)
    return rows.astype({"split": "string[pyarrow]"})


def read_manifest(release: Path) -> dict[str, Any]:
    return json.loads((release / MANIFEST_FILE).read_text(encoding="utf-8"))


def remake(
    source: Path,
    to: Path,
    *,
    version: str = "1.0.0",
    mock: bool = False,
    edit: Edit | None = None,
    reseal: bool = True,
    results: Path | None = None,
    figures: bool = False,
) -> Path:
    """Derive a release from a built one, through the code that writes releases.

    Its rows are the source's mock rows whatever the name says: for tests alone.

    Parameters
    ----------
    source : Path
        A built mock release; it is not changed.
    to : Path
        The new release directory, which must not exist; call it ``transferz``.
    version : str
        ``x.y.z``; a mock gets ``+mock`` added.
    mock : bool
        Whether the new one says that it is a mock. If not, it has no config ``truth`` and its
        survey is ``cosmos2020``.
    edit : callable, optional
        Takes a config's name and its rows (columns of a release, and ``split``) and returns the
        rows to write, or None to leave the config out. ``group_id`` is computed anew afterwards.
    reseal : bool
        Whether card, manifest and the other pages are written for the new rows. If not they are
        the source's, which the rows then contradict.
    results : Path, optional
        A folder with entries and figures of baselines for the card; none by default.
    figures : bool
        Whether the card's figures are drawn, which takes most of the time.

    Returns
    -------
    Path
        `to`.
    """
    frames = _edited(source, mock, edit)
    to.mkdir(parents=True)
    survey = find_survey("mock" if mock else "cosmos2020")
    counts = {name: write_config(rows, to, name, survey) for name, rows in frames.items()}
    if not reseal:
        for path in source.iterdir():
            if path.name not in (*data_files(source), INDEX_FOLDER):
                (shutil.copytree if path.is_dir() else shutil.copyfile)(path, to / path.name)
        return to
    manifest = _manifest(read_manifest(source), to, version, survey, counts)
    baselines = results or NO_RESULTS
    with drawing(figures):
        complete(to, manifest, ROOT / CITATION_FILE, baselines, baselines)
    return to


def drawing(figures: bool) -> contextlib.AbstractContextManager[Any]:
    """Let a card's figures be drawn, or not: a release without them is sound too."""
    undrawn = unittest.mock.patch.object(stage_card, "_draw_figures")
    return contextlib.nullcontext() if figures else undrawn


def _edited(source: Path, mock: bool, edit: Edit | None) -> dict[str, pd.DataFrame]:
    frames = {
        name: read_rows(source, name) for name in data_files(source) if mock or name != "truth"
    }
    if edit is None:
        return frames
    edited = {name: edit(name, rows) for name, rows in frames.items()}
    kept = {name: rows.reset_index(drop=True) for name, rows in edited.items() if rows is not None}
    radius = read_manifest(source)["parameters"]["match"]["radius_arcsec"]
    together = pd.concat(kept, ignore_index=True)
    ids, ra, dec = (together[name].to_numpy() for name in ("object_id", "ra", "dec"))
    group = pd.Series(group_ids(ids, ra, dec, radius), index=ids)
    group = group[~group.index.duplicated()]
    return {name: rows.assign(group_id=rows["object_id"].map(group)) for name, rows in kept.items()}


def _manifest(
    old: Mapping[str, Any],
    release: Path,
    version: str,
    survey: Survey,
    counts: Mapping[str, Mapping[str, int]],
) -> dict[str, Any]:
    mock = survey.mock
    manifest = {
        name: value for name, value in old.items() if name not in ("files", "sha256", "baselines")
    }
    parameters = {name: old["parameters"][name] for name in old["parameters"] if name != "mock"}
    parameters["release"] = parameters["release"] | {"version": version}
    made = {"mock": old["parameters"]["mock"]} if mock else {}
    entry = {"version": version, "date": old["date"], "changes": {"Changed": ["A test's rows."]}}
    former = [
        one for one in old["history"] if Version.parse(one["version"]) < Version.parse(version)
    ]
    return manifest | {
        "history": [entry, *former],
        "version": version + ("+mock" if mock else ""),
        "survey": survey.name,
        "mock": mock,
        "configs": {role: name for role, name in survey.configs.items() if name in counts},
        "columns": columns(survey.release),
        "content": content(release),
        "counts": _counts_of(old, release) | {"release": {"rows_out": dict(counts)}},
        "parameters": made | parameters,
    }


def _counts_of(old: Mapping[str, Any], release: Path) -> dict[str, Any]:
    """What stages would have counted that made the rows of a release and removed the rest."""
    rows = {name: read_rows(release, name, "mock") for name in ("transferz", "galaxiesml")}
    both = int(rows["transferz"]["object_id"].isin(rows["galaxiesml"]["object_id"]).sum())
    shared = old["counts"]["match"]["shared"] | {"by_id": both}
    objects = pd.concat(rows.values()).drop_duplicates("object_id")["split"]
    splits = {name: int((objects == name).sum()) for name in SPLITS}
    split = _counts(len(objects), {"split_conflict": 0}) | {"objects": splits}
    counts = {
        "split": split,
        "match": _none_removed(old["counts"]["match"], len(rows["transferz"])),
    }
    counts["match"] |= {"shared": shared}
    for name in old["sources"]:
        here = len(rows["galaxiesml" if name == "galaxiesml" else "transferz"])
        for stage in ("ingest", "select"):
            counts[f"{stage}@{name}"] = _none_removed(old["counts"][f"{stage}@{name}"], here)
    return old["counts"] | counts


def _none_removed(counted: Mapping[str, Any], rows: int) -> dict[str, Any]:
    return _counts(rows, dict.fromkeys(counted["removed"], 0))


def build(
    data: Path,
    *,
    survey: str = "mock",
    photometric: int = 600,
    spectroscopic: int = 900,
    seed: int = 0,
    scheme: str = "hash",
    figures: bool = False,
    hats: bool = False,
) -> Path:
    """Make a small release with the stages split, release and card, of invented tables.

    It holds pairs of close objects, objects that both samples share, by id and by position, and
    null values in every column that may have them but the positions. One that is no mock needs an
    edition `INVENTED` of each catalogue in the registry.

    Parameters
    ----------
    data : Path
        The folder of all surveys, which is made; what lies between the stages stays there.
    survey : str
        Whose release it is.
    photometric, spectroscopic : int
        Rows before conflicts of splits are left out.
    seed : int
        Of the random numbers.
    scheme : str
        How the splits are made; else params.yaml is the project's.
    figures : bool
        Whether the card's figures are drawn, which takes most of the time.
    hats : bool
        Whether it has its configs as HATS collections, too.

    Returns
    -------
    Path
        The release, ``<data>/<survey>/release/transferz``.
    """
    layout = Layout(survey, data.absolute())
    configured, rng = layout.configured, np.random.default_rng(seed)
    spectra = _spectroscopic_rows(rng, spectroscopic, configured)
    last = configured.of_role("spectroscopic")
    tables = {layout.interim("select", last): (spectra, configured.spectroscopic)}
    ids, rows = [spectra["object_id"]], dict.fromkeys(layout.catalogues, photometric)
    if configured.match:
        matched = _matched_rows(rng, photometric, spectra, configured)
        tables[layout.interim("match")] = (matched, configured.matched)
        ids.append(matched["object_id"])
    for folder, (frame, table) in tables.items():
        folder.mkdir(parents=True)
        write_table(frame, folder / TABLE, table)
    write_counts(layout, rows | {last: len(spectra)})
    if configured.mock:
        everything = pd.concat(ids).drop_duplicates()
        truth = pd.DataFrame({"object_id": everything.iloc[5:]})  # the first are no galaxies
        truth["redshift_true"] = rng.uniform(0.05, 3.5, len(truth)).astype("float32")
        write_table(truth, layout.raw / "truth.parquet", TRUTH)
    project = make_project(layout.data.with_name("project"), scheme, hats)
    with contextlib.chdir(project), drawing(figures):
        for stage in (split, release, card):
            stage(layout)
    return layout.release


def make_project(folder: Path, scheme: str, hats: bool) -> Path:
    """Make a folder that stages can run in: the project's, but for parameters and the results."""
    folder.mkdir()
    for path in ROOT.iterdir():
        if path.name not in ("params.yaml", "data", "baselines"):
            (folder / path.name).symlink_to(path)
    if hats:  # the pipeline that `transferz survey pipeline` would write
        (folder / "dvc.yaml").unlink()
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"outs": ["release/_hats:"]}))
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    params["split"]["scheme"], params["release"]["hats"] = scheme, hats
    params["release"] |= MADE_AS
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")
    return folder


def _photometry(rng: np.random.Generator, count: int, survey: Survey) -> dict[str, Any]:
    """Positions, a third of them within 0.7″ of another one, and magnitudes."""
    ra, dec = rng.uniform(149.6, 150.6, count), rng.uniform(1.7, 2.7, count)
    near = count // 3
    ra[:near] = ra[near : 2 * near] + rng.uniform(-1.3e-4, 1.3e-4, near)
    dec[:near] = dec[near : 2 * near] + rng.uniform(-1.3e-4, 1.3e-4, near)
    values: dict[str, Any] = {"ra": ra, "dec": dec}
    for band in survey.described_bands:
        values[band.magnitude] = rng.normal(22.5, 1.0, count)
        values[band.error] = rng.uniform(0.005, 0.2, count)
    return values


def _typed(values: Mapping[str, Any], table: Any) -> pd.DataFrame:
    frame = pd.DataFrame({name: values[name] for name in table.names})
    return frame.astype({column.name: pandas_dtype(column) for column in table})


def _spectroscopic_rows(rng: np.random.Generator, count: int, survey: Survey) -> pd.DataFrame:
    identifiers = 40_000_000_000_000_000 + rng.choice(10**9, count, replace=False)
    values = _photometry(rng, count, survey) | {
        "object_id": identifiers,
        "specz_name": [f"SURVEY-{k:06d}" for k in range(count)],
        "specz_redshift": rng.uniform(0.05, 3.5, count),
        "specz_redshift_err": rng.uniform(1e-5, 1e-3, count),
        "specz_flag_homogeneous": np.ones(count, bool),
        "specz_mag_i": rng.normal(21.0, 1.0, count),
        "published_split": [None] * count,
    }
    others = [one.name for one in survey.spectroscopic if one.name not in values]
    return _typed(values | dict.fromkeys(others, [1.0] * count), survey.spectroscopic)


def _matched_rows(
    rng: np.random.Generator, count: int, spectra: pd.DataFrame, survey: Survey
) -> pd.DataFrame:
    """The first 40 have spectra by their ids, the next 20 under another id.

    Labels that are not matched on the sky have neither positions nor intervals, nor spectra.
    """
    values = _photometry(rng, count, survey)
    on_sky = survey.match == "sky"
    twins = spectra["object_id"].to_numpy()[:60].tolist() if on_sky else []
    identifiers = 43_000_000_000_000_000 + rng.choice(10**9, count, replace=False)
    identifiers[: len(twins[:40])] = twins[:40]
    for name in ("ra", "dec"):
        if on_sky:
            values[name][:60] = spectra[name].to_numpy()[:60] + rng.uniform(-5e-5, 5e-5, 60)
        else:
            values[name][:] = np.nan
    redshift, interval = rng.uniform(0.05, 4.0, count), 0.02 if on_sky else np.nan
    values |= {
        "object_id": identifiers,
        "redshift": redshift,
        "redshift_lo": redshift - interval,
        "redshift_hi": np.where(rng.random(count) < 0.05, np.nan, redshift + interval),
        "cosmos_id": 100 + rng.choice(10**6, count, replace=False),
        "separation": rng.uniform(0.0, 1.0, count),
        "spectroscopic_id": pd.array([*twins, *([None] * (count - len(twins)))], dtype="Int64"),
        "published_split": [None] * count,
    }
    return _typed(values, survey.matched)


def write_counts(layout: Layout, rows: Mapping[str, int]) -> None:
    """What the stages before have counted: nothing was removed."""
    survey, upstream = layout.configured, {}
    for name, count in rows.items():
        files = {f"{name}/invented.csv": {"sha256": "0" * 64, "bytes": 0}}
        upstream |= files
        with contextlib.chdir(ROOT):
            cuts = select_section(survey, name)[1]["cuts"]
        selected = {cut["name"]: 0 for cut in cuts}
        counts = {"ingest": _counts(count, {}), "select": _counts(count, selected)}
        if not survey.mock:
            counts["fetch"] = {"edition": INVENTED.format(name), "files": files}
        for stage, counted in counts.items():
            folder = layout.interim(stage, name)
            folder.mkdir(parents=True, exist_ok=True)
            write_json(folder / COUNTS, counted)
    if survey.match:
        on_sky = survey.match == "sky"
        removed = {"no_counterpart": 0, "counterpart_cut": 0} if on_sky else {}
        counted = _counts(next(iter(rows.values())), removed)
        shared = {"by_id": 40 * on_sky, "by_position": 20 * on_sky}
        write_json(layout.interim("match") / COUNTS, counted | {"shared": shared})
    layout.raw.mkdir(parents=True)
    write_json(layout.raw / COUNTS, {"rows_out": rows, "files": upstream})


def _counts(rows: int, removed: Mapping[str, int]) -> dict[str, Any]:
    return {"rows_in": rows, "removed": removed, "rows_out": rows}
