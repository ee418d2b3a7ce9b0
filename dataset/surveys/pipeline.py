"""The pipeline of a survey: the stages that its configuration asks for, as DVC reads them."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from transferz.dataset.pipeline.params import PARAMS_FILE, load_params
from transferz.schemas.survey import survey as configured
from transferz.schemas.survey.survey import Survey
from transferz.tables.files import replace_file

PIPELINE = "dvc.yaml"
MOCK = "mock"
"""The survey whose pipeline is the project's own: it lies at the root."""

TABLE, COUNTS, REMOVED = "table.parquet", "counts.json", "removed.parquet"
PAGES = ("README.md", "CITATION.cff", "croissant.json", "figures", "MANIFEST.json")
WORDS = ("schemas/survey", "tables")
WIDTH = 120

Stage = dict[str, Any]


def pipeline_path(survey: str) -> Path:
    """Return where a survey's pipeline lies."""
    folder = configured.FOLDER
    return (folder.parent if survey == MOCK else folder / survey) / PIPELINE


def write_pipeline(survey: Survey) -> Path:
    """Write a survey's ``dvc.yaml`` anew, whatever stands there; return its path."""
    command = "make repro" if survey.name == MOCK else f"make repro SURVEY={survey.name}"
    head = (
        f"# {survey.title}: `{command}`.\n"
        f"# Written by `transferz survey pipeline {survey.name}`, from what survey.yaml says.\n"
    )
    path = pipeline_path(survey.name)
    text = yaml.dump(
        pipeline(survey), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH
    )
    text = re.sub(r"\n(?=  \w+:\n)", "\n\n", text)  # a blank line before each stage
    with replace_file(path) as beside:
        beside.write_text(head + text, encoding="utf-8")
    return path


class _OneLine(dict[str, Any]):
    """A mapping that stands in one line of the file."""


