"""Whether the climatology of a stated position agrees with the values of a series."""

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import annual_terms, evaluate
from forecasting.series.times import YEAR, Floats, Times
from forecasting.series.timestep import TimeStep
from forecasting.universal.network.forecaster import Coefficients

_GREATEST_OFFSET_CELSIUS: Final = 4.0
_ERROR_CELSIUS: Final = 1.0
"""Standard deviation of anomalies that the climatology's own error and unusual years explain at right positions.

Without it, 23 % of half years at moorings in the tropics were rejected, where values hardly vary; with it, 1 %.
"""

_VALUES_COMPARED: Final = 100
"""Of longer series, not every value is compared."""

_LEAST_YEARS: Final = 0.5
"""Shorter series do not show enough of the annual cycle to reject a climatology."""


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
    offsets, known = np.asarray(steps, dtype=np.int64), coefficients.astype(np.float64)
    if not step.calendar_month:
        return evaluate(_from(last_time, known), (offsets * step.seconds).astype("datetime64[s]"))
    usual = np.empty((len(known), len(offsets)))
    for time in np.unique(last_time):
        rows = last_time == time
        usual[rows] = evaluate(known[rows], step.shift(time, offsets))
    return usual


def _from(times: Times, coefficients: Floats) -> Floats:
    """Return the coefficients of the same cycles, where time is counted from ``times`` ``(n,)`` instead of 1970."""
    terms = annual_terms(times)
    cosine, sine = terms[:, 1::2], terms[:, 2::2]
    moved = coefficients.copy()
    moved[:, 1::2] = coefficients[:, 1::2] * cosine + coefficients[:, 2::2] * sine
    moved[:, 2::2] = coefficients[:, 2::2] * cosine - coefficients[:, 1::2] * sine
    return moved


def compare_with_climatology(
    values: Floats, last_time: Times, coefficients: Coefficients, step: TimeStep
) -> npt.NDArray[np.int64]:
    """Return the :class:`Agreement` of each series with its climatology, ``(n,)``.

    A climatology disagrees if anomalies vary more than values and its own error do, or are off by more than 4 °C on
    average. It is ignored from half a year of values on. Below that, anomalies vary more at many right positions too,
    and it is doubtful if it is off by as much.

    Args:
        values: °C, ``(n, steps)``, NaN where missing.
        last_time: of the last value of each, UTC ``(n,)``.
        coefficients: climatology, °C, ``(n, 7)``.
        step: of the series.
    """
    length = values.shape[1]
    every = max(length // _VALUES_COMPARED, 1)
    compared = values[:, (length - 1) % every :: every]
    steps = range(1 - length + (length - 1) % every, 1, every)
    anomalies = compared - climatology_of_steps(coefficients, last_time, steps, step)
    offset = np.abs(np.nanmean(anomalies, axis=1)) > _GREATEST_OFFSET_CELSIUS
    spread, spread_of_values = np.nanstd(anomalies, axis=1), np.nanstd(compared, axis=1)
    years = (length - np.isfinite(values).argmax(axis=1)) * step.seconds / YEAR
    agreement = np.zeros(len(values), dtype=np.int64)
    agreement[offset] = Agreement.DOUBTFUL
    varying = spread > np.hypot(spread_of_values, _ERROR_CELSIUS)
    agreement[(years >= _LEAST_YEARS) & (offset | varying)] = Agreement.IGNORED
    return agreement
