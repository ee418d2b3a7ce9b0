"""Stage `ingest`: an upstream catalogue becomes parquet with our names and units, checked."""

import sys

from transferz.dataset.pipeline.chunks import write_chunks
from transferz.dataset.pipeline.stage import TABLE, Counts, Layout, run_stage
from transferz.dataset.sources import catalogues
from transferz.schemas import COSMOS2020, GALAXIESML, HSC, TRANSFERZ, InputError
from transferz.tables.files import replace_directory

CATALOGUES = {
    "cosmos2020": (catalogues.read_cosmos2020, COSMOS2020),
    "hsc": (catalogues.read_hsc, HSC),
    "galaxiesml": (catalogues.read_galaxiesml, GALAXIESML),
    "transferz": (catalogues.read_transferz, TRANSFERZ),
}


def refuse_mock(layout: Layout) -> None:
    """Refuse the mock's catalogue under the name of a real survey.

    Raises
    ------
    InputError
        If the survey is real and its COSMOS2020 file says that it is simulated.
    """
    directory = layout.raw / "cosmos2020"
    if layout.survey != "mock" and catalogues.is_mock(directory):
        raise InputError(
            f"{directory} holds the mock's catalogue, which cannot be released as survey "
            f"'{layout.survey}'; put the real one there"
        )


def ingest(layout: Layout, catalogue: str) -> None:
    """Read one upstream catalogue, one of `CATALOGUES`, and write it as a checked table."""
    refuse_mock(layout)
    read, table = CATALOGUES[catalogue]
    chunks = read(layout.raw / catalogue)
    with replace_directory(layout.interim("ingest", catalogue)) as directory:
        rows = write_chunks(chunks, directory / TABLE, table)
        Counts(rows, rows, {}).write(directory)


if __name__ == "__main__":
    sys.exit(run_stage(ingest, __doc__, tuple(CATALOGUES)))
