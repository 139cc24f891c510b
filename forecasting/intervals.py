"""Prediction intervals and exceedance probabilities from residuals out of sample.

Split-conformal prediction: Lei et al. (2018, J. Am. Stat. Assoc. 113, 1094). The half-width at level 1 − α is the
⌈(n + 1)(1 − α)⌉-th smallest of n absolute residuals, and covers with that probability where future errors are
exchangeable with those. Errors of one season seldom are with those of another: hence a table for each season where
there are residuals enough, and, where the residuals hold but a part of the year, half-widths that follow how lively
the window is (section 5.2 of the same paper).
"""

import math
from functools import cached_property
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.errors import RequestError
from forecasting.rolling import Origins
from forecasting.seasons import SEASONS, season_of
from forecasting.timestep import YEAR, Floats, Times
from forecasting.training_range import ACTIVITY_RATIO, activity

LEVELS: Final = (50, 60, 70, 80, 90, 95, 99)
"""Percent. Those that the residuals are enough for are offered."""

SEASON_RESIDUALS: Final = 40
"""Residuals that each season must hold, at every lead, to have a table of its own."""

SEASON_YEARS: Final = 2.0
"""Years that residuals must span before seasons are told apart."""

A_SEASON: Final = YEAR / 4
"""Seconds. A longer window says nothing of how lively the sea is now."""

_PROBABILITIES: Final = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)
_DECIMALS: Final = 6


class ErrorTable(BaseModel, frozen=True):
    """Errors of one season by lead; attributes as those of :class:`ErrorDistribution`."""

    n: tuple[int, ...]
    half_width: dict[int, tuple[float, ...]]
    quantiles: tuple[tuple[float, ...], ...]


class Liveliness(BaseModel, frozen=True):
    """Root mean square increments of windows, °C, that errors grow with.

    Attributes:
        typical: the median: where half-widths and quantiles are as their tables say.
        calmest: the least that errors shrink to.
        liveliest: the most that they grow to.
    """

    typical: float
    calmest: float
    liveliest: float

    @classmethod
    def of(cls, moved: Floats) -> "Liveliness":
        """From the root mean square increments of the windows that residuals came from, ``(n,)``."""
        low, high = float(moved.min()) / ACTIVITY_RATIO, float(moved.max()) * ACTIVITY_RATIO
        return cls(typical=round(float(np.median(moved)), 6), calmest=round(low, 6), liveliest=round(high, 6))


