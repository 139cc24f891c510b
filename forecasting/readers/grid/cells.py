"""The cells of a grid: the one nearest to a place, a sample of them, and a description of all."""

from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import FileError, RangeError, SeriesError
from forecasting.readers.grid.cf import as_written
from forecasting.readers.grid.fields import Field
from forecasting.readers.options import AT
from forecasting.readers.place import Place, distance_km, name_place
from forecasting.readers.reading import Grid
from forecasting.remedies import Remedy, Setting
from forecasting.series.shape import missing_runs
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, short
from forecasting.series.units import sea_temperatures
from forecasting.wording import counted

if TYPE_CHECKING:
    import xarray as xr

_SEARCHED_CELLS: Final = 10
"""Number of cells in each direction that are searched for sea if the nearest cell is land."""
_SAMPLED_TIMES: Final = 12
"""Number of times at which a cell is examined to distinguish land from sea."""

_UNITS: Final = {"latitude": ("degrees_north", "degree_north"), "longitude": ("degrees_east", "degree_east")}

Index = dict[Hashable, int]


class NoPlaceError(FileError):
    """A readable grid for which no place was chosen; ``grid`` describes it, with a cell as a possible answer."""

    def __init__(self, message: str, grid: Grid) -> None:
        remedy = Remedy.of("; choose a place with {}", AT)
        if grid.example is not None:
            written = ",".join(f"{degrees:g}" for degrees in grid.example)
            remedy = remedy.offering(Setting("at", written, f"The middle, {name_place(grid.example)}"))
        super().__init__(message, remedy=remedy)
        self.grid = grid


def grid_axes(data: "xr.Dataset", value: "xr.DataArray", along: Hashable) -> "tuple[xr.DataArray, xr.DataArray]":
    """Return the latitudes and longitudes of a variable's cells."""
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


def _extent(axes: "tuple[xr.DataArray, xr.DataArray]") -> str:
    lats, lons = (f"{float(axis.min()):g} to {float(axis.max()):g}" for axis in axes)
    return f"latitudes {lats} and longitudes {lons}"


def take_cell(field: Field, value: "xr.DataArray", at: Place | None) -> tuple[Index, tuple[str, ...]]:
    """Find the sea cell of ``value``, a variable of ``field``, that is nearest to a place."""
    lat, lon = grid_axes(field.data, value, field.along)
    if at is None:
        shape = " × ".join(str(value.sizes[dim]) for dim in value.dims if dim != field.along)
        raise NoPlaceError(f"is a grid of {shape} cells, {_extent((lat, lon))}", overview(field, value))
    reach = _SEARCHED_CELLS
    nearest = _nearest(lat, lon, at).items()
    box = {dim: slice(max(0, i - reach), min(value.sizes[dim], i + reach + 1)) for dim, i in nearest}
    near_lat, near_lon = meshed(lat, lon, box)
    km = distance_km(at, near_lat, near_lon)
    if float(np.nanmin(km)) > 2 * _spacing(near_lat, near_lon):
        raise FileError(f"does not reach {name_place(at)}; its grid has {_extent((lat, lon))}")
    sea = sea_of(field, value, box)
    if not sea.any():
        message = f"has no sea cell within {_SEARCHED_CELLS} cells of {name_place(at)}"
        raise FileError(message, remedy=Remedy.of("; choose another place with {}", AT))
    chosen = np.unravel_index(int(np.where(sea, km, np.inf).argmin()), km.shape)
    there = name_place((near_lat[chosen], near_lon[chosen]))
    note = f"cell {there}, {km[chosen]:.1f} km from {name_place(at)}"
    if not sea[np.unravel_index(int(np.nanargmin(km)), km.shape)]:
        note += ", the nearest sea cell"
    return {dim: near.start + int(offset) for (dim, near), offset in zip(box.items(), chosen, strict=True)}, (note,)


def _nearest(lat: "xr.DataArray", lon: "xr.DataArray", at: Place) -> Index:
    separate = lat.ndim == lon.ndim == 1 and lat.dims != lon.dims
    axes = (lat, lon if separate else lon.transpose(*lat.dims))
    north, east = (np.asarray(axis.values, dtype=np.float64) for axis in axes)
    if separate:
        off = (east - at[1] + 180) % 360 - 180
        return {lat.dims[0]: int(np.nanargmin(np.abs(north - at[0]))), lon.dims[0]: int(np.nanargmin(np.abs(off)))}
    km = distance_km(at, north, east)
    return dict(zip(lat.dims, map(int, np.unravel_index(int(np.nanargmin(km)), km.shape)), strict=True))


def meshed(lat: "xr.DataArray", lon: "xr.DataArray", box: dict[Hashable, slice]) -> tuple[Floats, Floats]:
    """Return the latitude and longitude of every cell in the box, in the order of their dimensions."""
    near = [np.asarray(axis.isel({d: box[d] for d in axis.dims}).values, dtype=np.float64) for axis in (lat, lon)]
    if lat.ndim == 1 and lat.dims != lon.dims:
        north, east = np.meshgrid(near[0], near[1], indexing="ij")
        return north, east
    return near[0], near[1] if lat.dims == lon.dims else near[1].T


