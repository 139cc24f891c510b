"""A climatology of the whole sea on a grid of 2°, with a finer mask of where there is sea."""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import RequestError
from forecasting.series.times import Bools, Floats

_RANGES: Final = {"latitude": (-90.0, 90.0), "longitude": (-180.0, 360.0)}


def checked_positions(latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return both coordinates with one shape, and longitudes from 0 to less than 360."""
    north, east = np.broadcast_arrays(_checked(latitude, "latitude"), _checked(longitude, "longitude"))
    return north, east % 360.0


def _checked(degrees: npt.ArrayLike, field: str) -> Floats:
    values = np.asarray(degrees, dtype=np.float64)
    lowest, highest = _RANGES[field]
    valid = (values >= lowest) & (values <= highest)
    if not valid.all():
        wrong = values[~valid].flat[0]
        raise RequestError(f"{field} must be from {lowest:g} to {highest:g} degrees, not {wrong:g}", field=field)
    return values


FILE: Final = Path(__file__).with_name("climatology.npz")

YEARS: Final = (2010, 2020)
"""The years of its level."""

SPREAD_COEFFICIENTS: Final = 3
"""Mean and first harmonic of the logarithm of the standard deviation of daily anomalies."""

CELL_DEGREES: Final = 2
GRID_SHAPE: Final = (180 // CELL_DEGREES, 360 // CELL_DEGREES)
"""Rows from south to north, columns from 0° to the east."""

MASK_NODES_PER_DEGREE: Final = 12
MASK_SHAPE: Final = (180 * MASK_NODES_PER_DEGREE + 1, 360 * MASK_NODES_PER_DEGREE)
"""Nodes from 90° S to 90° N and from 0° eastwards, one bit each."""

COAST_KM: Final = 25.0
"""How far from the sea a position may be and still count as at sea: piers, lagoons, rounded coordinates."""

Coefficients = npt.NDArray[np.float32]

_UNIT: Final = 0.002
"""The resolution of coefficients in the file."""

_NO_DATA: Final = np.iinfo(np.int16).min

_LEAST_WEIGHT: Final = 1e-6
"""Lets a position on the line between two centres on land still use the cells beside the line."""


@dataclass(frozen=True, eq=False)
class GlobalClimatology:
    """The annual cycle of SST at any position at sea, and how much days depart from it.

    Attributes:
        cells: coefficients of :mod:`forecasting.climatology.annual_cycle`, °C, ``(90, 180, 7)``; NaN on land.
        spread_cells: the first of the same coefficients, for the logarithm of the standard deviation of daily
            anomalies in °C, ``(90, 180, 3)``; NaN on land.
        near_sea: whether each node of the mask is at most 25 km from the sea, as packed bits, ``(2161, 540)``.
        provenance: where the values come from: source, package, sha256 of the files, date.
    """

    cells: Coefficients
    spread_cells: Coefficients
    near_sea: npt.NDArray[np.uint8]
    provenance: dict[str, str]

    @classmethod
    def load(cls) -> "GlobalClimatology":
        """Return the climatology included in the package; its file is read only once."""
        return _shipped()

    @classmethod
    def read(cls, path: Path) -> "GlobalClimatology":
        """Read a climatology that :meth:`write` has written."""
        with np.load(path, allow_pickle=False) as arrays:
            cells, spread_cells = (
                np.where(arrays[name] == _NO_DATA, np.float32(np.nan), arrays[name] * np.float32(_UNIT))
                for name in ("cells", "spread_cells")
            )
            return cls(cells, spread_cells, arrays["near_sea"], json.loads(str(arrays["provenance"])))

    def write(self, path: Path) -> None:
        """Write to a compressed ``.npz`` file, with coefficients rounded to 0.002."""
        cells, spread_cells = (
            np.where(np.isnan(values), _NO_DATA, np.round(values / _UNIT)).astype(np.int16)
            for values in (self.cells, self.spread_cells)
        )
        provenance = np.array(json.dumps(self.provenance))
        np.savez_compressed(path, cells=cells, spread_cells=spread_cells, near_sea=self.near_sea, provenance=provenance)

    def is_sea(self, latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> Bools:
        """Return whether positions are in the sea or within about 25 km of it. Lakes are land; the Caspian is a sea."""
        return self._is_sea(*checked_positions(latitude, longitude))

    def coefficients(self, latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> Coefficients:
        """Return the annual cycle at positions, for :func:`~forecasting.climatology.annual_cycle.evaluate`.

        Interpolates bilinearly between the centres of the cells that have sea.

        Returns:
            °C, ``(..., 7)``; NaN on land.
        """
        return self._at(self._padded, latitude, longitude)

    def spread(self, latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> Coefficients:
        """Return by how much daily anomalies vary at positions through the year.

        Returns:
            Mean and first harmonic of the logarithm of their standard deviation in °C, ``(..., 3)``; NaN on land.
        """
        return self._at(self._padded_spread, latitude, longitude)

    def _at(self, padded: Coefficients, latitude: npt.ArrayLike, longitude: npt.ArrayLike) -> Coefficients:
        north, east = checked_positions(latitude, longitude)
        values = np.full((*north.shape, padded.shape[-1] - 1), np.nan, dtype=np.float32)
        sea = self._is_sea(north, east)
        values[sea] = _interpolated(padded, north[sea], east[sea])
        return values

    def _is_sea(self, north: Floats, east: Floats) -> Bools:
        rows = np.rint((north + 90.0) * MASK_NODES_PER_DEGREE).astype(np.intp)
        columns = np.rint(east * MASK_NODES_PER_DEGREE).astype(np.intp) % MASK_SHAPE[1]
        bits: Bools = (self.near_sea[rows, columns >> 3] >> (7 - (columns & 7)) & 1).astype(np.bool_)
        return bits

    @cached_property
    def _padded(self) -> Coefficients:
        return _padded(self.cells)

    @cached_property
    def _padded_spread(self) -> Coefficients:
        return _padded(self.spread_cells)


def _padded(cells: Coefficients) -> Coefficients:
    """Return cells with a last column that is 1 where there is sea; where there is none, all are 0."""
    sea = np.isfinite(cells[..., :1])
    return np.concatenate([np.where(sea, cells, np.float32(0.0)), sea.astype(np.float32)], axis=-1)


def _interpolated(padded: Coefficients, north: Floats, east: Floats) -> Coefficients:
    y = np.clip((north + 90.0) / CELL_DEGREES - 0.5, 0.0, GRID_SHAPE[0] - 1.0)
    x = (east / CELL_DEGREES - 0.5) % GRID_SHAPE[1]
    south = np.minimum(y.astype(np.intp), GRID_SHAPE[0] - 2)
    west = x.astype(np.intp) % GRID_SHAPE[1]
    northward, eastward = y - south, x - np.floor(x)
    sums = np.zeros((len(north), padded.shape[-1]), dtype=np.float32)
    for row, along_y in ((south, 1.0 - northward), (south + 1, northward)):
        for column, along_x in ((west, 1.0 - eastward), ((west + 1) % GRID_SHAPE[1], eastward)):
            weights = (along_y * along_x + _LEAST_WEIGHT).astype(np.float32)
            sums += weights[:, np.newaxis] * padded[row, column]
    covered = sums[:, -1:]
    covered[covered == 0.0] = np.nan
    return sums[:, :-1] / covered


@cache
def _shipped() -> GlobalClimatology:
    return GlobalClimatology.read(FILE)
