"""Stage `select`: apply the cuts of params.yaml to an ingested catalogue and count them."""

import sys
from collections.abc import Sequence
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from transferz.dataset.pipeline.params import Params, read_params
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import read_table, removed_rows, sort_rows, write_table
from transferz.schemas import (
    BANDS,
    COSMOS2020,
    GALAXIESML,
    HSC,
    REMOVED,
    SELECTED,
    SPECTROSCOPIC,
    TRANSFERZ,
    ParameterError,
)
from transferz.tables.files import replace_directory

CATALOGUES = {
    "cosmos2020": (COSMOS2020, SELECTED),
    "hsc": (HSC, HSC),
    "galaxiesml": (GALAXIESML, SPECTROSCOPIC),
    "transferz": (TRANSFERZ, TRANSFERZ),
}
"""Each catalogue's table before and after."""


class Cut(Params):
    """One named cut of params.yaml; exactly one of the three kinds of rule is given.

    Attributes
    ----------
    name : str
        What counts and documents call it.
    keep : str
        A rule over the table's columns, in pandas' expression language. ``{band}`` in it stands
        for each HSC band in turn, and all five must keep the rule. A comparison with a missing
        value is false, so the row goes.
    keep_first : str
        Column whose first row per value is kept: the one of least id. Rows without a value stay.
    drop_repeated : str
        Column whose values must occur once: all rows of a repeated value go.
    source : str
        Where the cut comes from; ``our choice`` where nobody published it.
    """

    name: str
    keep: str = ""
    keep_first: str = ""
    drop_repeated: str = ""
    source: str

    @model_validator(mode="after")
    def _one_rule(self) -> "Cut":
        if sum(map(bool, (self.keep, self.keep_first, self.drop_repeated))) != 1:
            raise ValueError("give exactly one of keep, keep_first, drop_repeated")
        return self


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


def apply_cuts(
    frame: pd.DataFrame, cuts: Sequence[Cut], key: str, where: str
) -> tuple[pd.DataFrame, Counts, pd.DataFrame]:
    """Apply cuts one after the other; the order of the rows does not matter to the result.

    `key` is the id column, `where` the parameter section, for errors. Returns the rows that keep
    every rule; the rows removed by each cut, of those that the cuts before it left; and table
    `REMOVED`, the id of every removed row with the first cut that it failed. Raises
    `ParameterError` if a rule can't be evaluated, or if no row is left.
    """
    kept, removed, gone = frame, {}, []
    for cut in cuts:
        keeps = _keeps(kept, cut, key, f"{where}.{cut.name}")
        removed[cut.name] = int((~keeps).sum())
        gone.append(removed_rows(kept.loc[~keeps, key], cut.name))
        kept = kept.loc[keeps]
        if removed[cut.name] and kept.empty:
            raise ParameterError(
                f"params.yaml: cut '{where}.{cut.name}' removed the last {removed[cut.name]} of "
                f"{len(frame)} rows; check its rule against the table's units and values"
            )
    counts = Counts(len(frame), len(kept), removed)
    return kept.reset_index(drop=True), counts, pd.concat(gone, ignore_index=True)


def _keeps(frame: pd.DataFrame, cut: Cut, key: str, where: str) -> pd.Series:
    """Boolean per row, True where the row stays."""
    column = cut.keep_first or cut.drop_repeated
    if column and column not in frame:
        raise ParameterError(f"params.yaml: cut '{where}' names no column of the table: {column}")
    if cut.keep_first:
        ordered = sort_rows(frame, key)
        repeated = ordered.duplicated(column, keep="first").reindex(frame.index)
        return ~repeated | frame[column].isna()
    if cut.drop_repeated:
        return ~frame.duplicated(column, keep=False)
    return _evaluate(frame, cut.keep, where)


def _evaluate(frame: pd.DataFrame, rule: str, where: str) -> pd.Series:
    rules = [rule.replace("{band}", band) for band in BANDS] if "{band}" in rule else [rule]
    if "@" in rule or "__" in rule:
        raise ParameterError(f"params.yaml: cut '{where}': rule may only use columns: {rule}")
    try:
        results = [frame.eval(each, engine="python") for each in rules]
    except Exception as error:  # the expression language raises anything from KeyError to TypeError
        raise ParameterError(
            f"params.yaml: cut '{where}': cannot evaluate '{rule}' ({error}); "
            f"the columns are {', '.join(frame.columns)}"
        ) from error
    if not all(isinstance(kept, pd.Series) and kept.dtype.kind == "b" for kept in results):
        raise ParameterError(f"params.yaml: cut '{where}': '{rule}' is no yes-or-no rule on rows")
    return pd.concat([kept.fillna(False).astype(bool) for kept in results], axis=1).all(axis=1)


if __name__ == "__main__":
    sys.exit(run_stage(select, __doc__, tuple(CATALOGUES)))
