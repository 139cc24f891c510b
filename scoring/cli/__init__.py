"""The commands of batch scoring: ``sst score``, ``verify``, ``forecast`` and ``events``.

Imports nothing slow: each command imports what it needs when its options are known.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Final

from forecasting.console import Command, Program, run_process
from forecasting.extras import exit_without_extra
from scoring.cli.arguments import (
    APPEND,
    EVENTS,
    EXITS,
    FORECAST,
    INCOMPLETE,
    SCORE,
    VERIFY,
    add_events_options,
    add_forecast_options,
    add_score_options,
    add_verify_options,
)
from scoring.errors import NothingToForecastError

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


def _command(arguments: Sequence[str]) -> Command:
    if arguments[0] != "score":
        return _COMMANDS[arguments[0]]
    appending = any(argument.partition("=")[0] == APPEND for argument in arguments)
    add_options = partial(add_score_options, appending=appending)
    description = "Forecast every station of a table, or every cell of a grid."
    return Command(SCORE, description, add_options, _score, EXITS, _USAGE.format(SCORE.name))


def _score(options: argparse.Namespace) -> int:
    with exit_without_extra("scoring", "Batch scoring"):
        from scoring.cli.start import leave_out_dask, load_torch_aside, processes_for

        if not options.cluster:
            leave_out_dask()
        if processes_for(options):
            load_torch_aside(options)
    return _run(SCORE, "score", "score", "Batch scoring", options)


def _run(program: Program, module: str, name: str, purpose: str, options: argparse.Namespace) -> int:
    """Run a function of a module of this package; returns its exit status, 3 if nothing can be forecast."""
    with exit_without_extra("scoring", purpose):
        try:
            status: int = getattr(import_module(f"scoring.cli.{module}"), name)(options)
            return status
        except NothingToForecastError as error:
            program.say_error(error)
            return INCOMPLETE


_COMMANDS: Final = {
    "verify": Command(
        VERIFY,
        "Compare the forecasts in an archive with later observations.",
        add_verify_options,
        partial(_run, VERIFY, "verify", "verify", "Verification"),
        _EXITS_OF_VERIFY,
    ),
    "forecast": Command(
        FORECAST,
        "Forecast each series in a file, without a server. The options are those of POST /forecast.",
        add_forecast_options,
        partial(_run, FORECAST, "forecast", "forecast", "sst forecast"),
        _EXITS_OF_FILE,
    ),
    "events": Command(
        EVENTS,
        "List the marine heatwaves or cold spells in daily series. They need ten years of values.",
        add_events_options,
        partial(_run, EVENTS, "forecast", "events", "sst events"),
        _EXITS_OF_FILE,
    ),
}
