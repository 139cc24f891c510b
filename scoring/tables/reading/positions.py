"""Positions of stations, from the columns of latitude and longitude."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.series.times import Floats

_FARTHEST_DEGREES: Final = 2.0
"""How far a station may move: farther, no position is its own."""

Position = tuple[float, float]
"""Degrees north and east."""


class StationPositions:
    """The last position of each station, and how far it moved."""

    def __init__(self) -> None:
        self._last = np.empty((0, 2))
        self._lowest = np.empty((0, 2))
        self._highest = np.empty((0, 2))

    def add(self, numbers: npt.NDArray[np.int32], latitudes: Floats, longitudes: Floats) -> None:
        """Add the positions of rows, which belong to the stations with these ``numbers``."""
        places = np.stack([latitudes, longitudes], axis=1)
        known = (numbers >= 0) & np.isfinite(places).all(axis=1)
        numbers, places = numbers[known], places[known]
        if not len(numbers):
            return
        self._grow(int(numbers.max()) + 1)
        np.minimum.at(self._lowest, numbers, places)
        np.maximum.at(self._highest, numbers, places)
        self._last[numbers] = places

    def of(self, number: int) -> Position | None:
        """Return the position of a station; None if it is not known."""
        if number >= len(self._last) or not np.isfinite(self._last[number]).all():
            return None
        north, east = self._last[number].tolist()
        return north, east

    def is_usable(self, number: int) -> bool:
        """Return whether a station hardly moves, and its position is in the range of degrees."""
        moved = (self._highest[number] - self._lowest[number]).max() > _FARTHEST_DEGREES
        north, east = self._last[number]
        return bool(not moved and abs(north) <= 90 and -180 <= east <= 360)

    def _grow(self, count: int) -> None:
        more = max(0, count - len(self._last))
        fills = {"_last": np.nan, "_lowest": np.inf, "_highest": -np.inf}
        for name, fill in fills.items():
            setattr(self, name, np.concatenate([getattr(self, name), np.full((more, 2), fill)]))


def climatology_of(positions: list[Position | None]) -> npt.NDArray[np.float32]:
    """Return the climatology of each position, °C ``(n, 7)``; NaN where there is none, and on land."""
    coefficients = np.full((len(positions), COEFFICIENTS), np.nan, dtype=np.float32)
    known = [i for i, position in enumerate(positions) if position is not None]
    if known:
        latitudes, longitudes = zip(*(position for position in positions if position is not None), strict=True)
        coefficients[known] = GlobalClimatology.load().coefficients(latitudes, longitudes)
    return coefficients
