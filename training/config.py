"""What a training run is set to: one configuration for all cells, and one rule of defaults for all data."""

import math
import platform
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from pydantic import BaseModel, Field

from forecasting.networks.metadata import CELLS
from forecasting.series.shape import ForecastShape
from forecasting.series.times import YEAR
from forecasting.series.timestep import TimeStep

DEFAULT_SEED: Final = 0


class TrainingConfig(BaseModel, frozen=True, extra="forbid"):
    """Settings of one run; the same for every cell.

    Attributes:
        cells: to train.
        window: values that a forecast starts from.
        horizon: leads that are fitted to (see :attr:`later_leads`), evaluated and calibrated.
        fill_limit: longest gap, in steps, that is interpolated inside a window.
        hidden: size of the hidden state.
        layers: recurrent layers.
        epochs: passes over the training windows; by :meth:`schedule` where None.
        seed: of the initial weights and the order of batches.
        seeds: how many seeds to train for the spread; the first is published.
        learning_rate: at the peak of the schedule.
        weight_decay: of AdamW, on matrices alone.
        dropout: of the last hidden state.
        huber_delta: one-step spreads at which the loss turns from squared to linear.
        trend: whether the level is counted from a line through the record too; see :meth:`counts_trend`.
        autoregression: whether a forecast in closed form stands beside the cell.
        later_leads: what the errors at later leads of the autoregression's roll-out count together in its fit; that at
            the first counts 1.
        cell_leads: of its roll-out that the cell is trained through.
        cell_share: of the cell in the forecast of both, with many windows; see :meth:`share`.
        cell_window: values, the last of the window, that the cell sees.
        harmonics: of the year (and, under daily steps, one of the day) that the cell sees.
    """

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
        """The defaults for a series of this step, but for those ``settings`` that are not None.

        The window, horizon and longest gap that is filled are those of
        :meth:`~forecasting.series.shape.ForecastShape.for_step`; of another window an eighth is filled.

        Raises:
            pydantic.ValidationError: if a setting is out of range.
        """
        given = {name: value for name, value in settings.items() if value is not None}
        shape = ForecastShape.for_step(step)
        window = given.setdefault("window", shape.window)
        given.setdefault("horizon", shape.horizon)
        given.setdefault("fill_limit", window // 8)
        return cls(**given)

    @property
    def shape(self) -> ForecastShape:
        """Window, horizon and longest gap of a forecast."""
        return ForecastShape(self.window, self.horizon, self.fill_limit)

    def schedule(self, windows: int) -> "Schedule":
        """Batch size and epochs for so many training windows.

        Where ``epochs`` is None: thirty, but at least 600 and at most 1 500 steps of the optimiser.
        """
        batch = min(64 if windows < 3_000 else 128, windows)
        batches = math.ceil(windows / batch)
        steps = min(max(30 * batches, 600), 1_500)
        return Schedule(batch=batch, epochs=self.epochs or math.ceil(steps / batches))

    def counts_trend(self, step: TimeStep) -> bool:
        """Whether the level is counted from a trend too; a window of a year tells by itself how warm the sea is."""
        return self.trend and self.window * step.seconds < YEAR

    def share(self, windows: int) -> float:
        """Of the cell in the forecast that it makes with the autoregression, for so many training windows.

        The fewer there are to learn from, the less can the cell be trusted: a thousand halve it.
        """
        return self.cell_share * windows / (windows + 1_000) if self.autoregression else 1.0

    def flat(self) -> dict[str, int | float | str | bool]:
        """Every setting as plain values, for the metadata."""
        return {**self.model_dump(exclude_none=True), "cells": ",".join(self.cells)}


@dataclass(frozen=True)
class Schedule:
    """Windows a step of the optimiser, and passes over all of them."""

    batch: int
    epochs: int


def libraries() -> dict[str, str]:
    """Versions of what makes a checkpoint what it is."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
