"""Why a run is refused."""

from forecasting.errors import ForecastError


class ScoringError(ForecastError):
    """A run that cannot begin or go on: what, where, and what to do."""
