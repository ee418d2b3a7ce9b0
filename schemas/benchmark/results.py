"""The record of a checked result: ``baselines/results/<survey>/<method>.json``.

One per baseline: what it was trained and tested on, how, on what, and its scores.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from transferz.schemas.benchmark.records import Record, read_record
from transferz.schemas.benchmark.scores import Config, Count, SetScores, require_seeds
from transferz.schemas.errors import InputError, ParameterError
from transferz.schemas.survey.versions import MOCK, Version

ORDER = ("nn_base", "nn_tl", "nn_combo", "nn_spec")
"""Of the baselines in tables and figures; others come after, by name."""

REMEDY = "write it again with `python -m transferz.baselines.paper.results`"

Split = Literal["train", "validation", "calibration", "test"]
Text = Annotated[str, StringConstraints(min_length=1)]
MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Hash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(ge=0)]


class SplitContent(Record):
    """Rows of a split, and the logical content hash that the manifest has of it."""

    rows: Count
    hash: Hash


class Data(Record):
    """What a baseline was trained and tested on.

    Attributes
    ----------
    name, version, survey : str
        Of the release.
    mock : bool
        Whether its galaxies are simulated.
    content : dict
        config -> split -> rows and hash, of all splits that were used.
    """

    name: Literal["transferz"]
    version: str
    survey: Text
    mock: bool
    content: dict[Config, dict[Split, SplitContent]]

    @model_validator(mode="after")
    def _mocks_agree(self) -> Self:
        try:
            said = Version.parse(self.version).mock
        except ParameterError as error:
            raise ValueError(str(error)) from None
        if len({said, self.mock, self.survey == MOCK}) > 1:
            raise ValueError(
                f"version {self.version}, survey {self.survey} and mock {self.mock} contradict "
                "each other: all of them are a mock's, or none"
            )
        return self


class Span(Record):
    """A number of every seed, summed up."""

    mean: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Span":
        """Sum up at least one value."""
        numbers = [float(value) for value in values]
        return cls(mean=sum(numbers) / len(numbers), min=min(numbers), max=max(numbers))


class Training(Record):
    """How the seeds' training went: epochs trained, the best of them, its validation loss."""

    epochs: Span
    best_epoch: Span
    validation_loss: Span


class Result(Record):
    """A checked result.

    Attributes
    ----------
    method, title : str
        The baseline's name and what papers call it.
    data : Data
        What it was trained and tested on.
    config : str
        The config that it learned from.
    start : str or None
        The baseline that was fine-tuned, where one was.
    bands : tuple of str
        Columns of the magnitudes.
    seeds : int
        Random initialisations.
    schedule : dict
        How long and how fast it was trained.
    training : Training
        How that went.
    scores : dict
        config -> scores on its test split.
    hardware : dict of str to str
        What it was computed on.
    duration_s : float
        Of the training of all seeds.
    command : str
        That trained it.
    packages : dict of str to str
        Versions.
    transferz : str
        Version of this package.
    """

    method: MethodName
    title: Text
    data: Data
    config: Config
    start: MethodName | None
    bands: tuple[Text, ...] = Field(min_length=1)
    seeds: int = Field(ge=1)
    schedule: dict[Text, int | float | tuple[int, ...]] = Field(min_length=1)
    training: Training
    scores: dict[Config, SetScores] = Field(min_length=1)
    hardware: dict[Text, Text] = Field(min_length=1)
    duration_s: Seconds
    command: Text
    packages: dict[Text, Text] = Field(min_length=1)
    transferz: Text

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        require_seeds(self.scores, self.seeds)
        if "train" not in self.data.content.get(self.config, {}):
            raise ValueError(f"data.content lacks {self.config}/train, which it learned from")
        for name, one in self.scores.items():
            tested = self.data.content.get(name, {}).get("test")
            if tested is None or tested.rows != one.n:
                rows = "none" if tested is None else tested.rows
                raise ValueError(f"set '{name}' has {one.n} galaxies, data.content {rows} to test")
        return self


def read_result(path: Path) -> Result:
    """Read a checked result.

    Raises
    ------
    InputError
        If the file is missing, is no such record or is called by another method's name.
    """
    result = read_record(path, Result, REMEDY)
    if result.method != path.stem:
        raise InputError(
            f"{path} is the result of '{result.method}'; call it {result.method}.json, or {REMEDY}"
        )
    return result


def read_results(folder: Path) -> list[Result]:
    """Read all checked results of a survey, in the order of tables.

    Parameters
    ----------
    folder : Path
        With a ``<method>.json`` each; it need not exist.

    Raises
    ------
    InputError
        If one can't be used.
    """
    found = (read_result(path) for path in sorted(folder.glob("*.json")))
    return sorted(found, key=lambda one: rank(one.method))


def rank(method: str) -> tuple[int, str]:
    """Return what baselines are sorted by."""
    return (ORDER.index(method) if method in ORDER else len(ORDER), method)
