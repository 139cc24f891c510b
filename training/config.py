"""Settings of training: of the networks of a place, and of the universal networks of each time step."""

import math
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, Field

from forecasting.models.metadata import CELLS
from forecasting.series.shape import ForecastShape
from forecasting.series.times import YEAR
from forecasting.series.timestep import TimeStep

DEFAULT_SEED: Final = 0


class TrainingConfig(BaseModel, frozen=True, extra="forbid"):
    """Settings of one run; the same for every cell."""

    cells: tuple[str, ...] = CELLS
    window: int = Field(ge=2, le=1_000)
    horizon: int = Field(ge=1, le=1_000)
    fill_limit: int = Field(ge=0)
    hidden: int = Field(default=16, ge=1, le=1_024)
    layers: int = Field(default=1, ge=1, le=8)
    epochs: int | None = Field(default=None, ge=1, le=10_000)
    seed: int = Field(default=DEFAULT_SEED, ge=0, le=2**31)
    seeds: int = Field(default=1, ge=1, le=100)
    learning_rate: float = Field(default=3e-3, gt=0, le=1)
    weight_decay: float = Field(default=0.3, ge=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    huber_delta: float = Field(default=1.0, gt=0)
    trend: bool = True
    autoregression: bool = True
    later_leads: float = Field(default=1.0, ge=0)
    cell_leads: int = Field(default=1, ge=1, le=48)
    cell_share: float = Field(default=0.5, ge=0, le=1)
    cell_window: int = Field(default=12, ge=1, le=1_000)
    harmonics: int = Field(default=1, ge=1, le=4)

    @classmethod
    def for_step(cls, step: TimeStep, **settings: Any) -> "TrainingConfig":
        """Return the defaults for a series with this step, overridden by the ``settings`` that are not None.

        The defaults of window, horizon and longest filled gap are those of
        :meth:`~forecasting.series.shape.ForecastShape.for_step`; for any other window, gaps up to an eighth of it are
        filled.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        shape = ForecastShape.for_step(step)
        window = given.setdefault("window", shape.window)
        given.setdefault("horizon", shape.horizon)
        given.setdefault("fill_limit", window // 8)
        return cls(**given)

    @property
    def shape(self) -> ForecastShape:
        """Window, horizon and longest filled gap of a forecast."""
        return ForecastShape(self.window, self.horizon, self.fill_limit)

    def schedule(self, windows: int) -> "Schedule":
        """Return the batch size and epochs for a number of training windows.

        If ``epochs`` is None, train for 30 epochs, but for at least 600 and at most 1,500 steps of the optimiser.
        """
        batch = min(64 if windows < 3_000 else 128, windows)
        batches = math.ceil(windows / batch)
        steps = min(max(30 * batches, 600), 1_500)
        return Schedule(batch=batch, epochs=self.epochs or math.ceil(steps / batches))

    def counts_trend(self, step: TimeStep) -> bool:
        """Return whether the level is also measured from a trend; a window of a year shows the level by itself."""
        return self.trend and self.window * step.seconds < YEAR

    def share(self, windows: int) -> float:
        """Return the weight of the cell in the combined forecast, for a number of training windows.

        It grows with the number of windows, since a cell trained on few is less reliable, and reaches half of
        :attr:`cell_share` at 1,000 windows. It is 1 without an autoregression.
        """
        return self.cell_share * windows / (windows + 1_000) if self.autoregression else 1.0

    def flat(self) -> dict[str, int | float | str | bool]:
        """Return every setting as a plain value, for the metadata."""
        return {**self.model_dump(exclude_none=True), "cells": ",".join(self.cells)}


class Schedule(NamedTuple):
    """Windows in a step of the optimiser, and passes over all windows."""

    batch: int
    epochs: int


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
