"""The exit status of a command."""

from collections.abc import Callable

from forecasting.console import Program, in_command_line
from forecasting.errors import ForecastError


def status_of(program: Program, command: Callable[[], int]) -> int:
    """Run a command of ``program``; returns its exit status, or 2 after an error, which it prints."""
    try:
        return command()
    except ForecastError as error:
        program.say(error.written(in_command_line))
        return 2
