"""Errors of batch scoring."""

from forecasting.console import in_command_line
from forecasting.errors import FileError, ForecastError, SeriesError


class ScoringError(ForecastError):
    """A run cannot start or resume; the message says why, where, and what to do."""


class NothingToForecastError(FileError):
    """A readable input from which nothing can be forecast; the message says what to do."""


def in_one_line(error: SeriesError) -> str:
    """Return the message of an error on one line."""
    return " ".join(error.written(in_command_line).split())
