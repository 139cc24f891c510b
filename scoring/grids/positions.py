"""Positions of the cells of a grid."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.grid.cells import grid_axes, meshed

if TYPE_CHECKING:
    from forecasting.readers.grid.fields import Field

POSITIONS: Final = "positions.f4"

Positions = npt.NDArray[np.float32]

_NEAR_DEGREES: Final = 2.0
_FARTHEST_CELLS: Final = 64
_CELLS_MEASURED: Final = 10_000
"""First cells of a grid that tell how far apart cells are."""


def positions_of(field: "Field") -> Positions | None:
    """Return latitude and longitude of each cell, float32 ``(cells, 2)``; None if they are not known.

    They are not known where dimensions are not latitude and longitude, or hold other numbers than degrees.
    """
    try:
        lat, lon = grid_axes(field.data, field.value, field.along)
    except FileError:
        return None
    north, east = meshed(lat, lon, {dim: slice(None) for dim in field.dims})
    dims = tuple(map(str, dict.fromkeys((*lat.dims, *lon.dims))))
    if set(dims) != set(field.dims) or north.shape != east.shape:
        return None
    order = [dims.index(dim) for dim in field.dims]
    places = np.stack([axis.transpose(order).ravel() for axis in (north, east)], axis=1)
    with np.errstate(invalid="ignore"):
        outside = (np.abs(places[:, 0]) > 90) | (places[:, 1] < -180) | (places[:, 1] > 360)
    return None if outside.any() else places.astype(np.float32)


def write_positions(places: Positions, folder: Path) -> None:
    """Write positions to ``folder``."""
    (folder / POSITIONS).write_bytes(places.astype("<f4").tobytes())


def cells_between_judged(places: Positions) -> int:
    """Return N, so that each cell is at most 2° along its row from one of every N cells."""
    distances = np.abs(np.diff(places[: _CELLS_MEASURED + 1], axis=0)).sum(axis=1)
    known = distances[np.isfinite(distances) & (distances > 0)]
    return int(np.clip(2 * _NEAR_DEGREES / np.median(known) + 0.01, 1, _FARTHEST_CELLS)) if len(known) else 1
