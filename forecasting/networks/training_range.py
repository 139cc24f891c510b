"""What a network was trained on, and the stated test of whether a window is unlike it."""

from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.scores.accuracy import rounded_one
from forecasting.series.origins import Origins
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import YEAR, Bools, Floats, Times, month_of

LEVEL_MARGIN: Final = 2.0
"""One-step spreads by which a window may leave the range of training before it counts as unlike it."""

ACTIVITY_RATIO: Final = 1.5
"""How far a window's changes may lie beyond the calmest and the liveliest of training."""

ANOMALY_RATIO: Final = 1.4
"""How far a window's anomalies may lie beyond the largest of training."""

_PARTS: Final = 360
_PART: Final = YEAR / _PARTS
"""Of a year, in which what is usual is the same; seconds."""

ANOMALY_YEARS: Final = 5.0
"""Years of observed values, of every month, that say how large anomalies are."""


class AnomalyRange(BaseModel, frozen=True):
    """How far the values of training lay from what is usual at their time of the year.

    Attributes:
        usual: mean of each calendar month, °C, January first.
        largest: root mean square anomaly within a window, the largest of training, °C.
        step_seconds: between the values of a window.
    """

    usual: tuple[float, ...]
    largest: float
    step_seconds: int

    @classmethod
    def of(cls, series: SstSeries, origins: Origins) -> "AnomalyRange | None":
        """From a series of one place and the windows that it was learnt from; None where it is too short to say."""
        if not series.holds_every_season or series.observed_years < ANOMALY_YEARS:
            return None
        month = month_of(series.times)
        usual = tuple(rounded_one(np.nanmean(series.values[month == k])) for k in range(12))
        empty = cls(usual=usual, largest=0.0, step_seconds=series.step.seconds)
        largest = float(empty.anomaly(origins.windows, origins.valid_time).max())
        return empty.model_copy(update={"largest": rounded_one(largest)})

    @property
    def most(self) -> float:
        """The root mean square anomaly, °C, beyond which a window is unlike training."""
        return ANOMALY_RATIO * self.largest

    def anomaly(self, windows: Floats, valid_time: Times) -> Floats:
        """Of each of ``windows`` °C ``(n, window)`` before ``valid_time`` ``(n,)``, its root mean square: ``(n,)``."""
        steps = windows.shape[1]
        # Half a step on: a value stands for the time until the next.
        before = np.arange(0.5 - steps, 0.5) * (self.step_seconds / _PART)
        part = valid_time.astype(np.int64) % YEAR / _PART
        # Rounded towards nothing, before the year's first part: that is near enough.
        anomalies = windows - _by_part(self.usual).take((part[:, None] + before).astype(np.intp), mode="wrap")
        rms: Floats = np.sqrt(np.vecdot(anomalies, anomalies) / steps)
        return rms


@lru_cache(maxsize=64)
def _by_part(usual: tuple[float, ...]) -> Floats:
    """What is ``usual`` in each part of the year, °C: between the middles of months on a straight line.

    Not kept in the range: models that are equal are compared by all that they hold.
    """
    months = (np.arange(_PARTS) + 0.5) * (12 / _PARTS) - 0.5
    parts: Floats = np.interp(months, np.arange(-1, 13), [usual[-1], *usual, usual[0]])
    return parts


