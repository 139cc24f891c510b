"""Series that end in the future."""

import time
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, SECONDS, short

_SHORTER_MONTHS: Final = 5 * DAY
"""How much a few calendar months may be shorter than that many of mean length."""


def future_error(series: SstSeries, as_of: int | None = None) -> SeriesError | None:
    """Return the error of a series whose last observation is more than one step, and at least a day, after now.

    Args:
        series: with or without observations.
        as_of: the time that counts as now, Unix seconds; None for the clock.
    """
    observed = np.flatnonzero(np.isfinite(series.values))
    if not len(observed):
        return None
    now = np.datetime64(int(time.time()) if as_of is None else as_of, "s")
    last: np.datetime64 = series.step.shift(np.asarray([series.start]), int(observed[-1]))[0]
    if last <= series.step.shift(np.asarray([now]), 1)[0] or last <= now + np.timedelta64(DAY, "s"):
        return None
    than = "in the future" if as_of is None else f"after {short(now)}, the time in as_of"
    return SeriesError(
        f"the last observation, of {short(last)}, is {than}: check the times, or send the time that counts as now in "
        "as_of",
        index=int(observed[-1]),
    )


def refuse_future(series: SstSeries, as_of: np.datetime64 | None) -> None:
    """Raise the :func:`future_error` of a series, if it has one at ``as_of``, in UTC; never without."""
    if as_of is None:
        return
    error = future_error(series, int(as_of.astype(SECONDS).astype(np.int64)))
    if error is not None:
        raise error


def future_errors(series: SeriesBatch, as_of: int | None = None) -> dict[int, SeriesError]:
    """Return the :func:`future_error` of each of ``series`` that has one, by place."""
    now, step = int(time.time()) if as_of is None else as_of, series.step.seconds
    ends = series.starts.view(np.int64) + (series.lengths - 1) * step
    latest = now + max(step, DAY) - (_SHORTER_MONTHS if series.step.calendar_month else 0)
    places = np.flatnonzero(ends > latest).tolist()
    return {i: error for i in places if (error := future_error(series[i], as_of)) is not None}