class ErrorDistribution(BaseModel, frozen=True):
    """Calibrated errors by lead; the first entry of each is lead 1.

    Attributes:
        n: residuals that each lead was calibrated on.
        half_width: °C, by level in percent.
        probabilities: at which ``quantiles`` stand.
        quantiles: °C, of observation minus forecast, by lead.
        seasons: the same for each of :data:`~forecasting.seasons.SEASONS`; empty where they could not be told apart.
        liveliness: what errors are in proportion to; None where they are as they stand.
    """

    n: tuple[int, ...]
    half_width: dict[int, tuple[float, ...]]
    probabilities: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    seasons: dict[str, ErrorTable] = {}
    liveliness: Liveliness | None = None

    @classmethod
    def calibrate(cls, residuals: Floats, origins: Origins | None = None) -> "ErrorDistribution":
        """From residuals out of sample.

        Seasons have tables of their own where the residuals span two years and each season holds 40 at every lead.
        Where they span under a year, and the windows less than a season, errors go by the liveliness of the window.

        Args:
            residuals: observation minus forecast, °C ``(n, leads)``, NaN where there is none.
            origins: that the forecasts started from; without them all are pooled.
        """
        liveliness = None
        if origins is not None and _are_of_a_part_of_the_year(origins):
            moved = activity(origins.windows)
            if moved.min() > 0:
                liveliness = Liveliness.of(moved)
                residuals = residuals * (liveliness.typical / moved)[:, None]
        pooled = _table(residuals)
        return cls(
            n=pooled.n,
            half_width=pooled.half_width,
            probabilities=_PROBABILITIES,
            quantiles=pooled.quantiles,
            seasons={} if origins is None else _by_season(residuals, origins.times, pooled),
            liveliness=liveliness,
        )

    def check(self, level: int) -> None:
        """Whether a level, in percent, is offered.

        Raises:
            RequestError: if it is not.
        """
        if level not in self.half_width:
            offered = ", ".join(map(str, self.half_width)) or "none"
            raise RequestError(f"no interval of {level} % is calibrated; levels offered: {offered}", field="levels")

    def scale(self, windows: Floats) -> Floats:
        """What errors of forecasts from ``windows`` °C ``(n, window)`` are multiplied by, ``(n,)``."""
        if self.liveliness is None:
            return np.ones(len(windows))
        bounded = np.clip(activity(windows), self.liveliness.calmest, self.liveliness.liveliest)
        share: Floats = bounded / self.liveliness.typical
        return share

    def half_widths(self, level: int, times: Times, scale: Floats, lead: int = 1) -> Floats:
        """Half-width of the interval at ``level`` percent, °C ``(n, leads)``.

        Args:
            level: offered, as :meth:`check` says.
            times: valid times, ``(n, leads)``.
            scale: as :meth:`scale` says, ``(n,)``.
            lead: of the first column.
        """
        return self._of(self._widths[level][:, lead - 1 :], times) * scale[:, None]

    def half_widths_of(self, levels: tuple[int, ...], times: Times, scale: Floats) -> Floats:
        """The same for several levels, °C ``(levels, n, leads)``."""
        widths = np.empty((len(levels), *times.shape))
        season = None if len(self._tables) == 1 else (season_of(times), np.arange(times.shape[1]))
        for k, level in enumerate(levels):
            widths[k] = self._widths[level][0, : times.shape[1]] if season is None else self._widths[level][season]
        if self.liveliness is not None:
            widths *= scale[:, None]
        return widths

    def quantiles_at(self, times: Times, scale: Floats) -> Floats:
        """Quantiles of observation minus forecast, °C ``(n, leads, probabilities)``; arguments as for half-widths."""
        return self._of(self._quantiles, times) * scale[:, None, None]

    def exceedance(self, sst: Floats, times: Times, scale: Floats, threshold: float) -> Floats:
        """Probability that SST exceeds ``threshold`` °C where ``sst`` °C ``(n, leads)`` is forecast, ``(n, leads)``.

        Interpolated between the quantiles; beyond the outermost, it stays at their probability.
        """
        margin = (threshold - sst)[..., None]
        quantiles = self.quantiles_at(times, scale)
        # The quantile below and the one above.
        above = np.clip((quantiles <= margin).sum(axis=-1, keepdims=True), 1, len(self.probabilities) - 1)
        low = np.take_along_axis(quantiles, above - 1, axis=-1)
        apart = np.take_along_axis(quantiles, above, axis=-1) - low
        way = np.clip((margin - low) / np.where(apart > 0, apart, 1.0), 0.0, 1.0)
        levels = np.asarray(self.probabilities)
        below = levels[above - 1] + way * (levels[above] - levels[above - 1])
        exceeded: Floats = 1.0 - below[..., 0]
        return exceeded

    def _of(self, tables: Floats, times: Times) -> Floats:
        """Rows of ``tables`` ``(seasons, leads, …)`` for each time ``(n, leads)``: ``(n or 1, leads, …)``."""
        leads = times.shape[1]
        if len(tables) == 1:
            return tables[:, :leads]
        rows: Floats = tables[season_of(times), np.arange(leads)]
        return rows

    @property
    def _tables(self) -> "list[ErrorTable] | list[ErrorDistribution]":
        return [self.seasons[season] for season in SEASONS] if self.seasons else [self]

    @cached_property
    def _widths(self) -> dict[int, Floats]:
        """By level, °C ``(seasons, leads)``; one row where they are pooled."""
        return {level: np.asarray([table.half_width[level] for table in self._tables]) for level in self.half_width}

    @cached_property
    def _quantiles(self) -> Floats:
        """°C ``(seasons, leads, probabilities)``; one row where they are pooled."""
        return np.asarray([table.quantiles for table in self._tables])


def _table(residuals: Floats, pooled: ErrorTable | None = None) -> ErrorTable:
    """Errors of ``residuals`` ``(n, leads)``; at levels that they are too few for, those of ``pooled``, or none."""
    columns = [np.sort(column[np.isfinite(column)]) for column in residuals.T]
    fewest = min(len(column) for column in columns)
    absolute = [np.sort(np.abs(column)) for column in columns]
    half_width: dict[int, tuple[float, ...]] = {}
    for level in LEVELS:
        if _rank(fewest, level) <= fewest:
            half_width[level] = tuple(_half_width(column, level) for column in absolute)
        elif pooled is not None and level in pooled.half_width:
            inner = half_width[max(half_width)]
            half_width[level] = tuple(map(max, pooled.half_width[level], inner))
    quantiles = (tuple(round(float(q), _DECIMALS) for q in np.quantile(column, _PROBABILITIES)) for column in columns)
    return ErrorTable(n=tuple(map(len, columns)), half_width=half_width, quantiles=tuple(quantiles))


def _by_season(residuals: Floats, times: Times, pooled: ErrorTable) -> dict[str, ErrorTable]:
    """A table a season; empty where there are too few residuals to tell them apart."""
    if _years(times) < SEASON_YEARS:
        return {}
    season = season_of(times)
    parts = [np.where(season == k, residuals, np.nan) for k in range(len(SEASONS))]
    if min(int(np.isfinite(part).sum(axis=0).min()) for part in parts) < SEASON_RESIDUALS:
        return {}
    return {name: _table(part, pooled) for name, part in zip(SEASONS, parts, strict=True)}


def _are_of_a_part_of_the_year(origins: Origins) -> bool:
    return _years(origins.times) < 1 and origins.windows.shape[1] * origins.step.seconds < A_SEASON


def _years(times: Times) -> float:
    return float((times.max() - times.min()).astype(np.int64)) / YEAR


def _rank(n: int, level: int) -> int:
    return math.ceil((n + 1) * level / 100)


def _half_width(absolute: Floats, level: int) -> float:
    return round(float(absolute[_rank(len(absolute), level) - 1]), _DECIMALS)
