"""The range of a network's training data, and the test for a window that is unlike it."""

from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from pydantic import BaseModel, Field

from forecasting.models.intervals import RMS_INCREMENT_RATIO, rms_increment_of
from forecasting.scores.accuracy import rounded_one
from forecasting.series.origins import Origins
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Bools, Floats, Times, month_of

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


LEVEL_MARGIN: Final = 2.0
"""How far a window may be outside the temperatures of the training data, in standard deviations of one-step changes."""

_SMALLEST_RANGE: Final = 1e-6
"""Ranges are stored with six decimals; a range of 0 counts as this, so that distances stay finite."""


class TrainingRange(BaseModel, frozen=True, populate_by_name=True):
    """Level, variability and season of the data that the weights were fitted on.

    Attributes:
        minimum: °C.
        maximum: °C.
        spread: standard deviation of one-step increments, °C.
        min_rms_increment: smallest RMS increment of a window, °C; stored as ``calmest``.
        max_rms_increment: largest, °C; stored as ``liveliest``.
        months: calendar months (1 to 12) with values.
        anomalies: anomalies of the training windows; None if the series was too short or of several places.
    """

    minimum: float
    maximum: float
    spread: float
    min_rms_increment: float = Field(alias="calmest")
    max_rms_increment: float = Field(alias="liveliest")
    months: tuple[int, ...]
    anomalies: AnomalyRange | None = None

    @classmethod
    def of(cls, series: SstSeries, origins: Origins, *, several: bool = False) -> "TrainingRange":
        """Measure a series, of one place or ``several``, and the training windows from it, both in °C."""
        rms_increment = rms_increment_of(origins.windows)
        return cls(
            minimum=rounded_one(np.nanmin(series.values)),
            maximum=rounded_one(np.nanmax(series.values)),
            spread=rounded_one(np.nanstd(np.diff(series.values))),
            min_rms_increment=rounded_one(rms_increment.min()),
            max_rms_increment=rounded_one(rms_increment.max()),
            months=series.observed_months,
            anomalies=None if several else AnomalyRange.of(series, origins),
        )

    def unlike(self, windows: Floats, valid_time: Times, rms_increment: Floats | None = None) -> Bools:
        """Return which windows are unlike the training data, ``(n,)``; :meth:`differences` says how.

        Args:
            windows: °C, ``(n, window)``.
            valid_time: of the step after each window, ``(n,)``.
            rms_increment: of the windows, ``(n,)``; computed if None.
        """
        rms_increment = rms_increment_of(windows) if rms_increment is None else rms_increment
        low, high, least, greatest = self._bounds
        within = (
            low <= windows.min()
            and windows.max() <= high
            and least <= rms_increment.min()
            and rms_increment.max() <= greatest
        )
        if within and len(self.months) == 12:
            return self._unseasonal(windows, valid_time)
        level, variability, season = self._test(windows, valid_time, rms_increment)
        return level | variability | season | self._unseasonal(windows, valid_time)

    def differences(self, window: Floats, valid_time: np.datetime64) -> list[str]:
        """Return how a window of °C, forecast at ``valid_time``, is unlike the training data; empty if it is not.

        Level: a value is more than :data:`LEVEL_MARGIN` spreads outside the range of the training data. Variability:
        the RMS increment is more than :data:`~forecasting.models.intervals.RMS_INCREMENT_RATIO` times
        the largest, or less than the smallest divided by that. Season: the training data has no values in that
        calendar month, or the RMS anomaly is more than :data:`ANOMALY_RATIO` times
        the largest.
        """
        windows, times = window[None], np.asarray([valid_time])
        rms_increment = rms_increment_of(windows)
        level, variability, season = map(bool, self._test(windows, times, rms_increment))
        differences = []
        if level:
            differences.append(
                f"it ranges from {window.min():.2f} to {window.max():.2f} °C, the training data from "
                f"{self.minimum:.2f} to {self.maximum:.2f} °C"
            )
        if variability:
            differences.append(
                f"its values change by {rms_increment[0]:.3f} °C per step, in the training data by "
                f"{self.min_rms_increment:.3f} to {self.max_rms_increment:.3f} °C"
            )
        if season:
            differences.append(f"the training data has no values in month {month_of(np.asarray(valid_time)) + 1}")
        anomalies = self.anomalies
        if anomalies is not None and (anomaly := anomalies.rms_anomaly(windows, times)[0]) > anomalies.limit:
            differences.append(
                f"its anomaly is {anomaly:.2f} °C for that time of year, in the training data at most "
                f"{anomalies.largest:.2f} °C"
            )
        return differences

    def _unseasonal(self, windows: Floats, valid_time: Times) -> Bools:
        """Return which windows are too far from the climatology."""
        if self.anomalies is None:
            return np.zeros(len(windows), dtype=np.bool_)
        return self.anomalies.rms_anomaly(windows, valid_time) > self.anomalies.limit

    def _test(self, windows: Floats, valid_time: Times, rms_increment: Floats) -> tuple[Bools, Bools, Bools]:
        """Return which windows are unlike the training data in level, in variability, and in calendar month."""
        low, high, least, greatest = self._bounds
        level = (windows.min(axis=1) < low) | (windows.max(axis=1) > high)
        variability = (rms_increment < least) | (rms_increment > greatest)
        if len(self.months) == 12:
            return level, variability, np.zeros(len(windows), dtype=np.bool_)
        return level, variability, ~np.isin(month_of(valid_time) + 1, self.months)

    @cached_property
    def _bounds(self) -> tuple[float, float, float, float]:
        """Lowest and highest value, and smallest and largest RMS increment, of a window like the training data, °C."""
        margin = LEVEL_MARGIN * self.spread
        least = self.min_rms_increment / RMS_INCREMENT_RATIO
        greatest = self.max_rms_increment * RMS_INCREMENT_RATIO
        return self.minimum - margin, self.maximum + margin, least, greatest

    def distances(self, windows: Floats, rms_increment: Floats | None = None) -> Floats:
        """Return how far windows are from the middle of the training data, in level and in variability, ``(2, n)``.

        Level: of the mean of the window, in units of half the temperature range of the training data. Variability: of
        the RMS increment, in units of half its range. 0 is the middle, 1 the edge.

        Args:
            windows: °C, ``(n, window)``.
            rms_increment: of the windows, ``(n,)``; computed if None.
        """
        low = np.array([[self.minimum], [self.min_rms_increment]])
        high = np.array([[self.maximum], [self.max_rms_increment]])
        rms_increment = rms_increment_of(windows) if rms_increment is None else rms_increment
        # A product takes a fifth of the time of numpy's mean along rows.
        mean = windows @ np.full(windows.shape[1], 1 / windows.shape[1])
        measured = np.stack([mean, rms_increment])
        distances: Floats = np.abs(measured - (low + high) / 2) / (np.maximum(high - low, _SMALLEST_RANGE) / 2)
        return distances
