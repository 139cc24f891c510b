"""Proper scores of intervals and probabilities: lower is better, and the true distribution has the lowest."""

import numpy as np

from forecasting.series.times import Floats


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
        quantiles: of the predicted distribution of residuals, °C ``(n, leads, probabilities)``.
        probabilities: of the quantiles, ascending.
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
