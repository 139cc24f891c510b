"""Units and times of a grid, from CF attributes."""

from typing import TYPE_CHECKING

import numpy as np

from forecasting.errors import FileError
from forecasting.readers.base.options import ReadingOptions
from forecasting.readers.base.units import EVERY_UNIT, SCALES
from forecasting.readers.result.reading import OF_STATION
from forecasting.remedies import Remedy
from forecasting.series.times import FIRST_TIME, LAST_TIME, Times
from forecasting.series.units import Units, parse_units

if TYPE_CHECKING:
    import xarray as xr


def find_units(variable: "xr.DataArray", options: ReadingOptions) -> tuple[Units, str, tuple[str, ...]]:
    """Units of a variable, their source, and a warning if they contradict the file.

    Raises:
        FileError: if the units are unknown.
    """
    written = variable.attrs.get("units")
    stated = parse_units(str(written)) if written is not None else None
    name = variable.name
    if options.units is not None:
        warning = f"read {name} in {options.units}, as requested, although the file says {written}"
        return options.units, "as requested", (warning,) if stated not in (None, options.units) else ()
    if stated is not None:
        return stated, "by the attribute units", ()
    if written is None and options.station_units is not None:
        return options.station_units, OF_STATION, ()
    if written is None:
        message = f"variable {name} does not state its units"
        raise FileError(message, remedy=Remedy.of("; set {} to " + SCALES, "units").offering(*EVERY_UNIT))
    raise FileError(
        f"variable {name} is in {str(written)[:40]!r}, not in a known unit of temperature",
        remedy=Remedy.of("; choose another variable with {} or set {} to " + SCALES, "value_column", "units").offering(
            *EVERY_UNIT
        ),
    )


def find_time(data: "xr.Dataset", variable: "xr.DataArray", options: ReadingOptions) -> str:
    """Find the variable of valid times: one-dimensional, along a dimension of the temperatures.

    Raises:
        FileError: if there is none.
    """
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
        f"variable {variable.name} has no time dimension with CF units such as 'days since 1970-01-01'",
        remedy=Remedy.of("; name the time variable with {}, or first join the files of all times", "time_column"),
    )


def find_times(data: "xr.Dataset", name: str) -> Times:
    """Read the variable of times.

    Raises:
        FileError: if it does not hold times, or a time is outside the years 1 to 9999.
    """
    variable = data[name]
    if not _holds_times(variable):
        raise FileError(f"variable {name} does not hold times; its units should be like 'days since 1970-01-01'")
    if variable.dtype.kind == "O":
        times = _of_another_calendar(variable)
    else:
        times = np.asarray(variable.values).astype("datetime64[s]")
    far = (times < FIRST_TIME) | (times > LAST_TIME)
    if far.any():
        raise FileError(f"variable {name} holds {times[far][0]}, which is not in the years 1 to 9999; correct it")
    return times


def _holds_times(variable: "xr.DataArray") -> bool:
    if variable.ndim != 1:
        return False
    # xarray decodes calendars without 29 February, as in climate models, to objects.
    return variable.dtype.kind == "M" or (
        variable.dtype.kind == "O" and variable.size > 0 and hasattr(variable.values[0], "calendar")
    )


def _of_another_calendar(variable: "xr.DataArray") -> Times:
    """Convert dates that exist in the standard calendar; days that the other calendar lacks become missing."""
    calendar = variable.values[0].calendar
    try:
        times = [np.datetime64(date.isoformat().partition(".")[0], "s") for date in variable.values]
    except ValueError:
        times = []
    # Julian dates exist in the standard calendar, but are thirteen days off.
    if not times or calendar == "julian":
        raise FileError(
            f"variable {variable.name} uses the calendar {calendar}, whose dates differ from the standard calendar; "
            "convert it, for example with xarray's convert_calendar"
        )
    return np.asarray(times, dtype="datetime64[s]")
