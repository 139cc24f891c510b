"""NetCDF and Zarr by their CF attributes: one variable, at one place, as observations.

xarray is imported when a grid is read, and not before: it comes with an extra.
"""

from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.base.flags import Marked, heed, unheeded
from forecasting.readers.base.geometry import describe_depths
from forecasting.readers.base.options import Options, refuse_many
from forecasting.readers.base.table import one_line
from forecasting.readers.base.validity import Validity, as_written
from forecasting.readers.grid.ancillary import find_flags, find_unheeded, flags_of
from forecasting.readers.grid.cells import NoPlaceError, take_cell
from forecasting.readers.grid.cf import along_own, find_time, find_times, find_units, one_depth, opened, readable
from forecasting.readers.grid.overview import overview
from forecasting.readers.grid.sample import draw_cells
from forecasting.readers.grid.variables import find_variable
from forecasting.readers.result.reading import Columns, Observations
from forecasting.series.times import Floats, Times, short
from forecasting.wording import listed

if TYPE_CHECKING:
    import xarray as xr

_DEPTHS = ("depth", "sea_water_pressure")
"""Standard names; a decibar is a metre, nearly."""

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
    aside = find_unheeded(data, value, options)
    if aside is not None:
        taken["aside"] = data[aside]
    columns = Columns(time, value, None, flags)
    if options.date_order is not None or options.timezone is not None:
        raise FileError(
            "has its times as CF does, in UTC, so --dates and --timezone say nothing of it; leave them away"
        )
    _check_size(data.sizes[along], options)
    validity = Validity.of(data[value], options.missing)
    for station, variables, notes in _at_places(data, taken, along, options):
        times = find_times(data, time)
        values, left_out = _numbers(variables["value"], validity)
        if left_out and station is None and not np.isfinite(values).any():
            raise FileError(f"has no value within {validity.describe(value)}; correct that attribute")
        notes = (*notes, *_left_out(left_out, validity.describe(value)))
        counts: dict[int, int] = {}
        warned: tuple[str, ...] = ()
        if aside is not None:
            warned = (unheeded(values, np.asarray(variables["aside"].values, dtype=np.float64), aside),)
        marked: Marked | None = None
        if flags is not None:
            given = flags_of(data[flags], variables["flags"].values)
            flagged = heed(values, given, flags)
            marked = Marked.among(times, values, given) if flagged.counts else None
            values, counts, warned = flagged.values, flagged.counts, flagged.warnings
        kept = ~np.isnat(times)
        times, values = times[kept], values[kept]
        yield Observations(
            station, times, values, _placer(times), columns, units, units_from, counts, notes, (*doubt, *warned), marked
        )


def _check_size(values: int, options: Options) -> None:
    if options.most_lines is not None and values > options.most_lines:
        raise FileError(f"holds {values} values, and at most {options.most_lines} are taken; keep a shorter time")


def _placer(times: Times) -> Callable[[int], str]:
    return lambda i: f"time {short(times[i])}"


def _numbers(variable: "xr.DataArray", validity: Validity) -> tuple[Floats, int]:
    """Values, NaN where missing, and how many are so for being outside the valid range."""
    if variable.ndim != 1:
        raise FileError(f"variable {variable.name} has dimensions {', '.join(map(str, variable.dims))} left over")
    values, left_out = validity.masked(np.asarray(variable.values))
    # Packed in single precision: what a sensor cannot tell apart is not kept.
    return np.asarray(np.round(as_written(values), 6), dtype=np.float64), left_out


def _left_out(count: int, valid_range: str) -> Iterator[str]:
    if count:
        counted = "1 value" if count == 1 else f"{count} values"
        yield f"{counted} outside {valid_range} {'counts' if count == 1 else 'count'} as missing"


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
        _refuse_places(options, "stations: choose one with --station, not")
        yield from _each_station(data, taken, station_dim, single, options, tuple(notes))
        return
    if set(rest) - set(single):
        if options.station is not None:
            raise FileError("is a grid, without stations: choose a place with --at LAT,LON, not --station")
        if options.sample is not None:
            plane = {name: one.isel(along_own(one, single)) for name, one in taken.items()}
            for name, variables, said in draw_cells(data, plane, along, options.sample, options.seed, options.missing):
                yield name, variables, (*notes, *said)
            return
        plane_value = taken["value"].isel(single)
        try:
            index, said = take_cell(data, plane_value, along, options.at, options.missing)
        except NoPlaceError as error:
            raise NoPlaceError(str(error), overview(data, plane_value, along, options, tuple(notes))) from None
        yield None, {name: one.isel(along_own(one, single | index)) for name, one in taken.items()}, (*notes, *said)
        return
    _refuse_places(options, "one place, so there is nothing to choose from: leave away")
    squeezed = {name: one.isel(along_own(one, single)) for name, one in taken.items()}
    yield from _by_rows(data, squeezed, along, options, tuple(notes))


def _refuse_places(options: Options, said: str) -> None:
    asked = "--at" if options.at is not None else "--sample" if options.sample is not None else None
    if asked is not None:
        raise FileError(f"holds {said} {asked}")


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
        raise FileError(f"has no station {options.station!r}; it has {listed(names)}")
    if options.station is None:
        refuse_many(len(names), "stations", "station", options)
        _check_size(sum(one.size for key, one in taken.items() if key != "aside"), options)
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
    if options.station is not None and options.station not in names:
        held = names[0] if names else "one series without a name: leave --station away"
        raise FileError(f"has no station {options.station!r}; it has {held}")
    deep = [str(name) for name in data.variables if data[name].attrs.get("standard_name") in _DEPTHS]
    rows = {name: one for name in deep for one in [data[name].squeeze()] if one.dims == (along,)}
    said = [one for name, depths in rows.items() for one in describe_depths(np.asarray(depths.values, float), name)]
    yield (names[0] if names else None), taken, (*notes, *said)
