"""Read the observations of one place, or of each station, from a NetCDF file or Zarr store."""

from collections.abc import Hashable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.flags import Flagged, apply_flags, describe_unused
from forecasting.readers.grid.cells import draw_cells, take_cell
from forecasting.readers.grid.cf import Validity, as_written, flags_of, select
from forecasting.readers.grid.fields import Field, find_field
from forecasting.readers.grid.store import opened, readable
from forecasting.readers.names import LATITUDES, LONGITUDES
from forecasting.readers.options import AT, ReadingOptions, refuse_many, refuse_size, refuse_station
from forecasting.readers.place import Place, describe_depths, own_place
from forecasting.readers.reading import ColumnNames, ReadStation, StationObservations, WeatherRows
from forecasting.readers.table import one_line
from forecasting.remedies import Remedy, Setting
from forecasting.series.times import Floats, short
from forecasting.wording import counted

if TYPE_CHECKING:
    import xarray as xr

_DEPTHS = ("depth", "sea_water_pressure")
"""Standard names; a decibar is nearly a metre."""


def read_grid(path: Path, kind: str, options: ReadingOptions) -> list[StationObservations]:
    """Read the observations of each station from a NetCDF file or Zarr store."""
    with opened(path, kind) as data, readable(kind):
        return list(_stations(find_field(data, kind, options), options))


def _stations(field: Field, options: ReadingOptions) -> Iterator[StationObservations]:
    name, flags = str(field.value.name), field.variables.get("flags")
    weather = tuple(covariate.column for covariate in field.weather)
    columns = ColumnNames(field.time, name, None, None if flags is None else str(flags.name), weather or None)
    not_for_grids = next((name for name in ("dates", "timezone") if getattr(options, name) is not None), None)
    if not_for_grids is not None:
        raise FileError(
            "has unambiguous times in UTC, as CF prescribes", remedy=Remedy.of("; remove {}", not_for_grids)
        )
    kept = ~np.isnat(field.times)
    times = field.times[kept]
    valid = {each.name: Validity.of(field.data[each.column], options.missing) for each in field.weather}
    for station, variables, notes in _at_places(field, options):
        values, outside = _numbers(variables["value"], field.validity)
        if outside:
            if station is None and not np.isfinite(values).any():
                raise FileError(f"has no value within {field.validity.describe(name)}; correct the attribute")
            notes = (*notes, f"{counted(outside, 'value')} outside {field.validity.describe(name)} set to missing")
        flagged = Flagged(values, {}, ())
        if flags is not None:
            flagged = apply_flags(values, flags_of(flags, variables["flags"].values), str(flags.name), field.times)
        warnings = flagged.warnings
        if field.unused is not None:
            levels = np.asarray(variables["unused"].values, dtype=np.float64)
            warnings = (describe_unused(values, levels, field.unused),)
        about = ReadStation(
            station, columns, field.units, field.units_from, flagged.counts, (*field.doubts, *warnings),
            flagged.marked, _position(variables["value"]),
        )  # fmt: skip
        notes = (*field.notes, *notes)
        over = {
            covariate.name: covariate.convert(_numbers(variables[covariate.name], valid[covariate.name])[0])[kept]
            for covariate in field.weather
        }
        rows = WeatherRows(times, over) if over else None
        yield StationObservations(about, times, flagged.values[kept], lambda i: f"time {short(times[i])}", notes, rows)


def _position(variable: "xr.DataArray") -> Place | None:
    """Return the position of a station or cell, from the coordinates of its variable."""
    plain = {str(name).lower(): coordinate.values for name, coordinate in variable.coords.items()}
    axes = [next((plain[name] for name in names if name in plain), None) for names in (LATITUDES, LONGITUDES)]
    if any(axis is None or not np.issubdtype(axis.dtype, np.number) for axis in axes):
        return None
    lat, lon = (np.asarray(axis, dtype=np.float64).ravel() for axis in axes)
    return own_place(np.stack([lat, lon], axis=1)) if len(lat) == len(lon) else None


