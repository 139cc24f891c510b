"""Find the sea cell nearest to a place."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.base.options import AT
from forecasting.readers.base.place import Place, distance_km, name_place
from forecasting.readers.base.validity import Validity
from forecasting.readers.result.reading import Grid
from forecasting.remedies import Remedy
from forecasting.series.times import Floats

if TYPE_CHECKING:
    import xarray as xr

_SEARCHED_CELLS: Final = 10
"""Number of cells in each direction that are searched for sea if the nearest cell is land."""
_SAMPLED_TIMES: Final = 12
"""Number of times at which a cell is examined to distinguish land from sea."""

_UNITS: Final = {
    "latitude": ("degrees_north", "degree_north"),
    "longitude": ("degrees_east", "degree_east"),
}

Index = dict[Hashable, int]


class NoPlaceError(FileError):
    """A readable grid for which no place was chosen; ``grid`` describes it."""

    grid: Grid | None = None


def take_cell(
    data: "xr.Dataset", value: "xr.DataArray", along: Hashable, at: Place | None, missing: tuple[float, ...] = ()
) -> tuple[Index, tuple[str, ...]]:
    """Find the nearest sea cell; return its index and a note that describes it.

    Raises:
        FileError: if the axes are not latitude and longitude, or the place is off the grid or far from any sea.
        NoPlaceError: if no place is chosen.
    """
    lat, lon = grid_axes(data, value, along)
    dims = [dim for dim in value.dims if dim != along]
    lats, lons = np.asarray(lat.values, dtype=np.float64), np.asarray(lon.values, dtype=np.float64)
    if at is None:
        shape = " × ".join(str(value.sizes[dim]) for dim in dims)
        message = f"is a grid of {shape} cells, {_extent(lats, lons)}"
        raise NoPlaceError(message, remedy=Remedy.of("; choose a place with {}", AT))
    return _nearest_sea(value, along, (lat, lon), at, missing)


def grid_axes(data: "xr.Dataset", value: "xr.DataArray", along: Hashable) -> "tuple[xr.DataArray, xr.DataArray]":
    """Latitudes and longitudes of a variable's cells.

    Raises:
        FileError: if its dimensions other than time are not latitude and longitude.
    """
    dims = [dim for dim in value.dims if dim != along]
    lat, lon = _axis(data, value, "latitude", "Y"), _axis(data, value, "longitude", "X")
    if lat is None or lon is None or set(lat.dims) | set(lon.dims) != set(dims):
        known = {*(() if lat is None else lat.dims), *(() if lon is None else lon.dims)}
        other = next((dim for dim in dims if dim not in known), dims[0])
        raise FileError(
            f"variable {value.name} has dimensions {', '.join(f'{dim} ({value.sizes[dim]})' for dim in dims)} in "
            "addition to time, and their attributes do not identify them as latitude and longitude; select from or "
            f"average over the others, for example with xarray's isel({other}=0) or mean({other!r})"
        )
    return lat, lon


def _axis(data: "xr.Dataset", value: "xr.DataArray", standard: str, letter: str) -> "xr.DataArray | None":
    short = standard[:3]
    for name in data.variables:
        axis = data[name]
        declared = axis.attrs.get("standard_name") == standard or axis.attrs.get("axis") == letter
        by_units = str(axis.attrs.get("units", "")).lower() in _UNITS[standard]
        usual = str(name).lower() in (standard, short, f"nav_{short}")
        if (declared or by_units or usual) and axis.ndim in (1, 2) and set(axis.dims) <= set(value.dims):
            return axis
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
        message = f"has no sea cell within {_SEARCHED_CELLS} cells of {name_place(at)}"
        raise FileError(message, remedy=Remedy.of("; choose another place with {}", AT))
    chosen = np.unravel_index(int(np.where(sea, km, np.inf).argmin()), km.shape)
    there = name_place((near_lat[chosen], near_lon[chosen]))
    note = f"cell {there}, {km[chosen]:.1f} km from {name_place(at)}"
    if not sea[np.unravel_index(int(np.nanargmin(km)), km.shape)]:
        note += ", the nearest sea cell"
    return {dim: box[dim].start + int(offset) for dim, offset in zip(dims, chosen, strict=True)}, (note,)


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
    """Latitude and longitude of every cell in the box, in the order of their dimensions."""
    near = [np.asarray(axis.isel({d: box[d] for d in axis.dims}).values, dtype=np.float64) for axis in (lat, lon)]
    if lat.ndim == 1:
        north, east = np.meshgrid(near[0], near[1], indexing="ij")
        return north, east
    return near[0], near[1] if lat.dims == lon.dims else near[1].T


def _refuse_off_grid(at: Place, lats: Floats, lons: Floats, km: float, axes: Any) -> None:
    """Refuse a place that is farther from the nearest cell than neighbouring cells are from each other."""
    middle = (lats.shape[0] // 2, lats.shape[1] // 2)
    others = distance_km((lats[middle], lons[middle]), lats, lons)
    # The spacing may differ between the dimensions.
    lines = [others[:, middle[1]], others[middle[0]]]
    spacing = max((float(np.sort(line)[1]) for line in lines if len(line) > 1), default=np.inf)
    if km > 2 * spacing:
        extent = _extent(np.asarray(axes[0].values, dtype=np.float64), np.asarray(axes[1].values, dtype=np.float64))
        raise FileError(f"does not reach {name_place(at)}; its grid has {extent}")


def sea_of(
    value: "xr.DataArray",
    along: Hashable,
    box: dict[Hashable, slice],
    dims: tuple[Hashable, ...],
    missing: tuple[float, ...] = (),
) -> Any:
    """Which cells in the box hold a value at any of several times spread over the whole period."""
    count = value.sizes[along]
    at = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED_TIMES)).astype(int))
    near = value.isel(box | {along: at}).transpose(along, *dims)
    values, _ = Validity.of(value, missing).masked(np.asarray(near.values))
    return np.isfinite(values).any(axis=0)
