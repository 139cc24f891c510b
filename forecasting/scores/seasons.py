"""Seasons of three months, by valid time in UTC: those of meteorology."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.timestep import Times, month_of

SEASONS: Final = ("DJF", "MAM", "JJA", "SON")
"""December to February, March to May, June to August, September to November."""

_OF_MONTH: Final = np.asarray([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0])


def season_of(times: Times) -> npt.NDArray[np.intp]:
    """Which of :data:`SEASONS` each of ``times`` falls into, in their shape."""
    season: npt.NDArray[np.intp] = _OF_MONTH[month_of(times)]
    return season
