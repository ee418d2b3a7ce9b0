"""The record of a method on the benchmark, ``entry.yaml``: what was run, on what, how it scored.

Written by ``transferz benchmark`` and ``transferz train``; the leaderboard, the paper's figures and
the release's card are made of such files. Reading one only parses it: nothing in it is run or
fetched.
"""

import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from transferz.schemas.benchmark.records import (
    Record,
    json_of_yaml,
    parse_record,
    read_text,
    refuse_credentials,
    yaml_text,
)
from transferz.schemas.benchmark.scores import (
    CONFIG_NAME,
    LARGEST,
    Config,
    Count,
    EntryBin,
    EntryScores,
    Real,
    Share,
    Summary,
)
from transferz.schemas.errors import ParameterError
from transferz.schemas.survey.files import Version, is_mock_name

ORDER = ("nn_base", "nn_tl", "nn_combo", "nn_spec")
"""Of the reference networks in tables and figures."""

SCHEMA = "transferz leaderboard entry 1"
ENTRY_FILE = "entry.yaml"
FORECASTS_FILE = "forecasts.parquet"

DIGITS = 6
"""Significant ones that are kept of numbers (our choice)."""

MAX_BYTES = 400_000
"""Of an entry; ours have some 90 kB, and what is much larger is something else (our choice)."""

OF_A_RUN = ["training", "bands", "hardware", "device", "threads", "time", "memory", "packages"]
"""What an entry says of a run, and not of published forecasts."""

REMEDY = "write it again with `transferz benchmark`"

TestedSet = Config
"""What is scored: test splits of configs; or of a table of one's own its test part, ``table``, and
another, ``test_table``."""

TrainingSet = Annotated[str, StringConstraints(pattern=rf"^{CONFIG_NAME}(\+{CONFIG_NAME})?$")]
"""A config, or two with ``+`` between them; or ``file``: a table in a release's columns; or
``table``: part of the table that is tested on."""

Split = Literal["train", "validation", "calibration", "test"]
Text = Annotated[str, StringConstraints(min_length=1), AfterValidator(refuse_credentials)]
Line = Annotated[Text, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,200}$")]
Paragraph = Annotated[Text, StringConstraints(max_length=4_000)]
MethodName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$")]
Hash = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
Amount = Annotated[float, Field(ge=0, le=LARGEST)]
Hexadecimal = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_ADDRESS = r"://[^\s<>\"'/?#@:]+(:\d+)?([/?#][^\s<>\"']*)?$"
LINK = rf"^https?{_ADDRESS}"
Link = Annotated[Text, StringConstraints(pattern=LINK)]
SecureLink = Annotated[Text, StringConstraints(pattern=rf"^https{_ADDRESS}")]
Setting = Annotated[int, Field(ge=-(2**53), le=2**53)] | float
"""Of a schedule: whole, as far as every reader of JSON knows whole numbers, or real."""
Plain = bool | Setting | Text | None
"""A setting of a method, or one of a list."""
Date = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}$")]
FileName = Annotated[
    str, StringConstraints(pattern=r"^\.*[^/\\.\x00-\x1f\x7f-\x9f][^/\\\x00-\x1f\x7f-\x9f]*$")
]


class EntryMethod(Record):
    """What was run, and what its author says of it; of published forecasts there is no class.

    `key`, of lower case letters, digits and underscores, is what files are called by, `name` what
    tables call it; `class_` is ``package.module:Name`` of its class, or of the function or object
    that it was made by, with `settings`. One that is `deterministic` was trained once, as no seed
    changes it.
    """

    key: MethodName
    name: Line
    class_: Text | None = Field(default=None, alias="class")
    version: Line | None = None
    description: Paragraph | None = None
    citation: Paragraph | None = None
    code: Link | None = None
    deterministic: bool = False
    settings: dict[Text, Plain | tuple[Plain, ...]] | None = None


class FileFacts(Record):
    """Which file it was: its name and sha256 (hexadecimal)."""

    file: FileName
    sha256: Hexadecimal


class TrainingRows(Record):
    """Rows from every config, or of the file or table; None where there were none."""

    train: dict[TestedSet, Count] = Field(min_length=1)
    validation: dict[TestedSet, Count] | None
    calibration: dict[TestedSet, Count] | None


class EntryTraining(Record):
    """What it learned from: how many rows, and the file, where `set` is ``file``."""

    set: TrainingSet
    rows: TrainingRows
    table: FileFacts | None = None

    @model_validator(mode="after")
    def _set_is_what_was_read(self) -> Self:
        if (self.set == "file") != (self.table is not None):
            raise ValueError("a 'table' is named where the training set is 'file', and only there")
        if set(self.rows.train) != set(self.set.split("+")):
            there = "+".join(self.rows.train)
            raise ValueError(f"the training set is '{self.set}', and 'rows' has some of '{there}'")
        return self


