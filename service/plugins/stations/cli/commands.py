"""The commands of ``sst station``, and the readings that they send."""

import argparse
import json
import math
import os
import sys
from collections.abc import Callable, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

import pandas as pd

from forecasting.errors import FileError, ForecastError, RequestError, SeriesError
from forecasting.readers import Reading, ReadingOptions, read, read_content
from forecasting.series.times import seconds_of
from forecasting.series.timestep import TimeStep, not_of_station
from forecasting.series.units import Units, from_celsius
from forecasting.weather_sources import OPEN_METEO
from service.client import Client, ProblemError, ServiceError
from service.plugins.stations.cli import IN_FILES, READING, STATION
from service.plugins.stations.cli.output import (
    print_alerts,
    print_event_verification,
    print_forecast,
    print_pushed,
    print_reading,
    print_station,
    print_stations,
    print_tried,
    print_verification,
    refused_lines,
    with_levels,
)

DONE, UNAVAILABLE, REFUSED, NOTHING, DOUBTED = range(5)
_STANDARD_INPUT: Final = "-"
_SETTINGS: Final = ("step", "name", "latitude", "longitude", "units", "model", "horizon", "visibility", "owner")


def run_station_command(options: argparse.Namespace) -> int:
    """Run a command; return the exit status: 0 done, 1 no answer, 2 refused, 3 no forecast or score, 4 doubted."""
    try:
        with Client(options.url, api_key=os.environ.get("SST_KEY") or None) as client:
            return _COMMANDS[options.command](client, options) or DONE
    except ForecastError as error:
        STATION.subcommand(options.command).say_error(error)
    except ProblemError as error:
        _say(options, _explained(error, options))
        is_temporary = error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        return UNAVAILABLE if is_temporary else REFUSED
    except ServiceError as error:
        _say(options, str(error))
        return UNAVAILABLE
    except BrokenPipeError:
        # The reader of the output has closed it, as `| head` does, and no request failed.
        raise
    except (OSError, TypeError, ValueError) as error:
        _say(options, str(error).replace("invalid base_url", "invalid --url", 1))
    return REFUSED


def _add(client: Client, options: argparse.Namespace) -> None:
    settings = {name: getattr(options, name) for name in _SETTINGS}
    files = {name: _read_json(getattr(options, name)) for name in IN_FILES}
    settings |= {name: content for name, content in files.items() if content is not None}
    if options.weather is not None:
        settings["weather"] = _weather(options.weather)
    print_station(client.stations.put(options.station, **settings), options.format)


def _weather(source: str) -> Any:
    if source != OPEN_METEO and not Path(source).exists():
        raise RequestError(f"--weather {source}: write {OPEN_METEO}, or name a JSON file", field="weather")
    return source if source == OPEN_METEO else _read_json(source)


def _correct(client: Client, options: argparse.Namespace) -> None:
    reading = client.stations.correct(options.station, options.time, value=options.value, flag=options.flag)
    print_reading(options.station, reading, options.format)


def _take_back(client: Client, options: argparse.Namespace) -> None:
    print_reading(options.station, client.stations.take_back(options.station, options.time), options.format)


def _alerts(client: Client, options: argparse.Namespace) -> None:
    print_alerts(client.stations.alerts(options.station, start=options.start, end=options.end), options.format)


def _test_webhooks(client: Client, options: argparse.Namespace) -> int:
    tried = client.stations.test_webhooks(options.station, options.webhook)
    print_tried(tried, options.format)
    return DONE if tried["delivered"].all() else UNAVAILABLE


def _push(client: Client, options: argparse.Namespace) -> int:
    station = client.stations.get(options.station)
    readings, doubts = _read_readings(options, TimeStep.parse(station["step"]), station["units"])
    result = client.stations.push(options.station, readings)
    print_pushed(options.station, result, options.format)
    for line in refused_lines(result):
        _say(options, f"refused: {line}")
    warnings = [*dict.fromkeys([*doubts, *result.warnings])]
    for warning in warnings:
        _say(options, f"warning: {warning}")
    if result.forecast_error is not None:
        _say(options, f"no forecast was issued: {result.forecast_error}")
        return NOTHING
    stored = result.new + result.revised + result.unchanged
    if len(result.refused) and not stored:
        return REFUSED
    return DOUBTED if warnings else DONE


def _forecast(client: Client, options: argparse.Namespace) -> int:
    table = _newest_forecast(client, options)
    if table is None:
        return NOTHING
    print_forecast(with_levels(table, options.levels), options.format)
    return DONE


def _newest_forecast(client: Client, options: argparse.Namespace) -> pd.DataFrame | None:
    """Return the newest forecast, or say that there is none."""
    try:
        return client.stations.forecast(options.station, levels=None)
    except ProblemError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
    # It says so if there is no such station.
    client.stations.get(options.station)
    _say(
        options,
        f"no forecast has been issued for {options.station!r} yet: push readings, and the output says what is missing",
    )
    return None


