"""The words of scores: metrics, ranges, bins, test sets, and how tables and figures write them."""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from transferz.schemas.benchmark.records import Record

CONFIG_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}"
Config = Annotated[str, StringConstraints(pattern=rf"^{CONFIG_NAME}$")]
"""The name of a config of a release, of whatever survey."""

Metric = Literal[
    "bias",
    "scatter",
    "outlier_rate",
    "rmse",
    "loss",
    "bias_biweight",
    "scatter_biweight",
    "outlier_rate_biweight",
    "outlier_rate_3sigma",
    "mse",
    "catastrophic_rate",
]
ProbabilityMetric = Literal[
    "crps",
    "cde_loss",
    "log_score",
    "pit_ks",
    "pit_cvm",
    "pit_ad",
    "coverage_68",
    "coverage_90",
    "width_68",
    "width_90",
    "outlier_rate_3sigma_width",
]
EntryMetric = Metric | ProbabilityMetric

Range = Literal["all", "cosmological", "lsst"]
Requirement = Literal["bias", "scatter", "outlier_rate_3sigma"]
Binning = Literal["true_redshift", "predicted_redshift", "i", "g-i"]

Tomography = Literal["lsst", "euclid"]
"""Bins of forecast redshift that n(z) is scored in: a survey's, of equal number."""

TomographicMetric = Literal[
    "mean",
    "width",
    "bias_points",
    "width_points",
    "bias_stacked",
    "width_stacked",
    "outlier_rate",
]
RiskMetric = Literal["scatter", "outlier_rate", "rmse"]
Flag = Literal["method", "width_68"]
"""Whose flags they are: the method's own, or how wide its 68 % intervals are, for want of any."""

COSMOLOGICAL: Range = "cosmological"
"""0.3 < z_true <= 1.5: the range that tables and figures show."""

TESTED: tuple[Config, ...] = ("galaxiesml", "transferz")
"""The configs whose test splits every baseline is scored on, in the order of entries; as they are
called in the releases of the paper's surveys."""

TABLE, TEST_TABLE = "table", "test_table"
"""What the test part of a table of one's own is called, and another table that is tested on."""

LARGEST = 1e250
"""Of the numbers of an entry: beyond all scores, and still drawn without overflow (our choice)."""

Count = Annotated[int, Field(ge=0, le=2**53)]
Real = Annotated[float, Field(ge=-LARGEST, le=LARGEST)]
Share = Annotated[float, Field(ge=0, le=1)]


class Summary(Record):
    """A metric's mean and spread (standard deviation, ddof 1) over seeds; None for no number.

    `error` is the bootstrap error of the mean, over galaxies.
    """

    mean: Real | None
    spread: Real | None
    error: Real | None = None


class Verdict(Record):
    """Whether a requirement of LSST's is met; `sure` where its error does not decide."""

    value: Real | None
    limit: Real
    met: bool
    error: Real | None
    sure: bool


class Difference(Record):
    """Score against the label less that against the truth, with its paired bootstrap error."""

    mean: Real | None
    error: Real | None


class TruthScores(Record):
    """Scores against the truth, of the same galaxies."""

    n: Count
    metrics: dict[Metric, Summary]
    difference: dict[Metric, Difference]


class EntryRange(Record):
    """Scores of the galaxies in a range; `requirements` are LSST's."""

    n: Count
    metrics: dict[EntryMetric, Summary]
    requirements: dict[Requirement, Verdict]


class EntryBin(Record):
    """Scores of the galaxies in a bin; None where they are too few."""

    low: Real | None = Field(alias="from")
    high: Real | None = Field(alias="to")
    middle: Real | None = None
    n: Count
    metrics: dict[EntryMetric, Summary | None] | None


class TomographicBin(Record):
    """n(z) of the galaxies in one bin of forecast redshift.

    Attributes
    ----------
    low, high : float or None
        Forecast redshifts where it ends, called ``from`` and ``to`` in the file, means over seeds;
        None at the outermost ends.
    n : int
        Galaxies, the mean over seeds.
    metrics : dict or None
        ``mean`` and ``width`` (standard deviation) of the true n(z), in redshift; the ``bias`` of
        the mean by points and by stacked densities, divided by 1 + mean; the ``width`` by both; and
        the ``outlier_rate``. None where the galaxies are too few.
    requirement : dict or None
        Whether the bias by ``points`` and by ``stacked`` densities meets the survey's requirement.
    """

    low: Real | None = Field(alias="from")
    high: Real | None = Field(alias="to")
    n: Count
    metrics: dict[TomographicMetric, Summary] | None
    requirement: dict[Literal["points", "stacked"], Verdict] | None


