"""Which step of a build kept an object out of its release, read from the stages' own tables."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from transferz.dataset.pipeline.stage import COUNTS, REMOVED_ROWS, TABLE
from transferz.schemas import InputError
from transferz.schemas.survey.files import MANIFEST_FILE
from transferz.tables.files import read_json, require_file

if TYPE_CHECKING:
    from transferz.schemas.survey.survey import Survey

PAIRS_FILE = "pairs.parquet"

NOT_IN_TABLE = "not_in_table"
NO_COUNTERPART = "no_counterpart"
SPECTROSCOPIC_ROW_KEPT = "spectroscopic_row_kept"
NO_TRUE_REDSHIFT = "no_true_redshift"
UNEXPLAINED = "unexplained"

MEANINGS = {
    NOT_IN_TABLE: "the upstream table has no such object",
    NO_COUNTERPART: "no mutual nearest neighbour among labels, or spectra, in the match radius",
    SPECTROSCOPIC_ROW_KEPT: "the same galaxy is released by its spectroscopic row",
    NO_TRUE_REDSHIFT: "a star or artefact of the mock, without a true redshift",
    UNEXPLAINED: "the build's tables hold it, but the release does not",
}
"""What the steps that are no cuts of params.yaml mean."""

STAGES = ("ingest", "select", "match", "split", "release", "")

Cuts = tuple[str, pd.Series]
"""A stage, as ``select@hsc``, and the cut there of each object; null where none removed it."""


@dataclass(frozen=True, slots=True)
class Build:
    """The tables between stages that a survey's release was made from, by stage and catalogue."""

    interim: Path
    survey: "Survey"

    def has(self, catalogue: str) -> bool:
        """Whether the build used an upstream catalogue."""
        return bool(catalogue) and (self.interim / "ingest" / catalogue / TABLE).is_file()

    def required(self) -> list[Path]:
        """Return the files that tracing reads."""
        used = [name for name in self.survey.catalogues if self.has(name)]
        cuts = [Path("select", name, file) for name in used for file in (TABLE, REMOVED_ROWS)]
        pairs = [Path("match", PAIRS_FILE)] if self.survey.match == "sky" else []
        match = [Path("match", TABLE)] if self.survey.match else []
        if name := self.survey.of_role("spectra"):
            match += [Path("match", name, file) for file in (PAIRS_FILE, REMOVED_ROWS)]
        own = [Path("split", TABLE), Path("split", REMOVED_ROWS)]
        return [self.interim / path for path in (*cuts, *pairs, *match, *own)]

    def cut_order(self, stage: str) -> list[str]:
        """Return the names of a stage's cuts, in the order in which they were applied."""
        counts = self.interim / Path(*stage.split("@")) / COUNTS
        return list(read_json(counts).get("removed", {})) if counts.is_file() else []

    def read(self, name: str, *columns: str) -> pd.DataFrame:
        """Read columns of a table; `InputError` if a file or column is missing or damaged."""
        path = require_file(self.interim / name, "rebuild it with `dvc repro`")
        few = [name for name in columns if name == "cut"]  # few values, many rows
        try:
            with pq.ParquetFile(path, read_dictionary=few, page_checksum_verification=True) as file:
                table = file.read(list(columns)).select(list(columns))
                return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
        except (OSError, KeyError, pa.ArrowException) as error:
            raise InputError(
                f"{path}: expected a sound parquet file with {', '.join(columns)} ({error}); "
                "rebuild it with `dvc repro`"
            ) from error

    def cuts(self, stage: str, ids: pd.Series) -> pd.Series:
        """Return the cut that removed each of some objects at a stage; null where none did.

        Of an object with several rows it is the last one: until then a row of it was left.
        """
        rows = self.read(f"{stage.replace('@', '/')}/{REMOVED_ROWS}", "id", "cut")
        rows = rows.loc[rows["id"].isin(ids.dropna())].astype({"cut": "str"})  # exact: no float
        rank = rows["cut"].map({cut: place for place, cut in enumerate(self.cut_order(stage))})
        last = rows.assign(rank=rank).sort_values(["id", "rank"], kind="stable")
        return ids.map(last.drop_duplicates("id", keep="last").set_index("id")["cut"])


def find_build(release: Path) -> tuple[Build | None, str]:
    """Find the tables that a release was made from, if they are on this machine, or say why not.

    A build's release lies in ``<survey>/release/transferz``, beside ``<survey>/interim``. Without a
    build that made this release, the answer is None and the reason, for the reader.
    """
    place, manifest = release.resolve().parent, read_json(release / MANIFEST_FILE)
    interim = place.parent / "interim"
    if place.name != "release" or not interim.is_dir():
        return None, "its interim tables are not here; only a release built here can be traced"
    try:
        from transferz.schemas.survey.survey import seek_survey
    except ImportError as error:  # what builds releases has it, what compares them need not
        return None, f"{error.name} is not installed; install transferz[build]"
    if (survey := seek_survey(manifest["survey"])) is None:
        return None, f"this version of transferz has no survey '{manifest['survey']}'"
    build = Build(interim, survey)
    if missing := [path for path in build.required() if not path.is_file()]:
        return None, f"{missing[0]} is missing; rebuild with `dvc repro`"
    recorded: Any = manifest.get("counts")
    for stage, counts in recorded.items() if isinstance(recorded, dict) else ():
        path = build.interim / Path(*stage.split("@")) / COUNTS
        if not path.is_file() or read_json(path) != counts:
            return None, f"{path} does not agree with the release's manifest: another build"
    return build, ""


