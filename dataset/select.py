"""Stage `select`: apply the cuts on an ingested catalogue and count them.

They stand in params.yaml, or else in the survey's configuration.
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from transferz.dataset.pipeline.params import Params, select_section, validated
from transferz.dataset.pipeline.stage import REMOVED_ROWS, TABLE, Counts, Layout, run_stage
from transferz.dataset.pipeline.tables import (
    read_parts,
    read_table,
    removed_rows,
    sort_rows,
    write_parts,
)
from transferz.schemas import REMOVED, ParameterError
from transferz.schemas.survey.frames import pandas_dtype
from transferz.schemas.survey.survey import CatalogueEntry
from transferz.tables.files import replace_directory


class Cut(Params):
    """One named cut; exactly one of the three kinds of rule is given.

    Attributes
    ----------
    name : str
        What counts and documents call it.
    keep : str
        A rule over the table's columns, in pandas' expression language. ``{band}`` in it stands
        for each band of the survey in turn, and all must keep the rule. A comparison with a missing
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
    """The cuts on one catalogue, and of several redshifts of a label the one to take."""

    cuts: list[Cut] = Field(min_length=1)
    label: str | None = None

    @field_validator("cuts")
    @classmethod
    def _named_once(cls, cuts: list[Cut]) -> list[Cut]:
        if len({cut.name for cut in cuts}) < len(cuts):
            raise ValueError("names of cuts must differ")
        return cuts


def select(layout: Layout, catalogue: str) -> None:
    """Apply the cuts on one of the survey's catalogues, and write what is kept and removed.

    Where no cut compares rows, they are never held all at once: of those removed the ids are.
    """
    survey = layout.configured
    entry, before = survey.catalogues[catalogue], survey.tables[catalogue]
    where, section = select_section(survey, catalogue)
    params = validated(section, SelectParams, *where)
    has_label = entry.role not in ("spectroscopic", "photometry", "spectra")
    after = survey.spectroscopic if entry.role == "spectroscopic" else before
    if has_label:
        after = survey.selected
    path, bands = layout.interim("ingest", catalogue) / TABLE, [band.name for band in survey.bands]
    in_parts = before[before.key].unique and all(cut.keep for cut in params.cuts)
    parts = read_parts(path, before) if in_parts else iter([read_table(path, before)])
    if has_label:
        parts = (with_label(rows, entry, params.label, where[1]) for rows in parts)
    done: list[tuple[Counts, pd.DataFrame]] = []

    def kept_parts() -> Iterator[pd.DataFrame]:
        for rows in parts:
            kept, counts, gone = apply_cuts(rows, params.cuts, before.key, where, bands)
            done.append((counts, gone.astype({"cut": "category"})))  # 9 bytes a row
            yield kept

    with replace_directory(layout.interim("select", catalogue)) as directory:
        write_parts(kept_parts(), directory / TABLE, after)
        counts = sum_counts([counts for counts, _ in done])
        require_rows(counts, where)
        as_text = {"cut": pandas_dtype(REMOVED["cut"])}
        write_parts((gone.astype(as_text) for _, gone in done), directory / REMOVED_ROWS, REMOVED)
        counts.write(directory)


def sum_counts(parts: Sequence[Counts]) -> Counts:
    """Add up the counts of a table's parts, to all of which the same cuts were applied."""
    removed = {name: sum(part.removed[name] for part in parts) for name in parts[0].removed}
    return Counts(sum(one.rows_in for one in parts), sum(one.rows_out for one in parts), removed)


def require_rows(counts: Counts, where: tuple[str, str]) -> None:
    """Raise `ParameterError` if no row is left, naming the cut that removed the last ones.

    `where` is the file and section of the parameters.
    """
    left = counts.rows_in
    for name, removed in counts.removed.items():
        left -= removed
        if removed and not left:
            raise ParameterError(
                f"{where[0]}: cut '{where[1]}.cuts.{name}' removed the last {removed} of "
                f"{counts.rows_in} rows; check its rule against the table's units and values"
            )


