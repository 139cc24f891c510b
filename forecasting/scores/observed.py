"""Which observation verifies a forecast."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.series.step_inference import TOLERANCE_STEPS
from forecasting.series.times import Bools, Floats, Times
from forecasting.series.timestep import TimeStep

OBSERVED_WITHIN_STEPS: Final = 2 * TOLERANCE_STEPS
"""How far an observation may be from the valid time that it verifies: both may be slightly off the grid."""


class Observed(NamedTuple):
    """The observations of one place, by their position on a grid that begins at ``start``.

    Of several observations in one step, the last counts, as it does for a forecast.
    """

    step: TimeStep
    start: np.datetime64
    positions: npt.NDArray[np.int64]
    values: Floats

    @classmethod
    def of(cls, times: Times, values: Floats, step: TimeStep, start: np.datetime64) -> "Observed":
        """Put observations on the grid of forecasts, and leave out those between two steps.

        Args:
            times: of the observations, UTC ``(n,)``, ascending.
            values: °C ``(n,)``; those that are NaN are left out.
            step: of the forecasts.
            start: the valid time of some forecast.
        """
        positions, near = positions_of(times, step, start)
        used = np.flatnonzero(near & np.isfinite(values))
        newest_first = used[::-1]
        distinct, last = np.unique(positions[newest_first], return_index=True)
        return cls(step, start, distinct, values[newest_first[last]])

    def at(self, times: Times) -> Floats:
        """Return what was observed at the valid times ``(n,)`` of forecasts, °C; NaN where nothing was."""
        if not len(self.values):
            return np.full(len(times), np.nan)
        positions = np.round(self.step.place(times, self.start)).astype(np.int64)
        place = np.minimum(np.searchsorted(self.positions, positions), len(self.positions) - 1)
        return np.where(self.positions[place] == positions, self.values[place], np.nan)


def positions_of(times: Times, step: TimeStep, start: np.datetime64) -> tuple[npt.NDArray[np.int64], Bools]:
    """Return how many steps after ``start`` each of ``times`` ``(n,)`` is, and whether it is near enough to count."""
    exact = step.place(times, start)
    positions = np.round(exact).astype(np.int64)
    return positions, np.abs(exact - positions) <= OBSERVED_WITHIN_STEPS
