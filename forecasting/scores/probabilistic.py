"""How good intervals and probabilities are: scores that are the lower the better, and lowest for the truth."""

import numpy as np

from forecasting.series.timestep import Floats


def interval_score(observed: Floats, predicted: Floats, width: Floats, level: int) -> Floats:
    """Mean interval score by lead, °C: width, and what an observation lies outside, times 2 / α.

    Gneiting and Raftery (2007, J. Am. Stat. Assoc. 102, 359), section 6.2.

    Args:
        observed: °C ``(n, leads)``, NaN where there is none.
        predicted: °C, the middle of the interval.
        width: half of the interval's, °C.
        level: percent.
    """
    outside = np.maximum(np.abs(observed - predicted) - width, 0.0)
    score: Floats = np.nanmean(2 * width + 2 / (1 - level / 100) * outside, axis=0)
    return score


def crps(residuals: Floats, quantiles: Floats, probabilities: Floats) -> Floats:
    """Mean continuous ranked probability score by lead, °C: twice the quantile score, over all probabilities.

    Gneiting and Ranjan (2011, J. Bus. Econ. Stat. 29, 411), by the trapezoidal rule; it vanishes at 0 and at 1.

    Args:
        residuals: observation minus forecast, °C ``(n, leads)``, NaN where there is none.
        quantiles: of the forecast distribution of residuals, °C ``(n, leads, probabilities)``.
        probabilities: at which they stand, rising.
    """
    beyond = residuals[..., None] - quantiles
    loss = np.where(beyond > 0, probabilities, probabilities - 1) * beyond
    edges = np.concatenate([[0.0], probabilities, [1.0]])
    weights = (edges[2:] - edges[:-2]) / 2
    score: Floats = np.nanmean(2 * loss @ weights, axis=0)
    return score


def brier(observed: Floats, probability: Floats, threshold: float) -> Floats:
    """Mean Brier score of the probability that ``threshold`` is exceeded, by lead.

    Brier (1950, Mon. Wea. Rev. 78, 1).

    Args:
        observed: °C ``(n, leads)``, NaN where there is none.
        probability: ``(n, leads)``.
        threshold: °C.
    """
    squares = np.where(np.isfinite(observed), (probability - (observed > threshold)) ** 2, np.nan)
    score: Floats = np.nanmean(squares, axis=0)
    return score
