"""Describe a whole grid without reading much of it, if no place is chosen."""

from collections.abc import Hashable
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.errors import RangeError, SeriesError
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.base.place import Place
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
"""Largest grid that one time is read from, since whole chunks of many times may have to be read."""


def overview(
    data: "xr.Dataset", value: "xr.DataArray", along: Hashable, options: ReadingOptions, notes: tuple[str, ...] = ()
) -> Grid:
    """Describe a variable along time and over its cells.

    Args:
        data: the dataset of the variable.
        value: the variable, with dimensions of time and space only.
        along: its dimension of time.
        options: what to override.
        notes: on how other dimensions were removed.

    Raises:
        FileError: if units, times or axes are unknown.
    """
    units, units_from, doubts = find_units(data[str(value.name)], options)
    time = find_time(data, value, options)
    times = find_times(data, time)
    lat, lon = grid_axes(data, value, along)
    dims = tuple(dict.fromkeys((*lat.dims, *lon.dims)))
    lats, lons = meshed(lat, lon, {dim: slice(0, value.sizes[dim]) for dim in dims})
    step, step_notes = _step(times[~np.isnat(times)])
    notes = (*notes, *doubts, *step_notes)
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
            notes = (*notes, str(error))
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
    """The step of the times, None if they are irregular, and notes on it."""
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
    """The cell with a value nearest to the middle of the grid; None if no cell has a value."""
    observed = np.argwhere(np.isfinite(values))
    if not len(observed):
        return None
    distances = np.abs(observed - (np.asarray(values.shape) - 1) / 2).max(axis=1)
    chosen = tuple(observed[int(distances.argmin())])
    return float(lats[chosen]), float(lons[chosen])
