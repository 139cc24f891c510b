"""Errors of batch scoring."""

from forecasting.errors import ForecastError


class ScoringError(ForecastError):
    """A run cannot start or resume; the message says why, where, and what to do."""
