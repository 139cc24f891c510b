"""Flat line test (QARTOD): a run of one value, as from a stuck sensor, that the rest of the series does not explain."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sea_range import ICE_CELSIUS
from forecasting.series.times import Floats, Times, short

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
        values: of one series in the order of time, °C ``(n,)``; NaN where missing.
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