def with_label(
    frame: pd.DataFrame, entry: CatalogueEntry, label: str | None, where: str
) -> pd.DataFrame:
    """Add the label and its 68 % interval, which is the same whichever redshift is the label."""
    name = label or (entry.redshift[0] if len(entry.redshift) == 1 else "")
    if name not in entry.redshift:
        raise ParameterError(
            f"parameter '{where}.label': found {label!r}, expected one of "
            f"{', '.join(entry.redshift)}"
        )
    low, high = (frame[end] for end in entry.interval) if entry.interval else (np.nan, np.nan)
    if entry.error:
        low, high = frame[name] - frame[entry.error], frame[name] + frame[entry.error]
    frame = frame.assign(redshift=frame[name], redshift_lo=low, redshift_hi=high)
    return frame.astype(dict.fromkeys(("redshift_lo", "redshift_hi"), "float32"))


def apply_cuts(
    frame: pd.DataFrame,
    cuts: Sequence[Cut],
    key: str,
    where: tuple[str, str],
    bands: Sequence[str],
) -> tuple[pd.DataFrame, Counts, pd.DataFrame]:
    """Apply cuts one after the other; the order of the rows does not matter to the result.

    `key` is the id column, `where` the file and section of the parameters, for errors, and `bands`
    are what ``{band}`` stands for. Returns the rows that keep every rule; the rows removed by each
    cut, of those that the cuts before it left; and table `REMOVED`, the id of every removed row
    with the first cut that it failed. Raises `ParameterError` if a rule can't be evaluated.
    """
    kept, removed, gone = frame, {}, []
    file, section = where
    for cut in cuts:
        keeps = _keeps(kept, cut, key, f"{file}: cut '{section}.cuts.{cut.name}'", bands)
        removed[cut.name] = int((~keeps).sum())
        gone.append(removed_rows(kept.loc[~keeps, key], cut.name))
        kept = kept.loc[keeps]
    counts = Counts(len(frame), len(kept), removed)
    return kept.reset_index(drop=True), counts, pd.concat(gone, ignore_index=True)


def _keeps(frame: pd.DataFrame, cut: Cut, key: str, where: str, bands: Sequence[str]) -> pd.Series:
    """Boolean per row, True where the row stays."""
    column = cut.keep_first or cut.drop_repeated
    if column and column not in frame:
        raise ParameterError(f"{where} names no column of the table: {column}")
    if cut.keep_first:
        ordered = sort_rows(frame, key)
        repeated = ordered.duplicated(column, keep="first").reindex(frame.index)
        return ~repeated | frame[column].isna()
    if cut.drop_repeated:
        return ~frame.duplicated(column, keep=False)
    return _evaluate(frame, cut.keep, where, bands)


def _evaluate(frame: pd.DataFrame, rule: str, where: str, bands: Sequence[str]) -> pd.Series:
    rules = [rule.replace("{band}", band) for band in bands] if "{band}" in rule else [rule]
    if "@" in rule or "__" in rule:
        raise ParameterError(f"{where}: rule may only use columns: {rule}")
    try:
        results = [frame.eval(each, engine="python") for each in rules]
    except Exception as error:  # the expression language raises anything from KeyError to TypeError
        raise ParameterError(
            f"{where}: cannot evaluate '{rule}' ({error}); "
            f"the columns are {', '.join(frame.columns)}"
        ) from error
    if not all(isinstance(kept, pd.Series) and kept.dtype.kind == "b" for kept in results):
        raise ParameterError(f"{where}: '{rule}' is no yes-or-no rule on rows")
    return pd.concat([kept.fillna(False).astype(bool) for kept in results], axis=1).all(axis=1)


if __name__ == "__main__":
    sys.exit(run_stage(select, __doc__, by_catalogue=True))