class TrainingRange(BaseModel, frozen=True):
    """Level, spread and season of the data that the weights were fitted on.

    Attributes:
        minimum: °C.
        maximum: °C.
        spread: standard deviation of one-step increments, °C.
        calmest: smallest root mean square increment within a window, °C.
        liveliest: largest, °C.
        months: calendar months (1 to 12) that values were seen in.
        anomalies: from what is usual at the time of the year; None where that is not known well, or of several places.
    """

    minimum: float
    maximum: float
    spread: float
    calmest: float
    liveliest: float
    months: tuple[int, ...]
    anomalies: AnomalyRange | None = None

    @classmethod
    def of(cls, series: SstSeries, origins: Origins, *, several: bool = False) -> "TrainingRange":
        """From the series that the network was fitted on, of one place or ``several``, and its windows, both °C."""
        rms_increment = activity(origins.windows)
        return cls(
            minimum=rounded_one(np.nanmin(series.values)),
            maximum=rounded_one(np.nanmax(series.values)),
            spread=rounded_one(np.nanstd(np.diff(series.values))),
            calmest=rounded_one(rms_increment.min()),
            liveliest=rounded_one(rms_increment.max()),
            months=series.observed_months,
            anomalies=None if several else AnomalyRange.of(series, origins),
        )

    def unlike(self, windows: Floats, valid_time: Times, rms_increment: Floats | None = None) -> Bools:
        """Which of ``windows`` ``(n, window)`` the test finds unlike training; :meth:`differences` says how.

        ``rms_increment`` is their :func:`activity`, where that is known already.
        """
        rms_increment = activity(windows) if rms_increment is None else rms_increment
        low, high, calm, lively = self._bounds
        alike = (
            low <= windows.min()
            and windows.max() <= high
            and calm <= rms_increment.min()
            and rms_increment.max() <= lively
        )
        if alike and len(self.months) == 12:
            return self._unseasonal(windows, valid_time)
        level, spread, season = self._test(windows, valid_time, rms_increment)
        return level | spread | season | self._unseasonal(windows, valid_time)

    def differences(self, window: Floats, valid_time: np.datetime64) -> list[str]:
        """In what way a window of °C, forecast at ``valid_time``, is unlike training; empty where it is not.

        Level: a value lies over :data:`LEVEL_MARGIN` spreads outside the range of training. Spread: the root mean
        square of the window's increments is over :data:`ACTIVITY_RATIO` times the largest, or under the smallest by
        that ratio. Season: training held no value of that calendar month, or the window's values lie farther from what
        is usual at their time of the year than any window's of training did, by over :data:`ANOMALY_RATIO`.
        """
        windows, times = window[None], np.asarray([valid_time])
        rms_increment = activity(windows)
        level, spread, season = map(bool, self._test(windows, times, rms_increment))
        said = []
        if level:
            low, high = float(window.min()), float(window.max())
            said.append(f"it holds {low:.2f} to {high:.2f} °C, training {self.minimum:.2f} to {self.maximum:.2f} °C")
        if spread:
            said.append(
                f"its values change by {rms_increment[0]:.3f} °C a step, in training by {self.calmest:.3f} to "
                f"{self.liveliest:.3f} °C"
            )
        if season:
            said.append(f"training held no value of month {month_of(np.asarray(valid_time)) + 1}")
        anomalies = self.anomalies
        if anomalies is not None and (anomaly := anomalies.anomaly(windows, times)[0]) > anomalies.most:
            said.append(
                f"it lies {anomaly:.2f} °C from what is usual at that time of the year, in training at most "
                f"{anomalies.largest:.2f} °C"
            )
        return said

    def _unseasonal(self, windows: Floats, valid_time: Times) -> Bools:
        """Which windows lie too far from what is usual at their time of the year."""
        if self.anomalies is None:
            return np.zeros(len(windows), dtype=np.bool_)
        return self.anomalies.anomaly(windows, valid_time) > self.anomalies.most

    def _test(self, windows: Floats, valid_time: Times, rms_increment: Floats) -> tuple[Bools, Bools, Bools]:
        """Which windows are unlike training in level, in spread, and in season."""
        low, high, calm, lively = self._bounds
        level = (windows.min(axis=1) < low) | (windows.max(axis=1) > high)
        return level, (rms_increment < calm) | (rms_increment > lively), ~np.isin(month_of(valid_time) + 1, self.months)

    @cached_property
    def _bounds(self) -> tuple[float, float, float, float]:
        """The lowest and highest value, and the least and greatest activity, of windows that are like training."""
        margin = LEVEL_MARGIN * self.spread
        calm, lively = self.calmest / ACTIVITY_RATIO, self.liveliest * ACTIVITY_RATIO
        return self.minimum - margin, self.maximum + margin, calm, lively

    def distances(self, windows: Floats, rms_increment: Floats | None = None) -> Floats:
        """How far windows ``(n, window)`` of °C lie from the middle of training: level and spread, ``(2, n)``.

        Level: of a window's mean, in halves of the range of training's temperatures. Spread: of the root mean square
        of its increments, in halves of the range from training's calmest to its liveliest. 0 is the middle, 1 the
        edge. ``rms_increment`` is their :func:`activity`, where that is known already.
        """
        low, high = np.array([[[self.minimum], [self.calmest]], [[self.maximum], [self.liveliest]]])
        found = np.stack([windows.mean(axis=1), activity(windows) if rms_increment is None else rms_increment])
        # Figures are kept to six decimals, so that a range which is none by them is still not divided by.
        distances: Floats = np.abs(found - (low + high) / 2) / (np.maximum(high - low, 1e-6) / 2)
        return distances


def activity(windows: Floats) -> Floats:
    """Root mean square increment within each of ``windows`` °C ``(n, window)``: ``(n,)``."""
    increments = windows[:, 1:] - windows[:, :-1]
    rms: Floats = np.sqrt(np.vecdot(increments, increments) / increments.shape[1])
    return rms
