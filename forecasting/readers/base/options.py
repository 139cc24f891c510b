"""What a caller may say about a file instead of leaving it to be found."""

from dataclasses import dataclass
from typing import Final, Literal

from forecasting.errors import FileError
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units

FORMATS: Final = ("csv", "erddap", "ndbc", "netcdf", "zarr")
"""``erddap`` is CSV in one of ERDDAP's dialects."""

MOST_COLUMNS: Final = 20_000
"""Of one table, where it is not said: each costs a look of its own."""

DateOrder = Literal["dmy", "mdy"]
Place = tuple[float, float]
"""Latitude and longitude in degrees, north and east positive; longitudes of either habit."""


@dataclass(frozen=True)
class Options:
    """Overrides of what would be found in the file; None leaves it to be found.

    Attributes:
        format: one of :data:`FORMATS`.
        station: name of the one to take where a file holds several.
        at: place to take from a grid, or from a table that holds several.
        depth: metres, where the file holds several depths; the nearest is taken.
        time_column: that holds the times.
        value_column: column or variable that holds the temperatures.
        flag_column: of QARTOD flags; ``none`` uses no flags.
        units: of the values.
        missing: numbers that stand for a missing value.
        date_order: of dates as 03/04/2010.
        timezone: IANA name, or offset as ``+01:00``, of the clock that times without an offset go by; where None, what
            the header says, or UTC.
        resample: coarser step to average to.
        most_stations: more in one table are refused, unless one is asked for; each costs a look at every row.
        most_columns: more in one table are refused.
        most_lines: more in one file of text are refused, as are more values of a NetCDF file: each costs far more
            memory than its bytes.
        sample: sea cells to draw from a grid.
        seed: of the draw.
    """

    format: str | None = None
    station: str | None = None
    at: Place | None = None
    depth: float | None = None
    time_column: str | None = None
    value_column: str | None = None
    flag_column: str | None = None
    units: Units | None = None
    missing: tuple[float, ...] = ()
    date_order: DateOrder | None = None
    timezone: str | None = None
    resample: TimeStep | None = None
    sample: int | None = None
    seed: int = 0
    most_stations: int | None = None
    most_columns: int = MOST_COLUMNS
    most_lines: int | None = None


def refuse_many(count: int, of: str, option: str, options: Options) -> None:
    """Refuse a file of more stations or places than ``options`` take.

    Raises:
        FileError: saying how to choose one.
    """
    if options.most_stations is not None and count > options.most_stations:
        raise FileError(
            f"holds {count} {of}, and at most {options.most_stations} are taken; choose one with --{option}"
        )
