"""A stretch of one and the same value, as a sensor gives that is stuck."""

from typing import Final

import numpy as np

from forecasting.series import SstSeries
from forecasting.timestep import short

_LEAST: Final = 30
"""Values in a row that are a stretch at all."""
_SHARE: Final = 0.1
"""Of all values, what one stretch is too much of."""
_BEYOND: Final = 4
"""How many times as long as any other stretch one is that is like none of them: rounded values repeat, too."""
_FREEZING: Final = -1.5
"""°C; at the freezing point, under ice, the sea itself stays at one value."""


def describe_stuck(series: SstSeries) -> str | None:
    """A sentence on the longest stretch of one value, where it is no sea's; missing values do not end it."""
    at = np.flatnonzero(np.isfinite(series.values))
    values = series.values[at]
    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    lengths = np.diff(np.append(begins, len(values)))
    lengths[values[begins] <= _FREEZING] = 0
    which = int(lengths.argmax())
    longest, others = int(lengths[which]), np.delete(lengths, which).max(initial=0)
    if longest < _LEAST or not (longest > _SHARE * len(values) or longest >= _BEYOND * others):
        return None
    first, last = (short(series.times[at[begins[which] + k]]) for k in (0, longest - 1))
    value = round(float(values[begins[which]]), 3)
    return f"the value stays {value:g} °C from {first} to {last}, {longest} in a row: see whether the sensor was stuck"
