"""The range that a forecast calls plausible: its central 99.9 %, with tails as heavy as those of real seas."""

from statistics import NormalDist
from typing import Final

import numpy as np

from forecasting.series.times import Floats
from forecasting.universal.distribution import quantiles_at

TAIL_SCORE: Final = 5.0
"""Normal score, beyond the outermost quantiles, that one value in a thousand exceeds."""

_COARSEST_ROUNDING: Final = 0.5
"""°C. Differences above are changes of the water."""


def plausible_range(
    quantiles: Floats, levels: tuple[float, ...], margin: float, score: float = TAIL_SCORE
) -> tuple[Floats, Floats]:
    """Return the lowest and the highest plausible value, °C ``(…)`` each.

    Args:
        quantiles: of a forecast, °C ``(…, levels)``, ascending.
        levels: probabilities of ``quantiles``.
        margin: added on both sides, °C, for the rounding of the values.
        score: normal score of the bounds, beyond the outermost quantiles.
    """
    bounds = quantiles_at((NormalDist().cdf(-score), NormalDist().cdf(score)), quantiles, levels)
    return bounds[..., 0] - margin, bounds[..., 1] + margin


def rounding(values: Floats) -> float:
    """Return the smallest difference between successive ``values``, °C, at most 0.5; 0 if all are equal."""
    known = values[np.isfinite(values)]
    differences = np.abs(np.diff(known))
    differences = differences[differences > 0]
    return min(float(differences.min()), _COARSEST_ROUNDING) if len(differences) else 0.0
