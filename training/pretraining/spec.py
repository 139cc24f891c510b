"""What differs between the universal networks of different time steps."""

from dataclasses import dataclass
from typing import Final

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365.2425 * _DAY
_TIDES: Final = (12.4206 * _HOUR, 12.0 * _HOUR, 12.6583 * _HOUR, 25.8193 * _HOUR, 23.9345 * _HOUR)
"""Periods of the constituents M2, S2, N2, O1 and K1."""


@dataclass(frozen=True)
class Spec:
    """A time step and what the universal networks of that step use.

    Attributes:
        step: name of the time step.
        step_seconds: its length.
        horizon: number of leads.
        minimum: smallest context, in steps.
        maximum: longest context, in steps.
        knots: leads at which the companion is fitted; the forecast at other leads is interpolated.
        half_lives: of the exponential means, in steps.
        scale_half_life: of the running volatility, in steps.
        periods: of the waves that the companion knows, in seconds.
        cycle: steps of the cycle (a year, or a day) whose previous turn is a predictor.
        cycle_ahead: leads of that cycle's tendency.
        cell_steps: last steps that the cell sees.
    """

    step: str
    step_seconds: float
    horizon: int
    minimum: int
    maximum: int
    knots: tuple[int, ...]
    half_lives: tuple[float, ...]
    scale_half_life: float
    periods: tuple[float, ...]
    cycle: int
    cycle_ahead: tuple[int, ...]
    cell_steps: int


SPECS: Final = {
    "hour": Spec("hour", _HOUR, 48, 48, 1440, (1, 2, 3, 6, 9, 12, 18, 24, 36, 48), (2, 6, 18, 72), 72,
                 (_DAY, _DAY / 2, _DAY / 3, *(p for p in _TIDES if p not in (_DAY / 2, 23.9345 * _HOUR))), 24, (3, 12),
                 48),
    "day": Spec("day", _DAY, 14, 14, 730, (1, 2, 3, 5, 7, 10, 14), (2, 5, 14, 45), 30, (_YEAR, _YEAR / 2), 365, (7,),
                40),
    "week": Spec("week", 7 * _DAY, 13, 12, 520, (1, 2, 3, 5, 8, 13), (1.5, 4, 10, 26), 16,
                 (_YEAR, _YEAR / 2, _YEAR / 3), 52, (2, 8), 32),
    "month": Spec("month", _YEAR / 12, 12, 6, 360, (1, 2, 3, 5, 8, 12), (1.5, 4, 10, 30), 18,
                  (_YEAR, _YEAR / 2, _YEAR / 3), 12, (1, 4), 24),
}  # fmt: skip
"""Time steps that have universal networks."""
