"""NetCDF and Zarr by their CF attributes: which variable holds what.

xarray is imported when a grid is read, and not before: it comes with an extra.
"""

import contextlib
import re
import warnings
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from forecasting.errors import FileError, MissingExtraError, SeriesError
from forecasting.extras import needs_extra
from forecasting.readers.base.geometry import MAX_DEPTHS_METRES, nearest_depth
from forecasting.readers.base.options import Options
from forecasting.readers.base.units import parse_units
from forecasting.readers.times.dates import FARTHEST_SECONDS, seconds_of_unit
from forecasting.series.times import FIRST_TIME, LAST_TIME, Floats, Times
from forecasting.series.units import UNITS, Units
from forecasting.wording import listed

if TYPE_CHECKING:
    import xarray as xr

_DEPTHS: Final = ("depth", "zlev", "altitude", "lev", "deptht", "z")
_CENTIMETRES: Final = ("cm", "centimeter", "centimeters", "centimetre", "centimetres")
_SAME: Final = 1e-3
"""Of a month, how far apart numbers are that are meant to be the same."""
_MONTHS: Final = re.compile(r"months? since (\d{1,4})-(\d\d?)-0?1\b.*", re.IGNORECASE)


@contextmanager
def opened(path: Path, kind: str) -> "Iterator[xr.Dataset]":
    """A ``netcdf`` file or ``zarr`` store, its values not yet read.

    Raises:
        FileError: if it cannot be opened.
    """
    with _needs_grids():
        import xarray
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries' advice on encodings is not for the user of the file
        with readable(kind):
            data = _open(xarray, path, "zarr" if kind == "zarr" else _engine(path))
            if not data.data_vars:
                _refuse_groups(path, kind)
        with data:
            yield data


def _open(xarray: ModuleType, path: Path, engine: str) -> "xr.Dataset":
    # xarray takes an engine whose package is missing for one that it does not know.
    import_module(engine)
    try:
        data: xr.Dataset = xarray.open_dataset(path, engine=engine, chunks=None)
    except (ValueError, OverflowError):
        undated = xarray.open_dataset(path, engine=engine, chunks=None, decode_times=False)
        with contextlib.ExitStack() as opened_anew:
            opened_anew.enter_context(undated)
            _refuse_fill_times(undated)
            months = _months(undated)
            if not months:
                raise
            data = xarray.decode_cf(undated.assign_coords(months), mask_and_scale=False)
            opened_anew.pop_all()
    return data


def _months(data: "xr.Dataset") -> dict[Hashable, Any]:
    """Variables of times that are numbers of months, which xarray does not know, as the first day of each."""
    found: dict[Hashable, Any] = {}
    for name, one in data.variables.items():
        origin = _MONTHS.fullmatch(str(one.attrs.get("units", "")))
        if origin is None or one.dtype.kind not in "iuf":
            continue
        values = np.asarray(one.values, dtype=np.float64)
        # Some say the middle of each month, and some its beginning.
        if not np.isfinite(values).all() or np.ptp(values - np.floor(values)) > _SAME:
            continue
        first = np.datetime64(f"{int(origin[1]):04}-{int(origin[2]):02}", "M")
        attributes = {key: said for key, said in one.attrs.items() if key not in ("units", "calendar")}
        found[name] = (one.dims, (first + np.floor(values).astype(np.int64)).astype("datetime64[s]"), attributes)
    return found


def _refuse_fill_times(data: "xr.Dataset") -> None:
    """Name the time that is too far away to be one, as a fill value that is not declared."""
    for name, one in data.variables.items():
        unit, _, origin = str(one.attrs.get("units", "")).partition(" since ")
        seconds = seconds_of_unit(unit)
        if not origin or seconds is None or one.dtype.kind not in "iuf":
            continue
        values = np.ravel(np.asarray(one.values, dtype=np.float64))
        wrong = np.abs(values) * seconds >= FARTHEST_SECONDS
        if wrong.any():
            i = int(wrong.argmax())
            raise FileError(
                f"variable {name} holds {values[i]:g} as the time of step {i}, which is none: drop that step, or "
                "declare the number as _FillValue"
            )


def _refuse_groups(path: Path, kind: str) -> None:
    """Name the groups that hold what the root does not."""
    paths = _zarr_paths(path) if kind == "zarr" else _netcdf_paths(path)
    groups = [group for group in dict.fromkeys(one.rpartition("/")[0] for one in paths) if group]
    if not groups:
        return
    how = f"name one, as {path.name}/{groups[0]}"
    if kind == "netcdf":
        how = f"save one as a file, as by xarray.open_dataset(path, group={groups[0]!r}).to_netcdf(other)"
    raise FileError(f"has its variables in groups ({listed(groups)}); {how}")


def _netcdf_paths(path: Path) -> list[str]:
    """Paths of all variables of a file, through its groups."""
    if _engine(path) != "h5netcdf":
        return []
    import h5py

    paths: list[str] = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, one: paths.append(name) if isinstance(one, h5py.Dataset) else None)
    return paths


def _zarr_paths(path: Path) -> list[str]:
    """Paths of the arrays of a Zarr store."""
    import zarr

    inside = zarr.open_group(path, mode="r").members(max_depth=None)
    return sorted(name for name, one in inside if isinstance(one, zarr.Array))


@contextmanager
def readable(kind: str) -> Iterator[None]:
    """Around what reads a ``netcdf`` file or ``zarr`` store.

    Raises:
        FileError: in place of whatever five libraries make of a damaged file.
    """
    try:
        with _needs_grids():
            yield
    except SeriesError:
        raise
    except Exception as error:
        said = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        if undated := re.match(r"unable to decode time units '([^']*)'", said):
            raise FileError(
                f"has times in {undated[1]!r}, which are no dates; write them as 'days since 1970-01-01'"
            ) from None
        whole = "see whether it is complete, or fetch it again"
        raise FileError(f"cannot be read as {'NetCDF' if kind == 'netcdf' else 'Zarr'}: {said}; {whole}") from None