def _spacing(lats: Floats, lons: Floats) -> float:
    """Return how far neighbouring cells in a box are from each other in km, along its wider spaced dimension."""
    middle = tuple(size // 2 for size in lats.shape)
    others = distance_km((lats[middle], lons[middle]), lats, lons)
    lines = [others] if others.ndim == 1 else [others[:, middle[1]], others[middle[0]]]
    return max((float(np.sort(line)[1]) for line in lines if len(line) > 1), default=np.inf)


def sea_of(field: Field, value: "xr.DataArray", box: dict[Hashable, slice]) -> Any:
    """Return which cells in the box hold a value at any of several times spread over the whole period."""
    count = value.sizes[field.along]
    at = np.unique(np.linspace(0, count - 1, min(count, _SAMPLED_TIMES)).astype(int))
    near = value.isel(box | {field.along: at}).transpose(field.along, *box)
    values, _ = field.validity.masked(np.asarray(near.values))
    return np.isfinite(values).any(axis=0)


_BLOCK_VALUES: Final = 8_000_000
"""Number of values of a grid in memory at a time."""


def draw_cells(
    field: Field, variables: "dict[str, xr.DataArray]", count: int, seed: int
) -> Iterator[tuple[str, dict[str, Any], tuple[str, ...]]]:
    """Draw up to ``count`` sea cells: the name of each, its ``variables`` of ``field`` along time, and a note.

    The grid is read only once, in blocks of times, whatever its chunks.
    """
    import xarray

    value, along = variables["value"], field.along
    lat, lon = grid_axes(field.data, value, along)
    whole = {dim: slice(0, value.sizes[dim]) for dim in (*lat.dims, *lon.dims)}
    sea = np.flatnonzero(sea_of(field, value, whole))
    if not len(sea):
        raise FileError("has no sea cell: every value is missing")
    chosen = np.sort(np.random.default_rng(seed).choice(sea, min(count, len(sea)), replace=False))
    lats, lons = (axis.ravel()[chosen] for axis in meshed(lat, lon, whole))
    columns = {name: _columns(variable, along, tuple(whole), chosen) for name, variable in variables.items()}
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
    """Return the values of the chosen cells, ``(times, cells)``."""
    ordered = variable.transpose(along, *dims)
    n, cells = ordered.sizes[along], int(np.prod([ordered.sizes[dim] for dim in dims]))
    size = max(1, _BLOCK_VALUES // cells)
    blocks = (ordered.isel({along: slice(begin, begin + size)}).values for begin in range(0, n, size))
    return np.concatenate([block.reshape(len(block), -1)[:, chosen] for block in blocks])


_MAX_VALUES: Final = 50_000_000
"""Largest grid that one time is read from, since whole chunks of many times may have to be read."""


def overview(field: Field, value: "xr.DataArray") -> Grid:
    """Describe a variable of ``field`` with dimensions of time and space only."""
    lat, lon = grid_axes(field.data, value, field.along)
    whole = {dim: slice(0, value.sizes[dim]) for dim in (*lat.dims, *lon.dims)}
    lats, lons = meshed(lat, lon, whole)
    times, known = field.times, field.times[~np.isnat(field.times)]
    step, step_notes = _step(known)
    notes = (*field.notes, *field.doubts, *step_notes)
    span: tuple[float, float] | None = None
    example: Place | None = None
    if value.size <= _MAX_VALUES and len(times):
        at = len(times) // 2
        plane = value.isel({field.along: at}).transpose(*whole)
        values = as_written(field.validity.masked(np.asarray(plane.values))[0])
        example = _sea_in_the_middle(values, lats, lons)
        try:
            celsius = sea_temperatures(values.ravel(), field.units, lambda i: f"a value of {short(times[at])}")
        except RangeError as error:
            notes = (*notes, str(error))
        else:
            span = None if example is None else (float(np.nanmin(celsius)), float(np.nanmax(celsius)))
        if example is None:
            notes = (*notes, f"no cell holds a value at {short(times[at])}")
    return Grid(
        time=field.time,
        value=str(value.name),
        units=field.units,
        units_from=field.units_from,
        step=step,
        times=len(np.unique(known)),
        start=known.min() if len(known) else None,
        end=known.max() if len(known) else None,
        cells={str(dim): value.sizes[dim] for dim in whole},
        latitudes=(float(np.nanmin(lats)), float(np.nanmax(lats))),
        longitudes=(float(np.nanmin(lons)), float(np.nanmax(lons))),
        range=span,
        example=example,
        notes=notes,
    )


def _step(times: Times) -> tuple[str | None, tuple[str, ...]]:
    """Return the step of the times, None if they are irregular, and notes on it."""
    try:
        series = SstSeries.from_observations(times, np.zeros(len(times)), where=lambda i: f"time {short(times[i])}")
    except SeriesError as error:
        return None, (str(error),)
    runs = missing_runs(series.values)
    if not len(runs):
        return str(series.step), series.notes
    lengths = runs[:, 1] - runs[:, 0]
    longest = short(series.times[runs[lengths.argmax(), 0]])
    absent = f"{lengths.sum()} of {counted(len(series), 'time')} are absent, in {counted(len(runs), 'gap')}"
    return str(series.step), (*series.notes, f"{absent}; the longest, of {lengths.max()}, begins {longest}")


def _sea_in_the_middle(values: Floats, lats: Floats, lons: Floats) -> Place | None:
    """Return the cell with a value nearest to the middle of the grid; None if no cell has a value."""
    observed = np.argwhere(np.isfinite(values))
    if not len(observed):
        return None
    distances = np.abs(observed - (np.asarray(values.shape) - 1) / 2).max(axis=1)
    chosen = tuple(observed[int(distances.argmin())])
    return float(lats[chosen]), float(lons[chosen])
