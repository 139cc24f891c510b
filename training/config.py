"""Settings of training the networks of a place."""

import math
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