class _Dumper(yaml.SafeDumper):
    """Writes YAML as people do: no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Dumper.add_representer(
    _OneLine,
    lambda dumper, one: dumper.represent_mapping("tag:yaml.org,2002:map", one, flow_style=True),
)


def pipeline(survey: Survey) -> dict[str, Any]:
    """Return the content of a survey's ``dvc.yaml``.

    Which of its numbers stand in params.yaml, and not in its own file, is looked up there.
    """
    folder = f"data/{survey.name}"
    path = {
        "raw": f"{folder}/raw",
        "interim": f"{folder}/interim",
        "release": f"{folder}/release/transferz",
    }
    return {"vars": [{"survey": survey.name}, {"path": path}], "stages": _Stages(survey).all()}


class _Stages:
    """The stages of one survey."""

    def __init__(self, survey: Survey) -> None:
        self.survey, self.names = survey, list(survey.catalogues)
        self.params = load_params(configured.FOLDER.parent / PARAMS_FILE)
        self.configuration = [
            f"surveys/{one}/{configured.FILE}" for one in configured.taken_over(survey.name)
        ]
        self.match = ["${path.interim}/match/table.parquet"] if survey.match else []
        self.spectra = [f"${{path.interim}}/{'/'.join(survey.spectra)}/{TABLE}"]
        sections = configured.taken_over(survey.name)[::-1]  # a mock's own numbers come last
        self.mock_params = [one for one in sections if one in self.params]

    def all(self) -> dict[str, Stage]:
        """The stages in the order in which they run."""
        first = {"survey": self.make()} if self.survey.mock else {"fetch": self.fetch()}
        match = {"match": self.find()} if self.survey.match else {}
        return {
            **first,
            "ingest": self.ingest(),
            "select": self.select(),
            **match,
            "split": self.split(),
            "release": self.release(),
            "card": self.card(),
        }

    def make(self) -> Stage:
        return self._stage(
            "survey",
            "Make the mock survey's files, in the upstream formats",
            code=("dataset/mock", "dataset/survey.py", "photometry"),
            params=self.mock_params,
            outs=[
                *(f"${{path.raw}}/{name}" for name in self.names),
                "${path.raw}/truth.parquet",
                "${path.raw}/truth_cosmos2020.parquet",
                "${path.raw}/counts.json",
            ],
        )

    def fetch(self) -> Stage:
        stage = self._stage(
            "fetch",
            "Fetch an upstream catalogue, or check the files that were put in place by hand",
            code=("dataset/fetch.py", "dataset/fetching", "dataset/sources"),
            params=self._by_catalogue("fetch"),
            counts="fetch/${item.catalogue}",
            by_catalogue=True,
        )
        raw = {"${path.raw}/${item.catalogue}": _OneLine(persist=True, cache=False)}
        return stage | {"outs": [raw, *stage["outs"]]}  # several GB, and others' property

    def ingest(self) -> Stage:
        return self._stage(
            "ingest",
            "Read an upstream catalogue into a checked table with our names and units",
            data=["${path.raw}/${item.catalogue}"],
            code=(
                *("dataset/ingest.py", "dataset/sky", "dataset/sources", "dataset/splits"),
                "photometry",
            ),
            outs=[f"${{path.interim}}/ingest/${{item.catalogue}}/{TABLE}"],
            counts="ingest/${item.catalogue}",
            by_catalogue=True,
        )

    def select(self) -> Stage:
        folder = "${path.interim}/select/${item.catalogue}"
        return self._stage(
            "select",
            "Apply the cuts and count what each removes",
            data=[f"${{path.interim}}/ingest/${{item.catalogue}}/{TABLE}"],
            code=("dataset/select.py",),
            params=self._by_catalogue("select"),
            outs=[f"{folder}/{TABLE}", f"{folder}/{REMOVED}"],
            counts="select/${item.catalogue}",
            by_catalogue=True,
        )

    def find(self) -> Stage:
        on_sky = self.survey.match == "sky"
        joined, folder = self.survey.of_role("spectra"), "${path.interim}/match"
        roles = ("label", "photometry", "spectra")
        whole = [name for name in map(self.survey.of_role, roles) if name and on_sky]
        own = (TABLE, *("pairs.parquet", REMOVED, "report.json")[: 3 * on_sky])
        outs = [f"{folder}/{file}" for file in own]
        outs += [f"{folder}/{joined}/{file}" for file in (*own, COUNTS) if joined]
        return self._stage(
            "match",
            "Find which labelled objects have photometry, and which have spectra",
            data=[
                *(f"${{path.interim}}/ingest/{name}/{TABLE}" for name in whole),
                *(f"${{path.interim}}/select/{name}/{TABLE}" for name in self.names),
            ],
            code=("dataset/match.py", "dataset/sky"),
            params=["match"] if on_sky else [],
            outs=outs,
            counts="match",
        )

    def split(self) -> Stage:
        return self._stage(
            "split",
            "Assign train, validation, calibration and test without leaks",
            data=[*self.match, *self.spectra],
            code=("dataset/sky", "dataset/split.py", "dataset/splits"),
            params=["split", "match.engine", "match.radius_arcsec"],
            outs=[f"${{path.interim}}/split/{file}" for file in (TABLE, REMOVED)],
            counts="split",
        )

    def release(self) -> Stage:
        truth = ["${path.raw}/truth.parquet"] if self.survey.mock else []
        rooms = ("dataset/sky", "dataset/splits", "dataset/verify", "dataset/versions")
        return self._stage(
            "release",
            "Write the configs as parquet, one file per split, and their indices",
            data=[*self.match, *self.spectra, f"${{path.interim}}/split/{TABLE}", *truth],
            code=("dataset/release.py", *rooms),
            params=["release.version", "release.previous", "release.hats"],
            outs=self._released(),
            counts="release",
        )

    def card(self) -> Stage:
        survey = self.survey
        stages = ["ingest", "select"] if survey.mock else ["fetch", "ingest", "select"]
        counts = [f"{stage}/{name}" for stage in stages for name in self.names]
        counts += ["/".join(survey.spectra)] if survey.of_role("spectra") else []
        counts += [*(["match"] if survey.match else []), "split", "release"]
        # A mock is trained on here, and its scores lie here; of another survey there may be none
        # yet, and DVC wants what it depends on to be there.
        own = "/${survey}" if survey.mock else ""
        chosen = [f"select.{one}" for one in self.names if one in self.params.get("select", {})]
        return self._stage(
            "card",
            "Write the release's page, figures, citation, Croissant description and manifest",
            data=[
                *self._released(),
                *(["${path.raw}/counts.json"] if survey.mock else []),
                *(f"${{path.interim}}/{one}/{COUNTS}" for one in counts),
            ],
            code=(
                *(f"baselines/leaderboard/entries{own}", f"baselines/results{own}"),
                *("CITATION.cff", "dataset/CHANGELOG.md", "dataset/card.py", "dataset/page"),
                *("dataset/sky", "dataset/sources", "dataset/spectra", "dataset/splits"),
                *("photometry", "schemas/benchmark"),
            ),
            params=[
                *(self.mock_params if survey.mock else []),
                *(*chosen, "match", "split", "release"),
            ],
            outs=[f"${{path.release}}/{page}" for page in PAGES],
        )

    def _released(self) -> list[str]:
        hats = ["_hats"] if self.params.get("release", {}).get("hats") else []
        names = [*self.survey.configs.values(), "_index", *hats]
        return [f"${{path.release}}/{name}" for name in names]

    def _by_catalogue(self, section: str) -> list[str]:
        """A catalogue's own part of a section of params.yaml; all of it where some have none."""
        there = [name for name in self.names if name in self.params.get(section, {})]
        if len(there) == len(self.names):
            return [f"{section}.${{item.catalogue}}"]
        return [section] if there else []

    def _stage(
        self,
        name: str,
        what: str,
        *,
        code: Iterable[str],
        data: Sequence[str] = (),
        params: Sequence[str] = (),
        outs: Sequence[str] = (),
        counts: str = "",
        by_catalogue: bool = False,
    ) -> Stage:
        """Put a stage together: what it depends on, and what it makes, with its counts."""
        at_root = self.survey.name == MOCK
        item = " ${item.catalogue}" if by_catalogue else ""
        kept = [{out: _OneLine(persist=True)} for out in outs]
        counted = (
            [{f"${{path.interim}}/{counts}/{COUNTS}": _OneLine(persist=True)}] if counts else []
        )
        return {
            **({"matrix": {"catalogue": self.names}} if by_catalogue else {}),
            "desc": what,
            **({} if at_root else {"wdir": "../.."}),
            "cmd": f"python -m transferz.dataset.{name}{item} --survey ${{survey}}",
            "deps": [
                *data,
                *self.configuration,
                *sorted([*code, "dataset/pipeline", *WORDS]),
            ],
            **({"params": list(params)} if params else {}),
            "outs": kept if at_root else [*kept, *counted],
            **({"metrics": counted} if at_root and counted else {}),
        }
