"""Errors of batch scoring."""

from forecasting.errors import FileError, ForecastError


class ScoringError(ForecastError):
    """A run cannot start or resume; the message says why, where, and what to do."""


class NothingToForecastError(FileError):
    """A readable input from which nothing can be forecast; the message says what to do."""
