"""Prediction intervals and exceedance probabilities from out-of-sample residuals.

Split-conformal prediction: Lei et al. (2018, J. Am. Stat. Assoc. 113, 1094). The half-width at level 1 − α is the
⌈(n + 1)(1 − α)⌉-th smallest of n absolute residuals, and covers with that probability if future errors are
exchangeable with the residuals. Old errors seldom are, so older residuals have less weight (Barber et al. 2023, Ann.
Stat. 51, 816). Errors of different seasons are not exchangeable either, so each season has its own table if there are
enough residuals; if not, half-widths are proportional to the RMS increment of the window (section 5.2 of the first
paper).
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from pydantic import BaseModel, Field

from forecasting.errors import RequestError
from forecasting.events.paths import Dependence
from forecasting.models import error_quantiles
from forecasting.scores.accuracy import coverage, rounded, rounded_one
from forecasting.series.origins import Origins
from forecasting.series.times import SEASONS, YEAR, Floats, Times, season_of

RMS_INCREMENT_RATIO: Final = 1.5
"""How far the RMS increment of a window may be outside the range of the training windows, as a ratio."""


def rms_increment_of(windows: Floats) -> Floats:
    """Return the RMS increment of each window of °C ``(n, window)``: √(mean((xₜ − xₜ₋₁)²)), °C ``(n,)``."""
    increments = windows[:, 1:] - windows[:, :-1]
    rms_increment: Floats = np.sqrt(np.vecdot(increments, increments) / increments.shape[1])
    return rms_increment


LEVELS: Final = (50, 60, 70, 80, 90, 95, 99)
"""Percent. A checkpoint offers those that it has enough residuals for."""

MIN_SEASON_RESIDUALS: Final = 40
"""Residuals that each season needs at every lead, to have its own table."""

MIN_SEASON_YEARS: Final = 2.0
"""Years that residuals must span before each season has its own table."""

OLDEST_WEIGHT: Final = 0.5
"""Weight of the oldest residual; the newest has 1."""

PROBABILITIES: Final = (0.01, 0.025, *(round(0.05 * i, 2) for i in range(1, 20)), 0.975, 0.99)


class ErrorTable(BaseModel, frozen=True):
    """Errors of one season by lead; the first entry of each is lead 1.

    Attributes:
        n: number of residuals.
        half_width: °C, by level in percent.
        quantiles: °C, of observation minus forecast, at :data:`PROBABILITIES`, by lead.
    """

    n: tuple[int, ...]
    half_width: dict[int, tuple[float, ...]]
    quantiles: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, residuals: Floats, weights: Floats, pooled: "ErrorTable | None" = None) -> "ErrorTable":
        """Build the table of weighted residuals, °C ``(n, leads)``, NaN where there is none.

        Levels that there are too few residuals for come from ``pooled``, if given.
        """
        known = [np.isfinite(column) for column in residuals.T]
        columns = [(errors[at], counts[at]) for errors, counts, at in zip(residuals.T, weights.T, known, strict=True)]
        fewest = min(len(errors) for errors, _ in columns)
        half_width: dict[int, tuple[float, ...]] = {}
        for level in LEVELS:
            if (fewest + 1) * level <= fewest * 100:
                half_width[level] = tuple(_half_width(errors, counts, level) for errors, counts in columns)
            elif pooled is not None and level in pooled.half_width:
                inner = half_width[max(half_width)]
                half_width[level] = tuple(map(max, pooled.half_width[level], inner))
        quantiles = tuple(_quantiles(errors, counts) for errors, counts in columns)
        return cls(n=tuple(len(errors) for errors, _ in columns), half_width=half_width, quantiles=quantiles)


def tables_by_season(residuals: Floats, weights: Floats, times: Times, pooled: ErrorTable) -> dict[str, ErrorTable]:
    """Build a table for each season; none if there are too few residuals.

    Args:
        residuals: °C ``(n, leads)``, NaN where there is none.
        weights: weights of the residuals, ``(n, leads)``.
        times: times of the residuals, ``(n, leads)``.
        pooled: the table of all seasons.
    """
    if float((times.max() - times.min()).astype(np.int64)) < MIN_SEASON_YEARS * YEAR:
        return {}
    seasons = season_of(times)
    parts = [np.where(seasons == season, residuals, np.nan) for season in range(len(SEASONS))]
    if min(int(np.isfinite(part).sum(axis=0).min()) for part in parts) < MIN_SEASON_RESIDUALS:
        return {}
    return {name: ErrorTable.of(part, weights, pooled) for name, part in zip(SEASONS, parts, strict=True)}


def age_weights(times: Times) -> Floats:
    """Return the weights of residuals of these ``times``, in the same shape: 1 for the newest, less for older ones."""
    age = (times.max() - times).astype(np.int64)
    weights: Floats = OLDEST_WEIGHT ** (age / max(int(age.max()), 1))
    return weights


def _half_width(residuals: Floats, weights: Floats, level: int) -> float:
    """Return the half-width from residuals ``(n,)``; the future error has weight 1, like the newest residual."""
    absolute = np.abs(residuals)
    order = np.argsort(absolute)
    rank = int(np.searchsorted(np.cumsum(weights[order]), level * (weights.sum() + 1) / 100))
    return rounded_one(absolute[order[min(rank, len(order) - 1)]])


def _quantiles(residuals: Floats, weights: Floats) -> tuple[float, ...]:
    """Return the quantiles of residuals ``(n,)``; interpolated, as numpy does where all weights are the same."""
    order = np.argsort(residuals)
    counts = weights[order]
    at = np.concatenate([[0.0], np.cumsum((counts[:-1] + counts[1:]) / 2)])
    return rounded(np.interp(np.multiply(PROBABILITIES, at[-1]), at, residuals[order]))


SEASON_SECONDS: Final = YEAR / 4
"""The RMS increment of a window between a season and a year long depends mostly on the part of the year it covers."""


class RmsIncrementRange(BaseModel, frozen=True, populate_by_name=True):
    """RMS increments of windows, °C, that errors are proportional to."""

    typical: float
    least: float = Field(alias="calmest")
    greatest: float = Field(alias="liveliest")

    @classmethod
    def of(cls, rms_increment: Floats) -> "RmsIncrementRange":
        """Return the range for the RMS increments of the windows that residuals came from, ``(n,)``."""
        return cls(
            typical=rounded_one(np.median(rms_increment)),
            least=rounded_one(rms_increment.min() / RMS_INCREMENT_RATIO),
            greatest=rounded_one(rms_increment.max() * RMS_INCREMENT_RATIO),
        )


class ErrorDistribution(BaseModel, frozen=True, populate_by_name=True):
    """Calibrated errors by lead; the first entry of each is lead 1.

    Attributes:
        n: number of residuals at each lead.
        half_width: °C, by level in percent.
        probabilities: probabilities of the ``quantiles``.
        quantiles: °C, of observation minus forecast, by lead.
        seasons: a table for each of :data:`~forecasting.series.times.SEASONS`; empty if there are too few residuals.
        rms_increment: what errors are proportional to; None if they are not scaled. Stored as ``liveliness``.
    """

    n: tuple[int, ...]
    half_width: dict[int, tuple[float, ...]]
    probabilities: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    seasons: dict[str, ErrorTable] = {}
    rms_increment: RmsIncrementRange | None = Field(default=None, alias="liveliness")

    @classmethod
    def calibrate(
        cls, residuals: Floats, origins: Origins | None = None, *, several: bool = False
    ) -> "ErrorDistribution":
        """Calibrate on out-of-sample residuals.

        Older residuals have less weight. Seasons have their own tables if the residuals span two years and each season
        has 40 at every lead. If they do not, or if the residuals are of several places, errors are scaled by the RMS
        increment of the window, unless that depends mostly on the season.

        Args:
            residuals: observation minus forecast, °C ``(n, leads)``, NaN where there is none.
            origins: that the forecasts started from; if None, all residuals are pooled with the same weight.
            several: whether the residuals are of several places, which may vary by different amounts.
        """
        weights = np.ones_like(residuals) if origins is None else age_weights(origins.times)
        pooled, scaling = ErrorTable.of(residuals, weights), None
        seasons = {} if origins is None else tables_by_season(residuals, weights, origins.times, pooled)
        if origins is not None and (several or not seasons) and _is_scalable(origins, several):
            rms_increment = rms_increment_of(origins.windows)
            scaling = RmsIncrementRange.of(rms_increment)
            residuals = residuals * (scaling.typical / rms_increment)[:, None]
            pooled = ErrorTable.of(residuals, weights)
            seasons = tables_by_season(residuals, weights, origins.times, pooled)
        return cls(**dict(pooled), probabilities=PROBABILITIES, seasons=seasons, rms_increment=scaling)

    def check(self, level: float) -> None:
        """Raise RequestError if a level, in percent, is not offered."""
        if level not in self.half_width:
            offered = ", ".join(map(str, self.half_width)) or "none"
            raise RequestError(f"no calibrated interval at {level:g} %; available levels: {offered}", field="levels")

    def scale(self, windows: Floats) -> Floats:
        """Return the factor for errors of forecasts from ``windows`` °C ``(n, window)``: ``(n,)``."""
        if self.rms_increment is None:
            return np.ones(len(windows))
        bounded = np.clip(rms_increment_of(windows), self.rms_increment.least, self.rms_increment.greatest)
        scale: Floats = bounded / self.rms_increment.typical
        return scale

    def half_widths(self, level: int, times: Times, scale: Floats, lead: int = 1) -> Floats:
        """Return half-widths of the interval at ``level`` percent, °C ``(n, leads)``.

        Args:
            level: one that :meth:`check` accepts.
            times: valid times, ``(n, leads)``.
            scale: from :meth:`scale`, ``(n,)``.
            lead: of the first column.
        """
        return self._rows(self._widths[self._level_index[level]][:, lead - 1 :], times) * scale[:, None]

    def half_widths_of(self, levels: Sequence[int], times: Times, scale: Floats) -> Floats:
        """Return :meth:`half_widths` at several levels, °C ``(levels, n or 1, leads)``."""
        indices, leads = [self._level_index[level] for level in levels], times.shape[1]
        widths: Floats
        if not self.seasons:
            widths = self._widths[indices, :, :leads]
        else:
            widths = self._widths[np.asarray(indices)[:, None, None], season_of(times), np.arange(leads)]
        return widths if self.rms_increment is None else widths * scale[:, None]

    def coverage(
        self, observed: Floats, predicted: Floats, times: Times, scale: Floats, lead: int = 1
    ) -> dict[int, tuple[float, ...]]:
        """Return the share of observations inside the intervals around ``predicted``, by level, per lead.

        Both are °C ``(n, leads)``, NaN where nothing was observed; the rest as for :meth:`half_widths`.
        """
        widths = {level: self.half_widths(level, times, scale, lead) for level in self.half_width}
        return {level: coverage(observed, predicted - width, predicted + width) for level, width in widths.items()}

    def quantiles_at(self, times: Times, scale: Floats) -> Floats:
        """Return quantiles of observation minus forecast, °C ``(n, leads, probabilities)``."""
        return self._rows(self._quantiles, times) * scale[:, None, None]

    def exceedance(self, sst: Floats, times: Times, scale: Floats, threshold: float | Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C where ``sst`` °C ``(n, leads)`` is forecast.

        Args:
            sst: °C, ``(n, leads)``.
            times: valid times, ``(n, leads)``.
            scale: from :meth:`scale`, ``(n,)``.
            threshold: °C, one for all or of a shape that fits ``sst``.

        Returns:
            ``(n, leads)``, as :func:`~forecasting.models.error_quantiles.exceedance` interpolates it.
        """
        return error_quantiles.exceedance(threshold - sst, self.quantiles_at(times, scale), self.probabilities)

    def dependence(self, residuals: Floats, times: Times, scale: Floats) -> Dependence:
        """Estimate how errors at different leads are related, from residuals of consecutive forecasts.

        Args:
            residuals: observation minus forecast, °C ``(n, leads)``, NaN where there is none.
            times: valid times, ``(n, leads)``.
            scale: from :meth:`scale`, ``(n,)``.
        """
        quantiles = np.broadcast_to(self.quantiles_at(times, scale), (*residuals.shape, len(self.probabilities)))
        scores = error_quantiles.scores_of(residuals, quantiles, self.probabilities)
        return Dependence.of(scores, independent=len(scores) / scores.shape[1])

    def _rows(self, tables: Floats, times: Times) -> Floats:
        """Return the rows of ``tables`` ``(seasons, leads, …)`` for times ``(n, leads)``: ``(n or 1, leads, …)``."""
        leads = times.shape[1]
        if len(tables) == 1:
            return tables[:, :leads]
        rows: Floats = tables[season_of(times), np.arange(leads)]
        return rows

    @property
    def _tables(self) -> "list[ErrorTable] | list[ErrorDistribution]":
        return [self.seasons[season] for season in SEASONS] if self.seasons else [self]

    @cached_property
    def _level_index(self) -> dict[int, int]:
        """The index of each level in :attr:`_widths`."""
        return {level: index for index, level in enumerate(self.half_width)}

    @cached_property
    def _widths(self) -> Floats:
        """Half-widths, °C ``(levels, seasons, leads)``; one row for all seasons if they are pooled."""
        return np.asarray([[table.half_width[level] for table in self._tables] for level in self.half_width])

    @cached_property
    def _quantiles(self) -> Floats:
        """Quantiles, °C ``(seasons, leads, probabilities)``; one row for all seasons if they are pooled."""
        return np.asarray([table.quantiles for table in self._tables])


def _is_scalable(origins: Origins, several: bool) -> bool:
    """Whether windows differ by how much the sea varies there, and not mostly by the part of the year they cover."""
    span: float = origins.windows.shape[1] * origins.step.seconds
    return (several or span < SEASON_SECONDS or span >= YEAR) and bool(rms_increment_of(origins.windows).min() > 0)
