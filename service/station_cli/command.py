"""The commands of ``sst station``."""

import argparse
import os
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

import pandas as pd

from forecasting.console import in_command_line
from forecasting.errors import ForecastError
from forecasting.series.timestep import TimeStep
from service.client import Client, ProblemError, ServiceError
from service.station_cli.arguments import STATION
from service.station_cli.files import read_json, read_readings
from service.station_cli.output import (
    print_alerts,
    print_event_verification,
    print_forecast,
    print_pushed,
    print_reading,
    print_station,
    print_stations,
    print_verification,
    refused_lines,
    with_levels,
)

DONE, UNAVAILABLE, REFUSED, NOTHING, DOUBTED = range(5)


def main(options: argparse.Namespace) -> int:
    """Run a command; return the exit status: 0 done, 1 no answer, 2 refused, 3 no forecast or score, 4 doubted."""
    try:
        with Client(options.url, api_key=os.environ.get("SST_KEY") or None) as client:
            return _COMMANDS[options.command](client, options)
    except ForecastError as error:
        _say(options, error.written(in_command_line))
    except ProblemError as error:
        _say(options, _explained(error, options))
        return UNAVAILABLE if _is_temporary(error) else REFUSED
    except ServiceError as error:
        _say(options, str(error))
        return UNAVAILABLE
    except BrokenPipeError:
        # The reader of the output has closed it, as `| head` does, and no request failed.
        raise
    except (OSError, TypeError, ValueError) as error:
        _say(options, str(error).replace("invalid base_url", "invalid --url", 1))
    return REFUSED


def _add(client: Client, options: argparse.Namespace) -> int:
    station = client.stations.put(
        options.station,
        step=options.step,
        name=options.name,
        latitude=options.latitude,
        longitude=options.longitude,
        units=options.units,
        model=options.model,
        horizon=options.horizon,
        source=read_json(options.source),
        events=read_json(options.events) or (),
        baseline=read_json(options.baseline),
        webhooks=read_json(options.webhooks) or (),
    )
    print_station(station, options.format)
    return DONE


def _list(client: Client, options: argparse.Namespace) -> int:
    print_stations(client.stations.list(), options.format)
    return DONE


def _show(client: Client, options: argparse.Namespace) -> int:
    print_station(client.stations.get(options.station), options.format)
    return DONE


def _push(client: Client, options: argparse.Namespace) -> int:
    station = client.stations.get(options.station)
    readings, doubts = read_readings(options, TimeStep.parse(station["step"]), station["units"], partial(_say, options))
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


def _correct(client: Client, options: argparse.Namespace) -> int:
    reading = client.stations.correct(options.station, options.time, value=options.value, flag=options.flag)
    print_reading(options.station, reading, options.format)
    return DONE


def _take_back(client: Client, options: argparse.Namespace) -> int:
    print_reading(options.station, client.stations.take_back(options.station, options.time), options.format)
    return DONE


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
    if options.events:
        return _verify_events(client, options)
    table = client.stations.verification(
        options.station, lead=options.lead, start=options.start, end=options.end, by=options.by
    )
    if table.empty:
        return _nothing_verified(client, options, "none of the forecast times has a reading")
    print_verification(table, options.format)
    return DONE


def _verify_events(client: Client, options: argparse.Namespace) -> int:
    table = client.stations.event_verification(options.station, lead=options.lead, start=options.start, end=options.end)
    if not table.empty:
        print_event_verification(table, options.format)
        return DONE
    if not client.stations.get(options.station)["events"]:
        _say(options, f"{options.station!r} watches no events: set them with '{STATION.name} add … --events FILE.json'")
        return NOTHING
    return _nothing_verified(client, options, "the readings that decide the outcomes have not arrived")


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


def _alerts(client: Client, options: argparse.Namespace) -> int:
    print_alerts(client.stations.alerts(options.station, start=options.start, end=options.end), options.format)
    return DONE


def _remove(client: Client, options: argparse.Namespace) -> int:
    client.stations.delete(options.station)
    return DONE


_COMMANDS: Final[dict[str, Callable[[Client, argparse.Namespace], int]]] = {
    "add": _add,
    "list": _list,
    "show": _show,
    "push": _push,
    "correct": _correct,
    "take-back": _take_back,
    "forecast": _forecast,
    "verify": _verify,
    "alerts": _alerts,
    "remove": _remove,
}


def _is_temporary(error: ProblemError) -> bool:
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


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
