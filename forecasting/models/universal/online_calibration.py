"""Online recalibration: intervals of issued forecasts that learn from those already verified.

Conformal PID control (Angelopoulos, Candès and Tibshirani 2023, NeurIPS 36), an adaptive conformal inference (Gibbs and
Candès 2021, NeurIPS 34). Each central interval ends at normal scores ±c of the forecast, where

    c = z · exp(b) · (1 + K · tan(π/2 · e / E)).

z is the score at which it should end. The log factor b is a quantile tracker: it rises by η times (miss − α) whenever a
forecast is verified, where a miss is an observation beyond ±z · exp(b). The excess e counts misses of the issued
intervals, less those expected, and the tangent keeps it within ±E. So the number of misses among any consecutive
forecasts is within 2 E of what the level promises, as long as the factor can follow.
"""

from typing import Final, Self

import numpy as np
from pydantic import BaseModel, Field, model_validator

from forecasting.models.universal.distribution import normal_scores, quantiles_at, quantiles_at_scores, scores_of
from forecasting.series.times import Floats

LEVELS: Final = (50, 80, 90, 95)
"""Percent: central intervals whose misses are counted. All other quantiles move with those beside them."""

_TAILS: Final = tuple((1 - level / 100) / 2 for level in LEVELS)
_EXPECTED_MISSES: Final = 2 * np.asarray(_TAILS)
_SCORES: Final = -normal_scores(_TAILS)

_RATE: Final = 0.003
"""η."""

_STRENGTH: Final = np.asarray([0.5, 0.25, 0.15, 0.1])
"""K, by level."""

_EXCESS_RANGE: Final = np.asarray([5.5, 5.5, 6.0, 8.0])
"""E at lead 1, by level. At lead h it is h times as large, since h forecasts are issued before one is verified."""

_LARGEST_SHARE: Final = 0.95
"""Of E, which ends the tangent, so that no interval grows without bounds."""

_KEPT_EXCESS: Final = 2.0
"""Times E. More is forgotten, so that it is not made up for long after the forecasts have become better."""

ByLevel = tuple[float, float, float, float]


class OnlineCalibration(BaseModel, frozen=True):
    """Spread of the next forecast, learned from verified forecasts of one series, by lead; the first entry is lead 1.

    It starts with :meth:`start`, changes forecasts with :meth:`recalibrate` and learns with :meth:`after`. It is stored
    with ``model_dump_json`` and read with ``model_validate_json``.
    """

    log_factor: tuple[ByLevel, ...] = Field(min_length=1)
    excess: tuple[ByLevel, ...]
    verified: tuple[int, ...]

    @model_validator(mode="after")
    def _same_leads(self) -> Self:
        if not len(self.log_factor) == len(self.excess) == len(self.verified):
            raise ValueError("log_factor, excess and verified need an entry for each lead")
        return self

    @classmethod
    def start(cls, leads: int) -> Self:
        """Return a calibration that changes nothing yet."""
        return cls(log_factor=((0.0,) * 4,) * leads, excess=((0.0,) * 4,) * leads, verified=(0,) * leads)

    def recalibrate(self, quantiles: Floats, levels: tuple[float, ...]) -> Floats:
        """Return the quantiles to issue, °C ``(leads, levels)``; the median stays.

        Args:
            quantiles: of the plain forecast, °C ``(leads, levels)``, ascending.
            levels: probabilities of ``quantiles``.
        """
        scores = normal_scores(levels)
        distance = np.abs(scores)
        moved = np.stack([_moved(distance, ends) for ends in self._ends()])
        return quantiles_at_scores(np.copysign(moved, scores), quantiles, levels)

    def after(self, plain: Floats, issued: Floats, levels: tuple[float, ...], observed: Floats) -> Self:
        """Return the calibration once forecasts have been verified, at most one at each lead.

        Where a lead has several, call it once for each, in order of their valid time.

        Args:
            plain: quantiles of the plain forecasts, °C ``(leads, levels)``.
            issued: what :meth:`recalibrate` made of them when they were issued, °C ``(leads, levels)``.
            levels: probabilities of the quantiles.
            observed: °C ``(leads,)``; NaN where no forecast was issued or nothing was observed.
        """
        known = np.isfinite(observed) & np.isfinite(plain).all(axis=1) & np.isfinite(issued).all(axis=1)
        distance = np.abs(scores_of(observed, plain, levels))[:, None]
        bounds = quantiles_at((*_TAILS, *(1 - tail for tail in _TAILS)), issued, levels)
        low, high = np.split(bounds, 2, axis=1)
        log_factor, excess = np.asarray(self.log_factor), np.asarray(self.excess)
        beyond = distance > np.exp(log_factor) * _SCORES
        missed = (observed[:, None] < low) | (observed[:, None] > high)
        bound = _KEPT_EXCESS * self._excess_range()
        learned = known[:, None]
        log_factor = np.where(learned, log_factor + _RATE * (beyond - _EXPECTED_MISSES), log_factor)
        excess = np.where(learned, np.clip(excess + missed - _EXPECTED_MISSES, -bound, bound), excess)
        verified = np.asarray(self.verified) + known
        return type(self)(log_factor=log_factor.tolist(), excess=excess.tolist(), verified=verified.tolist())

    def _ends(self) -> Floats:
        """Return the normal scores at which the intervals end, ``(leads, LEVELS)``, wider for higher levels."""
        share = np.clip(np.asarray(self.excess) / self._excess_range(), -_LARGEST_SHARE, _LARGEST_SHARE)
        correction = np.maximum(1 + _STRENGTH * np.tan(np.pi / 2 * share), 0.0)
        ends: Floats = np.maximum.accumulate(_SCORES * np.exp(self.log_factor) * correction, axis=1)
        return ends

    def _excess_range(self) -> Floats:
        """Return E, ``(leads, LEVELS)``."""
        ranges: Floats = np.arange(1, len(self.excess) + 1)[:, None] * _EXCESS_RANGE
        return ranges


def _moved(distance: Floats, ends: Floats) -> Floats:
    """Return how far from the median normal scores at ``distance`` end up, given the ``ends`` of the intervals."""
    within = np.interp(distance, [0.0, *_SCORES], [0.0, *ends])
    moved: Floats = np.where(distance > _SCORES[-1], distance * (ends[-1] / _SCORES[-1]), within)
    return moved