class Published(FileFacts):
    """Forecasts that were published: the file of them, and what is said of their making.

    They were scored as they are. Nothing was rerun, so that what their method has learned from,
    perhaps the galaxies that it is scored on, is not known; `trained_on` is what is declared.
    """

    rerun: Literal[False] = False
    trained_on: Line | None = None


class TableFacts(FileFacts):
    """A table of one's own: what was read of it, and how it was split.

    With `missing_magnitudes`, galaxies that lack some magnitudes are among its rows. Of published
    forecasts the `sha256` is that of the galaxies' ids and redshifts, so that all forecasts of
    these are of the same data, and there are no `bands`.
    """

    bands: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    errors: tuple[Text, ...] | None = None
    redshift: Text
    id: Text | None = None
    rows: Count
    dropped: Count = 0
    tested: Count
    missing_magnitudes: bool = False
    fractions: dict[Split, Share] | None = None
    salt: Text | None = None


class SplitContent(Record):
    """Rows of a split, and the logical content hash that the manifest has of it."""

    rows: Count
    hash: Hash


class Data(Record):
    """The release that a method was trained and tested on.

    `content` has rows and hash of all splits that were used, by config and split; `test_table` is
    a table of one's own that was tested on too.
    """

    name: Literal["transferz"]
    version: str
    survey: Text
    mock: bool
    content: dict[Config, dict[Split, SplitContent]]
    test_table: TableFacts | None = None

    @model_validator(mode="after")
    def _mocks_agree(self) -> Self:
        try:
            said = Version.parse(self.version).mock
        except ParameterError as error:
            raise ValueError(str(error)) from None
        if len({said, self.mock, is_mock_name(self.survey)}) > 1:
            raise ValueError(
                f"version {self.version}, survey {self.survey} and mock {self.mock} contradict "
                "each other: all of them are a mock's, or none"
            )
        return self


class TableData(Record):
    """Tables of one's own: the one that is split, another that is only tested on."""

    table: TableFacts
    test_table: TableFacts | None = None


class Span(Record):
    """A number of every seed, summed up."""

    mean: Real
    min: Real
    max: Real


class EntryStart(Record):
    """The networks that were fine-tuned: the method, its schedule, and what it had learned from.

    `learned` maps what that was to its hash; None where they were trained in the same run.
    """

    method: MethodName
    schedule: dict[Text, Setting | tuple[Setting, ...]]
    learned: dict[Text, Text] | None = None


class EntryNetworks(Record):
    """How networks were trained: how long and how fast, from which `start` where they are not new.

    `tf32` is whether a GPU was free to round the factors of matrix products. Epochs trained, the
    best of them, and its loss are over seeds.
    """

    schedule: dict[Text, Setting | tuple[Setting, ...]] = Field(min_length=1)
    start: EntryStart | None = None
    tf32: bool = False
    epochs: Span
    best_epoch: Span
    validation_loss: Span


class Transfer(Record):
    """Coverage on one test set of what was calibrated on another's calibration split."""

    calibrated_on: TestedSet
    tested_on: TestedSet
    coverage_68: Summary
    coverage_90: Summary
    width_90: Summary


class EntryTime(Record):
    """Seconds, of all seeds together."""

    fit_s: Amount
    calibrate_s: Amount | None = None
    predict_s: Amount


class EntryMemory(Record):
    """Highest memory of the process, 1e6 bytes, and of the GPU where one was used."""

    peak_mb: Amount
    gpu_peak_mb: Amount | None = None


class ModelFile(FileFacts):
    """The trained networks of all seeds."""

    bytes: Count


class ForecastsFile(FileFacts):
    """The forecasts that the scores are of, and where they can be had."""

    bytes: Count
    url: SecureLink | None = None


def _kind_of_data(value: Any) -> str:
    found = "table" in value if isinstance(value, Mapping) else isinstance(value, TableData)
    return "own" if found else "release"


