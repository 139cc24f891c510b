"""Series of the cells of a grid."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.series.times import Bools, Floats

Coefficients = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Cells:
    """Series of a grid's cells, which share their times.

    Attributes:
        values: °C, ``(n, steps)``; NaN where missing.
        start: time of the first step.
        positions: latitude and longitude, degrees, ``(n, 2)``; NaN where they are not known.
        every: the past of one in so many cells is forecast, to judge it and its neighbours.
    """

    values: Floats
    start: np.datetime64
    positions: npt.NDArray[np.float32]
    every: int

    def __len__(self) -> int:
        return len(self.values)

    def part(self, rows: slice | npt.NDArray[np.intp]) -> "Cells":
        """Return some of the cells."""
        return Cells(self.values[rows], self.start, self.positions[rows], self.every)

    @cached_property
    def coefficients(self) -> Coefficients:
        """Climatology of each position, °C, ``(n, 7)``; NaN where there is none."""
        coefficients = np.full((len(self), COEFFICIENTS), np.nan, dtype=np.float32)
        known = self._placed
        if known.any():
            latitude, longitude = self.positions[known].T
            coefficients[known] = GlobalClimatology.load().coefficients(latitude, longitude)
        return coefficients

    @property
    def on_land(self) -> Bools:
        """Whether the position is known and on land, ``(n,)``."""
        return np.logical_and(self._placed, np.isnan(self.coefficients[:, 0]))

    @property
    def _placed(self) -> Bools:
        placed: Bools = np.asarray(np.isfinite(self.positions).all(axis=1))
        return placed
