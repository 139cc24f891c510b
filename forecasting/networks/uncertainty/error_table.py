"""Tables of half-widths and quantiles, by lead, from weighted residuals."""

from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.scores.accuracy import rounded, rounded_one
from forecasting.series.times import SEASONS, YEAR, Floats, Times, season_of

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
        weights: of the residuals, ``(n, leads)``.
        times: of the residuals, ``(n, leads)``.
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
