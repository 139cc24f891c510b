"""The age of a dataset's last observation, and the warning that it is old."""

from typing import Final

import numpy as np

from forecasting.forecast_warning import ForecastWarning
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import short
from forecasting.wording import age_in_words

MAX_STEPS_AGE: Final = 2
"""Steps after which the last observation is late.

A value has the time at which its step begins, so it is complete one step later. One more step leaves time for delivery.
"""


def warn_if_late(series: SstSeries, horizon: int, now: np.datetime64) -> tuple[ForecastWarning, ...]:
    """Return the warning ``late`` if the last observation is more than two steps old; otherwise nothing.

    Args:
        series: ends with an observation.
        horizon: number of leads of the forecast.
        now: time of the request, UTC.
    """
    last = series.times[-1]
    if now <= series.step.shift(last, MAX_STEPS_AGE):
        return ()
    ahead = series.step.shift(last, np.arange(1, horizon + 1))
    passed = int((ahead <= now).sum())
    if passed == horizon:
        covered = "all forecast times have passed"
    else:
        covered = f"{passed} of {horizon} forecast times have passed"
    age = age_in_words(int((now - last).astype("timedelta64[s]").astype(np.int64)))
    sentence = (
        f"the last observation, from {short(last)}, is {age} old, so {covered}; send newer values to POST /forecast"
    )
    return (ForecastWarning("late", sentence),)
