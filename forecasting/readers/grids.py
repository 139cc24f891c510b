"""NetCDF and Zarr by their CF attributes: one variable, at one place, as observations.

xarray is imported when a grid is read, and not before: it comes with an extra.
"""

import warnings
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecasting.errors import FileError, SeriesError
from forecasting.readers.cells import NoPlaceError, take_cell
from forecasting.readers.flags import MEANINGS, flag_column, heed
from forecasting.readers.options import Options
from forecasting.readers.reading import Columns, Observations
from forecasting.readers.sample import draw_cells
from forecasting.readers.split import nearest_depth
from forecasting.readers.table import one_line
from forecasting.readers.units import parse_units
from forecasting.series import UNITS, Units
from forecasting.timestep import Floats, Times, short

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["NoPlaceError", "read_grid"]

_STANDARD_NAMES: Final = (
    "sea_surface_temperature",
    "sea_surface_foundation_temperature",
    "sea_surface_subskin_temperature",
    "sea_surface_skin_temperature",
    "sea_water_temperature",
    "sea_water_potential_temperature",
    "sea_water_conservative_temperature",
    "surface_temperature",
)
_NAMES: Final = ("sst", "analysed_sst", "sea_surface_temperature", "thetao", "tos", "water_temp", "wtmp",
                 "sea_water_temperature", "temperature", "temp")  # fmt: skip
_DEPTHS: Final = ("depth", "zlev", "altitude", "lev", "deptht", "z")


