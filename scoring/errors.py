"""Errors of batch scoring."""

import re
from typing import Final

from forecasting.console import in_command_line
from forecasting.errors import FileError, ForecastError


class ScoringError(ForecastError):
    """A run cannot start or resume; the message says why, where, and what to do."""


class NothingToForecastError(FileError):
    """A readable input from which nothing can be forecast; the message says what to do."""


def in_one_line(error: ForecastError) -> str:
    """Return the message of an error on one line."""
    return " ".join(error.written(in_command_line).split())


_PARTICULAR: Final = re.compile(r"'[^']*'|\"[^\"]*\"|\S*\d\S*(?<![,:;.])")


def kind_of(sentence: str) -> str:
    """Return a sentence without its cells, numbers and names, so that equal kinds of errors can be counted."""
    return _PARTICULAR.sub("…", sentence)
