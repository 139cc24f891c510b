"""What casts doubt on a series: fill values, a sensor that was stuck, and a step that its values contradict."""

from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import DAY, Bools, Floats, Times, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import ICE_CELSIUS
from forecasting.wording import counted

FILLS: Final = (0.0, -1.0)
"""°C, values that mark missing ones in many files; the others are outside the range of a sea."""

_MIN_SPREADS: Final = 5.0
"""Typical differences between values, by which a fill value differs from both neighbours.

Of 71,594 windows of 60 and 400 real values, as they are or rounded to 0.1 °C, none has such a 0 or −1; rounded to whole
degrees, 8 have one or two.
"""
_MIN_CELSIUS: Final = 1.0
"""°C by which a fill value differs at least, as some sensors hardly vary."""

_CERTAIN: Final = 3
"""Fill values in a series that cannot be a coincidence."""
_CERTAIN_CELSIUS: Final = 5.0
"""°C by which one alone differs from both neighbours if no sea explains it."""


class FillValues(NamedTuple):
    """Values that are likely to mark missing ones.

    Attributes:
        indices: of the values, ascending, ``(n,)``.
        value: °C.
        is_certain: whether nothing else explains them.
    """

    indices: npt.NDArray[np.intp]
    value: float
    is_certain: bool

    def describe(self, times: Times) -> str:
        """Return what is wrong and since when; ``times`` are those of the values."""
        count = len(self.indices)
        return (
            f"{counted(count, 'value')} {'is' if count == 1 else 'are'} exactly {self.value:g} °C, far from the values "
            f"before and after, the first at {short(times[self.indices[0]])}"
        )

    def advise(self, times: Times) -> str:
        """Return the same with what the owner of the values can do."""
        return f"{self.describe(times)}; if {self.value:g} marks a missing value, set missing to {self.value:g}"

    def warning(self, times: Times) -> ForecastWarning:
        """Return the warning about a forecast from a series with the values, which leaves them out if it is certain."""
        if self.is_certain:
            return ForecastWarning("fill_value", f"{self.describe(times)}: left out as missing")
        doubt = f"{self.describe(times)}: the forecast is not calibrated; if it marks a missing value, leave it out"
        return ForecastWarning("suspect_value", doubt, uncalibrated=True)


def fill_values(values: Floats) -> FillValues | None:
    """Return the values of one series, °C ``(n,)``, that are likely to mark missing ones; None without any."""
    observed = np.flatnonzero(np.isfinite(values))
    known = values[observed]
    for fill in FILLS:
        is_fill = known == fill
        at, others = np.flatnonzero(is_fill), np.flatnonzero(~is_fill)
        if not len(at) or len(others) < 2:
            continue
        typical = float(np.median(np.abs(np.diff(known[others]))))
        after = np.searchsorted(others, at)
        # At an end, the only neighbour counts for both.
        before, behind = (known[others[np.clip(i, 0, len(others) - 1)]] - fill for i in (after - 1, after))
        distances = np.where(before * behind > 0, np.minimum(np.abs(before), np.abs(behind)), 0)
        far = distances > max(_MIN_SPREADS * typical, _MIN_CELSIUS)
        is_certain = int(far.sum()) >= _CERTAIN
        if not is_certain:
            # The end of a series has a check of its own.
            far &= (after > 0) & (after < len(others))
            is_certain = bool((distances[far] > max(2 * _MIN_SPREADS * typical, _CERTAIN_CELSIUS)).all())
        if far.any():
            return FillValues(observed[at[far]], fill, is_certain)
    return None


LEAST_REPEATS: Final = 12
"""Shortest run that counts."""

_LEAST_RATIO: Final = 4
"""How many times longer than other runs a flat line is, as rounded values also repeat.

Of 257 daily and hourly series in situ and from satellites, rounded to 0.1 °C or as they are, no window of 400 values
has such a run.
"""

_MOST_LINES: Final = 3
"""Flat lines in one series; the others tell how long values repeat by themselves."""

_END: Final = 3
"""Last observed values, one of which belongs to a flat line that casts doubt on a forecast."""


class FlatLine(NamedTuple):
    """A run of one value.

    Attributes:
        first: index of its first value.
        last: index of its last value.
        values: their number; those that are missing do not end a run.
        value: °C.
    """

    first: int
    last: int
    values: int
    value: float

    def describe(self, times: Times) -> str:
        """Return what is wrong since when, and what to do; ``times`` are those of the series."""
        first, last = short(times[self.first]), short(times[self.last])
        length = f"{self.values} values in a row"
        return f"{length}, from {first} to {last}, are {round(self.value, 3):g} °C; check whether the sensor was stuck"

    def warning(self, times: Times) -> ForecastWarning:
        """Return the warning about a forecast from the end of a series that has the line there."""
        return ForecastWarning(
            "flat_line", f"{self.describe(times)}; the forecast is not calibrated", uncalibrated=True
        )


def flat_end(values: Floats) -> FlatLine | None:
    """Return the flat line that one of the last three observed values belongs to; None if there is none.

    The argument is as for :func:`flat_line`.
    """
    observed = np.flatnonzero(np.isfinite(values))
    return flat_line(values, since=int(observed[-_END:][0])) if len(observed) else None


def may_end_flat(values: Floats) -> npt.NDArray[np.int64]:
    """Return the rows of ``values`` °C ``(n, steps)`` that may have a :func:`flat_end`; faster than to look for it."""
    recent = values[:, -(LEAST_REPEATS + _END - 1) :]
    if recent.shape[1] < LEAST_REPEATS:
        return np.empty(0, dtype=np.int64)
    # Most series end in two different values, which tells soonest that there is no line.
    candidates = ~(np.abs(recent[:, -_END] - recent[:, -_END - 1]) > 0)
    if not candidates.any():
        return np.empty(0, dtype=np.int64)
    middle = recent[:, -_END, None]
    alike = ((recent == middle) | np.isnan(recent)).sum(axis=1) >= LEAST_REPEATS
    return np.flatnonzero((alike & (middle[:, 0] > ICE_CELSIUS)) | np.isnan(middle[:, 0]))


def flat_line(values: Floats, *, since: int = 0) -> FlatLine | None:
    """Return the longest flat line, if the series has one.

    Args:
        values: the values of one series in the order of time, °C ``(n,)``; NaN where missing.
        since: index from which on the flat line has at least one value; 0 for any place.
    """
    observed = np.flatnonzero(np.isfinite(values))
    known = values[observed]
    if len(known) < LEAST_REPEATS:
        return None
    begins = np.flatnonzero(np.concatenate(([True], known[1:] != known[:-1])))
    lengths = np.diff(np.append(begins, len(known)))
    lengths[known[begins] <= ICE_CELSIUS] = 0
    longest = np.sort(np.append(lengths, [0] * (_MOST_LINES + 1)))[: -_MOST_LINES - 2 : -1]
    stuck = (longest[:-1] >= LEAST_REPEATS) & (longest[:-1] >= _LEAST_RATIO * longest[1:])
    if not stuck.any():
        return None
    shortest = longest[:-1][stuck].min()
    ends = observed[begins + np.maximum(lengths, 1) - 1]
    which = int(np.where(ends >= since, lengths, 0).argmax())
    if lengths[which] < shortest:
        return None
    first = int(begins[which])
    return FlatLine(int(observed[first]), int(ends[which]), int(lengths[which]), float(known[first]))


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
        values: the values of several series, °C ``(n, steps)``; NaN where missing.
        step: the step that the series are declared to have.
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
