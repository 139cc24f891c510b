"""Flat line test (QARTOD): a run of one value, as from a stuck sensor, that the rest of the series does not explain."""

from typing import Final, NamedTuple

import numpy as np

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

_FREEZING_CELSIUS: Final = -1.5
"""°C: under ice, the sea itself stays at its freezing point."""


class FlatLine(NamedTuple):
    """A run of one value.

    Attributes:
        first: index of its first value.
        last: index of its last value.
        count: number of values; those that are missing do not end a run.
        value: °C.
    """

    first: int
    last: int
    count: int
    value: float

    def describe(self, times: Times) -> str:
        """Return what is wrong since when, and what to do; ``times`` are those of the series."""
        first, last = short(times[self.first]), short(times[self.last])
        value = round(self.value, 3)
        return f"{self.count} values in a row, from {first} to {last}, are {value:g} °C; check whether the sensor was stuck"


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
    lengths[known[begins] <= _FREEZING_CELSIUS] = 0
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