def trace(build: Build, objects: pd.DataFrame, config: str) -> pd.DataFrame:
    """Find what kept objects out of a config: ``stage`` and ``cut``, by the index of `objects`.

    `build` is of the release that lacks them, `objects` has ``object_id`` and the
    ``redshift_kind`` of the rows that the other release has: a photometric row is followed through
    the catalogues of label and photometry, a spectroscopic one through that of spectra, one of
    ``truth`` through both. Of several cuts that would have removed the object, it is the first in
    the order ingest, cuts of the photometry, of the label, match, split.
    """
    if objects.empty:
        return pd.DataFrame({"stage": [], "cut": []}, objects.index, dtype="str")
    ids, kind = objects["object_id"].astype("Int64"), objects["redshift_kind"]
    steps = _first([*_photometric(build, ids), *_after_matching(build, ids, config)])
    # A true redshift belongs to either sample: what the photometric one lacks is looked for in the
    # other.
    spectroscopic = (kind == "spectroscopic") | ((kind == "true") & (steps["cut"] == NOT_IN_TABLE))
    if not spectroscopic.any():
        return steps
    others = ids[spectroscopic]
    route = [*_spectroscopic(build, others), *_after_matching(build, others, config)]
    return pd.concat([steps[~spectroscopic], _first(route)]).reindex(objects.index)


def _photometric(build: Build, ids: pd.Series) -> list[Cuts]:
    """The steps until objects with a photometric label are matched."""
    survey = build.survey
    if survey.match != "sky":
        return _catalogue(build, ids, survey.of_role("labelled"))
    partner, steps = _on_sky(build, ids, survey.of_role("label"), "match")
    return [*steps, ("match", _note(NO_COUNTERPART, partner.isna()))]


def _spectroscopic(build: Build, ids: pd.Series) -> list[Cuts]:
    """The steps until objects with spectra come to the splits."""
    stage, name = build.survey.spectra
    if stage == "select":
        return _catalogue(build, ids, name)
    match = f"{stage}@{name}"
    partner, steps = _on_sky(build, ids, name, f"{stage}/{name}")
    return [
        *steps,
        (match, build.cuts(match, partner)),
        (match, _note(NO_COUNTERPART, partner.isna())),
    ]


def _on_sky(build: Build, ids: pd.Series, name: str, folder: str) -> tuple[pd.Series, list[Cuts]]:
    """Of a catalogue matched to photometry: the row that is each object's, and the cuts on both."""
    survey, stage = build.survey, f"select@{name}"
    key = survey.catalogues[name].key
    pairs = build.read(f"{folder}/{PAIRS_FILE}", "object_id", key).set_index("object_id")
    partner = ids.map(pairs.loc[pairs.index.isin(ids), key])
    photometry = _catalogue(build, ids, survey.of_role("photometry"))
    return partner, [*photometry, (stage, build.cuts(stage, partner))]


def _catalogue(build: Build, ids: pd.Series, name: str) -> list[Cuts]:
    """The steps of one catalogue whose key is the release's id; of none where it has no name."""
    if not build.has(name):
        return [(f"ingest@{name}".rstrip("@"), _note(NOT_IN_TABLE, ids.notna()))]
    absent = ~ids.isin(build.read(f"ingest/{name}/{TABLE}", "object_id")["object_id"])
    left = ids.isin(build.read(f"select/{name}/{TABLE}", "object_id")["object_id"])
    cut = build.cuts(f"select@{name}", ids).mask(left)
    return [(f"ingest@{name}", _note(NOT_IN_TABLE, absent)), (f"select@{name}", cut)]


def _after_matching(build: Build, ids: pd.Series, config: str) -> list[Cuts]:
    twins = pd.Series(dtype="Int64")
    if build.survey.match:
        matched = build.read(f"match/{TABLE}", "object_id", "spectroscopic_id").dropna()
        twins = matched.loc[matched["object_id"] != matched["spectroscopic_id"], "object_id"]
    configs = build.survey.configs
    union, truth = (configs.get(role, "") for role in ("union", "truth"))
    released = ids.isin(build.read(f"split/{TABLE}", "object_id")["object_id"])
    return [
        ("split", build.cuts("split", ids)),
        ("release", _note(SPECTROSCOPIC_ROW_KEPT, ids.isin(twins) & (config == union))),
        ("release", _note(NO_TRUE_REDSHIFT, released & (config == truth))),
        ("", _note(UNEXPLAINED, ids.notna())),
    ]


def _note(cut: str, where: pd.Series) -> pd.Series:
    """The name of a cut where a condition holds, null elsewhere."""
    return pd.Series(cut, where.index, dtype="str").where(where)


def _first(steps: list[Cuts]) -> pd.DataFrame:
    """Of steps in their order, the first that has a cut for each row."""
    index = steps[0][1].index
    stage, cut = pd.Series(pd.NA, index, dtype="str"), pd.Series(pd.NA, index, dtype="str")
    for name, cuts in steps:
        fresh = cut.isna() & cuts.notna()
        stage, cut = stage.mask(fresh, name), cut.mask(fresh, cuts.astype("str"))
    return pd.DataFrame({"stage": stage, "cut": cut})


def count_steps(build: Build, steps: pd.DataFrame) -> list[dict[str, Any]]:
    """Count traced objects by ``stage`` and ``cut``: their ``rows``, in the pipeline's order."""
    catalogues = ["", *build.survey.catalogues]
    counts = [
        {"stage": str(stage), "cut": str(cut), "rows": int(rows)}
        for (stage, cut), rows in steps.value_counts(["stage", "cut"]).items()
    ]

    def rank(counted: dict[str, Any]) -> tuple[int, int, int, str]:
        name, _, catalogue = counted["stage"].partition("@")
        order, cut = build.cut_order(counted["stage"]), counted["cut"]
        place = order.index(cut) if cut in order else len(order)
        return STAGES.index(name), catalogues.index(catalogue), place, cut

    return sorted(counts, key=rank)
