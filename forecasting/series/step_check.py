"""Whether values contradict the declared step of their series: they have the cycle of a shorter or longer one."""

from functools import lru_cache
from typing import Final

import numpy as np

from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import DAY, Bools, Floats
from forecasting.series.timestep import TimeStep, in_words

SHORTEST_CHECKED: Final = DAY // 2
LONGEST_CHECKED: Final = 14 * DAY
"""Steps that are checked, in seconds: no sea has a cycle of 12 or 24 of them."""

MOST_CHECKED: Final = 480
_LEAST_HOURS: Final = 96
_MONTHS: Final = 240
_LEAST_MONTHS: Final = 24
"""Values that are looked at: at most, at the end of the series, and at least."""

_MONTHS_SHARE: Final = 0.85
"""Share of the variance about a line that an annual cycle in months explains."""


def step_warnings(values: Floats, step: TimeStep) -> dict[int, ForecastWarning]:
    """Return the warning that values look hourly or monthly, though the step is another, for each row that does.

    None of 80,000 windows of 24 to 960 real daily and weekly values gets it; of hourly windows, a third of those of
    120 values and two thirds of those of 480 do; of monthly ones, two thirds of those of 48.

    Args:
        values: of several series, °C ``(n, steps)``; NaN where missing.
        step: that the series are declared to have.
    """
    if (
        step.calendar_month
        or not SHORTEST_CHECKED <= step.seconds <= LONGEST_CHECKED
        or values.shape[1] < _LEAST_MONTHS
    ):
        return {}
    recent = values[:, -MOST_CHECKED:]
    gappy = np.isnan(recent).any(axis=1)
    whole = np.flatnonzero(~gappy)
    cycles = dict(zip(whole.tolist(), _cycles(recent[whole]), strict=True))
    for row in np.flatnonzero(gappy).tolist():
        known = np.flatnonzero(np.isfinite(recent[row]))
        if len(known) >= _LEAST_MONTHS:
            filled = np.interp(np.arange(known[0], known[-1] + 1), known, recent[row, known])
            (cycles[row],) = _cycles(filled[None])
    declared = in_words(str(step))
    return {
        row: ForecastWarning(
            "doubtful_step",
            f"the values repeat every {cycle}, but the step is {declared}: check the step and the times; the forecast "
            "is not calibrated",
            uncalibrated=True,
        )
        for row, cycle in cycles.items()
        if cycle
    }


def _cycles(values: Floats) -> list[str]:
    """Return the cycle that each row of ``values``, without NaN, has though it should not; empty without."""
    monthly = _are_monthly(values[:, -_MONTHS:])
    hourly = _are_hourly(values) if values.shape[1] >= _LEAST_HOURS else np.zeros_like(monthly)
    words = np.where(hourly, "24 steps, as hourly values do every day", "")
    cycles: list[str] = np.where(monthly & ~hourly, "12 steps, as monthly values do every year", words).tolist()
    return cycles


@lru_cache(maxsize=64)
def _waves(n: int, periods: tuple[float, ...], degree: int) -> tuple[Floats, Floats]:
    """Return the terms of a fit of waves of these periods, in steps, and a polynomial, to ``n`` values: ``(n, terms)``.

    The second array gives the coefficients.
    """
    steps = np.arange(n)
    columns = [(steps / n) ** power for power in range(degree + 1)]
    for period in periods:
        columns += [np.cos(2 * np.pi * steps / period), np.sin(2 * np.pi * steps / period)]
    terms = np.stack(columns, axis=1)
    return terms, np.ascontiguousarray(np.linalg.pinv(terms).T)


def _are_hourly(values: Floats) -> Bools:
    """Return whether waves of a day and of the tide explain most of what a day's mean leaves, ``(n,)``."""
    n, length = values.shape
    sums = np.zeros((n, length + 1))
    np.cumsum(values, axis=1, out=sums[:, 1:])
    means = (sums[:, 24:] - sums[:, :-24]) / 24
    rest = values[:, 12:-12] - (means[:, :-1] + means[:, 1:]) / 2
    terms, inverse = _waves(length - 24, (24.0, 12.0, 12.42), 0)
    explained: Bools = np.vecdot(rest @ terms, rest @ inverse) > (0.3 + 60 / length) * np.vecdot(rest, rest)
    return explained


def _are_monthly(values: Floats) -> Bools:
    """Return whether a large annual cycle explains most of what a line leaves, ``(n,)``."""
    length = values.shape[1]
    centred = values - values.mean(axis=1, keepdims=True)
    (line, line_inverse), (terms, inverse) = _waves(length, (), 1), _waves(length, (12.0, 6.0), 1)
    coefficients = centred @ inverse
    total = np.vecdot(centred, centred)
    around_line = total - np.vecdot(centred @ line, centred @ line_inverse)
    left = total - np.vecdot(centred @ terms, coefficients)
    is_large = np.hypot(coefficients[:, 2], coefficients[:, 3]) >= max(1.0, 60 / length)
    monthly: Bools = is_large & (left < (1 - _MONTHS_SHARE) * around_line)
    return monthly
