"""Options of a command line that say how a file is read."""

import argparse
from dataclasses import replace
from pathlib import Path

from forecasting.errors import ForecastError
from forecasting.readers import FORMATS, Place, Reading, read
from forecasting.readers.base.geometry import place_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import UNITS


def add_reading_options(data: argparse._ArgumentGroup) -> None:
    """Add the options that override what is found in a file."""
    data.add_argument("--format", choices=FORMATS, help="default: told by the content")
    data.add_argument("--station", metavar="NAME", help="which, where the file holds several")
    data.add_argument("--at", type=_place, metavar="LAT,LON", help="place on a grid; --at=-5,10 where south")
    data.add_argument("--sample", type=positive, metavar="N", help="draw N sea cells from a grid, by --seed")
    data.add_argument("--depth", type=float, metavar="METRES", help="which, where the file holds several")
    data.add_argument("--time-column", metavar="NAME", help="default: found by the usual names")
    data.add_argument("--value-column", metavar="NAME", help="column or variable; default: found by the usual names")
    data.add_argument("--flags", metavar="NAME", help="column of QARTOD flags, or none; default: found by its name")
    data.add_argument("--units", choices=UNITS, help="of the values (default: as the file says, or celsius)")
    data.add_argument(
        "--missing",
        type=float,
        action="append",
        default=[],
        metavar="NUMBER",
        help="stands for a missing value; repeatable",
    )
    data.add_argument("--dates", choices=("dmy", "mdy"), help="order of dates as 03/04/2010; default: by the others")
    data.add_argument("--timezone", metavar="ZONE", help="of times without offset, as Europe/Rome or +01:00")
    data.add_argument("--resample", type=_step, metavar="STEP", help="average to month, week, day, hour, P8D, PT30M…")


def read_with(path: Path, options: argparse.Namespace) -> Reading:
    """Read a file as these options say.

    Raises:
        FileError: naming the file, the line or column, and the remedy.
    """
    reading = read(
        path,
        format=options.format,
        station=options.station,
        at=options.at,
        depth=options.depth,
        time_column=options.time_column,
        value_column=options.value_column,
        flag_column=options.flags,
        units=options.units,
        missing=tuple(options.missing),
        date_order=options.dates,
        timezone=options.timezone,
        resample=options.resample,
        sample=options.sample,
        seed=getattr(options, "seed", None) or 0,
    )
    if reading.stations or reading.problem is None:
        return reading
    return replace(reading, problem=f"{reading.problem}, or draw cells of it for a panel with --sample N")


def positive(text: str) -> int:
    """A count of one at least, as an option states it."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _place(text: str) -> Place:
    try:
        return place_of(text)
    except ForecastError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _step(text: str) -> TimeStep:
    try:
        return TimeStep.parse(text)
    except ForecastError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