def _numbers(variable: "xr.DataArray", validity: Validity) -> tuple[Floats, int]:
    """Return values, NaN where missing, and how many were outside the valid range."""
    values, outside = validity.masked(np.asarray(variable.values))
    # Round away errors of packing in single precision, below the resolution of sensors.
    return np.asarray(np.round(as_written(values), 6), dtype=np.float64), outside


Found = tuple[str | None, dict[str, Any], tuple[str, ...]]


def _at_places(field: Field, options: ReadingOptions) -> Iterator[Found]:
    """Return the variables along time only, for each station or for the chosen place."""
    data, along, selected = field.data, field.along, field.variables
    rest = [dim for dim in field.value.dims if dim != along]
    single: dict[Hashable, int] = {dim: 0 for dim in rest if field.value.sizes[dim] == 1}
    station_dim = next((dim for dim in rest if dim not in single and _station_names(data, dim)), None)
    plane = select(selected, single)
    if station_dim is not None:
        _refuse_choice(options, "holds stations", Remedy.of("; choose one with {} instead of {}", "station"))
        yield from _each_station(data, plane, station_dim, options)
    elif set(rest) == set(single):
        _refuse_choice(options, "holds only one place", Remedy.of("; remove {}"))
        yield _by_rows(data, plane, along, options)
    elif options.station is not None:
        raise FileError(
            "is a grid without stations", remedy=Remedy.of("; choose a place with {} instead of {}", AT, "station")
        )
    elif options.sample is not None:
        yield from draw_cells(field, plane, options.sample, options.seed)
    else:
        index, notes = take_cell(field, plane["value"], options.at)
        yield None, select(plane, index), notes


def _refuse_choice(options: ReadingOptions, reason: str, remedy: Remedy) -> None:
    """Refuse the choice of a place; its option becomes the last setting of the remedy."""
    chosen = next((name for name in ("at", "sample") if getattr(options, name) is not None), None)
    if chosen is not None:
        raise FileError(reason, remedy=Remedy(remedy.text, (*remedy.settings, Setting(chosen))))


def _station_names(data: "xr.Dataset", dim: Hashable) -> list[str]:
    """Return the names of the stations along ``dim``, if a variable holds some."""
    for name, variable in data.variables.items():
        usual = str(name).lower() in ("station", "station_id", "station_name", "platform", "buoy", "site")
        named = variable.attrs.get("cf_role") == "timeseries_id" or (usual and variable.dtype.kind in "OSUi")
        if named and variable.dims == (dim,):
            stations = variable.values.tolist()
            texts = (each.decode("utf-8", "replace") if isinstance(each, bytes) else str(each) for each in stations)
            return [one_line(text) for text in texts]
    return []


def _each_station(
    data: "xr.Dataset", selected: "dict[str, xr.DataArray]", dim: Hashable, options: ReadingOptions
) -> Iterator[Found]:
    names = _station_names(data, dim)
    refuse_station(names, options)
    if options.station is None:
        refuse_many(len(names), "stations", Setting("station"), options)
        refuse_size(sum(selected[key].size for key in ("value", "flags") if key in selected), "values", options)
    for at, name in enumerate(names):
        if options.station in (None, name):
            yield name, select(selected, {dim: at}), ()


def _by_rows(
    data: "xr.Dataset", selected: "dict[str, xr.DataArray]", along: Hashable, options: ReadingOptions
) -> Found:
    """Return a single series; refuse rows of several stations, as in ERDDAP's tables."""
    names = _station_names(data, along)
    if len(set(names)) > 1:
        raise FileError(f"holds {len(set(names))} stations in one list of rows; fetch only one, or the table as CSV")
    refuse_station(names[:1], options)
    deep = [data[name].squeeze() for name in data.variables if data[name].attrs.get("standard_name") in _DEPTHS]
    columns = [depths for depths in deep if depths.dims == (along,)]
    warnings = [describe_depths(np.asarray(depths.values, float), str(depths.name)) for depths in columns]
    return (names[0] if names else None), selected, tuple(chain.from_iterable(warnings))
