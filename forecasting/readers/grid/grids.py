"""Read the observations of one place, or of each station, from a NetCDF file or Zarr store."""

from collections.abc import Callable, Hashable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.flags import Flagged, apply_flags, describe_unused
from forecasting.readers.grid.cells import NoPlaceError, draw_cells, overview, take_cell
from forecasting.readers.grid.cf import (
    Validity,
    as_written,
    find_temperatures,
    find_times,
    flags_of,
    one_depth,
    select,
)
from forecasting.readers.grid.store import opened, readable
from forecasting.readers.names import LATITUDES, LONGITUDES
from forecasting.readers.options import AT, ReadingOptions, refuse_many
from forecasting.readers.place import Place, describe_depths, own_place
from forecasting.readers.reading import Columns, Observations
from forecasting.readers.table import one_line
from forecasting.remedies import Remedy, Setting
from forecasting.series.times import Floats, Times, short
from forecasting.wording import counted, listed

if TYPE_CHECKING:
    import xarray as xr

_DEPTHS = ("depth", "sea_water_pressure")
"""Standard names; a decibar is nearly a metre."""

__all__ = ["NoPlaceError", "read_grid"]


def read_grid(path: Path, kind: str, options: ReadingOptions) -> list[Observations]:
    """Read the observations of each station from a NetCDF file or Zarr store.

    Raises:
        FileError: if it cannot be read, naming the variable and the remedy.
        NoPlaceError: if it is a grid and no place is chosen.
    """
    with opened(path, kind) as data, readable(kind):
        return list(_stations(data, options))


def _stations(data: "xr.Dataset", options: ReadingOptions) -> Iterator[Observations]:
    found = find_temperatures(data, options)
    name, along, flags = found.name, data[found.time].dims[0], found.variables.get("flags")
    columns = Columns(found.time, name, None, None if flags is None else str(flags.name))
    unused_options = [name for name in ("dates", "timezone") if getattr(options, name) is not None]
    if unused_options:
        raise FileError(
            "has unambiguous times in UTC, as CF prescribes", remedy=Remedy.of("; remove {}", unused_options[0])
        )
    _check_size(data.sizes[along], options)
    validity = Validity.of(data[name], options.missing)
    for station, variables, notes in _at_places(data, found.variables, along, options):
        times = find_times(data, found.time)
        values, outside = _numbers(variables["value"], validity)
        if outside:
            if station is None and not np.isfinite(values).any():
                raise FileError(f"has no value within {validity.describe(name)}; correct the attribute")
            notes = (*notes, f"{counted(outside, 'value')} outside {validity.describe(name)} set to missing")
        flagged = Flagged(values, {}, ())
        if flags is not None:
            flagged = apply_flags(values, flags_of(flags, variables["flags"].values), str(flags.name), times)
        warnings = flagged.warnings
        if found.unused is not None:
            levels = np.asarray(variables["unused"].values, dtype=np.float64)
            warnings = (describe_unused(values, levels, found.unused),)
        kept = ~np.isnat(times)
        times = times[kept]
        yield Observations(
            station, times, flagged.values[kept], _placer(times), columns, found.units, found.units_from,
            flagged.counts, notes, (*found.doubt, *warnings), flagged.marked, _position(variables["value"]),
        )  # fmt: skip


def _position(variable: "xr.DataArray") -> Place | None:
    """Return the position of a station or cell, from the coordinates of its variable."""
    plain = {str(name).lower(): coordinate.values for name, coordinate in variable.coords.items()}
    axes = [next((plain[name] for name in names if name in plain), None) for names in (LATITUDES, LONGITUDES)]
    if any(axis is None or not np.issubdtype(axis.dtype, np.number) for axis in axes):
        return None
    lat, lon = (np.asarray(axis, dtype=np.float64).ravel() for axis in axes)
    return own_place(np.stack([lat, lon], axis=1)) if len(lat) == len(lon) else None


def _check_size(values: int, options: ReadingOptions) -> None:
    if options.max_lines is not None and values > options.max_lines:
        raise FileError(f"holds {values} values, more than the limit of {options.max_lines}; keep a shorter period")


def _placer(times: Times) -> Callable[[int], str]:
    return lambda i: f"time {short(times[i])}"


def _numbers(variable: "xr.DataArray", validity: Validity) -> tuple[Floats, int]:
    """Return values, NaN where missing, and how many were outside the valid range."""
    if variable.ndim != 1:
        dims = ", ".join(map(str, variable.dims))
        raise FileError(
            f"variable {variable.name} has the dimensions {dims}, but must have time only; select from them"
        )
    values, outside = validity.masked(np.asarray(variable.values))
    # Round away errors of packing in single precision, below the resolution of sensors.
    return np.asarray(np.round(as_written(values), 6), dtype=np.float64), outside


