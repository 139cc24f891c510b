"""Whether the climatology of a stated position agrees with the values of a series."""

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import evaluate
from forecasting.series.times import YEAR, Floats, Times
from forecasting.series.timestep import TimeStep
from forecasting.universal.forecaster import Coefficients

_GREATEST_OFFSET_CELSIUS: Final = 4.0
_LEAST_YEARS: Final = 0.5
"""Shorter series do not show enough of the annual cycle to reject a climatology."""

_GREATEST_RATIO_OF_SHORT: Final = 1.5
"""Standard deviation of anomalies relative to that of values, in short series, from which a position is doubtful."""


class Agreement(IntEnum):
    """How a climatology agrees with values: it does, it may not, or it does not and has to be ignored."""

    AGREES = 0
    DOUBTFUL = 1
    IGNORED = 2


def climatology_of_steps(coefficients: Coefficients, last_time: Times, steps: Floats | range, step: TimeStep) -> Floats:
    """Return the climatology of several places at ``steps`` after each last time, °C ``(n, steps)``.

    Args:
        coefficients: °C, ``(n, 7)``; NaN where it is not known.
        last_time: UTC, ``(n,)``.
        steps: whole numbers, ``(m,)``; negative before the last time.
        step: of the series.
    """
    offsets = np.asarray(steps, dtype=np.int64)
    usual = np.empty((len(coefficients), len(offsets)))
    times, place = np.unique(last_time, return_inverse=True)
    for i, time in enumerate(times):
        rows = place == i if len(times) > 1 else slice(None)
        usual[rows] = evaluate(coefficients[rows].astype(np.float64), step.shift(time, offsets))
    return usual


def compare_with_climatology(
    values: Floats, last_time: Times, coefficients: Coefficients, step: TimeStep
) -> npt.NDArray[np.int64]:
    """Return the :class:`Agreement` of each series with its climatology, ``(n,)``.

    A climatology disagrees if anomalies vary more than values do, or are off by more than 4 °C on average. It is
    ignored from half a year of values on; below that, it is doubtful if it is off by as much, or anomalies vary much
    more.

    Args:
        values: °C, ``(n, steps)``, NaN where missing.
        last_time: of the last value of each, UTC ``(n,)``.
        coefficients: climatology, °C, ``(n, 7)``.
        step: of the series.
    """
    length = values.shape[1]
    anomalies = values - climatology_of_steps(coefficients, last_time, range(1 - length, 1), step)
    offset = np.abs(np.nanmean(anomalies, axis=1)) > _GREATEST_OFFSET_CELSIUS
    spread, spread_of_values = np.nanstd(anomalies, axis=1), np.nanstd(values, axis=1)
    years = (length - np.isfinite(values).argmax(axis=1)) * step.seconds / YEAR
    agreement = np.zeros(len(values), dtype=np.int64)
    agreement[offset | (spread > _GREATEST_RATIO_OF_SHORT * spread_of_values)] = Agreement.DOUBTFUL
    agreement[(years >= _LEAST_YEARS) & (offset | (spread > spread_of_values))] = Agreement.IGNORED
    return agreement
