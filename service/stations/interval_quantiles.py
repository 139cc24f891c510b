"""Quantiles of issued forecasts: their central intervals, as JSON has them, and back."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from forecasting.series.times import Floats
from service.engine.forecast_json import rounded

Intervals = Sequence[Mapping[str, Any]]
"""Of an issued forecast: each with its ``level`` in percent, and ``lower`` and ``upper`` in °C by lead."""


def levels_of(intervals: Intervals) -> tuple[float, ...]:
    """Return the levels of intervals in percent, in their order."""
    return tuple(interval["level"] for interval in intervals)


@lru_cache(maxsize=64)
def probabilities_of(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Return the probabilities of the quantiles that bound intervals at ``levels`` percent, ascending."""
    tails = sorted((1 - level / 100) / 2 for level in levels)
    return (*tails, *(1 - tail for tail in reversed(tails)))


def quantiles_of(intervals: Intervals, lead: int) -> list[float]:
    """Return the bounds of intervals at ``lead``, °C, in the order of :func:`probabilities_of`."""
    outermost_first = sorted(intervals, key=lambda interval: -float(interval["level"]))
    lower = [interval["lower"][lead - 1] for interval in outermost_first]
    return lower + [interval["upper"][lead - 1] for interval in reversed(outermost_first)]


def all_quantiles_of(intervals: Intervals) -> Floats:
    """Return the bounds of intervals at all leads, °C ``(leads, probabilities)``."""
    outermost_first = sorted(intervals, key=lambda interval: -float(interval["level"]))
    lower = [interval["lower"] for interval in outermost_first]
    return np.array(lower + [interval["upper"] for interval in reversed(outermost_first)]).T


def with_quantiles(intervals: Intervals, quantiles: Floats) -> list[dict[str, Any]]:
    """Return intervals with other bounds: ``quantiles`` °C ``(leads, probabilities)``."""
    columns = rounded(quantiles).T.tolist()
    by_probability = dict(zip(probabilities_of(levels_of(intervals)), columns, strict=True))
    changed = []
    for interval in intervals:
        lower, upper = probabilities_of((interval["level"],))
        changed.append({**interval, "lower": by_probability[lower], "upper": by_probability[upper]})
    return changed
