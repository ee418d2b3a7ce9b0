"""Stage `select`: apply the cuts of params.yaml to an ingested catalogue and count them."""

import sys
from typing import Literal

from pydantic import Field, field_validator

from transferz.dataset.pipeline.cuts import Cut, apply_cuts
from transferz.dataset.pipeline.params import Params, read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, write_table
from transferz.schemas import (
    COSMOS2020,
    GALAXIESML,
    HSC,
    REMOVED,
    SELECTED,
    SPECTROSCOPIC,
    TRANSFERZ,
)
from transferz.tables.files import replace_directory

CATALOGUES = {
    "cosmos2020": (COSMOS2020, SELECTED),
    "hsc": (HSC, HSC),
    "galaxiesml": (GALAXIESML, SPECTROSCOPIC),
    "transferz": (TRANSFERZ, TRANSFERZ),
}
"""Each catalogue's table before and after."""


class SelectParams(Params):
    """The cuts on one catalogue."""

    cuts: list[Cut] = Field(min_length=1)

    @field_validator("cuts")
    @classmethod
    def _named_once(cls, cuts: list[Cut]) -> list[Cut]:
        if len({cut.name for cut in cuts}) < len(cuts):
            raise ValueError("names of cuts must differ")
        return cuts


class LabelParams(SelectParams):
    """The cuts on COSMOS2020, and which of its redshifts is the label."""

    label: Literal["lp_zPDF", "lp_zBEST", "lp_zMinChi2"]


def select(layout: Layout, catalogue: str) -> None:
    """Apply the cuts on one catalogue, one of `CATALOGUES`, and write what is kept and removed."""
    before, after = CATALOGUES[catalogue]
    section = f"select.{catalogue}"
    params = read_params(section, LabelParams if catalogue == "cosmos2020" else SelectParams)
    frame = read_table(layout.interim("ingest", catalogue) / TABLE, before)
    if isinstance(params, LabelParams):
        # The interval is that of LePhare's probability density, whichever redshift is the label.
        frame = frame.assign(
            redshift=frame[params.label],
            redshift_lo=frame["lp_zPDF_l68"],
            redshift_hi=frame["lp_zPDF_u68"],
        )
    kept, counts, removed = apply_cuts(frame, params.cuts, before.key, f"{section}.cuts")
    with replace_directory(layout.interim("select", catalogue)) as directory:
        write_table(kept, directory / TABLE, after)
        write_table(removed, directory / REMOVED_ROWS, REMOVED)
        counts.write(directory)


if __name__ == "__main__":
    sys.exit(run_stage(select, __doc__, tuple(CATALOGUES)))
