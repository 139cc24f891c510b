"""The exit status of a command."""

import io
import sys
from collections.abc import Callable

from forecasting.console import in_command_line
from forecasting.errors import ForecastError


def status_of(command: Callable[[], int]) -> int:
    """Run a command; returns its exit status, or 2 after an error, which it prints."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # do not fail on a terminal that cannot show ±
    try:
        return command()
    except ForecastError as error:
        print(f"training: {error.written(in_command_line)}", file=sys.stderr)
        return 2
