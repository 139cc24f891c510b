"""The flat line test (QARTOD): a stretch of one and the same value, as a sensor gives that is stuck."""

from typing import Final

import numpy as np

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import short

_MIN_REPEATS: Final = 30
"""Values in a row that are a stretch at all."""
_MAX_SHARE: Final = 0.1
"""Of all values, what one stretch is too much of."""
_MIN_RATIO: Final = 4
"""How many times as long as any other stretch one is that is like none of them: rounded values repeat, too."""
_FREEZING_CELSIUS: Final = -1.5
"""°C; at the freezing point, under ice, the sea itself stays at one value."""


def describe_flat_line(series: SstSeries) -> str | None:
    """A sentence on the longest stretch of one value, where it is no sea's; missing values do not end it."""
    at = np.flatnonzero(np.isfinite(series.values))
    values = series.values[at]
    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    lengths = np.diff(np.append(begins, len(values)))
    lengths[values[begins] <= _FREEZING_CELSIUS] = 0
    which = int(lengths.argmax())
    longest, others = int(lengths[which]), np.delete(lengths, which).max(initial=0)
    if longest < _MIN_REPEATS or not (longest > _MAX_SHARE * len(values) or longest >= _MIN_RATIO * others):
        return None
    first, last = (short(series.times[at[begins[which] + k]]) for k in (0, longest - 1))
    value = round(float(values[begins[which]]), 3)
    return f"the value stays {value:g} °C from {first} to {last}, {longest} in a row: see whether the sensor was stuck"
