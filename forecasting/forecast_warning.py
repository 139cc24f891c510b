"""FIXME docstring."""

from dataclasses import dataclass
from typing import Literal

WarningCode = Literal["adjusted", "gap_filled", "outside_training", "no_climatology", "no_linear", "scored_later"]


@dataclass(frozen=True, slots=True)
class ForecastWarning:
    """Something about a forecast that its reader should know; ``code`` is for programs."""

    code: WarningCode
    message: str
