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
"""Years of observed values, of every calendar month, that show how large anomalies are."""

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
        # Half a step later than its time: a value represents the time until the next one.
        before = np.arange(0.5 - steps, 0.5) * (self.step_seconds / _PART_SECONDS)
        part = valid_time.astype(np.int64) % YEAR / _PART_SECONDS
        # Truncation rounds negative parts up instead of down, which is close enough.
        anomalies = windows - _by_part(self.usual).take((part[:, None] + before).astype(np.intp), mode="wrap")
        rms: Floats = np.sqrt(np.vecdot(anomalies, anomalies) / steps)
        return rms


@lru_cache(maxsize=64)
def _by_part(usual: tuple[float, ...]) -> Floats:
    """Return the climatology in each part of the year, °C, interpolated linearly between the middles of the months.

    It is not an attribute of the range, because pydantic compares models by all attributes.
    """
    months = (np.arange(_PARTS) + 0.5) * (12 / _PARTS) - 0.5
    parts: Floats = np.interp(months, np.arange(-1, 13), [usual[-1], *usual, usual[0]])
    return parts
