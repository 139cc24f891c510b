"""Warnings about a forecast."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

WarningCode = Literal[
    "adjusted",
    "gap_filled",
    "outside_training",
    "no_climatology",
    "no_linear",
    "scored_later",
    "late",
    "doubtful_position",
    "reference_is_better",
    "resampled",
    "short_baseline",
    "coarse_baseline",
    "suspect_value",
    "flat_line",
    "implausible_forecast",
    "doubtful_step",
    "short_horizon",
    "approximate_mmm",
    "incomplete_past",
    "no_weather_ahead",
    "weather_ends_early",
    "weather_not_used",
    "weather_ignored",
    "weather_unavailable",
    "weather_late",
    "alerts_too_late",
]

DOUBTS: Final[frozenset[WarningCode]] = frozenset(
    {
        "outside_training",
        "no_climatology",
        "doubtful_position",
        "late",
        "reference_is_better",
        "suspect_value",
        "flat_line",
        "implausible_forecast",
        "doubtful_step",
    }
)
"""Warnings that cast doubt on a forecast."""


@dataclass(frozen=True, slots=True)
class ForecastWarning:
    """A warning about a forecast: a sentence for the reader, and a ``code`` for programs."""

    code: WarningCode
    message: str
    uncalibrated: bool = False


def starts_from_suspect(warnings: Iterable[ForecastWarning]) -> bool:
    """Return whether one of ``warnings`` says that a forecast starts from a suspect value, which explains all else."""
    return any(warning.code == "suspect_value" and warning.uncalibrated for warning in warnings)


def are_calibrated(warnings: Iterable[ForecastWarning]) -> bool:
    """Return whether intervals and probabilities can be relied on: none of ``warnings`` says otherwise."""
    return not any(warning.uncalibrated for warning in warnings)
