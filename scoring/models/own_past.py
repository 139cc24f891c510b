"""Forecasts from a few past steps of series, to judge a model by the values that followed."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Bools, Floats

MAX_ORIGINS: Final = 8
"""Past steps that are forecast from."""

_FEWEST_COMMON: Final = 3
"""Past forecasts that a model and a reference need to have in common to be compared."""

_LEAST_SQUARE: Final = 1e-4
"""°C², below which a mean square is that of rounded values, as under permanent ice: no model is better than another."""

Origins = npt.NDArray[np.int64]


def spread_origins(first: int, last: int) -> Origins:
    """Return at most :data:`MAX_ORIGINS` steps from ``first`` to ``last``, evenly spread; none if there are none."""
    if last < first:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.linspace(first, last, min(MAX_ORIGINS, last - first + 1)).round().astype(np.int64))


def relative_rmse(errors: Floats) -> tuple[Floats, Floats]:
    """Return the RMSE of a model relative to persistence, and relative to the best reference, ``(n,)`` each.

    Both are geometric means over the leads, on the past forecasts that the model and the reference have in common.

    Args:
        errors: of the model, then of persistence, then of other references, °C ``(candidates, n, origins, leads)``;
            NaN where unknown.

    Returns:
        NaN where too few forecasts are in common at a lead.
    """
    known: Bools = np.isfinite(errors[1:]) & np.isfinite(errors[0])
    count = known.sum(axis=2)
    model, references = (
        np.maximum(np.square(np.where(known, part, 0.0)).sum(axis=2) / np.maximum(count, 1), _LEAST_SQUARE)
        for part in (errors[0], errors[1:])
    )
    ratios: Floats = np.exp(np.log(model / references).mean(axis=2) / 2)
    ratios[count.min(axis=2) < _FEWEST_COMMON] = np.nan
    return ratios[0], np.fmax.reduce(ratios)


def independent_forecasts(origins: Origins, leads: int) -> float:
    """Return how many forecasts of ``leads`` steps from ``origins`` do not overlap."""
    return min(len(origins), 1 + (int(origins[-1]) - int(origins[0])) / leads) if len(origins) else 0.0


def neighbours(count: int, every: int) -> npt.NDArray[np.intp]:
    """Return, for each of ``count`` series, the place of the nearest among every ``every``-th, ``(count,)``."""
    sampled = (count - 1) // every
    return np.minimum((np.arange(count) + every // 2) // every, sampled)
