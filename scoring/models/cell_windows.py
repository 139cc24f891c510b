"""The last window of each cell of a grid; see :func:`forecasting.networks.windows.last_windows` for a series."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.shape import fill_gaps
from forecasting.series.times import Bools, Floats
from forecasting.series.units import SEA_RANGE

LAND: Final = "no value at any time (land)"
NO_LAST: Final = "the last value is missing"
GAP: Final = "a gap is too long to fill"
NO_SEA: Final = "impossible sea temperature"


@dataclass(frozen=True)
class CellWindows:
    """Windows without gaps.

    Attributes:
        cell: index of the cell of each window, ``(n,)``.
        values: °C, ``(n, window)``.
        filled: whether any value was interpolated, ``(n,)``.
        missing: number of cells without a window, by reason.
        bad: indices of the cells with an impossible sea temperature.
    """

    cell: npt.NDArray[np.intp]
    values: Floats
    filled: Bools
    missing: dict[str, int]
    bad: npt.NDArray[np.intp]


def cell_windows(values: Floats, window: int, fill_limit: int) -> CellWindows:
    """Return the last window of each cell, with short gaps interpolated.

    Args:
        values: °C, ``(cells, steps)``, NaN where missing: at least the window and the steps in which a gap may begin.
        window: steps per window.
        fill_limit: longest gap to interpolate, in steps.
    """
    recent = values[:, -(window + fill_limit + 1) :]
    observed = np.isfinite(recent)
    land = ~observed.any(axis=1)
    last = np.asarray(observed[:, -1])
    no_last = ~last & ~land
    cell = np.flatnonzero(last)
    values = recent[cell]
    gaps: Bools = np.isnan(values[:, -window:]).sum(axis=1) > 0
    if gaps.any():
        values[gaps] = fill_gaps(values[gaps], fill_limit)
    values = values[:, -window:]
    too_long = gaps & np.isnan(values).any(axis=1)
    low, high = SEA_RANGE
    with np.errstate(invalid="ignore"):
        wrong = ~too_long & ((values < low) | (values > high)).any(axis=1)
    usable = ~(too_long | wrong)
    counts = {LAND: land.sum(), NO_LAST: no_last.sum(), GAP: too_long.sum(), NO_SEA: wrong.sum()}
    missing = {reason: int(count) for reason, count in counts.items() if count}
    return CellWindows(cell[usable], values[usable], gaps[usable], missing, cell[wrong])
