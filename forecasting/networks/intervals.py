"""Prediction intervals and exceedance probabilities from residuals out of sample.

Split-conformal prediction: Lei et al. (2018, J. Am. Stat. Assoc. 113, 1094). The half-width at level 1 − α is the
⌈(n + 1)(1 − α)⌉-th smallest of n absolute residuals, and covers with that probability where future errors are
exchangeable with those. Errors of long ago seldom are: hence residuals that count the less the older they are (Barber
et al. 2023, Ann. Stat. 51, 816). Nor are errors of one season with those of another: hence a table for each season
where there are residuals enough, and, where there are not, half-widths that follow how lively the window is (section
5.2 of the first paper).
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.errors import RequestError
from forecasting.networks.training_range import ACTIVITY_RATIO, activity
from forecasting.scores.accuracy import coverage, rounded, rounded_one
from forecasting.scores.seasons import SEASONS, season_of
from forecasting.series.origins import Origins
from forecasting.series.timestep import YEAR, Floats, Times

LEVELS: Final = (50, 60, 70, 80, 90, 95, 99)
"""Percent. Those that the residuals are enough for are offered."""

MIN_SEASON_RESIDUALS: Final = 40
"""Residuals that each season must hold, at every lead, to have a table of its own."""

MIN_SEASON_YEARS: Final = 2.0
"""Years that residuals must span before seasons are told apart."""

OLDEST_WEIGHT: Final = 0.5
"""What the oldest residual counts, where the newest counts 1."""

SEASON_SECONDS: Final = YEAR / 4
"""Seconds. A window as long as that, but under a year, says more of the season than of how lively the sea is now."""

_PROBABILITIES: Final = (0.01, 0.025, *(round(0.05 * k, 2) for k in range(1, 20)), 0.975, 0.99)
_MIN_QUANTILE_GAP: Final = 1e-6
"""°C, as they are written: quantiles of few residuals may be the same."""


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
    def of(cls, rms_increment: Floats) -> "Liveliness":
        """From the root mean square increments of the windows that residuals came from, ``(n,)``."""
        low, high = float(rms_increment.min()) / ACTIVITY_RATIO, float(rms_increment.max()) * ACTIVITY_RATIO
        typical = float(np.median(rms_increment))
        return cls(typical=rounded_one(typical), calmest=rounded_one(low), liveliest=rounded_one(high))


class ErrorDistribution(BaseModel, frozen=True):
    """Calibrated errors by lead; the first entry of each is lead 1.

    Attributes:
        n: residuals that each lead was calibrated on.
        half_width: °C, by level in percent.
        probabilities: at which ``quantiles`` stand.
        quantiles: °C, of observation minus forecast, by lead.
        seasons: the same for each of :data:`~forecasting.scores.seasons.SEASONS`; empty where they could not be told
            apart.
        liveliness: what errors are in proportion to; None where they are as they stand.
    """

    n: tuple[int, ...]
    half_width: dict[int, tuple[float, ...]]
    probabilities: tuple[float, ...]
    quantiles: tuple[tuple[float, ...], ...]
    seasons: dict[str, ErrorTable] = {}
    liveliness: Liveliness | None = None

    @classmethod
    def calibrate(
        cls, residuals: Floats, origins: Origins | None = None, *, several: bool = False
    ) -> "ErrorDistribution":
        """From residuals out of sample.

        A residual counts the less the older it is. Seasons have tables of their own where the residuals span two years
        and each season holds 40 at every lead. Where they do not, or are of several places, and the windows say how
        lively the sea is, errors go by that.

        Args:
            residuals: observation minus forecast, °C ``(n, leads)``, NaN where there is none.
            origins: that the forecasts started from; without them all are pooled, and count the same.
            several: whether they are of several places, of which one may be livelier than another.
        """
        worth = np.ones_like(residuals) if origins is None else _recency(origins.times)
        pooled, liveliness = _table(residuals, worth), None
        seasons = {} if origins is None else _by_season(residuals, worth, origins.times, pooled)
        if origins is not None and (several or not seasons) and _say_how_lively(origins, several):
            rms_increment = activity(origins.windows)
            liveliness = Liveliness.of(rms_increment)
            residuals = residuals * (liveliness.typical / rms_increment)[:, None]
            pooled = _table(residuals, worth)
            seasons = _by_season(residuals, worth, origins.times, pooled)
        return cls(**dict(pooled), probabilities=_PROBABILITIES, seasons=seasons, liveliness=liveliness)

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

    def half_widths_of(self, levels: Sequence[int], times: Times, scale: Floats) -> Floats:
        """The same for several levels, °C ``(levels, n or 1, leads)``."""
        places, leads = [self._places[level] for level in levels], times.shape[1]
        widths: Floats
        if len(self._all_widths[0]) == 1:
            widths = self._all_widths[places, :, :leads]
        else:
            widths = self._all_widths[np.asarray(places)[:, None, None], season_of(times), np.arange(leads)]
        return widths if self.liveliness is None else widths * scale[:, None]

    def coverage(
        self, observed: Floats, predicted: Floats, times: Times, scale: Floats, lead: int = 1
    ) -> dict[int, tuple[float, ...]]:
        """Share of observations inside the intervals about ``predicted``, by level, per lead.

        Both are °C ``(n, leads)``, NaN where nothing was observed; the rest as for :meth:`half_widths`.
        """
        widths = {level: self.half_widths(level, times, scale, lead) for level in self.half_width}
        return {level: coverage(observed, predicted - width, predicted + width) for level, width in widths.items()}

    def quantiles_at(self, times: Times, scale: Floats) -> Floats:
        """Quantiles of observation minus forecast, °C ``(n, leads, probabilities)``; arguments as for half-widths."""
        return self._of(self._quantiles, times) * scale[:, None, None]

    # How far a threshold of 1e308 °C lies beyond all errors, in their spreads, is no number; its probability is.
    @np.errstate(over="ignore")
    def exceedance(self, sst: Floats, times: Times, scale: Floats, threshold: float) -> Floats:
        """Probability that SST exceeds ``threshold`` °C where ``sst`` °C ``(n, leads)`` is forecast, ``(n, leads)``.

        Interpolated between the quantiles; beyond the outermost it falls exponentially, at the rate of the two there.
        """
        margin = (threshold - sst)[..., None]
        quantiles = self.quantiles_at(times, scale)
        # The quantile below and the one above.
        above = np.clip((quantiles <= margin).sum(axis=-1, keepdims=True), 1, len(self.probabilities) - 1)
        low = np.take_along_axis(quantiles, above - 1, axis=-1)
        apart = np.take_along_axis(quantiles, above, axis=-1) - low
        way = np.clip((margin - low) / np.where(apart > 0, apart, 1.0), 0.0, 1.0)
        levels = np.asarray(self.probabilities)
        exceeded: Floats = (1.0 - levels[above - 1] - way * (levels[above] - levels[above - 1]))[..., 0]
        margin = margin[..., 0]
        over = _tail(margin - quantiles[..., -1], quantiles[..., -1] - quantiles[..., -2], 1 - levels[-1:-3:-1])
        under = _tail(quantiles[..., 0] - margin, quantiles[..., 1] - quantiles[..., 0], levels[:2])
        exceeded = np.where(margin > quantiles[..., -1], over, exceeded)
        return np.where(margin < quantiles[..., 0], 1.0 - under, exceeded)

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
    def _places(self) -> dict[int, int]:
        """Where each level stands in :attr:`_all_widths`."""
        return {level: place for place, level in enumerate(self.half_width)}

    @cached_property
    def _all_widths(self) -> Floats:
        """°C ``(levels, seasons, leads)``."""
        return np.stack(list(self._widths.values()))

    @cached_property
    def _quantiles(self) -> Floats:
        """°C ``(seasons, leads, probabilities)``; one row where they are pooled."""
        return np.asarray([table.quantiles for table in self._tables])


def _tail(beyond: Floats, apart: Floats, probabilities: Floats) -> Floats:
    """Probability of an error so far ``beyond`` the outermost quantile, both °C.

    Args:
        beyond: less than nothing where it is not.
        apart: of the outermost quantile and the one before it.
        probabilities: of an error beyond the one, and beyond the other.
    """
    outer, inner = probabilities
    steps = np.maximum(beyond, 0.0) / np.maximum(apart, _MIN_QUANTILE_GAP)
    tail: Floats = outer * (outer / inner) ** steps
    return tail


def _table(residuals: Floats, worth: Floats, pooled: ErrorTable | None = None) -> ErrorTable:
    """Errors of ``residuals``, each counting ``worth``, both ``(n, leads)``.

    At levels that they are too few for, those of ``pooled``, or none.
    """
    known = [np.isfinite(column) for column in residuals.T]
    columns = [(errors[at], counts[at]) for errors, counts, at in zip(residuals.T, worth.T, known, strict=True)]
    fewest = min(len(errors) for errors, _ in columns)
    half_width: dict[int, tuple[float, ...]] = {}
    for level in LEVELS:
        if (fewest + 1) * level <= fewest * 100:
            half_width[level] = tuple(_half_width(errors, counts, level) for errors, counts in columns)
        elif pooled is not None and level in pooled.half_width:
            inner = half_width[max(half_width)]
            half_width[level] = tuple(map(max, pooled.half_width[level], inner))
    quantiles = tuple(_quantiles(errors, counts) for errors, counts in columns)
    return ErrorTable(n=tuple(len(errors) for errors, _ in columns), half_width=half_width, quantiles=quantiles)


def _by_season(residuals: Floats, worth: Floats, times: Times, pooled: ErrorTable) -> dict[str, ErrorTable]:
    """A table a season; empty where there are too few residuals to tell them apart."""
    if float((times.max() - times.min()).astype(np.int64)) < MIN_SEASON_YEARS * YEAR:
        return {}
    season = season_of(times)
    parts = [np.where(season == k, residuals, np.nan) for k in range(len(SEASONS))]
    if min(int(np.isfinite(part).sum(axis=0).min()) for part in parts) < MIN_SEASON_RESIDUALS:
        return {}
    return {name: _table(part, worth, pooled) for name, part in zip(SEASONS, parts, strict=True)}


def _say_how_lively(origins: Origins, several: bool) -> bool:
    """Whether windows differ by how lively the sea is, and not mostly by the part of the year that they hold."""
    span: float = origins.windows.shape[1] * origins.step.seconds
    return (several or span < SEASON_SECONDS or span >= YEAR) and bool(activity(origins.windows).min() > 0)


def _recency(times: Times) -> Floats:
    """What residuals count for their age, of ``times``; 1 for the newest."""
    age = (times.max() - times).astype(np.int64)
    worth: Floats = OLDEST_WEIGHT ** (age / max(int(age.max()), 1))
    return worth


def _half_width(residuals: Floats, worth: Floats, level: int) -> float:
    """Of residuals ``(n,)`` that count ``worth``; the error to come counts 1, as the newest does."""
    absolute = np.abs(residuals)
    order = np.argsort(absolute)
    rank = int(np.searchsorted(np.cumsum(worth[order]), level * (worth.sum() + 1) / 100))
    return rounded_one(absolute[order[min(rank, len(order) - 1)]])


def _quantiles(residuals: Floats, worth: Floats) -> tuple[float, ...]:
    """Of residuals ``(n,)`` that count ``worth``; interpolated, as numpy does where all count the same."""
    order = np.argsort(residuals)
    counts = worth[order]
    at = np.concatenate([[0.0], np.cumsum((counts[:-1] + counts[1:]) / 2)])
    return rounded(np.interp(np.multiply(_PROBABILITIES, at[-1]), at, residuals[order]))
