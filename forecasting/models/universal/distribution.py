"""A predictive distribution from a few quantiles: intervals, exceedance and any other quantile.

Between two quantiles the value is linear in the normal score of the probability; beyond the outermost quantile it goes
on with the slope of the outermost pair. The distribution is therefore normal piece by piece, and its tails have the
spread of the outermost pair of quantiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.errors import RequestError
from forecasting.events.paths import Coupling
from forecasting.forecasts.distribution import Distribution, Distributions
from forecasting.series.times import Floats

_LEAST_GAP_CELSIUS: Final = 1e-6
"""Between quantiles, so that equal ones still have an order."""

_NORMAL: Final = NormalDist()

_SIGMA: Final = (0.1587, 0.8413)
"""Probabilities of the quantiles one standard deviation from the median of a normal distribution."""


def spread_of(quantiles: Floats, levels: tuple[float, ...]) -> Floats:
    """Return the standard deviation of distributions, °C ``(…)``, from their quantiles, °C ``(…, levels)``."""
    low, high = np.moveaxis(quantiles_at(_SIGMA, quantiles, levels), -1, 0)
    spread: Floats = (high - low) / 2
    return spread


@dataclass(frozen=True, eq=False)
class Quantiles(Distribution):
    """A distribution that is known by its quantiles.

    Attributes:
        quantiles: at all steps after the last observation that are known, °C ``(steps, levels)``, ascending. There may
            be steps after the last lead.
        levels: probabilities of ``quantiles``.
    """

    quantiles: Floats
    levels: tuple[float, ...]

    @property
    def at_leads(self) -> Floats:
        """The quantiles at the leads, °C ``(horizon, levels)``."""
        return self.quantiles[self.unobserved : self.unobserved + self.horizon]

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the bounds of the central interval at ``level`` percent, °C ``(horizon,)`` each."""
        return interval(level, self.at_leads, self.levels)

    def exceedance(self, threshold: float | Floats) -> Floats:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.exceedance`.

        The probability is consistent with :meth:`interval`: half of the probability outside an interval is above its
        upper bound.
        """
        return exceedance(threshold, self.at_leads, self.levels)

    def quantiles_at(self, probabilities: tuple[float, ...]) -> Floats:
        """See :meth:`~forecasting.forecasts.distribution.Distribution.quantiles_at`."""
        return quantiles_at(probabilities, self.quantiles, self.levels)


def distributions_of(
    quantiles: Floats,
    levels: tuple[float, ...],
    horizon: int,
    unobserved: npt.NDArray[np.int64],
    couplings: Sequence[Coupling],
) -> Distributions[Quantiles]:
    """Return the distributions of many forecasts, each as its coupling says.

    Args:
        quantiles: °C, ``(n, steps, levels)``; of each forecast, the steps of its coupling.
        levels: probabilities of ``quantiles``.
        horizon: number of leads.
        unobserved: number of steps between the last observation and the first lead, ``(n,)``.
        couplings: of the forecasts.
    """

    def make(i: int) -> Quantiles:
        known = quantiles[i, : len(couplings[i].leads)]
        return Quantiles(couplings[i], horizon, int(unobserved[i]), known, levels)

    return Distributions(len(quantiles), make)


def quantiles_at(probabilities: tuple[float, ...], quantiles: Floats, levels: tuple[float, ...]) -> Floats:
    """Return the quantiles at other probabilities.

    Args:
        probabilities: above 0 and below 1, ``(m,)``.
        quantiles: °C, ``(…, levels)``, ascending.
        levels: probabilities of ``quantiles``.

    Returns:
        °C, ``(…, m)``.
    """
    above, share = _places(probabilities, levels)
    values: Floats = quantiles[..., above - 1] * (1 - share) + quantiles[..., above] * share
    return values


def quantiles_at_scores(scores: Floats, quantiles: Floats, levels: tuple[float, ...]) -> Floats:
    """Return the quantiles at normal scores, which may differ from row to row.

    Args:
        scores: normal scores of probabilities, ``(n, m)``.
        quantiles: °C, ``(n, levels)``, ascending.
        levels: probabilities of ``quantiles``.

    Returns:
        °C, ``(n, m)``.
    """
    above, share = _places_of_scores(scores, levels)
    low, high = (np.take_along_axis(quantiles, index, axis=-1) for index in (above - 1, above))
    values: Floats = low * (1 - share) + high * share
    return values


def interval(level: float, quantiles: Floats, levels: tuple[float, ...]) -> tuple[Floats, Floats]:
    """Return the bounds of the central interval at ``level`` percent, °C ``(…)``."""
    if not 1 <= level <= 99:
        raise RequestError(f"no interval at {level:g} %; choose a level from 1 to 99", field="levels")
    tail = (1 - level / 100) / 2
    bounds = quantiles_at((tail, 1 - tail), quantiles, levels)
    return bounds[..., 0], bounds[..., 1]


def exceedance(threshold: float | Floats, quantiles: Floats, levels: tuple[float, ...]) -> Floats:
    """Return the probability of more than ``threshold`` °C, ``(…)``, from ``quantiles`` °C ``(…, levels)``.

    The threshold is one for all, or ``(…)``.
    """
    return _upper_tail(scores_of(threshold, quantiles, levels))


# A threshold of 1e308 °C may overflow; the probability is still right.
@np.errstate(over="ignore")
def scores_of(values: float | Floats, quantiles: Floats, levels: tuple[float, ...]) -> Floats:
    """Return the normal scores of ``values`` °C, one or ``(…)``, in the distributions with these quantiles.

    Args:
        values: °C; the score of NaN is NaN.
        quantiles: °C, ``(…, levels)``, ascending.
        levels: probabilities of ``quantiles``.

    Returns:
        ``(…)``, from the standard normal distribution if the forecasts were right.
    """
    known = normal_scores(levels)
    rising = quantiles + _LEAST_GAP_CELSIUS * np.arange(len(levels))
    above = np.clip((rising <= np.asarray(values)[..., None]).sum(axis=-1, keepdims=True), 1, len(levels) - 1)
    low, high = (np.take_along_axis(rising, index, axis=-1)[..., 0] for index in (above - 1, above))
    left, right = known[above[..., 0] - 1], known[above[..., 0]]
    scores: Floats = left + (values - low) / (high - low) * (right - left)
    return scores


def _upper_tail(scores: Floats) -> Floats:
    tails = [_NORMAL.cdf(-score) for score in scores.reshape(-1).tolist()]
    return np.asarray(tails, dtype=np.float64).reshape(scores.shape)


@lru_cache(maxsize=256)
def _places(probabilities: tuple[float, ...], levels: tuple[float, ...]) -> tuple[npt.NDArray[np.intp], Floats]:
    """Return the level above each of ``probabilities``, and how near it is in the normal score, from 0 to 1."""
    return _places_of_scores(normal_scores(probabilities), levels)


def _places_of_scores(scores: Floats, levels: tuple[float, ...]) -> tuple[npt.NDArray[np.intp], Floats]:
    known = normal_scores(levels)
    above = np.clip(np.searchsorted(known, scores), 1, len(known) - 1)
    return above, (scores - known[above - 1]) / (known[above] - known[above - 1])


@lru_cache(maxsize=256)
def normal_scores(levels: tuple[float, ...]) -> Floats:
    """Return the quantiles of the standard normal distribution at ``levels``, ``(levels,)``."""
    return np.asarray([_NORMAL.inv_cdf(level) for level in levels])
