"""The cell of a grid that is next to a place and holds sea."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.base.geometry import distance_km, name_place
from forecasting.readers.base.options import Place
from forecasting.readers.base.validity import Validity
from forecasting.readers.result.reading import Grid
from forecasting.series.times import Floats

if TYPE_CHECKING:
    import xarray as xr

_SEARCHED_CELLS: Final = 10
"""Cells, each way, in which sea is looked for where the nearest cell is land."""
_SAMPLED_TIMES: Final = 12
"""Times at which a cell is looked at to tell land from sea."""

_UNITS: Final = {
    "latitude": ("degrees_north", "degree_north"),
    "longitude": ("degrees_east", "degree_east"),
}

Index = dict[Hashable, int]


class NoPlaceError(FileError):
    """A grid, where no place was asked for: not unreadable, but no series yet; ``grid`` is what can be said of it."""

    def __init__(self, message: str, grid: Grid | None = None) -> None:
        super().__init__(message)
        self.grid = grid


def take_cell(
    data: "xr.Dataset", value: "xr.DataArray", along: Hashable, at: Place | None, missing: tuple[float, ...] = ()
) -> tuple[Index, tuple[str, ...]]:
    """Where on the grid the nearest sea is, and a sentence that says which cell that is.

    Raises:
        FileError: if the axes are no latitude and longitude, or the place is off the grid or far from any sea.
        NoPlaceError: if no place was asked for.
    """
    lat, lon = grid_axes(data, value, along)
    dims = [dim for dim in value.dims if dim != along]
    lats, lons = np.asarray(lat.values, dtype=np.float64), np.asarray(lon.values, dtype=np.float64)
    if at is None:
        shape = " × ".join(str(value.sizes[dim]) for dim in dims)
        raise NoPlaceError(f"is a grid of {shape} cells, {_extent(lats, lons)}; name a place with --at LAT,LON")
    return _nearest_sea(value, along, (lat, lon), at, missing)


def grid_axes(data: "xr.Dataset", value: "xr.DataArray", along: Hashable) -> "tuple[xr.DataArray, xr.DataArray]":
    """Latitudes and longitudes of a variable's cells.

    Raises:
        FileError: if its dimensions besides time are none.
    """
    dims = [dim for dim in value.dims if dim != along]
    lat, lon = _axis(data, value, "latitude", "Y"), _axis(data, value, "longitude", "X")
    if lat is None or lon is None or set(lat.dims) | set(lon.dims) != set(dims):
        known = {*(() if lat is None else lat.dims), *(() if lon is None else lon.dims)}
        other = next((dim for dim in dims if dim not in known), dims[0])
        raise FileError(
            f"variable {value.name} has dimensions {', '.join(f'{dim} ({value.sizes[dim]})' for dim in dims)} besides "
            "time, which are no latitude and longitude by their attributes; keep one of each other, or their mean, as "
            f"by xarray's isel({other}=0) or mean({other!r})"
        )
    return lat, lon


def _axis(data: "xr.Dataset", value: "xr.DataArray", standard: str, letter: str) -> "xr.DataArray | None":
    short = standard[:3]
    for name in data.variables:
        one = data[name]
        said = one.attrs.get("standard_name") == standard or one.attrs.get("axis") == letter
        by_units = str(one.attrs.get("units", "")).lower() in _UNITS[standard]
        usual = str(name).lower() in (standard, short, f"nav_{short}")
        if (said or by_units or usual) and one.ndim in (1, 2) and set(one.dims) <= set(value.dims):
            return one
    return None


def _extent(lats: Floats, lons: Floats) -> str:
    south_west = (np.nanmin(lats), np.nanmin(lons))
    north_east = (np.nanmax(lats), np.nanmax(lons))
    return f"latitudes {south_west[0]:g} to {north_east[0]:g} and longitudes {south_west[1]:g} to {north_east[1]:g}"


def _nearest_sea(
    value: "xr.DataArray",
    along: Hashable,
    axes: "tuple[xr.DataArray, xr.DataArray]",
    at: Place,
    missing: tuple[float, ...],
) -> tuple[Index, tuple[str, ...]]:
    lat, lon = axes
    dims = tuple(dict.fromkeys((*lat.dims, *lon.dims)))
    nearest = _nearest(lat, lon, at)
    box = {dim: _around(value.sizes[dim], nearest[dim]) for dim in dims}
    near_lat, near_lon = meshed(lat, lon, box)
    km = distance_km(at, near_lat, near_lon)
    _refuse_off_grid(at, near_lat, near_lon, float(np.nanmin(km)), axes)
    sea = sea_of(value, along, box, dims, missing)
    if not sea.any():
        raise FileError(f"has no sea within {_SEARCHED_CELLS} cells of {name_place(at)}: choose another --at")
    chosen = np.unravel_index(int(np.where(sea, km, np.inf).argmin()), km.shape)
    there = name_place((near_lat[chosen], near_lon[chosen]))
    said = f"cell {there}, {km[chosen]:.1f} km from {name_place(at)}"
    if not sea[np.unravel_index(int(np.nanargmin(km)), km.shape)]:
        said += ": the nearest that holds sea"
    return {dim: box[dim].start + int(k) for dim, k in zip(dims, chosen, strict=True)}, (said,)


def _nearest(lat: "xr.DataArray", lon: "xr.DataArray", at: Place) -> Index:
    if lat.ndim == lon.ndim == 1:
        off = (np.asarray(lon.values, dtype=np.float64) - at[1] + 180) % 360 - 180
        return {
            lat.dims[0]: int(np.nanargmin(np.abs(np.asarray(lat.values, dtype=np.float64) - at[0]))),
            lon.dims[0]: int(np.nanargmin(np.abs(off))),
        }
    lon = lon.transpose(*lat.dims)
    km = distance_km(at, np.asarray(lat.values, dtype=np.float64), np.asarray(lon.values, dtype=np.float64))
    return dict(zip(lat.dims, map(int, np.unravel_index(int(np.nanargmin(km)), km.shape)), strict=True))


def _around(size: int, at: int) -> slice:
    return slice(max(0, at - _SEARCHED_CELLS), min(size, at + _SEARCHED_CELLS + 1))


def meshed(lat: "xr.DataArray", lon: "xr.DataArray", box: dict[Hashable, slice]) -> tuple[Floats, Floats]:
    """Latitude and longitude of every cell of the box, in the order of their dimensions."""
    near = [np.asarray(one.isel({d: box[d] for d in one.dims}).values, dtype=np.float64) for one in (lat, lon)]
    if lat.ndim == 1:
        north, east = np.meshgrid(near[0], near[1], indexing="ij")
        return north, east
    return near[0], near[1] if lat.dims == lon.dims else near[1].T


def _refuse_off_grid(at: Place, lats: Floats, lons: Floats, km: float, axes: Any) -> None:
    """A place farther from the nearest cell than the cells are from one another is not on the grid."""
    middle = (lats.shape[0] // 2, lats.shape[1] // 2)
    others = distance_km((lats[middle], lons[middle]), lats, lons)
    # Cells may lie farther from one another along one dimension than along the other.
    along = [others[:, middle[1]], others[middle[0]]]
    spacing = max((float(np.sort(one)[1]) for one in along if len(one) > 1), default=np.inf)
    if km > 2 * spacing:
        extent = _extent(np.asarray(axes[0].values, dtype=np.float64), np.asarray(axes[1].values, dtype=np.float64))
        raise FileError(f"does not reach {name_place(at)}: its grid has {extent}")


def sea_of(
    value: "xr.DataArray",
    along: Hashable,
    box: dict[Hashable, slice],
    dims: tuple[Hashable, ...],
    missing: tuple[float, ...] = (),
) -> Any:
    """Which cells of the box hold a value at any of some times spread over all."""
    count = value.sizes[along]
    at = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED_TIMES)).astype(int))
    near = value.isel(box | {along: at}).transpose(along, *dims)
    values, _ = Validity.of(value, missing).masked(np.asarray(near.values))
    return np.isfinite(values).any(axis=0)
