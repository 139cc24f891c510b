"""Warnings about a forecast."""

from dataclasses import dataclass
from typing import Literal

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
    "short_horizon",
    "approximate_mmm",
    "incomplete_past",
]


@dataclass(frozen=True, slots=True)
class ForecastWarning:
    """A warning about a forecast: a sentence for the reader, and a ``code`` for programs."""

    code: WarningCode
    message: str