Found = tuple[str | None, dict[str, Any], tuple[str, ...]]


def _at_places(
    data: "xr.Dataset", selected: "dict[str, xr.DataArray]", along: Hashable, options: ReadingOptions
) -> Iterator[Found]:
    """Return the variables along time only, for each station or for the chosen place."""
    notes: list[str] = []
    selected = one_depth(data, selected, along, options, notes)
    rest = [dim for dim in selected["value"].dims if dim != along]
    single = {dim: 0 for dim in rest if selected["value"].sizes[dim] == 1}
    station_dim = next((dim for dim in rest if dim not in single and _station_names(data, dim)), None)
    if station_dim is not None:
        _refuse_choice(options, "holds stations", Remedy.of("; choose one with {} instead of {}", "station"))
        yield from _each_station(data, selected, station_dim, single, options, tuple(notes))
        return
    if set(rest) - set(single):
        if options.station is not None:
            raise FileError(
                "is a grid without stations", remedy=Remedy.of("; choose a place with {} instead of {}", AT, "station")
            )
        if options.sample is not None:
            plane = select(selected, single)
            drawn = draw_cells(data, plane, along, options.sample, options.seed, options.missing)
            yield from ((name, variables, (*notes, *cell_notes)) for name, variables, cell_notes in drawn)
            return
        plane_value = selected["value"].isel(single)
        try:
            index, cell_notes = take_cell(data, plane_value, along, options.at, options.missing)
        except NoPlaceError as error:
            error.grid = overview(data, plane_value, along, options, tuple(notes))
            raise
        yield (
            None,
            select(selected, single | index),
            (*notes, *cell_notes),
        )
        return
    _refuse_choice(options, "holds only one place", Remedy.of("; remove {}"))
    squeezed = select(selected, single)
    yield from _by_rows(data, squeezed, along, options, tuple(notes))


def _refuse_choice(options: ReadingOptions, reason: str, remedy: Remedy) -> None:
    """Refuse the choice of a place; its option becomes the last setting of the remedy."""
    chosen = next((name for name in ("at", "sample") if getattr(options, name) is not None), None)
    if chosen is not None:
        raise FileError(reason, remedy=Remedy(remedy.text, (*remedy.settings, Setting(chosen))))


def _station_variable(data: "xr.Dataset", dim: Hashable) -> str | None:
    """Return the variable of station names along ``dim``."""
    for name in data.variables:
        variable = data[name]
        if variable.dims != (dim,):
            continue
        usual = str(name).lower() in ("station", "station_id", "station_name", "platform", "buoy", "site")
        if variable.attrs.get("cf_role") == "timeseries_id" or (usual and variable.dtype.kind in "OSUi"):
            return str(name)
    return None


def _station_names(data: "xr.Dataset", dim: Hashable) -> list[str]:
    name = _station_variable(data, dim)
    if name is None:
        return []
    return [_text(station) for station in np.asarray(data[name].values).tolist()]


def _text(name: Any) -> str:
    return one_line(name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name))


def _each_station(
    data: "xr.Dataset", selected: "dict[str, xr.DataArray]", dim: Hashable, single: dict[Hashable, int],
    options: ReadingOptions, notes: tuple[str, ...],
) -> Iterator[Found]:  # fmt: skip
    names = _station_names(data, dim)
    if options.station is not None and options.station not in names:
        raise FileError(f"has no station {options.station!r}; it has {listed(names)}")
    if options.station is None:
        refuse_many(len(names), "stations", Setting("station"), options)
        _check_size(sum(variable.size for key, variable in selected.items() if key != "unused"), options)
    for at, name in enumerate(names):
        if options.station in (None, name):
            yield name, select(selected, single | {dim: at}), notes


def _by_rows(
    data: "xr.Dataset",
    selected: "dict[str, xr.DataArray]",
    along: Hashable,
    options: ReadingOptions,
    notes: tuple[str, ...],
) -> Iterator[Found]:
    """Return a single series; refuses rows of several stations, as in ERDDAP's tables."""
    names = _station_names(data, along)
    if len(set(names)) > 1:
        raise FileError(f"holds {len(set(names))} stations in one list of rows; fetch only one, or the table as CSV")
    if options.station is not None and options.station not in names:
        if names:
            raise FileError(f"has no station {options.station!r}; it has {names[0]}")
        raise FileError("holds one series without a name", remedy=Remedy.of("; remove {}", "station"))
    deep = [str(name) for name in data.variables if data[name].attrs.get("standard_name") in _DEPTHS]
    columns = {name: depths for name in deep for depths in [data[name].squeeze()] if depths.dims == (along,)}
    warnings = [describe_depths(np.asarray(depths.values, float), name) for name, depths in columns.items()]
    yield (names[0] if names else None), selected, (*notes, *chain.from_iterable(warnings))
