"""Stage `survey`: make the mock survey's upstream files; real ones come by stage `fetch`."""

import sys

from transferz.dataset.mock.build import MockParams, write_mock
from transferz.dataset.pipeline.params import read_params
from transferz.dataset.pipeline.stage import COUNTS, Layout, run_stage
from transferz.schemas import ParameterError
from transferz.schemas.survey.files import file_digest
from transferz.tables.files import replace_directory, write_json


def survey(layout: Layout) -> None:
    """Write the mock's upstream files into its raw folder; `ParameterError` for a real survey."""
    if not layout.is_mock:
        raise ParameterError(
            f"survey '{layout.survey}' is observed, not made: expected a mock; "
            f"run `make repro SURVEY={layout.survey}`, which fetches the catalogues"
        )
    params = read_params(layout.survey, MockParams)
    with replace_directory(layout.raw) as directory:
        rows = write_mock(params, directory)
        paths = (path for path in directory.rglob("*") if path.is_file())
        names = sorted(path.relative_to(directory).as_posix() for path in paths)
        files = {name: file_digest(directory / name) for name in names}
        write_json(directory / COUNTS, {"rows_out": rows, "files": files})


if __name__ == "__main__":
    sys.exit(run_stage(survey, __doc__))
