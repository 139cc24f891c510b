"""The commands of batch scoring: ``sst score``, ``verify``, ``forecast`` and ``events``.

Imports nothing slow: each command imports what it needs when its options are known.
"""

import argparse
from collections.abc import Sequence
from typing import Final

from forecasting.console import Command, run_process
from forecasting.extras import exit_without_extra
from scoring.cli.arguments import (
    APPEND,
    EVENTS,
    EXITS,
    FORECAST,
    SCORE,
    VERIFY,
    add_events_options,
    add_forecast_options,
    add_score_options,
    add_verify_options,
)

_USAGE: Final = """\
{0} [-h] [options] INPUT [INPUT ...] OUTPUT
       {0} [-h] [options] INPUT [INPUT ...] --append ARCHIVE"""
_EXITS_OF_VERIFY: Final = """\
exit status: 0 success; 1 stopped by a system error; 2 invalid options or input; 3 nothing could be verified."""
_EXITS_OF_FILE: Final = "Exit status: 0 success; 2 invalid options or input; 3 no series of the file could be used."


def run(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names as this process; returns the exit status."""
    command = _command(arguments)
    again = "; run the same command again to resume" if command.program in (SCORE, VERIFY) else ""
    return run_process(lambda: command.main(arguments[1:]), command.program, f"interrupted{again}", again)


def main(arguments: Sequence[str]) -> int:
    """Run the command that the first argument names; returns the exit status."""
    return _command(arguments).main(arguments[1:])


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the arguments of ``sst score``; print a message and exit if they are wrong."""
    return _score_command(arguments).parser().parse_args(arguments)


def _command(arguments: Sequence[str]) -> Command:
    return _COMMANDS.get(arguments[0]) or _score_command(arguments[1:])


def _score_command(arguments: Sequence[str]) -> Command:
    appending = any(argument.partition("=")[0] == APPEND for argument in arguments)

    def add_options(parser: argparse.ArgumentParser) -> None:
        add_score_options(parser, appending=appending)

    description = "Forecast every station of a table, or every cell of a grid."
    return Command(SCORE, description, add_options, _score, EXITS, _USAGE.format(SCORE.name))


def _score(options: argparse.Namespace) -> int:
    # Modules that read and write are imported later, depending on the input.
    with exit_without_extra("scoring", "Batch scoring"):
        from scoring.cli.start import leave_out_dask, load_torch_aside, processes_for

        if not options.cluster:
            leave_out_dask()
        if processes_for(options):
            load_torch_aside(options)
        from scoring.cli.score import main

        return main(options)


def _verify(options: argparse.Namespace) -> int:
    with exit_without_extra("scoring", "Verification"):
        from scoring.cli.verify import main

        return main(options)


def _forecast(options: argparse.Namespace) -> int:
    with exit_without_extra("scoring", "sst forecast"):
        from scoring.cli.forecast import forecast

        return forecast(options)


def _events(options: argparse.Namespace) -> int:
    with exit_without_extra("scoring", "sst events"):
        from scoring.cli.forecast import events

        return events(options)


_COMMANDS: Final = {
    "verify": Command(
        VERIFY,
        "Compare the forecasts in an archive with later observations.",
        add_verify_options,
        _verify,
        _EXITS_OF_VERIFY,
    ),
    "forecast": Command(
        FORECAST,
        "Forecast each series in a file, without a server. The options are those of POST /forecast.",
        add_forecast_options,
        _forecast,
        _EXITS_OF_FILE,
    ),
    "events": Command(
        EVENTS,
        "List the marine heatwaves or cold spells in daily series. They need ten years of values.",
        add_events_options,
        _events,
        _EXITS_OF_FILE,
    ),
}
