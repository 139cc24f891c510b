"""The time steps that have universal networks, and how the networks of each are made."""

from dataclasses import dataclass
from typing import Final

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
_YEAR: Final = 365.25 * _DAY
_TIDES: Final = (12.4206 * _HOUR, 12.6583 * _HOUR, 25.8193 * _HOUR, 6.2103 * _HOUR)
"""Periods of the constituents M2, N2, O1 and M4. Within two months, S2 and K1 are part of the daily cycle."""


@dataclass(frozen=True)
class Spec:
    """A time step and what the universal networks of that step use."""

    step: str
    step_seconds: float
    horizon: int
    minimum: int
    maximum: int
    knots: tuple[int, ...]
    half_lives: tuple[float, ...]
    scale_half_life: float
    periods: tuple[float, ...]
    lags: tuple[int, ...]
    cycle: int
    cycle_ahead: tuple[int, ...]
    cell_steps: int
    widening: float
    seas: int
    training_steps: int
    contexts: tuple[int, ...]
    scored_leads: tuple[int, ...]
    weather_contexts: tuple[int, ...] = ()

    @property
    def release(self) -> str:
        """Name of the release, such as ``ocean-daily``."""
        return f"ocean-{_ADVERBS[self.step]}"


_ADVERBS: Final = {"hour": "hourly", "day": "daily", "week": "weekly", "month": "monthly"}


SPECS: Final = {
    "hour": Spec(
        step="hour",
        step_seconds=_HOUR,
        horizon=48,
        minimum=48,
        maximum=1440,
        knots=(1, 2, 3, 6, 9, 12, 18, 24, 36, 48),
        half_lives=(2, 6, 18, 72),
        scale_half_life=72,
        periods=(_DAY, _DAY / 2, _DAY / 3, *_TIDES),
        lags=(0, 1, 2, 3, 11, 12, 23, 24),
        cycle=24,
        cycle_ahead=(3, 12),
        cell_steps=48,
        widening=0.12,
        seas=6_000,
        training_steps=1500,
        contexts=(72, 336, 720, 1440),
        scored_leads=(1, 6, 24, 48),
        weather_contexts=(336, 720),
    ),
    "day": Spec(
        step="day",
        step_seconds=_DAY,
        horizon=14,
        minimum=14,
        maximum=730,
        knots=(1, 2, 3, 5, 7, 10, 14),
        half_lives=(2, 5, 14, 45),
        scale_half_life=30,
        periods=(_YEAR, _YEAR / 2),
        lags=(0, 1, 2, 3),
        cycle=365,
        cycle_ahead=(7,),
        cell_steps=32,
        widening=0.12,
        seas=12_000,
        training_steps=760,
        contexts=(30, 60, 365, 730),
        scored_leads=(1, 3, 7, 14),
        weather_contexts=(60, 365),
    ),
    "week": Spec(
        step="week",
        step_seconds=7 * _DAY,
        horizon=13,
        minimum=12,
        maximum=520,
        knots=(1, 2, 3, 5, 8, 13),
        half_lives=(1.5, 4, 10, 26),
        scale_half_life=16,
        periods=(_YEAR, _YEAR / 2, _YEAR / 3),
        lags=(0, 1, 2, 3),
        cycle=52,
        cycle_ahead=(2, 8),
        cell_steps=32,
        widening=0.15,
        seas=6_000,
        training_steps=560,
        contexts=(26, 104, 260, 520),
        scored_leads=(1, 4, 8, 13),
    ),
    "month": Spec(
        step="month",
        step_seconds=_YEAR / 12,
        horizon=12,
        minimum=6,
        maximum=360,
        knots=(1, 2, 3, 5, 8, 12),
        half_lives=(1.5, 4, 10, 30),
        scale_half_life=18,
        periods=(_YEAR, _YEAR / 2, _YEAR / 3),
        lags=(0, 1, 2, 3),
        cycle=12,
        cycle_ahead=(1, 4),
        cell_steps=24,
        widening=0.1,
        seas=6_000,
        training_steps=400,
        contexts=(24, 60, 120, 360),
        scored_leads=(1, 3, 6, 12),
    ),
}
"""Time steps that have universal networks."""
