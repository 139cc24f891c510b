"""Proper scores of intervals and probabilities, and sampling errors where consecutive errors are correlated."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Floats

REPLICATES: Final = 1_000
_SEED: Final = 20_260_101


Groups = npt.NDArray[np.intp]
"""Index of the time of each value, from 0, ``(n,)``: several series share their times."""


def long_run_error(values: Floats, groups: Groups, lead: int = 1, weights: Floats | None = None) -> float:
    """Return the standard error of the mean of ``values`` ``(n,)``, NaN where there is none, perhaps with ``weights``.

    Newey and West (1987, Econometrica 55, 703): autocovariances with weights that fall to zero over as many lags as the
    cube root of the number of times, and at least ``lead``, because forecasts that far ahead overlap.
    """
    known = np.isfinite(values)
    counted = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
    n = float(counted.sum())
    departures = np.where(known, values - np.average(values[known], weights=counted[known]), 0.0)
    centred = np.bincount(groups, counted * departures)
    lags = min(max(lead, math.ceil(len(centred) ** (1 / 3))), len(centred) - 1)
    covariance = [float(centred[lag:] @ centred[: len(centred) - lag]) / n for lag in range(lags + 1)]
    weighted = sum((1 - lag / (lags + 1)) * covariance[lag] for lag in range(1, lags + 1))
    return math.sqrt(max(covariance[0] + 2 * weighted, 0.0) / n)


def coverage_error(share_of_width: Floats, level: int, groups: Groups, lead: int = 1) -> float:
    """Return the standard error that the coverage of well-calibrated intervals would have here.

    Hits of intervals that are too wide do not vary, and so do not show the sampling error. The hits are therefore those
    of intervals with exactly the right width.

    Args:
        share_of_width: absolute error divided by half-width, ``(n,)``, NaN where there is none.
        level: percent.
        groups: index of the time of each value.
        lead: Lead of the forecasts.
    """
    calibrated = np.nanquantile(share_of_width, level / 100)
    hits = np.where(np.isfinite(share_of_width), share_of_width <= calibrated, np.nan)
    return long_run_error(hits, groups, lead)


class BlockBootstrap:
    """Resamples of a part in blocks, the same for everything that is measured on it.

    The circular block bootstrap of Politis and Romano (1992, in Exploring the Limits of Bootstrap, 263), with blocks
    as long as the square root of the length of the part, and at least the lead.
    """

    def __init__(self, n: int, lead: int = 1) -> None:
        self.n = n
        self.block = min(max(math.ceil(math.sqrt(n)), lead), n)
        blocks = math.ceil(n / self.block)
        self._starts: npt.NDArray[np.int64] = np.random.default_rng(_SEED).integers(0, n, (REPLICATES, blocks))

    def totals(self, values: Floats) -> Floats:
        """Return the sum of ``values`` ``(n,)``, skipping NaN, in each resample, ``(REPLICATES,)``."""
        known = np.where(np.isfinite(values), values, 0.0)
        running = np.concatenate([[0.0], np.cumsum(np.concatenate([known, known[: self.block]]))])
        blocks = running[self.block : self.block + self.n] - running[: self.n]
        totals: Floats = blocks[self._starts].sum(axis=1)
        return totals


def skill_interval(error: Floats, reference: Floats, bootstrap: BlockBootstrap) -> tuple[float, float] | None:
    """Return the 95 % interval of the skill 1 − RMSE / RMSE of the reference over resamples.

    Args:
        error: Error of the forecast, ``(n,)`` in chronological order, NaN where there is none.
        reference: error of the reference, ``(n,)``.
        bootstrap: Bootstrap for ``n`` values.
    """
    both = np.isfinite(error) & np.isfinite(reference)
    squares, reference_squares = (bootstrap.totals(np.where(both, errors**2, np.nan)) for errors in (error, reference))
    if not (reference_squares > 0).all():
        return None
    low, high = np.quantile(1 - np.sqrt(squares / reference_squares), (0.025, 0.975))
    return float(low), float(high)


def interval_score(observed: Floats, predicted: Floats, width: Floats, level: int) -> Floats:
    """Return the mean interval score by lead, °C: the width, plus 2 / α times the distance of observations outside.

    Gneiting and Raftery (2007, J. Am. Stat. Assoc. 102, 359), section 6.2.

    Args:
        observed: °C ``(n, leads)``, NaN where there is none.
        predicted: centre of the interval, °C.
        width: half-width of the interval, °C.
        level: percent.
    """
    outside = np.maximum(np.abs(observed - predicted) - width, 0.0)
    score: Floats = np.nanmean(2 * width + 2 / (1 - level / 100) * outside, axis=0)
    return score


def crps(residuals: Floats, quantiles: Floats, probabilities: Floats) -> Floats:
    """Return the mean continuous ranked probability score by lead, °C: twice the quantile score over all probabilities.

    Gneiting and Ranjan (2011, J. Bus. Econ. Stat. 29, 411), by the trapezoidal rule; it is zero at 0 and at 1.

    Args:
        residuals: observation minus forecast, °C ``(n, leads)``, NaN where there is none.
        quantiles: Quantiles of the predicted distribution of residuals, °C ``(n, leads, probabilities)``.
        probabilities: Probabilities of the quantiles, ascending.
    """
    beyond = residuals[..., None] - quantiles
    loss = np.where(beyond > 0, probabilities, probabilities - 1) * beyond
    edges = np.concatenate([[0.0], probabilities, [1.0]])
    weights = (edges[2:] - edges[:-2]) / 2
    score: Floats = np.nanmean(2 * loss @ weights, axis=0)
    return score


def brier(observed: Floats, probability: Floats, threshold: float) -> Floats:
    """Return the mean Brier score by lead of the probability that ``threshold`` is exceeded.

    Brier (1950, Mon. Wea. Rev. 78, 1).

    Args:
        observed: °C ``(n, leads)``, NaN where there is none.
        probability: ``(n, leads)``.
        threshold: °C.
    """
    squares = np.where(np.isfinite(observed), (probability - (observed > threshold)) ** 2, np.nan)
    score: Floats = np.nanmean(squares, axis=0)
    return score
