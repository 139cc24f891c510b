"""What a network was trained on, and the stated test of whether a window is unlike it."""

from functools import cached_property
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.series import SstSeries
from forecasting.timestep import Bools, Floats, Times, month_of

LEVEL_MARGIN: Final = 2.0
"""One-step spreads by which a window may leave the range of training before it counts as unlike it."""

ACTIVITY_RATIO: Final = 1.5
"""How far a window's changes may lie beyond the calmest and the liveliest of training."""


class TrainingRange(BaseModel, frozen=True):
    """Level, spread and season of the data that the weights were fitted on.

    Attributes:
        minimum: °C.
        maximum: °C.
        spread: standard deviation of one-step increments, °C.
        calmest: smallest root mean square increment within a window, °C.
        liveliest: largest, °C.
        months: calendar months (1 to 12) that values were seen in.
    """

    minimum: float
    maximum: float
    spread: float
    calmest: float
    liveliest: float
    months: tuple[int, ...]

    @classmethod
    def of(cls, series: SstSeries, windows: Floats) -> "TrainingRange":
        """From the series that the network was fitted on and its windows ``(n, window)``, both °C."""
        rms_increment = activity(windows)
        return cls(
            minimum=round(float(np.nanmin(series.values)), 6),
            maximum=round(float(np.nanmax(series.values)), 6),
            spread=round(float(np.nanstd(np.diff(series.values))), 6),
            calmest=round(float(rms_increment.min()), 6),
            liveliest=round(float(rms_increment.max()), 6),
            months=series.observed_months,
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
            return np.zeros(len(windows), dtype=np.bool_)
        level, spread, season = self._test(windows, valid_time, rms_increment)
        return level | spread | season

    def differences(self, window: Floats, valid_time: np.datetime64) -> list[str]:
        """In what way a window of °C, forecast at ``valid_time``, is unlike training; empty where it is not.

        Level: a value lies over :data:`LEVEL_MARGIN` spreads outside the range of training. Spread: the root mean
        square of the window's increments is over :data:`ACTIVITY_RATIO` times the largest, or under the smallest by
        that ratio. Season: training held no value of that calendar month.
        """
        windows = window[None]
        level, spread, season = map(bool, self._test(windows, np.asarray([valid_time]), activity(windows)))
        said = []
        if level:
            low, high = float(window.min()), float(window.max())
            said.append(f"it holds {low:.2f} to {high:.2f} °C, training {self.minimum:.2f} to {self.maximum:.2f} °C")
        if spread:
            said.append(
                f"its values change by {activity(window[None])[0]:.3f} °C a step, in training by {self.calmest:.3f} "
                f"to {self.liveliest:.3f} °C"
            )
        if season:
            said.append(f"training held no value of month {month_of(np.asarray(valid_time)) + 1}")
        return said

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