@contextmanager
def _needs_grids() -> Iterator[None]:
    try:
        with needs_extra("grids", "reading NetCDF and Zarr"):
            yield
    except MissingExtraError as error:
        raise FileError(str(error)) from None


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


def find_units(variable: "xr.DataArray", options: Options) -> tuple[Units, str, tuple[str, ...]]:
    """Units of a variable, what says so, and a doubt where there is one.

    Raises:
        FileError: if they are not stated, or are none of temperature.
    """
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


def find_time(data: "xr.Dataset", variable: "xr.DataArray", options: Options) -> str:
    """The variable of valid times: one-dimensional, along a dimension of the temperatures."""
    if options.time_column:
        if options.time_column not in data.variables:
            raise FileError(f"has no variable {options.time_column!r}")
        return options.time_column
    along = [str(name) for name in data.variables if _holds_times(data[name]) and data[name].dims[0] in variable.dims]
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


def find_times(data: "xr.Dataset", name: str) -> Times:
    """The values of the variable of times.

    Raises:
        FileError: if it holds none, or one outside the years 1 to 9999.
    """
    variable = data[name]
    if not _holds_times(variable):
        raise FileError(f"variable {name} holds no times; its units should be as 'days since 1970-01-01'")
    if variable.dtype.kind == "O":
        times = _of_another_calendar(variable)
    else:
        times = np.asarray(variable.values).astype("datetime64[s]")
    far = (times < FIRST_TIME) | (times > LAST_TIME)
    if far.any():
        raise FileError(
            f"variable {name} holds {times[far][0]}, which is not in the years 1 to 9999; correct its times"
        )
    return times


def _holds_times(variable: "xr.DataArray") -> bool:
    if variable.ndim != 1:
        return False
    # Where a calendar has no 29 February, as those of climate models, xarray gives objects.
    return variable.dtype.kind == "M" or (
        variable.dtype.kind == "O" and variable.size > 0 and hasattr(variable.values[0], "calendar")
    )


def _of_another_calendar(variable: "xr.DataArray") -> Times:
    """Dates that are there in the usual calendar too; a day that another lacks is then missing."""
    calendar = variable.values[0].calendar
    try:
        times = [np.datetime64(one.isoformat().partition(".")[0], "s") for one in variable.values]
    except ValueError:
        times = []
    # Julian dates are there in the usual calendar, thirteen days off.
    if not times or calendar == "julian":
        raise FileError(
            f"variable {variable.name} goes by the calendar {calendar}, whose dates are not those of the usual one; "
            "convert it, as by xarray's convert_calendar"
        )
    return np.asarray(times, dtype="datetime64[s]")


def along_own(variable: "xr.DataArray", index: dict[Hashable, int]) -> dict[Hashable, int]:
    """The part of ``index`` that is along a dimension of ``variable``."""
    return {dim: at for dim, at in index.items() if dim in variable.dims}


def one_depth(
    data: "xr.Dataset", taken: "dict[str, xr.DataArray]", along: Hashable, options: Options, notes: list[str]
) -> "dict[str, xr.DataArray]":
    """The variables without their dimension of depth, where they have one.

    Raises:
        FileError: if there are several depths and none was asked for, or one is asked for where there are none.
    """
    chosen: float | None = None
    for dim in taken["value"].dims:
        depths = None if dim == along else _depths(data, dim, along)
        if depths is None:
            continue
        if len(depths) > 1 and options.depth is None:
            shown = listed(f"{depth:g}" for depth in depths)
            raise FileError(f"holds {len(depths)} depths along {dim}: {shown}; choose one with --depth")
        chosen = float(depths[0]) if options.depth is None else nearest_depth(depths, options.depth)
        if len(depths) > 1 or chosen != 0:
            notes.append(f"{dim} {chosen:g}" + (f" of {len(depths)}" if len(depths) > 1 else ", the only one"))
        at = int(np.flatnonzero(depths == chosen)[0])
        taken = {name: one.isel(along_own(one, {dim: at})) for name, one in taken.items()}
    if options.depth is not None and chosen is None:
        raise FileError("has no dimension of depth, so --depth has nothing to choose from; leave it away")
    return taken


def _depths(data: "xr.Dataset", dim: Hashable, along: Hashable) -> Floats | None:
    """Metres along a dimension, by its own variable or one that has them at each time; None if it is no depth.

    Raises:
        FileError: if several change with time, as a profiler's.
    """
    usual = str(dim).lower() in _DEPTHS
    if dim in data.variables:
        axis = data[dim]
        if not (usual or axis.attrs.get("axis") == "Z" or axis.attrs.get("positive") in ("up", "down")):
            return None
    else:
        named = (data[name] for name in data.variables if data[name].attrs.get("standard_name") == "depth")
        fitting = [one for one in named if usual and dim in one.dims and set(one.dims) <= {dim, along}]
        if not fitting:
            return None
        axis = fitting[0]
    each = np.asarray(axis.transpose(..., dim).values, dtype=np.float64).reshape(-1, axis.sizes[dim])
    if str(axis.attrs.get("units", "")).lower() in _CENTIMETRES:
        each = each / 100
    depths: Floats = np.fmin.reduce(each, axis=0)
    if len(depths) > 1 and (np.fmax.reduce(each, axis=0) - depths > MAX_DEPTHS_METRES).any():
        raise FileError(f"holds levels along {dim} that are at other depths each time; bring the values of one depth")
    return depths if np.isfinite(depths).all() else None
