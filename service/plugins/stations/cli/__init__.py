"""``sst station``: stations of a running service, from the command line. Imports nothing slow before it must."""

import argparse
import os
from collections.abc import Sequence
from typing import Final

from forecasting.console import (
    Program,
    add_format,
    add_reading_options,
    add_version,
    levels,
    number,
    whole,
)
from forecasting.extras import needs_extra
from forecasting.readers.options import OPTIONS
from forecasting.series.units import UNITS

DEFAULT_URL: Final = "http://127.0.0.1:8000"
IN_FILES: Final = {
    "source": "the source from which the service fetches readings",
    "events": "the events to watch",
    "baseline": "the baseline of the events",
    "webhooks": "the webhooks that receive alerts; the secrets that the service makes for them are printed once",
    "notify": "the addresses that receive alerts as a sentence",
}
STATION: Final = Program("station")
READING: Final = tuple(name for name in OPTIONS if name != "sample")
"""Reading options for files of readings, which are of one place."""
ABOUT: Final = """\
The service is at --url, the environment variable SST_URL, or http://127.0.0.1:8000. Its API key, if it needs one, is
read from the environment variable SST_KEY.

exit status: 0 success; 1 the service or a webhook cannot be reached, or cannot respond at the moment; 2 invalid options
or file, or a request that the service refuses; 3 nothing could be forecast or verified; 4 readings are stored but
doubted; 130 interrupted."""


def main(arguments: Sequence[str]) -> int:
    """Run a command; returns the exit status, see :data:`ABOUT`."""
    options = _parser().parse_args(arguments)
    with needs_extra("client", "sst station"):
        from service.plugins.stations.cli.commands import run_station_command
    return run_station_command(options)


def _parser() -> argparse.ArgumentParser:
    """Return the parser for the command line of ``sst station``."""
    parser = argparse.ArgumentParser(
        prog=STATION.name,
        description="Send station readings to a running service, and see the forecasts that it issues.",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add_version(parser)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_settings(_command(commands, "add", "create a station, or replace its settings"))
    _command(commands, "list", "list the stations", of_station=False)
    _command(commands, "show", "show the settings and the newest observation of a station")
    _add_readings(_command(commands, "push", "send readings, and show the new forecast"))
    _add_correction(_add_time(_command(commands, "correct", "give a stored reading another value, or a flag")))
    _add_time(_command(commands, "take-back", "take back a stored reading; only the revisions show it then"))
    _add_levels(_command(commands, "forecast", "show the newest forecast"))
    _add_verification(_command(commands, "verify", "compare the issued forecasts with later observations"))
    _add_period(_command(commands, "alerts", "list the alerts about events"), "time at which an alert was raised")
    _add_webhook(_command(commands, "test-webhooks", "send a test to the webhooks and other addresses"))
    _command(commands, "remove", "delete a station with all its readings and forecasts; needs its key or an admin key")
    return parser


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, summary: str, *, of_station: bool = True
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    if of_station:
        command.add_argument("station", metavar="ID", help="the ID of the station")
    command.add_argument(
        "--url",
        default=os.environ.get("SST_URL") or DEFAULT_URL,
        help=f"the URL of the service (default: SST_URL, or {DEFAULT_URL})",
    )
    add_format(command)
    return command


def _add_settings(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--step", required=True, help="time between readings: month, week, day, hour, or ISO 8601 such as PT30M"
    )
    command.add_argument("--name", help="display name")
    command.add_argument("--latitude", type=number, metavar="LAT", help="degrees north")
    command.add_argument("--longitude", type=number, metavar="LON", help="degrees east")
    command.add_argument(
        "--units", choices=UNITS, default="celsius", help="unit of the temperatures (default: %(default)s)"
    )
    command.add_argument(
        "--model", default="best", metavar="NAME", help="model to forecast with (default: %(default)s)"
    )
    command.add_argument("--horizon", type=whole, metavar="H", help="number of steps to forecast (default: 7)")
    command.add_argument(
        "--visibility",
        choices=("private", "shared"),
        help="whether other keys may read it (default: private)",
    )
    command.add_argument("--owner", metavar="NAME", help="name of the key that it belongs to; needs an admin key")
    command.add_argument(
        "--weather",
        metavar="SOURCE",
        help="where the service fetches the weather at the position, which is sent there: open-meteo, or a JSON file "
        "in the form of PUT /stations/ID",
    )
    for name, summary in IN_FILES.items():
        command.add_argument(
            f"--{name}", metavar="FILE.json", help=f"JSON file with {summary}, in the form of PUT /stations/ID"
        )


def _add_readings(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "files", nargs="*", metavar="FILE", help="CSV, ERDDAP, NDBC, NetCDF or Zarr; - reads standard input"
    )
    command.add_argument(
        "--reading",
        nargs=2,
        action="append",
        default=[],
        metavar=("TIME", "VALUE"),
        help="a reading, in the units of the station; can be repeated",
    )
    group = command.add_argument_group("reading", "override what is detected in the files")
    # The ID of the station already has the destination "station", and --format is that of the output.
    add_reading_options(group, READING, {"format": ["--file-format"]}, prefix="reading_")


def _add_time(command: argparse.ArgumentParser) -> argparse.ArgumentParser:
    command.add_argument("time", metavar="TIME", help="the time of the reading, such as 2026-07-14")
    return command


def _add_correction(command: argparse.ArgumentParser) -> None:
    command.add_argument("--value", type=number, help="the right value, in the units of the station")
    command.add_argument(
        "--flag", type=int, choices=(1, 3, 4), help="1: the reading is good; 3: it is suspect; 4: it is wrong"
    )


def _add_levels(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--levels",
        type=levels,
        metavar="LIST",
        help="levels of the intervals, in percent (default: 80,95, or all if the forecast has neither)",
    )


def _add_verification(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lead", type=whole, metavar="N", help="number of steps ahead (default: all)")
    _add_period(command, "last observation of a forecast")
    shown = command.add_mutually_exclusive_group()
    shown.add_argument("--by", choices=("month",), help="score each month too")
    shown.add_argument("--events", action="store_true", help="show how often events happened, by probability")


def _add_webhook(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--webhook", metavar="URL", help="the webhook or address, as you sent it or as show prints it (default: all)"
    )


def _add_period(command: argparse.ArgumentParser, limit: str) -> None:
    command.add_argument("--from", dest="start", metavar="TIME", help=f"the earliest {limit}")
    command.add_argument("--to", dest="end", metavar="TIME", help="the latest")