class Discreteness(Record):
    """How many different values forecasts have, and the galaxies' share on the 10 most common."""

    distinct: Summary
    most_common: Summary


class Risk(Record):
    """What is left when the galaxies that a method trusts least are dropped.

    Attributes
    ----------
    flag : str
        Whose flags decide.
    dropped : tuple of int
        Per cent of the galaxies that are dropped, the points of the curve.
    metrics : dict
        Metric -> its value for the others, at each of these.
    area : dict
        Metric -> the area under its curve by the length of that, in the metric's unit.
    """

    flag: Flag
    dropped: tuple[Annotated[int, Field(ge=0, lt=100)], ...] = Field(min_length=1)
    metrics: dict[RiskMetric, tuple[Summary, ...]]
    area: dict[RiskMetric, Summary]

    @model_validator(mode="after")
    def _curves_are_whole(self) -> Self:
        for name, curve in self.metrics.items():
            if len(curve) != len(self.dropped):
                raise ValueError(f"{len(curve)} values of '{name}' at {len(self.dropped)} points")
        return self


class EntryScores(Record):
    """Scores on one test set.

    Attributes
    ----------
    n : int
        Galaxies scored: those that every seed has a forecast for.
    completeness : float
        Their share of the test set.
    pit : dict or None
        Range -> fractions of the PIT in equal bins from 0 to 1, over all seeds; None for point
        forecasts.
    bins : dict or None
        Kind of bins -> bins, each with a few metrics; those of magnitude and colour with coverages
        and widths of intervals too, where forecasts have any.
    truth : dict or None
        Range -> scores against the truth, in a mock.
    tomography : dict or None
        Survey -> n(z) in its bins of forecast redshift. None, as of the others below, in entries
        that were written before there was such a score.
    discreteness : dict or None
        How discrete the ``points`` are, and the ``modes`` of densities on a grid.
    risk : Risk or None
        How good the method's flags are; None where it has none, and no width.
    """

    n: Count
    completeness: Share
    ranges: dict[Range, EntryRange] = Field(min_length=1)
    pit: dict[Range, tuple[Real | None, ...]] | None = None
    bins: dict[Binning, tuple[EntryBin, ...]] | None = None
    truth: dict[Range, TruthScores] | None = None
    tomography: dict[Tomography, tuple[TomographicBin, ...]] | None = None
    discreteness: dict[Literal["points", "modes"], Discreteness] | None = None
    risk: Risk | None = None

    @model_validator(mode="after")
    def _ranges_are_parts(self) -> Self:
        for name, one in self.ranges.items():
            if one.n > self.n:
                raise ValueError(f"range '{name}' has {one.n} of {self.n} galaxies")
        if unscored := set(self.pit or ()) - set(self.ranges):
            raise ValueError(f"'pit' of a range that is not scored: '{min(unscored)}'")
        return self

    @property
    def cosmological(self) -> EntryRange:
        """Scores at 0.3 < z_true <= 1.5."""
        return self.ranges[COSMOLOGICAL]


NONE = "–"
"""Where there is no number."""

PERCENT: frozenset[EntryMetric] = frozenset(
    {
        *("outlier_rate", "outlier_rate_biweight", "outlier_rate_3sigma", "catastrophic_rate"),
        *("coverage_68", "coverage_90", "outlier_rate_3sigma_width"),
    }
)
"""Metrics that are written in per cent."""

SIGNED: frozenset[EntryMetric] = frozenset({"bias", "bias_biweight"})
"""Metrics that are written with their sign."""

MARGINS: MappingProxyType[str, float] = MappingProxyType(
    {
        **dict.fromkeys(("bias", "bias_biweight"), 0.001),  # a third of LSST's requirement
        **dict.fromkeys(("scatter", "scatter_biweight"), 0.002),  # a tenth of LSST's
        **dict.fromkeys(("outlier_rate", "coverage_68", "coverage_90"), 0.01),
        "catastrophic_rate": 0.005,
        **dict.fromkeys(("rmse", "mse"), 0.005),
        "loss": 0.01,
        "crps": 0.002,
        "cde_loss": 0.1,
        "log_score": 0.05,
        "pit_ks": 0.01,
        "pit_cvm": 0.0005,
        "pit_ad": 0.0025,
    }
)
"""Of metrics that methods are compared by: what is worse by no more than this is as good (all are
our choice)."""

