"""Named cuts on a table: each a rule that rows must keep, counted by what it removes."""

from collections.abc import Sequence

import pandas as pd
from pydantic import model_validator

from transferz.dataset.pipeline.params import Params
from transferz.dataset.pipeline.stage import Counts
from transferz.dataset.pipeline.tables import sort_rows
from transferz.schemas import BANDS, REMOVED, ParameterError
from transferz.schemas.survey.frames import pandas_dtype


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


def apply_cuts(
    frame: pd.DataFrame, cuts: Sequence[Cut], key: str, where: str
) -> tuple[pd.DataFrame, Counts, pd.DataFrame]:
    """Apply cuts one after the other.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows; their order does not matter to the result.
    cuts : sequence of Cut
        Applied in this order.
    key : str
        The id column.
    where : str
        Parameter section, for errors.

    Returns
    -------
    kept : pandas.DataFrame
        The rows that keep every rule.
    counts : Counts
        Rows removed by each cut, of those that the cuts before it left.
    gone : pandas.DataFrame
        Table `REMOVED`: the id of every removed row and the first cut that it failed.

    Raises
    ------
    ParameterError
        If a rule can't be evaluated, or if no row is left.
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


def removed_rows(ids: pd.Series, cut: str) -> pd.DataFrame:
    """Note the rows of some ids as removed by a cut: table `REMOVED`."""
    names = pd.Series(cut, ids.index, dtype=pandas_dtype(REMOVED["cut"]))
    return pd.DataFrame({"id": ids.astype(pandas_dtype(REMOVED["id"])), "cut": names})


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
