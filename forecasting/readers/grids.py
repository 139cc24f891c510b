"""NetCDF and Zarr by their CF attributes: one variable, at one place, as observations.

xarray is imported when a grid is read, and not before: it comes with an extra.
"""

from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.cells import NoPlaceError, take_cell
from forecasting.readers.cf import (
    along_own,
    find_flags,
    find_time,
    find_times,
    find_units,
    find_variable,
    one_depth,
    opened,
    readable,
)
from forecasting.readers.flags import Marked, heed
from forecasting.readers.options import Options
from forecasting.readers.reading import Columns, Observations
from forecasting.readers.sample import draw_cells
from forecasting.readers.table import one_line
from forecasting.timestep import Floats, Times, short

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NoPlaceError", "read_grid"]


def read_grid(path: Path, kind: str, options: Options) -> list[Observations]:
    """Observations in a NetCDF file or a Zarr store, one entry a station.

    Raises:
        FileError: if it cannot be read, or its variables cannot be understood: which, and what to do.
        NoPlaceError: if it is a grid and no place was asked for.
    """
    with opened(path, kind) as data, readable(kind):
        return list(_stations(data, options))


def _stations(data: "xr.Dataset", options: Options) -> Iterator[Observations]:
    value = find_variable(data, options)
    units, units_from, doubt = find_units(data[value], options)
    time = find_time(data, data[value], options)
    along = data[time].dims[0]
    taken: dict[str, xr.DataArray] = {"value": data[value]}
    flags = find_flags(data, value, options)
    if flags is not None:
        taken["flags"] = data[flags]
    columns = Columns(time, value, None, flags)
    for station, variables, notes in _at_places(data, taken, along, options):
        times = find_times(data, time)
        values = _numbers(variables["value"], options)
        counts: dict[int, int] = {}
        warned: tuple[str, ...] = ()
        marked: Marked | None = None
        if flags is not None:
            given = np.asarray(variables["flags"].values, dtype=np.float64)
            flagged = heed(values, given, flags)
            marked = Marked.among(times, values, given) if flagged.counts else None
            values, counts, warned = flagged.values, flagged.counts, flagged.warnings
        kept = ~np.isnat(times)
        times, values = times[kept], values[kept]
        yield Observations(
            station, times, values, _placer(times), columns, units, units_from, counts, notes, (*doubt, *warned), marked
        )


def _placer(times: Times) -> Callable[[int], str]:
    return lambda i: f"time {short(times[i])}"


def _numbers(variable: "xr.DataArray", options: Options) -> Floats:
    values = np.array(variable.values, dtype=np.float64)
    if values.ndim != 1:
        raise FileError(f"variable {variable.name} has dimensions {', '.join(map(str, variable.dims))} left over")
    values[np.isin(values, options.missing)] = np.nan
    # Packed in single precision: what a sensor cannot tell apart is not kept.
    return np.asarray(np.round(values, 6), dtype=np.float64)


Found = tuple[str | None, dict[str, Any], tuple[str, ...]]


def _at_places(
    data: "xr.Dataset", taken: "dict[str, xr.DataArray]", along: Hashable, options: Options
) -> Iterator[Found]:
    """The variables along time alone, once for each station or for the place that was asked for."""
    notes: list[str] = []
    taken = one_depth(data, taken, along, options, notes)
    rest = [dim for dim in taken["value"].dims if dim != along]
    single = {dim: 0 for dim in rest if taken["value"].sizes[dim] == 1}
    station_dim = next((dim for dim in rest if dim not in single and _station_names(data, dim)), None)
    if station_dim is not None:
        yield from _each_station(data, taken, station_dim, single, options, tuple(notes))
        return
    if set(rest) - set(single):
        if options.sample is not None:
            plane = {name: one.isel(along_own(one, single)) for name, one in taken.items()}
            for name, variables, said in draw_cells(data, plane, along, options.sample, options.seed):
                yield name, variables, (*notes, *said)
            return
        index, said = take_cell(data, taken["value"].isel(single), along, options.at)
        yield None, {name: one.isel(along_own(one, single | index)) for name, one in taken.items()}, (*notes, *said)
        return
    squeezed = {name: one.isel(along_own(one, single)) for name, one in taken.items()}
    yield from _by_rows(data, squeezed, along, options, tuple(notes))


def _station_variable(data: "xr.Dataset", dim: Hashable) -> str | None:
    """The variable along ``dim`` that names stations."""
    for name in data.variables:
        one = data[name]
        usual = str(name).lower() in ("station", "station_id", "station_name", "platform", "buoy", "site")
        if one.dims == (dim,) and (one.attrs.get("cf_role") == "timeseries_id" or (usual and one.dtype.kind in "OSUi")):
            return str(name)
    return None


def _station_names(data: "xr.Dataset", dim: Hashable) -> list[str]:
    name = _station_variable(data, dim)
    if name is None:
        return []
    return [_text(one) for one in np.asarray(data[name].values).tolist()]


def _text(one: Any) -> str:
    return one_line(one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one))


def _each_station(
    data: "xr.Dataset", taken: "dict[str, xr.DataArray]", dim: Hashable, single: dict[Hashable, int],
    options: Options, notes: tuple[str, ...],
) -> Iterator[Found]:  # fmt: skip
    names = _station_names(data, dim)
    if options.station is not None and options.station not in names:
        raise FileError(f"has no station {options.station!r}; it has {', '.join(names[:12])}")
    for at, name in enumerate(names):
        if options.station in (None, name):
            yield name, {key: one.isel(along_own(one, single | {dim: at})) for key, one in taken.items()}, notes


def _by_rows(
    data: "xr.Dataset", taken: "dict[str, xr.DataArray]", along: Hashable, options: Options, notes: tuple[str, ...]
) -> Iterator[Found]:
    """One series; or, where a variable names a station for each row, as ERDDAP's tables do, a refusal to mix them."""
    names = _station_names(data, along)
    if len(set(names)) > 1:
        raise FileError(f"holds {len(set(names))} stations in one list of rows; fetch one, or the same table as CSV")
    if options.station is not None and names and options.station not in names:
        raise FileError(f"has no station {options.station!r}; it has {names[0]}")
    yield (names[0] if names else None), taken, notes
