"""``python -m service.station_cli``."""

import sys

from forecasting.console import run_command
from forecasting.extras import exit_without_extra
from service.station_cli.arguments import STATION, parser


def _station() -> int:
    options = parser().parse_args()
    with exit_without_extra("client", "sst station"):
        from service.station_cli.command import main

        return main(options)


def _run() -> int:
    try:
        return run_command(_station)
    except KeyboardInterrupt:
        STATION.say("interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(_run())
