"""The warning about a series that ends in missing values."""

from typing import Final

import numpy as np

from forecasting.forecast_warning import ForecastWarning
from forecasting.series.times import DAY, short
from forecasting.series.timestep import TimeStep, in_words, length_of
from forecasting.wording import counted

_SHORT_SECONDS: Final = 2 * DAY


def late_warning(last_time: np.datetime64, missing_after: int, step: TimeStep) -> ForecastWarning:
    """Return the warning that the last observation of a series is ``missing_after`` steps before its end."""
    seconds = missing_after * step.seconds
    if str(step)[0] != "P":
        age = counted(missing_after, length_of(str(step)))
    else:
        age = in_words(str(TimeStep(seconds))) if seconds < _SHORT_SECONDS else f"{seconds / DAY:.1f} days"
    return ForecastWarning(
        "late",
        f"the last observation, from {short(last_time)}, is {age} before the end of the series: the forecast begins "
        f"after the end, so it is less certain",
    )
