"""A grid of which no place was chosen: what can be said of all of it, with little of it read."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.errors import RangeError, SeriesError
from forecasting.readers.base.options import Options, Place
from forecasting.readers.base.validity import Validity, as_written
from forecasting.readers.grid.cells import grid_axes, meshed
from forecasting.readers.grid.cf import find_time, find_times, find_units
from forecasting.readers.result.reading import Grid
from forecasting.series.gaps import missing_runs
from forecasting.series.sea_range import sea_temperatures
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times, short
from forecasting.wording import counted

if TYPE_CHECKING:
    import xarray as xr

_MAX_VALUES: Final = 50_000_000
"""Values of a grid of which one time is read: of chunks that hold many times, all may have to be."""


def overview(
    data: "xr.Dataset", value: "xr.DataArray", along: Hashable, options: Options, notes: tuple[str, ...] = ()
) -> Grid:
    """What a variable holds along time and over its cells.

    Args:
        data: that it is of.
        value: with dimensions of time and place alone.
        along: its dimension of time.
        options: what is said of the file.
        notes: on how it came to have no other dimensions.

    Raises:
        FileError: as :func:`~forecasting.readers.grid.grids.read_grid` does of units, times and axes.
    """
    units, units_from, doubts = find_units(data[str(value.name)], options)
    time = find_time(data, value, options)
    times = find_times(data, time)
    lat, lon = grid_axes(data, value, along)
    dims = tuple(dict.fromkeys((*lat.dims, *lon.dims)))
    lats, lons = meshed(lat, lon, {dim: slice(0, value.sizes[dim]) for dim in dims})
    step, said = _step(times[~np.isnat(times)])
    notes = (*notes, *doubts, *said)
    span: tuple[float, float] | None = None
    example: Place | None = None
    known = times[~np.isnat(times)]
    if value.size <= _MAX_VALUES and len(times):
        at = len(times) // 2
        plane = value.isel({along: at}).transpose(*dims)
        values = as_written(Validity.of(value, options.missing).masked(np.asarray(plane.values))[0])
        example = _sea_in_the_middle(values, lats, lons)
        try:
            celsius = sea_temperatures(values.ravel(), units, lambda i: f"a value of {short(times[at])}")
        except RangeError as error:
            notes = (*notes, f"{error}{f', as {error.option} does' if error.option else ''}")
        else:
            span = None if example is None else (float(np.nanmin(celsius)), float(np.nanmax(celsius)))
        if example is None:
            notes = (*notes, f"no cell holds a value at {short(times[at])}")
    return Grid(
        time=time,
        value=str(value.name),
        units=units,
        units_from=units_from,
        step=step,
        times=len(np.unique(known)),
        start=known.min() if len(known) else None,
        end=known.max() if len(known) else None,
        cells={str(dim): value.sizes[dim] for dim in dims},
        latitudes=(float(np.nanmin(lats)), float(np.nanmax(lats))),
        longitudes=(float(np.nanmin(lons)), float(np.nanmax(lons))),
        range=span,
        example=example,
        notes=notes,
    )


def _step(times: Times) -> tuple[str | None, tuple[str, ...]]:
    """The step that times keep to, None where they keep to none, and what to say of it."""
    try:
        series = SstSeries.from_observations(times, np.zeros(len(times)), place=lambda i: f"time {short(times[i])}")
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
    """Of the cells with a value the one next to the middle of the grid; None where there is none."""
    found = np.argwhere(np.isfinite(values))
    if not len(found):
        return None
    off = np.abs(found - (np.asarray(values.shape) - 1) / 2).max(axis=1)
    chosen = tuple(found[int(off.argmin())])
    return float(lats[chosen]), float(lons[chosen])
