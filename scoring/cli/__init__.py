"""The commands of batch scoring: ``sst score``, ``outlook``, ``verify``, ``forecast`` and ``events``.

Imports nothing slow: each command imports what it needs when its options are known.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Final

from forecasting.console import Command, Program
from forecasting.extras import needs_extra
from scoring.cli.arguments import (
    APPEND,
    EVENTS,
    EXITS,
    FORECAST,
    INCOMPLETE,
    OUTLOOK,
    SCORE,
    VERIFY,
    add_events_options,
    add_forecast_options,
    add_outlook_options,
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


def run_score(arguments: Sequence[str]) -> int:
    """Run ``sst score``; returns the exit status."""
    appending = any(argument.partition("=")[0] == APPEND for argument in arguments)
    add_options = partial(add_score_options, appending=appending)
    description = "Forecast every station of a table, or every cell of a grid."
    return Command(SCORE, description, add_options, _score, EXITS, _USAGE.format(SCORE.name)).main(arguments)


def _score(options: argparse.Namespace) -> int:
    return _batch(SCORE, "score", "Batch scoring", options)


def _batch(program: Program, name: str, purpose: str, options: argparse.Namespace) -> int:
    with needs_extra("scoring", purpose):
        from scoring.cli.start import leave_out_dask, load_torch_aside, processes_for

        if not options.cluster:
            leave_out_dask()
        if processes_for(options):
            load_torch_aside(options)
    return _run(program, name, name, purpose, options)


def _run(program: Program, module: str, name: str, purpose: str, options: argparse.Namespace) -> int:
    """Run a function of a module of this package; returns its exit status, 3 if nothing can be forecast."""
    with needs_extra("scoring", purpose):
        try:
            status: int = getattr(import_module(f"scoring.cli.{module}"), name)(options)
            return status
        except NothingToForecastError as error:
            program.say_error(error)
            return INCOMPLETE


OUTLOOK_COMMAND: Final = Command(
    OUTLOOK,
    "Forecast every cell of a daily grid: temperatures, anomalies, references, marine heatwaves and cold spells, heat "
    "stress, maps, and a page that shows them.",
    add_outlook_options,
    partial(_batch, OUTLOOK, "outlook", "An outlook"),
    EXITS,
)
VERIFY_COMMAND: Final = Command(
    VERIFY,
    "Compare the forecasts in an archive, or in a folder of outlooks, with later observations.",
    add_verify_options,
    partial(_run, VERIFY, "verify", "verify", "Verification"),
    _EXITS_OF_VERIFY,
)
FORECAST_COMMAND: Final = Command(
    FORECAST,
    "Forecast each series in a file, without a server. The options are those of POST /forecast.",
    add_forecast_options,
    partial(_run, FORECAST, "forecast", "forecast", "sst forecast"),
    _EXITS_OF_FILE,
)
EVENTS_COMMAND: Final = Command(
    EVENTS,
    "List the marine heatwaves or cold spells in daily series. They need ten years of values, or --baseline position.",
    add_events_options,
    partial(_run, EVENTS, "forecast", "events", "sst events"),
    _EXITS_OF_FILE,
)
