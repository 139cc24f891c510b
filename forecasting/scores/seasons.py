"""Meteorological seasons of three months, by valid time in UTC."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Times, month_of

SEASONS: Final = ("DJF", "MAM", "JJA", "SON")
"""December to February, March to May, June to August, September to November."""

_OF_MONTH: Final = np.asarray([0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 0])


def season_of(times: Times) -> npt.NDArray[np.intp]:
    """Return the index in :data:`SEASONS` of each of ``times``, in the same shape."""
    season: npt.NDArray[np.intp] = _OF_MONTH[month_of(times)]
    return season