def _verify(client: Client, options: argparse.Namespace) -> int:
    asked = {"lead": options.lead, "start": options.start, "end": options.end}
    if options.events:
        table = client.stations.event_verification(options.station, **asked)
        reason = "the readings that decide the outcomes have not arrived"
    else:
        table = client.stations.verification(options.station, **asked, by=options.by)
        reason = "none of the forecast times has a reading"
    if not table.empty:
        (print_event_verification if options.events else print_verification)(table, options.format)
        return DONE
    watched = client.stations.get(options.station)["events"] if options.events else ()
    if options.events and all(event["settings"] is None for event in watched):
        _say(options, f"{options.station!r} watches no events: set them with '{STATION.name} add … --events FILE.json'")
        return NOTHING
    return _nothing_verified(client, options, reason)


def _nothing_verified(client: Client, options: argparse.Namespace, usual_reason: str) -> int:
    """Say why nothing could be verified, and return the exit status."""
    newest = _newest_forecast(client, options)
    if newest is None:
        return NOTHING
    if options.lead is not None and options.lead > len(newest):
        _say(options, f"--lead {options.lead}: the forecasts of {options.station!r} have leads 1 to {len(newest)}")
        return REFUSED
    problem = f"no forecast for {options.station!r}"
    if options.start is not None or options.end is not None:
        problem += " whose last observation is in this period"
    _say(options, f"{problem} can be verified yet: {usual_reason}")
    return NOTHING


_COMMANDS: Final[dict[str, Callable[[Client, argparse.Namespace], int | None]]] = {
    "add": _add,
    "list": lambda client, options: print_stations(client.stations.list(), options.format),
    "show": lambda client, options: print_station(client.stations.get(options.station), options.format),
    "push": _push,
    "correct": _correct,
    "take-back": _take_back,
    "forecast": _forecast,
    "verify": _verify,
    "alerts": _alerts,
    "test-webhooks": _test_webhooks,
    "remove": lambda client, options: client.stations.delete(options.station),
}


def _explained(error: ProblemError, options: argparse.Namespace) -> str:
    # A path that does not exist, as with a wrong --url, is not found either.
    if error.status == HTTPStatus.NOT_FOUND and error.detail.startswith("no station "):
        return (
            f"no station {options.station!r}: create it with '{STATION.name} add {options.station} --step day', or see "
            f"'{STATION.name} list'"
        )
    if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"{error.detail} (the key is read from the environment variable SST_KEY)"
    # The fields of the request have the names of the options.
    return error.detail.removeprefix("body.").removeprefix("query.")


def _say(options: argparse.Namespace, message: str) -> None:
    STATION.subcommand(options.command).say(message)


def _read_readings(options: argparse.Namespace, step: TimeStep, units: Units) -> tuple["pd.Series[Any]", Sequence[str]]:
    """Return the readings in all files and options, indexed by time (UTC), in the units of the station; and warnings.

    A file that states no units is in those of the station; another is converted.
    """
    if not options.files and not options.reading:
        raise RequestError("there are no readings: name a file, or give --reading TIME VALUE", field="files")
    read_files = [_at_step(file, options, step, units) for file in options.files]
    parts = [
        pd.Series(from_celsius(series.values, units), pd.DatetimeIndex(series.times, tz="UTC"))
        for series in (reading.series for reading in read_files)
    ]
    if options.reading:
        parts.append(_given(options.reading, step))
    readings: pd.Series[Any] = pd.concat(parts)
    return readings, [warning for reading in read_files for warning in reading.stations[0].warnings]


def _read_json(file: str | None) -> Any:
    """Return the content of a JSON file; None for None."""
    if file is None:
        return None
    try:
        return json.loads(Path(file).read_bytes())
    except ValueError as error:
        raise FileError(f"{file}: not JSON: {error}") from None
    except OSError as error:
        raise FileError(f"{file}: cannot read it: {error.strerror}") from None


def _at_step(file: str, options: argparse.Namespace, step: TimeStep, units: Units) -> Reading:
    """Read a file, and say which units it is in where they are not plain."""
    values = {name: getattr(options, f"reading_{name}") for name in READING}
    reading_options = ReadingOptions.from_values(values, step=step, station_units=units)
    if file == _STANDARD_INPUT:
        reading = read_content(sys.stdin.buffer.read(), reading_options)
    else:
        reading = read(Path(file), reading_options)
    series = reading.series
    (found,) = reading.stations
    if found.units != units:
        _say(
            options,
            f"{reading.path}: the values are in {found.units}, {found.units_from}, and were converted to {units}",
        )
    elif units != "celsius":
        _say(options, f"{reading.path}: the values are in {units}, {found.units_from}")
    if series.step != step:
        raise FileError(
            f"{reading.path}: {not_of_station('the step', series.step, step)}: push a file with this step, or make it "
            f"coarser with --resample {step}"
        )
    return reading


def _given(readings: Sequence[Sequence[str]], step: TimeStep) -> "pd.Series[Any]":
    times, values = [], []
    for time, value in readings:
        try:
            times.append(pd.Timestamp(seconds_of(time, local=step.calendar_month), unit="s", tz="UTC"))
        except SeriesError as error:
            raise RequestError(f"--reading {time} {value}: {error}", field="reading") from None
        try:
            values.append(float(value))
        except ValueError:
            values.append(math.nan)
        if not math.isfinite(values[-1]):
            message = f"--reading {time} {value}: {value!r} is not a temperature such as 20.4"
            raise RequestError(message, field="reading")
    return pd.Series(values, pd.DatetimeIndex(times), dtype="float64")
