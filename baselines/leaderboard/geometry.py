"""Where things stand in the page's figures: scales and their ticks."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
"""Ticks are this far apart, times a power of ten."""

FAR = 4.0
"""Times the median beyond which a value is drawn at the edge of the figure (our choice)."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` drawn from `start` to `end`, in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return where a value is drawn; what lies outside is drawn at the edge."""
        return self.beyond(min(max(value, self.low), self.high))

    def beyond(self, value: float) -> float:
        """Return where a value is drawn, outside too."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)

    def ticks(self, count: int = 4) -> list[float]:
        """Round values within the scale, about so many."""
        rough = (self.high - self.low) / count
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * one for one in STEPS if power * one >= rough * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        last = math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) + 0.0 for number in range(first, last + 1)]


def limits(values: Sequence[float], shown: Sequence[float] = ()) -> tuple[float, float]:
    """Ends of a scale that shows most values well.

    A few values far beyond the others would press these together: the scale ends before them.

    Parameters
    ----------
    values : sequence of float
        At least one.
    shown : sequence of float
        What is to be there too, such as 0.
    """
    ordered = sorted(map(abs, values))
    usual = max([ordered[(len(ordered) - 1) // 2], *map(abs, shown)]) or ordered[-1] or 1.0
    near = [value for value in values if abs(value) <= FAR * usual]
    low, high = min([*near, *shown]), max([*near, *shown])
    room = 0.07 * (high - low) or 0.1 * abs(high) or 0.1
    return (0.0 if low == 0.0 else low - room, high + room)


def path(points: Iterable[tuple[float, float]]) -> str:
    """Points of an SVG polyline."""
    return " ".join(f"{x:g},{y:g}" for x, y in points)
