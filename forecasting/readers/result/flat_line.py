"""Flat line test (QARTOD): a run of one value, as from a stuck sensor."""

from typing import Final

import numpy as np

from forecasting.series.sst_series import SstSeries
from forecasting.series.times import short

_MIN_REPEATS: Final = 30
"""Shortest run that counts."""
_MAX_SHARE: Final = 0.1
"""Share of all values in one run that is suspicious."""
_MIN_RATIO: Final = 4
"""How many times longer than any other run a suspicious run is, as rounded values also repeat."""
_FREEZING_CELSIUS: Final = -1.5
"""°C: under ice, the sea itself stays at its freezing point."""


def describe_flat_line(series: SstSeries) -> str | None:
    """A warning about the longest run of one value, if no sea stays so constant; missing values do not end a run."""
    observed = np.flatnonzero(np.isfinite(series.values))
    values = series.values[observed]
    begins = np.flatnonzero(np.concatenate(([True], values[1:] != values[:-1])))
    lengths = np.diff(np.append(begins, len(values)))
    lengths[values[begins] <= _FREEZING_CELSIUS] = 0
    which = int(lengths.argmax())
    longest, others = int(lengths[which]), np.delete(lengths, which).max(initial=0)
    if longest < _MIN_REPEATS or not (longest > _MAX_SHARE * len(values) or longest >= _MIN_RATIO * others):
        return None
    first, last = (short(series.times[observed[begins[which] + offset]]) for offset in (0, longest - 1))
    value = round(float(values[begins[which]]), 3)
    return f"{longest} values in a row, from {first} to {last}, are {value:g} °C; check whether the sensor was stuck"
