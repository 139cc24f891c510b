"""Readings of a station, from files and options."""

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

from forecasting.errors import FileError, RequestError, SeriesError
from forecasting.readers import Reading, ReadingOptions, read, read_content
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import seconds_of
from forecasting.series.timestep import TimeStep, not_of_station
from forecasting.series.units import Units, from_celsius
from service.station_cli.arguments import READING

_STANDARD_INPUT: Final = "-"


def read_readings(
    options: argparse.Namespace, step: TimeStep, units: Units, say: Callable[[str], None]
) -> tuple["pd.Series[Any]", Sequence[str]]:
    """Return the readings in all files and options, indexed by time (UTC), in the units of the station; and warnings.

    Args:
        options: of the command line.
        step: of the station.
        units: of the station. A file that states no units is in these; another is converted.
        say: tells the reader which units a file is in, where they are not plain.

    Raises:
        FileError: if a file cannot be read: where, and what to do.
        RequestError: if there are no readings, or one is not a time and a number.
    """
    if not options.files and not options.reading:
        raise RequestError("there are no readings: name a file, or give --reading TIME VALUE", field="files")
    read_files = [_at_step(file, options, step, units, say) for file in options.files]
    parts = [_series(reading.series, units) for reading in read_files]
    if options.reading:
        parts.append(_given(options.reading, step))
    readings: pd.Series[Any] = pd.concat(parts)
    return readings, [warning for reading in read_files for warning in reading.stations[0].warnings]


def read_json(file: str | None) -> Any:
    """Return the content of a JSON file; None for None.

    Raises:
        FileError: if it cannot be read, or is not JSON.
    """
    if file is None:
        return None
    try:
        return json.loads(Path(file).read_bytes())
    except ValueError as error:
        raise FileError(f"{file}: not JSON: {error}") from None
    except OSError as error:
        raise FileError(f"{file}: cannot read it: {error.strerror}") from None


def _at_step(
    file: str, options: argparse.Namespace, step: TimeStep, units: Units, say: Callable[[str], None]
) -> Reading:
    values = {name: getattr(options, f"reading_{name}") for name in READING}
    reading = _read(file, ReadingOptions.from_values(values, step=step, station_units=units))
    series = reading.series
    (found,) = reading.stations
    if found.units != units:
        say(f"{reading.path}: the values are in {found.units}, {found.units_from}, and were converted to {units}")
    elif units != "celsius":
        say(f"{reading.path}: the values are in {units}, {found.units_from}")
    if series.step != step:
        raise FileError(
            f"{reading.path}: {not_of_station('the step', series.step, step)}: push a file with this step, or make it "
            f"coarser with --resample {step}"
        )
    return reading


def _read(file: str, options: ReadingOptions) -> Reading:
    if file != _STANDARD_INPUT:
        return read(Path(file), options)
    return read_content(sys.stdin.buffer.read(), options)


def _series(series: SstSeries, units: Units) -> "pd.Series[Any]":
    return pd.Series(from_celsius(series.values, units), pd.DatetimeIndex(series.times, tz="UTC"))


def _given(readings: Sequence[Sequence[str]], step: TimeStep) -> "pd.Series[Any]":
    times, values = [], []
    for time, value in readings:
        try:
            times.append(pd.Timestamp(seconds_of(time, local=step.calendar_month), unit="s", tz="UTC"))
            values.append(_number(value))
        except SeriesError as error:
            raise RequestError(f"--reading {time} {value}: {error}", field="reading") from None
    return pd.Series(values, pd.DatetimeIndex(times), dtype="float64")


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SeriesError(f"{text!r} is not a temperature such as 20.4")
    return number