class Entry(Record):
    """A method on the benchmark: a run of it, or forecasts that were published.

    Attributes
    ----------
    form : str
        `SCHEMA`, called ``schema`` in the file.
    published : Published or None
        Of forecasts that were not rerun. All that a run tells is None then: what was learned from,
        bands, hardware, device, threads, time, memory, packages.
    bands : tuple of str
        Columns of the magnitudes that it was given.
    scores : dict
        Test set -> its scores.
    transfer : tuple of Transfer, or None
        Coverage across configs; None where nothing is calibrated, or on one set alone.
    by_magnitude : dict or None
        Test set -> bins of i magnitude with coverages; None for point forecasts.
    networks : EntryNetworks or None
        How its networks were trained, where it says so.
    hardware : dict of str to str
        What it was computed on.
    device : str
        ``cpu``, or ``cuda`` where memory of a GPU was used.
    packages : dict of str to str
        Versions; `transferz` is that of this package.
    date : str or None
        YYYY-MM-DD.
    model : ModelFile or None
        What `transferz predict` applies, of a method that can be kept.
    """

    form: Literal["transferz leaderboard entry 1"] = Field(alias="schema")
    method: EntryMethod
    published: Published | None = None
    training: EntryTraining | None = None
    bands: Annotated[tuple[Text, ...], Field(min_length=1)] | None = None
    seeds: int = Field(ge=1, le=1_000_000)
    data: Annotated[
        Annotated[Data, Tag("release")] | Annotated[TableData, Tag("own")],
        Discriminator(_kind_of_data),
    ]
    scores: dict[TestedSet, EntryScores] = Field(min_length=1)
    transfer: tuple[Transfer, ...] | None = None
    by_magnitude: dict[TestedSet, tuple[EntryBin, ...]] | None = None
    networks: EntryNetworks | None = None
    hardware: Annotated[dict[Text, Text], Field(min_length=1)] | None = None
    device: Text | None = None
    threads: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    time: EntryTime | None = None
    memory: EntryMemory | None = None
    command: Text
    packages: Annotated[dict[Text, Text], Field(min_length=1)] | None = None
    transferz: Text
    date: Date | None = None
    forecasts: ForecastsFile
    model: ModelFile | None = None

    @model_validator(mode="after")
    def _scores_are_of_the_data(self) -> Self:
        for name, one in self.scores.items():
            rows = self.tested_rows(name)
            if rows is None:
                raise ValueError(f"scores of '{name}', which data does not hold a test set of")
            if abs(one.completeness * rows - one.n) > 0.5 + rows * 10.0**-DIGITS:
                raise ValueError(
                    f"scores of '{name}': {one.n} galaxies of {rows} are no completeness of "
                    f"{one.completeness}"
                )
        return self

    @model_validator(mode="after")
    def _run_or_published(self) -> Self:
        known = {name: getattr(self, name) for name in OF_A_RUN} | {"class": self.method.class_}
        if isinstance(self.data, TableData):
            known["data.table.bands"] = self.data.table.bands
        given = [name for name, value in known.items() if value is not None]
        absent = [name for name in known if name not in given]
        if self.published is None and absent:
            raise ValueError(f"'{absent[0]}' is missing, which only published forecasts lack")
        if self.published is not None and given:
            raise ValueError(f"'{given[0]}' is of a run, and published forecasts were not rerun")
        return self

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        learned: set[str] = set()
        if self.training is not None:
            if (self.training.set == "table") != isinstance(self.data, TableData):
                raise ValueError(f"the training set is '{self.training.set}', and 'data' another's")
            learned = set(self.training.set.split("+")) - {"file", "table"}
        if isinstance(self.data, Data) and (absent := learned - set(self.data.content)):
            raise ValueError(f"the training set is '{min(absent)}', which 'data' does not hold")
        tested = {one.tested_on for one in self.transfer or ()} | set(self.by_magnitude or ())
        if unscored := tested - set(self.scores):
            raise ValueError(f"coverages on '{min(unscored)}', which has no scores")
        if self.date is not None:
            datetime.date.fromisoformat(self.date)
        return self

    @property
    def survey(self) -> str | None:
        """The release's survey; None for tables of one's own."""
        return self.data.survey if isinstance(self.data, Data) else None

    @property
    def mock(self) -> bool:
        """Whether the galaxies are simulated."""
        return isinstance(self.data, Data) and self.data.mock

    def tested_rows(self, name: str) -> int | None:
        """Galaxies of a test set, forecast or not; None where there is no such set."""
        if name == "test_table":
            table = self.data.test_table
        elif isinstance(self.data, TableData):
            table = self.data.table if name == "table" else None
        else:
            split = dict(self.data.content).get(name, {}).get("test")
            return None if split is None else split.rows
        return None if table is None else table.tested


def method_key(name: str) -> str:
    """Make a key of a name: ``k-NN (5)`` becomes ``k_nn_5``."""
    key = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    return key if re.match(r"[a-z]", key) else f"m_{key}".rstrip("_")


def read_entry(path: Path) -> Entry:
    """Read an entry from a YAML file.

    An InputError says in one sentence where the file is missing, too large, no YAML, or no such
    record.
    """
    return parse_entry(read_text(path, REMEDY, MAX_BYTES), str(path))


def parse_entry(text: str, source: str = "the entry") -> Entry:
    """Read the YAML text of an entry; an InputError says that it is from `source`."""
    return parse_record(json_of_yaml(text, source, REMEDY), Entry, source, REMEDY)


def entry_text(entry: Entry) -> str:
    """Write an entry as YAML, the same bytes for the same entry."""
    return yaml_text(entry.model_dump(mode="json", by_alias=True, exclude_unset=True))


def write_entry(path: Path, entry: Entry) -> None:
    """Write an entry as `entry_text`; who calls it sees to it that it is there whole or not."""
    path.write_text(entry_text(entry), encoding="utf-8", newline="\n")


def rounded(value: Any) -> Any:
    """Return plain data with its real numbers rounded to `DIGITS` significant digits."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
