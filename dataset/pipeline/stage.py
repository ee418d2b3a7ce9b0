"""What all stages share: where a survey's files lie, and the command line of a stage."""

import argparse
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from transferz.schemas import ParameterError, TransferZError
from transferz.schemas.checkout import require_own_code
from transferz.tables.files import sentence, write_json

if TYPE_CHECKING:
    from transferz.schemas.survey.survey import Survey

TABLE = "table.parquet"
COUNTS = "counts.json"
REMOVED_ROWS = "removed.parquet"


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the files of one survey lie: ``<data>/<survey>/raw → interim → release/transferz``.

    For a study of the split, `salt` stands in the place of that of params.yaml, and
    `shared_photometry` (mag) in that of the survey's own; the release's manifest says so.
    """

    survey: str
    data: Path = Path("data")
    salt: str | None = None
    shared_photometry: float | None = None

    @property
    def configured(self) -> "Survey":
        """The survey as its ``survey.yaml`` configures it."""
        from transferz.schemas.survey.survey import find_survey  # not in every install

        survey, distance = find_survey(self.survey), self.shared_photometry
        if distance is None:
            return survey
        return survey.model_copy(update={"shared_photometry": distance})

    @property
    def catalogues(self) -> tuple[str, ...]:
        """The survey's upstream catalogues."""
        return tuple(self.configured.catalogues)

    @property
    def is_mock(self) -> bool:
        """Whether the galaxies are simulated."""
        return self.configured.mock

    @property
    def raw(self) -> Path:
        """The upstream files."""
        return self.data / self.survey / "raw"

    def interim(self, stage: str, catalogue: str = "") -> Path:
        """Return the output folder of a stage, for one catalogue where it works on one."""
        return self.data / self.survey / "interim" / stage / catalogue

    @property
    def spectra(self) -> Path:
        """The table of the objects with spectra, from which splits and releases are made."""
        return self.interim(*self.configured.spectra) / TABLE

    def split(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """Return section ``split``; but published tables keep theirs, a study has its own salt."""
        scheme = self.configured.split or section["scheme"]
        return {**section, "scheme": scheme, "salt": self.salt or section["salt"]}

    @property
    def release(self) -> Path:
        """The dataset release."""
        return self.data / self.survey / "release" / "transferz"


@dataclass(frozen=True, slots=True)
class Counts:
    """What a stage did to the rows; what DVC shows as the stage's metrics.

    Rows before and after, and rows removed by each cut, in the order of the cuts.
    """

    rows_in: int
    rows_out: int
    removed: dict[str, int]

    def __post_init__(self) -> None:
        if self.rows_in - sum(self.removed.values()) != self.rows_out:
            raise AssertionError(f"counts do not add up: {self}")

    def write(self, directory: Path, **more: object) -> None:
        """Write ``counts.json``, with further entries after the counts."""
        own = {"rows_in": self.rows_in, "removed": self.removed, "rows_out": self.rows_out}
        write_json(directory / COUNTS, own | more)


def run_stage(
    stage: Callable[[Layout], None] | Callable[[Layout, str], None],
    description: str,
    *,
    by_catalogue: bool = False,
) -> int:
    """Run a stage from the command line, for one catalogue if it runs `by_catalogue`.

    Returns the exit status: 0, or 1 after an error that has been explained on stderr.
    """
    parser = argparse.ArgumentParser(description=description)
    if by_catalogue:
        parser.add_argument("catalogue")
    parser.add_argument("--survey", default="mock")
    arguments = vars(parser.parse_args())
    layout = Layout(arguments.pop("survey"))
    try:
        require_own_code(Path())
        for catalogue in set(arguments.values()) - set(layout.catalogues):
            raise ParameterError(
                f"survey '{layout.survey}' has no catalogue '{catalogue}'; "
                f"it is made of {', '.join(layout.catalogues)}"
            )
        stage(layout, *arguments.values())
    except (TransferZError, OSError) as error:
        said = sentence(error) if isinstance(error, OSError) else error
        sys.stderr.write(f"error: {said}\n")
        return 1
    return 0
