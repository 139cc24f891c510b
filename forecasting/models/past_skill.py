"""How well a model forecast the past of many series, from a few steps of each, relative to references."""

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Bools, Floats

_MAX_ORIGINS: Final = 8
"""Past steps that are forecast from."""

_FEWEST_COMMON: Final = 3
"""Past forecasts that a model and a reference need to have in common to be compared."""

_LEAST_SQUARE: Final = 1e-4
"""°C², below which a mean square is that of rounded values, as under permanent ice: no model is better than another."""

Origins = npt.NDArray[np.int64]


class PastSkills(NamedTuple):
    """The skill on the past of many series.

    Attributes:
        to_persistence: RMSE relative to that of persistence, ``(n,)``; NaN where it is not known.
        to_best: relative to that of the best reference, ``(n,)``; NaN where it is not known.
        independent: number of past forecasts that do not overlap, ``(n,)``.
    """

    to_persistence: Floats
    to_best: Floats
    independent: Floats

    @classmethod
    def unknown(cls, n: int) -> "PastSkills":
        """Return that nothing is known of ``n`` series."""
        return cls(np.full(n, np.nan), np.full(n, np.nan), np.zeros(n))

    @classmethod
    def of(cls, errors: Floats, origins: Origins) -> "PastSkills":
        """Return the skill of a model: geometric means over the leads, on the past forecasts in common.

        Args:
            errors: of the model, then of persistence, then of other references, °C
                ``(candidates, n, origins, leads)``; NaN where unknown.
            origins: steps that were forecast from.
        """
        known: Bools = np.isfinite(errors[1:]) & np.isfinite(errors[0])
        count = known.sum(axis=2)
        model, references = (
            np.maximum(np.square(np.where(known, part, 0.0)).sum(axis=2) / np.maximum(count, 1), _LEAST_SQUARE)
            for part in (errors[0], errors[1:])
        )
        ratios: Floats = np.exp(np.log(model / references).mean(axis=2) / 2)
        ratios[count.min(axis=2) < _FEWEST_COMMON] = np.nan
        independent = min(len(origins), 1 + (int(origins[-1]) - int(origins[0])) / errors.shape[3])
        return cls(ratios[0], np.fmax.reduce(ratios), np.full(errors.shape[1], independent))


def spread_origins(first: int, last: int) -> Origins:
    """Return at most 8 steps from ``first`` to ``last``, evenly spread; none if there are none."""
    if last < first:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.linspace(first, last, min(_MAX_ORIGINS, last - first + 1)).round().astype(np.int64))
