"""What a user can override when a file is read."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Final, Literal, Self, get_args, get_type_hints

from forecasting.errors import FileError, RequestError
from forecasting.readers.place import Place, parse_place
from forecasting.remedies import Remedy, Setting
from forecasting.series.timestep import TimeStep
from forecasting.series.units import UNITS, Units
from forecasting.wording import listed

FORMATS: Final = ("csv", "erddap", "ndbc", "netcdf", "zarr")
"""``erddap`` is any of ERDDAP's dialects of CSV."""

MAX_COLUMNS: Final = 20_000
"""Default limit of the columns of a table: each one has to be examined."""

DateOrder = Literal["dmy", "mdy"]


@dataclass(frozen=True)
class Option:
    """How users set one attribute of :class:`ReadingOptions`, whichever program they use."""

    help: str
    parse: Callable[[str], Any] = str
    choices: tuple[str, ...] = ()
    metavar: str | None = None
    repeatable: bool = False
    name: str = ""

    @property
    def flag(self) -> str:
        """The option of a command line, such as ``--time-column``."""
        return f"--{self.name.replace('_', '-')}"

    @property
    def description(self) -> str:
        """The help as a sentence."""
        return f"{self.help[0].upper()}{self.help[1:]}."


def parse_whole(text: str, least: int | None = None) -> int:
    """Parse a whole number, if need be at least ``least``."""
    with suppress(ValueError):
        if least is None or int(text) >= least:
            return int(text)
    at_least = "" if least is None else f", {least} or more"
    raise ValueError(f"expected a whole number{at_least}, not {text!r}")


def parse_number(text: str) -> float:
    """Parse a number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"expected a number, not {text!r}") from None


@dataclass(frozen=True)
class ReadingOptions:
    """Options that override how a file is read; the reader detects everything left at its default.

    Attributes:
        format: one of :data:`FORMATS`.
        at: place to read from a grid, or from a table of several places.
        sample: number of sea cells to draw from a grid.
        depth: metres, if the file holds several depths; the nearest is read.
        time_column: time column or variable.
        value_column: temperature column or variable.
        flags: QARTOD flag column or variable; ``none`` ignores all flags.
        missing: numbers that mark a missing value.
        dates: order of day and month in dates such as 03/04/2010.
        timezone: IANA name, or an offset such as ``+01:00``, of times without an offset; if None, the zone in the
            header, otherwise UTC.
        resample: coarser step to average to.
        step: the step between the values, where the caller knows it and the times follow it; None to infer it. A file
            of a single reading needs it.
        station_units: the units of the station that the file is for, for temperatures that do not state theirs.
            None without a station: text is then in °C, and a grid is refused.
        max_stations: a table of more stations is refused unless one is chosen, as each station costs a pass over all
            rows; None for no limit.
        max_columns: a table of more columns is refused.
        max_lines: a text file of more lines, or a NetCDF file of more values, is refused, as each takes far more memory
            than its bytes in the file; None for no limit.
    """

    format: Annotated[str | None, Option("file format (default: detected from the content)", choices=FORMATS)] = None
    station: Annotated[str | None, Option("station to read, if the file holds several", metavar="NAME")] = None
    at: Annotated[
        Place | None,
        Option("place to read from a grid or a file of several places, in degrees", parse_place, metavar="LAT,LON"),
    ] = None
    sample: Annotated[
        int | None, Option("draw N sea cells from a grid at random", partial(parse_whole, least=1), metavar="N")
    ] = None
    depth: Annotated[
        float | None,
        Option("depth to read, if the file holds several; the nearest is read", parse_number, metavar="METRES"),
    ] = None
    time_column: Annotated[
        str | None, Option("time column or variable (default: found by its name)", metavar="NAME")
    ] = None
    value_column: Annotated[
        str | None, Option("temperature column or variable (default: found by its name)", metavar="NAME")
    ] = None
    flags: Annotated[
        str | None,
        Option("QARTOD flag column or variable, or none to ignore flags (default: found by name)", metavar="NAME"),
    ] = None
    units: Annotated[
        Units | None,
        Option("units of the temperatures (default: those that the file states, else celsius)", choices=UNITS),
    ] = None
    missing: Annotated[
        tuple[float, ...],
        Option("number that marks a missing value; can be repeated", parse_number, metavar="NUMBER", repeatable=True),
    ] = ()
    dates: Annotated[
        DateOrder | None,
        Option("order of dates such as 03/04/2010 (default: inferred from other dates)", choices=get_args(DateOrder)),
    ] = None
    timezone: Annotated[
        str | None,
        Option("time zone of times without an offset, such as Europe/Rome or +01:00 (default: UTC)", metavar="ZONE"),
    ] = None
    resample: Annotated[
        TimeStep | None,
        Option(
            "average to month, week, day, hour, or an ISO 8601 duration such as P8D", TimeStep.parse, metavar="STEP"
        ),
    ] = None
    step: TimeStep | None = None
    station_units: Units | None = None
    seed: int = 0
    max_stations: int | None = None
    max_columns: int = MAX_COLUMNS
    max_lines: int | None = None

    def __post_init__(self) -> None:
        """Refuse units and orders of dates that do not exist, which would otherwise read as the default."""
        for name in ("units", "dates"):
            value, choices = getattr(self, name), OPTIONS[name].choices
            if value is not None and value not in choices:
                raise RequestError(f"unknown {name} {value!r}: use one of {', '.join(choices)}", field=name)

    @classmethod
    def from_values(cls, values: Mapping[str, Any], **limits: Any) -> Self:
        """Options from parsed values by name, such as those of a command line; None and other names are ignored."""
        given: dict[str, Any] = {name: values[name] for name in OPTIONS if values.get(name) is not None}
        given |= {name: tuple(value) for name, value in given.items() if OPTIONS[name].repeatable}
        return cls(**given, **limits)


OPTIONS: Final[dict[str, Option]] = {
    name: replace(declared, name=name)
    for name, hint in get_type_hints(ReadingOptions, include_extras=True).items()
    for declared in getattr(hint, "__metadata__", ())
}
"""Every option that users can set, by its name."""


def refuse_size(count: int, of: str, options: ReadingOptions) -> None:
    """Refuse a file of more values than ``options`` allow."""
    limit = options.max_lines
    if limit is not None and count > limit:
        values = "" if of == "values" else " values"
        raise FileError(f"holds {count} {of}, more than the limit of {limit}{values}; keep a shorter period")


AT: Final = Setting("at", "LAT,LON")
"""The choice of a place."""


def refuse_many(count: int, of: str, choice: Setting, options: ReadingOptions) -> None:
    """Refuse a file of more stations or places than ``options`` allow."""
    if options.max_stations is not None and count > options.max_stations:
        message = f"holds {count} {of}, more than the limit of {options.max_stations}"
        raise FileError(message, remedy=Remedy.of("; choose one with {}", choice))


def refuse_station(names: Sequence[str], options: ReadingOptions) -> None:
    """Refuse a chosen station that is not one of a file's, which has no ``names`` if it holds a single series."""
    if options.station is None or options.station in names:
        return
    if not names:
        raise FileError("holds one series without a name", remedy=Remedy.of("; remove {}", "station"))
    raise FileError(f"has no station {options.station!r}; it has {listed(names)}")