TITLES: MappingProxyType[Metric, str] = MappingProxyType(
    {
        "bias": "bias",
        "scatter": "scatter",
        "outlier_rate": "outliers (%)",
        "rmse": "RMS",
        "catastrophic_rate": "catastrophic (%)",
    }
)
"""The metrics of tables, in their order, with their columns' titles."""

WIDTH_TITLES: MappingProxyType[ProbabilityMetric, str] = MappingProxyType(
    {
        "crps": "CRPS",
        "cde_loss": "CDE loss",
        "coverage_68": "coverage at 68 %",
        "coverage_90": "coverage at 90 %",
        "width_90": "90 % width",
    }
)
"""Those that tables show of forecasts with a width besides."""

METRIC_TITLES: MappingProxyType[str, str] = MappingProxyType(
    {
        **{str(name): title for name, title in (*TITLES.items(), *WIDTH_TITLES.items())},
        "outlier_rate_3sigma": "3σ outliers (%)",
        "outlier_rate_biweight": "outliers, biweight (%)",
        "bias_biweight": "bias, biweight",
        "scatter_biweight": "scatter, biweight",
        "loss": "loss",
        "mse": "MSE",
        "log_score": "log score",
        "pit_ks": "PIT, KS",
        "pit_cvm": "PIT, CvM",
        "pit_ad": "PIT, AD",
        "width_68": "68 % width",
        "outlier_rate_3sigma_width": "beyond 3σ (%)",
    }
)
"""All metrics, with what they are called in a column's head."""

SETS: MappingProxyType[Config, str] = MappingProxyType(
    {"galaxiesml": "GalaxiesML", "transferz": "TransferZ", "combo": "both"}
)
"""What the galaxies of the paper's configs are called; those of others by the config's name."""


def label_first(configs: Iterable[str]) -> list[str]:
    """Put test sets, as entries have them, in the order of tables and pages.

    A release's own labels come before its spectra, and tables of one's own behind.

    Examples
    --------
    >>> label_first(["galaxiesml", "transferz", "test_table"])
    ['transferz', 'galaxiesml', 'test_table']
    """
    names = list(configs)
    tables = [name for name in (TABLE, TEST_TABLE) if name in names]
    return [*(name for name in reversed(names) if name not in tables), *tables]


def config_title(config: str) -> str:
    """Return what the galaxies of a config are called."""
    return SETS.get(config, config)


RANGES: MappingProxyType[Range, str] = MappingProxyType(
    {"cosmological": "0.3 < z ≤ 1.5", "all": "all redshifts", "lsst": "0.3 < z < 3, i < 25"}
)
"""The ranges that galaxies are scored in, with their titles, in the order of tables."""


def summary_text(metric: Metric, summary: Summary) -> str:
    """Write a metric's mean ± spread over seeds, in the unit of its title."""
    return number_text(metric, summary.mean, summary.spread)


def number_text(metric: Metric, value: float | None, error: float | None) -> str:
    """Write a metric's value ± error, a bias with its sign; of no number, a dash."""
    number, around, _ = value_parts(metric, value, error)
    return f"{number} ± {around}" if around else number


def value_parts(
    metric: str, value: float | None, error: float | None, spread: float | None = None
) -> tuple[str, str, str]:
    """Write a metric's value, its error and its spread, in the unit of its title.

    Of no value a dash is written; of no error or no spread, nothing.
    """
    if value is None:
        return NONE, "", ""
    scale, digits = unit(metric), 2 if metric in PERCENT else 4
    around, among = (
        "" if each is None else f"{scale * each:.{digits}f}" for each in (error, spread)
    )
    written = round(scale * value, digits) or 0.0  # a zero has no sign
    sign = "+" if metric in SIGNED and written else ""
    return minus(f"{written:{sign}.{digits}f}"), around, among


def unit(metric: str) -> float:
    """Return what a metric's values are multiplied by where they are written or drawn."""
    return 100.0 if metric in PERCENT else 1.0


def minus(text: str) -> str:
    """Write numbers' signs as the minus sign that they are."""
    return text.replace("-", "−")
