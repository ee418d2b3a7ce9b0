"""Named cuts on a table: each a rule that rows must keep, counted by what it removes."""

import pandas as pd
from pydantic import model_validator

from transferz.dataset.params import Params
from transferz.dataset.stage import Counts
from transferz.schemas import BANDS, ParameterError


class Cut(Params):
    """One named cut of params.yaml; exactly one of the first three is given.

    Attributes
    ----------
    keep : str
        A rule over the table's columns, in pandas' expression language. ``{band}`` in it stands
        for each HSC band in turn, and all five must keep the rule. A comparison with a missing
        value is false, so the row goes.
    keep_first : str
        Column whose first row per value is kept: the one of least id.
    drop_repeated : str
        Column whose values must occur once: all rows of a repeated value go.
    source : str
        Where the cut comes from; ``our choice`` where nobody published it.
    """

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
    frame: pd.DataFrame, cuts: dict[str, Cut], key: str, where: str
) -> tuple[pd.DataFrame, Counts]:
    """Apply cuts one after the other.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows; their order does not matter to the result.
    cuts : dict of str to Cut
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

    Raises
    ------
    ParameterError
        If a rule can't be evaluated, or if no row is left.
    """
    kept, removed = frame, {}
    for name, cut in cuts.items():
        keeps = _keeps(kept, cut, key, f"{where}.{name}")
        removed[name] = int((~keeps).sum())
        kept = kept.loc[keeps]
        if removed[name] and kept.empty:
            raise ParameterError(
                f"params.yaml: cut '{where}.{name}' removed the last {removed[name]} of "
                f"{len(frame)} rows; check its rule against the table's units and values"
            )
    return kept.reset_index(drop=True), Counts(len(frame), len(kept), removed)


def _keeps(frame: pd.DataFrame, cut: Cut, key: str, where: str) -> pd.Series:
    """Boolean per row, True where the row stays."""
    column = cut.keep_first or cut.drop_repeated
    if column and column not in frame:
        raise ParameterError(f"params.yaml: cut '{where}' names no column of the table: {column}")
    if cut.keep_first:
        return ~frame.sort_values(key).duplicated(column, keep="first").reindex(frame.index)
    if cut.drop_repeated:
        return ~frame.duplicated(column, keep=False)
    return _evaluate(frame, cut.keep, where)


def _evaluate(frame: pd.DataFrame, rule: str, where: str) -> pd.Series:
    rules = [rule.replace("{band}", band) for band in BANDS] if "{band}" in rule else [rule]
    if "@" in rule or "__" in rule:
        raise ParameterError(f"params.yaml: cut '{where}': rule may only use columns: {rule}")
    try:
        results = [frame.eval(one, engine="python") for one in rules]
    except Exception as error:  # the expression language raises anything from KeyError to TypeError
        raise ParameterError(
            f"params.yaml: cut '{where}': cannot evaluate '{rule}' ({error}); "
            f"the columns are {', '.join(frame.columns)}"
        ) from error
    keeps = pd.concat(results, axis=1).fillna(False).all(axis=1)
    if not all(pd.api.types.is_bool_dtype(result) for result in results):
        raise ParameterError(f"params.yaml: cut '{where}': '{rule}' is no yes-or-no rule")
    return keeps
