"""How far the values of the training data are from the climatology of their place."""

from functools import lru_cache
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.scores.accuracy import rounded_one
from forecasting.series.origins import Origins
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Floats, Times, month_of

ANOMALY_RATIO: Final = 1.4
"""How far the RMS anomaly of a window may exceed the largest of the training windows, as a ratio."""

ANOMALY_YEARS: Final = 5.0
"""Years of observed values, in every calendar month, that are needed to know how large anomalies are."""

_MANY: Final = 64
"""Windows for which looking up their whole climatology costs less than that of each value."""

_PARTS: Final = 360
_PART_SECONDS: Final = YEAR / _PARTS
"""Parts of the year within which the climatology counts as constant."""


class AnomalyRange(BaseModel, frozen=True):
    """The climatology of the training data, and the largest anomaly of its windows.

    Attributes:
        usual: mean of each calendar month, °C, January first.
        largest: the largest RMS anomaly of a training window, °C.
        step_seconds: between the values of a window.
    """

    usual: tuple[float, ...]
    largest: float
    step_seconds: int

    @classmethod
    def of(cls, series: SstSeries, origins: Origins) -> "AnomalyRange | None":
        """Return the range for a series of one place and its training windows; None if the series is too short."""
        if not series.holds_every_season or series.observed_years < ANOMALY_YEARS:
            return None
        months = month_of(series.times)
        usual = tuple(rounded_one(np.nanmean(series.values[months == month])) for month in range(12))
        unmeasured = cls(usual=usual, largest=0.0, step_seconds=series.step.seconds)
        largest = float(unmeasured.rms_anomaly(origins.windows, origins.valid_time).max())
        return unmeasured.model_copy(update={"largest": rounded_one(largest)})

    @property
    def limit(self) -> float:
        """The RMS anomaly, °C, above which a window is unlike the training data."""
        return ANOMALY_RATIO * self.largest

    def rms_anomaly(self, windows: Floats, valid_time: Times) -> Floats:
        """Return the RMS anomaly of each window, °C ``(n,)``.

        Args:
            windows: °C, ``(n, window)``.
            valid_time: of the step after each window, ``(n,)``.
        """
        steps = windows.shape[1]
        part = valid_time.astype(np.int64) % YEAR / _PART_SECONDS
        if len(windows) >= _MANY and self.step_seconds % (2 * _PART_SECONDS) == 0:
            usual = _windows_by_half_part(self.usual, steps, self.step_seconds)
            anomalies = windows - usual.take(np.ceil(part).astype(np.intp) + part.astype(np.intp), axis=0)
        else:
            anomalies = windows - _usual(self.usual, part, steps, self.step_seconds)
        rms: Floats = np.sqrt(np.vecdot(anomalies, anomalies) / steps)
        return rms


def _usual(usual: tuple[float, ...], part: Floats, steps: int, step_seconds: int) -> Floats:
    """Return the climatology of windows of so many ``steps`` before these parts of the year, °C ``(n, steps)``."""
    # Half a step later than its time: a value represents the time until the next one.
    before = np.arange(0.5 - steps, 0.5) * (step_seconds / _PART_SECONDS)
    # Truncation rounds negative parts up instead of down, which is close enough.
    return _by_part(usual).take((part[:, None] + before).astype(np.intp), mode="wrap")


@lru_cache(maxsize=64)
def _windows_by_half_part(usual: tuple[float, ...], steps: int, step_seconds: int) -> Floats:
    """Return :func:`_usual` for the beginning and the middle of each part, which stands for all between.

    That is exact if half a step is a whole number of parts, as half a month is.
    """
    return _usual(usual, np.arange(0, _PARTS + 1, 0.5), steps, step_seconds)


@lru_cache(maxsize=64)
def _by_part(usual: tuple[float, ...]) -> Floats:
    """Return the climatology in each part of the year, °C, interpolated linearly between the middles of the months.

    It is not an attribute of the range, because pydantic compares models by all attributes.
    """
    months = (np.arange(_PARTS) + 0.5) * (12 / _PARTS) - 0.5
    parts: Floats = np.interp(months, np.arange(-1, 13), [usual[-1], *usual, usual[0]])
    return parts
