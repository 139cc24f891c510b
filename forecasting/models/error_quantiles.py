"""The distribution of an error between the quantiles of a table, and beyond them.

Between two quantiles the probability is linear in the error; beyond the outermost one it falls exponentially, at the
rate of the two outermost ones.
"""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Floats

_MIN_QUANTILE_GAP: Final = 1e-6
"""°C, the resolution of the tables: quantiles of few residuals may be equal."""

_LEAST_PROBABILITY: Final = 1e-9
_NORMAL: Final = NormalDist()


# The distance of a threshold of 1e308 °C from the quantiles may overflow; the probability is still right.
@np.errstate(over="ignore")
def exceedance(margin: Floats, quantiles: Floats, probabilities: tuple[float, ...]) -> Floats:
    """Return the probability of an error above ``margin`` °C ``(…)``, from ``quantiles`` °C ``(…, probabilities)``."""
    levels = np.asarray(probabilities)
    exceeded = _between(margin, quantiles, levels)
    upper = _tail(margin - quantiles[..., -1], quantiles[..., -1] - quantiles[..., -2], 1 - levels[-1:-3:-1])
    lower = _tail(quantiles[..., 0] - margin, quantiles[..., 1] - quantiles[..., 0], levels[:2])
    exceeded = np.where(margin > quantiles[..., -1], upper, exceeded)
    return np.where(margin < quantiles[..., 0], 1.0 - lower, exceeded)


def scores_of(errors: Floats, quantiles: Floats, probabilities: tuple[float, ...]) -> Floats:
    """Return the normal scores of ``errors`` °C ``(…)``, NaN where they are, in the distributions with ``quantiles``.

    The arguments are as for :func:`exceedance`.
    """
    known = np.isfinite(errors)
    exceeded = exceedance(np.where(known, errors, 0.0), quantiles, probabilities)
    bounded = np.clip(exceeded, _LEAST_PROBABILITY, 1 - _LEAST_PROBABILITY)
    scores = [-_NORMAL.inv_cdf(probability) for probability in bounded.reshape(-1).tolist()]
    return np.where(known, np.reshape(scores, errors.shape), np.nan)


def quantiles_at(targets: tuple[float, ...], quantiles: Floats, probabilities: tuple[float, ...]) -> Floats:
    """Return the quantiles at other probabilities, the inverse of :func:`exceedance`.

    Args:
        targets: probabilities above 0 and below 1, ``(m,)``.
        quantiles: °C, ``(…, probabilities)``, ascending.
        probabilities: probabilities of ``quantiles``.

    Returns:
        °C, ``(…, m)``.
    """
    above, share = _places(targets, probabilities)
    values: Floats = quantiles[..., above - 1] * (1 - share) + quantiles[..., above] * share
    return values


@lru_cache(maxsize=64)
def _places(targets: tuple[float, ...], probabilities: tuple[float, ...]) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the quantile above each of ``targets``, and its weight: below 0 or above 1 in the tails."""
    levels, at = np.asarray(probabilities), np.asarray(targets)
    above = np.clip(np.searchsorted(levels, at), 1, len(levels) - 1)
    share = (at - levels[above - 1]) / (levels[above] - levels[above - 1])
    lower = -np.log(at / levels[0]) / np.log(levels[0] / levels[1])
    upper = 1 + np.log((1 - at) / (1 - levels[-1])) / np.log((1 - levels[-1]) / (1 - levels[-2]))
    return above, np.where(at < levels[0], lower, np.where(at > levels[-1], upper, share))


def _between(margin: Floats, quantiles: Floats, levels: Floats) -> Floats:
    """Return the probability of an error above ``margin`` °C ``(n, leads)``, from the two quantiles around it."""
    above = np.clip((quantiles <= margin[..., None]).sum(axis=-1, keepdims=True), 1, len(levels) - 1)
    low = np.take_along_axis(quantiles, above - 1, axis=-1)
    gap = np.take_along_axis(quantiles, above, axis=-1) - low
    fraction = np.clip((margin[..., None] - low) / np.where(gap > 0, gap, 1.0), 0.0, 1.0)
    probability: Floats = (1.0 - levels[above - 1] - fraction * (levels[above] - levels[above - 1]))[..., 0]
    return probability


def _tail(beyond: Floats, gap: Floats, probabilities: Floats) -> Floats:
    """Return the probability of an error that is ``beyond`` the outermost quantile.

    Args:
        beyond: °C; negative on the inside.
        gap: between the outermost quantile and the next one, °C.
        probabilities: probabilities of an error beyond the outermost quantile, and beyond the next one.
    """
    outer, inner = probabilities
    steps = np.maximum(beyond, 0.0) / np.maximum(gap, _MIN_QUANTILE_GAP)
    tail: Floats = outer * (outer / inner) ** steps
    return tail