def read_grid(path: Path, kind: str, options: Options) -> list[Observations]:
    """Observations in a NetCDF file or a Zarr store, one entry a station.

    Raises:
        FileError: if it cannot be read, or its variables cannot be understood: which, and what to do.
        NoPlaceError: if it is a grid and no place was asked for.
    """
    xarray = _xarray()
    try:
        engine = "zarr" if kind == "zarr" else _engine(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # libraries' advice on encodings is not for the user of the file
            with xarray.open_dataset(path, engine=engine, chunks=None) as data:
                return list(_stations(data, options))
    except SeriesError:
        raise
    except ImportError as error:
        raise FileError(f"needs the package {error.name}: pip install 'sst-forecasting[grids]'") from None
    except Exception as error:  # whatever five libraries make of a damaged file
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise FileError(f"cannot be read as {'NetCDF' if kind == 'netcdf' else 'Zarr'}: {said}") from None


def _xarray() -> ModuleType:
    try:
        import xarray
    except ImportError:
        raise FileError("NetCDF and Zarr need xarray: pip install 'sst-forecasting[grids]'") from None
    return xarray


def _engine(path: Path) -> str:
    """Which library reads it: not netCDF's own, which a damaged classic file brings down with the process."""
    with path.open("rb") as file:
        head = file.read(4)
    if head == b"CDF\x05":
        raise FileError("is NetCDF in its 64-bit data format; convert it, as by nccopy -k netCDF-4")
    if head[:3] == b"CDF":
        return "scipy"
    import h5py

    # Tried before h5netcdf does, which prints a traceback from its finaliser where this fails.
    h5py.File(path, "r").close()
    return "h5netcdf"


def _stations(data: "xr.Dataset", options: Options) -> Iterator[Observations]:
    value = _variable(data, options)
    units, units_from, doubt = _units(data[value], options)
    time = _time(data, data[value], options)
    along = data[time].dims[0]
    taken: dict[str, xr.DataArray] = {"value": data[value]}
    flags = _flags(data, value, options)
    if flags is not None:
        taken["flags"] = data[flags]
    columns = Columns(time, value, None, flags)
    for station, variables, notes in _at_places(data, taken, along, options):
        times = _times(data, time)
        values = _numbers(variables["value"], options)
        counts: dict[int, int] = {}
        warned: tuple[str, ...] = ()
        if flags is not None:
            flagged = heed(values, np.asarray(variables["flags"].values, dtype=np.float64), flags)
            values, counts, warned = flagged.values, flagged.counts, flagged.warnings
        kept = ~np.isnat(times)
        times, values = times[kept], values[kept]
        yield Observations(
            station, times, values, _placer(times), columns, units, units_from, counts, notes, (*doubt, *warned)
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


def _variable(data: "xr.Dataset", options: Options) -> str:
    names = [str(name) for name in data.data_vars]
    if options.value_column:
        if options.value_column not in data.variables:
            raise FileError(f"has no variable {options.value_column!r}; its variables are {', '.join(names[:12])}")
        return options.value_column
    for standard in _STANDARD_NAMES:
        found = [name for name in names if data[name].attrs.get("standard_name") == standard]
        if found:
            return _only(found, f"with the standard name {standard}")
    by_name = [name for usual in _NAMES for name in names if name.lower() == usual]
    if by_name:
        return by_name[0]
    if not names:
        raise FileError("holds no variables")
    raise FileError(f"has no variable of sea temperature; name it with --value-column, one of {', '.join(names[:12])}")


def _only(found: list[str], said: str) -> str:
    usual = [name for name in found if name.lower() in _NAMES]
    if len(found) > 1 and len(usual) != 1:
        raise FileError(f"has {len(found)} variables {said}: {', '.join(found[:12])}; choose with --value-column")
    return usual[0] if len(found) > 1 else found[0]


def _units(variable: "xr.DataArray", options: Options) -> tuple[Units, str, tuple[str, ...]]:
    written = variable.attrs.get("units")
    stated = parse_units(str(written)) if written is not None else None
    name = variable.name
    if options.units is not None:
        said = f"the file says that {name} is in {written}; it was read in {options.units}, as asked"
        return options.units, "as asked", (said,) if stated not in (None, options.units) else ()
    if stated is not None:
        return stated, "by the attribute units", ()
    if written is None:
        raise FileError(f"variable {name} does not say its units; say --units, one of {', '.join(UNITS)}")
    raise FileError(
        f"variable {name} is in {str(written)[:40]!r}, which is no unit of temperature known here; "
        f"name another with --value-column, or say --units, one of {', '.join(UNITS)}"
    )


def _time(data: "xr.Dataset", variable: "xr.DataArray", options: Options) -> str:
    """The variable of valid times: one-dimensional, along a dimension of the temperatures."""
    if options.time_column:
        if options.time_column not in data.variables:
            raise FileError(f"has no variable {options.time_column!r}")
        return options.time_column
    along = [
        str(name)
        for name in data.variables
        if data[name].dtype.kind == "M" and data[name].ndim == 1 and data[name].dims[0] in variable.dims
    ]
    for usual in (
        *(n for n in along if data[n].attrs.get("standard_name") == "time"),
        "time",
        *map(str, variable.dims),
    ):
        if usual in along:
            return usual
    if len(along) == 1:
        return along[0]
    raise FileError(
        f"variable {variable.name} has no dimension of time that CF's units, as 'days since 1970-01-01', describe; "
        "name its variable with --time-column, or join the files of each time into one first"
    )


def _times(data: "xr.Dataset", name: str) -> Times:
    variable = data[name]
    if variable.dtype.kind != "M" or variable.ndim != 1:
        raise FileError(f"variable {name} holds no times; its units should be as 'days since 1970-01-01'")
    times: Times = np.asarray(variable.values).astype("datetime64[s]")
    return times


def _flags(data: "xr.Dataset", value: str, options: Options) -> str | None:
    """The variable of QARTOD flags: asked for, or ancillary with flags of QARTOD, or named as such."""
    if options.flag_column == "none":
        return None
    if options.flag_column:
        if options.flag_column not in data.variables:
            raise FileError(f"has no variable {options.flag_column!r}")
        return options.flag_column
    shape = set(data[value].dims)
    fitting = [
        str(n) for n in data.data_vars if n != value and set(data[n].dims) == shape and data[n].dtype.kind in "iuf"
    ]
    ancillary = [name for name in str(data[value].attrs.get("ancillary_variables", "")).split() if name in fitting]
    qartod = [name for name in ancillary if _is_qartod(data[name])]
    aggregate = [name for name in qartod if data[name].attrs.get("standard_name") == "aggregate_quality_flag"]
    return next(iter([*aggregate, *qartod]), None) or flag_column(fitting, value)


def _is_qartod(variable: "xr.DataArray") -> bool:
    values = variable.attrs.get("flag_values")
    if values is None:
        return variable.attrs.get("standard_name") == "aggregate_quality_flag"
    return set(np.atleast_1d(values).tolist()) <= set(MEANINGS) and len(np.atleast_1d(values)) > 1


Found = tuple[str | None, dict[str, Any], tuple[str, ...]]


def _at_places(
    data: "xr.Dataset", taken: "dict[str, xr.DataArray]", along: Hashable, options: Options
) -> Iterator[Found]:
    """The variables along time alone, once for each station or for the place that was asked for."""
    notes: list[str] = []
    taken = _one_depth(data, taken, along, options, notes)
    rest = [dim for dim in taken["value"].dims if dim != along]
    single = {dim: 0 for dim in rest if taken["value"].sizes[dim] == 1}
    station_dim = next((dim for dim in rest if dim not in single and _station_names(data, dim)), None)
    if station_dim is not None:
        yield from _each_station(data, taken, station_dim, single, options, tuple(notes))
        return
    if set(rest) - set(single):
        if options.sample is not None:
            plane = {name: one.isel(_of(one, single)) for name, one in taken.items()}
            for name, variables, said in draw_cells(data, plane, along, options.sample, options.seed):
                yield name, variables, (*notes, *said)
            return
        index, said = take_cell(data, taken["value"].isel(single), along, options.at)
        yield None, {name: one.isel(_of(one, single | index)) for name, one in taken.items()}, (*notes, *said)
        return
    squeezed = {name: one.isel(_of(one, single)) for name, one in taken.items()}
    yield from _by_rows(data, squeezed, along, options, tuple(notes))


def _of(variable: "xr.DataArray", index: dict[Hashable, int]) -> dict[Hashable, int]:
    return {dim: at for dim, at in index.items() if dim in variable.dims}


def _one_depth(
    data: "xr.Dataset", taken: "dict[str, xr.DataArray]", along: Hashable, options: Options, notes: list[str]
) -> "dict[str, xr.DataArray]":
    for dim in taken["value"].dims:
        axis = data[dim] if dim in data.variables else None
        is_depth = str(dim).lower() in _DEPTHS or (axis is not None and axis.attrs.get("axis") == "Z")
        if not is_depth or dim == along or axis is None or axis.ndim != 1:
            continue
        depths = np.asarray(axis.values, dtype=np.float64)
        if len(depths) > 1 and options.depth is None:
            listed = ", ".join(f"{depth:g}" for depth in depths[:12])
            raise FileError(f"holds {len(depths)} depths along {dim}: {listed}…; choose one with --depth")
        chosen = depths[0] if options.depth is None else nearest_depth(depths, options.depth)
        if len(depths) > 1 or chosen != 0:
            notes.append(f"{dim} {chosen:g}" + (f" of {len(depths)}" if len(depths) > 1 else ", the only one"))
        at = int(np.flatnonzero(depths == chosen)[0])
        taken = {name: one.isel(_of(one, {dim: at})) for name, one in taken.items()}
    return taken


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
            yield name, {key: one.isel(_of(one, single | {dim: at})) for key, one in taken.items()}, notes


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
