"""Draw sea cells of a grid at random, for a panel."""

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError
from forecasting.readers.base.place import name_place
from forecasting.readers.grid.cells import grid_axes, meshed, sea_of

if TYPE_CHECKING:
    import xarray as xr

_BLOCK_VALUES: Final = 8_000_000
"""Number of values of a grid in memory at a time."""


def draw_cells(
    data: "xr.Dataset",
    variables: "dict[str, xr.DataArray]",
    along: Hashable,
    count: int,
    seed: int,
    missing: tuple[float, ...] = (),
) -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """Draw up to ``count`` sea cells: the name of each, its variables along time, and a note.

    The grid is read only once, in blocks of times, whatever its chunks.

    Raises:
        FileError: if the axes are not latitude and longitude, or there is no sea cell.
    """
    import xarray

    value = variables["value"]
    lat, lon = grid_axes(data, value, along)
    dims = tuple(dict.fromkeys((*lat.dims, *lon.dims)))
    whole = {dim: slice(0, value.sizes[dim]) for dim in dims}
    sea = np.flatnonzero(sea_of(value, along, whole, dims, missing))
    if not len(sea):
        raise FileError("has no sea cell: every value is missing")
    chosen = np.sort(np.random.default_rng(seed).choice(sea, min(count, len(sea)), replace=False))
    lats, lons = (axis.ravel()[chosen] for axis in meshed(lat, lon, whole))
    columns = {name: _columns(variable, along, dims, chosen) for name, variable in variables.items()}
    note = f"one of {len(chosen)} cells drawn from {len(sea)} sea cells with seed {seed}"
    for column, place in enumerate(zip(lats, lons, strict=True)):
        cell = {
            name: xarray.DataArray(table[:, column], dims=(along,), name=variables[name].name)
            for name, table in columns.items()
        }
        yield name_place(place), cell, (note,)


def _columns(
    variable: "xr.DataArray", along: Hashable, dims: tuple[Hashable, ...], chosen: npt.NDArray[np.intp]
) -> npt.NDArray[Any]:
    """Values of the chosen cells, ``(times, cells)``."""
    ordered = variable.transpose(along, *dims)
    n, cells = ordered.sizes[along], int(np.prod([ordered.sizes[dim] for dim in dims]))
    size = max(1, _BLOCK_VALUES // cells)
    blocks = (ordered.isel({along: slice(begin, begin + size)}).values for begin in range(0, n, size))
    return np.concatenate([block.reshape(len(block), -1)[:, chosen] for block in blocks])
