"""Forecasts from a few past steps of series, to judge a model by the values that followed."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Bools, Floats

MAX_ORIGINS: Final = 8
"""Past steps that are forecast from."""

Origins = npt.NDArray[np.int64]


def spread_origins(first: int, last: int) -> Origins:
    """Return at most :data:`MAX_ORIGINS` steps from ``first`` to ``last``, evenly spread; none if there are none."""
    if last < first:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.linspace(first, last, min(MAX_ORIGINS, last - first + 1)).round().astype(np.int64))


def relative_rmse(errors: Floats) -> Floats:
    """Return the RMSE of the first candidate relative to the best other, averaged over leads, ``(n,)``.

    Args:
        errors: of the model, then of persistence, then of other references, °C ``(candidates, n, origins, leads)``;
            NaN where unknown.

    Returns:
        NaN where a lead has no errors.
    """
    known: Bools = np.isfinite(errors[0]) & np.isfinite(errors[1])
    squares = np.where(known, errors, 0.0) ** 2
    totals = squares.sum(axis=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.sqrt(np.maximum(totals, 1e-8) / np.maximum(totals[1], 1e-8)).mean(axis=2)
    relative: Floats = ratios[0] / np.fmin.reduce(ratios[1:])
    return np.where(known.any(axis=1).min(axis=1), relative, np.nan)


def independent_forecasts(origins: Origins, leads: int) -> float:
    """Return how many forecasts of ``leads`` steps from ``origins`` do not overlap."""
    return min(len(origins), 1 + (int(origins[-1]) - int(origins[0])) / leads) if len(origins) else 0.0


def neighbours(count: int, every: int) -> npt.NDArray[np.intp]:
    """Return, for each of ``count`` series, the place of the nearest among every ``every``-th, ``(count,)``."""
    sampled = (count - 1) // every
    return np.minimum((np.arange(count) + every // 2) // every, sampled)
