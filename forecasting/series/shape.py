"""The sizes of a forecast (window, horizon, longest filled gap), and gaps in series."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.series.times import DAY, Bools, Floats
from forecasting.series.timestep import TimeStep


class ForecastShape(NamedTuple):
    """The sizes of a forecast, in steps."""

    window: int
    horizon: int
    fill_limit: int

    @classmethod
    def for_step(cls, step: TimeStep) -> "ForecastShape":
        """Return the defaults for a step.

        The window is two years of months, half a year of weeks, thirty days, or two days of a shorter step. The horizon
        is a year of months, thirteen weeks, fourteen days, or one day of a shorter step. The gap is an eighth of the
        window. Below a day, window and horizon have between 24 and 48 steps.
        """
        if step.calendar_month:
            return cls(24, 12, 3)
        if step.is_under_a_day:
            # One day has only two tidal cycles, too few to separate the tide from the daily cycle.
            window, horizon = (min(max(round(days * DAY / step.seconds), 24), 48) for days in (2, 1))
            return cls(window, horizon, window // 8)
        return cls(30, 14, 3) if step.seconds < 5 * DAY else cls(26, 13, 3)

    def leading(self, horizon: int) -> "ForecastShape":
        """Return the shape with another number of leads."""
        return self._replace(horizon=horizon)


def runs(flags: Bools) -> npt.NDArray[np.intp]:
    """Return the begin and end (exclusive) of each run of values that have a flag, ``(n,)``: ``(runs, 2)``."""
    edges = np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def missing_runs(values: Floats) -> npt.NDArray[np.intp]:
    """Return the begin and end (exclusive) of each run of NaN in ``values`` ``(n,)``: ``(runs, 2)``."""
    return runs(np.isnan(values))


def fill_gaps(values: Floats, limit: int) -> Floats:
    """Interpolate linearly across gaps of up to ``limit`` values with a value on either side.

    Longer gaps, and gaps at the start or end, stay. A window that ends in an observed value is therefore filled from
    its own past alone.

    Args:
        values: one series ``(n,)``, or many ``(…, n)``.
        limit: the longest gap to fill, in values.
    """
    filled = values.copy()
    missing, length = np.flatnonzero(np.isnan(values)), values.shape[-1]
    if not len(missing):
        return filled
    # The number of the gap that each missing value is in, in memory order; no gap continues into the next series.
    gap = np.zeros(len(missing), dtype=np.int64)
    np.cumsum((missing[1:] - missing[:-1] > 1) | (missing[1:] % length == 0), out=gap[1:])
    lengths = np.bincount(gap)
    before = missing[lengths.cumsum() - lengths] - 1
    after = before + lengths + 1
    fillable = (lengths <= limit) & ((before + 1) % length > 0) & (after % length > 0)
    flat = filled.reshape(-1)
    first = np.where(fillable, flat.take(before, mode="clip"), np.nan)
    slope = (flat.take(after, mode="clip") - first) / (lengths + 1)
    flat[missing] = slope[gap] * (missing - before[gap]) + first[gap]
    return filled
