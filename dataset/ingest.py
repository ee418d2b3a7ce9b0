"""Stage `ingest`: an upstream catalogue becomes parquet with our names and units, checked."""

import sys

from transferz.dataset.pipeline.chunks import write_chunks
from transferz.dataset.pipeline.stage import TABLE, Counts, Layout, run_stage
from transferz.dataset.sources import cosmos2020, galaxiesml, hsc, transferz
from transferz.schemas import COSMOS2020, GALAXIESML, HSC, TRANSFERZ, InputError
from transferz.tables.files import replace_directory

CATALOGUES = {
    "cosmos2020": (cosmos2020.read, COSMOS2020),
    "hsc": (hsc.read, HSC),
    "galaxiesml": (galaxiesml.read, GALAXIESML),
    "transferz": (transferz.read, TRANSFERZ),
}


def refuse_mock(layout: Layout) -> None:
    """Refuse the mock's catalogue under the name of a real survey.

    Raises
    ------
    InputError
        If the survey is real and its COSMOS2020 file says that it is simulated.
    """
    directory = layout.raw / "cosmos2020"
    if layout.survey != "mock" and cosmos2020.is_mock(directory):
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
