"""The commands of ``sst station``."""

import argparse
import os
import sys
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from forecasting.console import command_name, in_command_line
from forecasting.errors import ForecastError
from forecasting.series.timestep import TimeStep
from service.client import Client, ProblemError, ServiceError
from service.station_cli.files import read_json, read_readings
from service.station_cli.output import (
    print_alerts,
    print_event_verification,
    print_forecast,
    print_pushed,
    print_station,
    print_stations,
    print_verification,
    refused_lines,
)

DONE, UNAVAILABLE, REFUSED, NOTHING = range(4)


def main(options: argparse.Namespace) -> int:
    """Run a command; return the exit status: 0 done, 1 no answer, 2 refused, 3 nothing forecast or verified."""
    try:
        with Client(options.url, api_key=os.environ.get("SST_KEY") or None) as client:
            return _COMMANDS[options.command](client, options)
    except ForecastError as error:
        _say(error.written(in_command_line))
    except ProblemError as error:
        _say(_explained(error, options))
        return UNAVAILABLE if _is_temporary(error) else REFUSED
    except ServiceError as error:
        _say(str(error))
        return UNAVAILABLE
    except BrokenPipeError:
        # The reader of the output has closed it, as `| head` does, and no request failed.
        raise
    except (OSError, TypeError, ValueError) as error:
        _say(str(error))
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
    readings = read_readings(options, TimeStep.parse(station["step"]), station["units"])
    result = client.stations.push(options.station, readings)
    print_pushed(options.station, result, options.format)
    for line in refused_lines(result):
        _say(f"refused: {line}")
    if result.forecast_error is not None:
        _say(f"no forecast was issued: {result.forecast_error}")
        return NOTHING
    stored = result.new + result.revised + result.unchanged
    return REFUSED if len(result.refused) and not stored else DONE


def _forecast(client: Client, options: argparse.Namespace) -> int:
    try:
        table = client.stations.forecast(options.station, levels=options.levels)
    except ProblemError as error:
        if error.status != HTTPStatus.NOT_FOUND:
            raise
        client.stations.get(options.station)
        _say(
            f"no forecast has been issued for {options.station!r} yet: push readings, and the output says what is "
            "missing"
        )
        return NOTHING
    print_forecast(table, options.format)
    return DONE


def _verify(client: Client, options: argparse.Namespace) -> int:
    if options.events:
        return _verify_events(client, options)
    table = client.stations.verification(
        options.station, lead=options.lead, start=options.start, end=options.end, by=options.by
    )
    if table.empty:
        _say(f"no forecast for {options.station!r} can be verified yet: none of the forecast times has a reading")
        return NOTHING
    print_verification(table, options.format)
    return DONE


def _verify_events(client: Client, options: argparse.Namespace) -> int:
    table = client.stations.event_verification(options.station, lead=options.lead, start=options.start, end=options.end)
    if table.empty:
        _say(
            f"no event of {options.station!r} can be verified yet: the readings that decide the outcomes have "
            "not arrived"
        )
        return NOTHING
    print_event_verification(table, options.format)
    return DONE


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
    "forecast": _forecast,
    "verify": _verify,
    "alerts": _alerts,
    "remove": _remove,
}


def _is_temporary(error: ProblemError) -> bool:
    return error.status == HTTPStatus.TOO_MANY_REQUESTS or error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _explained(error: ProblemError, options: argparse.Namespace) -> str:
    if error.status == HTTPStatus.NOT_FOUND and error.problem and options.command not in ("add", "list"):
        program = command_name("station", "service.station_cli")
        return (
            f"no station {options.station!r}: create it with '{program} add {options.station} --step day', or see "
            f"'{program} list'"
        )
    if error.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"{error.detail} (the key is read from the environment variable SST_KEY)"
    return error.detail


def _say(message: str) -> None:
    print(f"station: {message}", file=sys.stderr)
