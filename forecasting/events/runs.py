"""Runs of consecutive steps beyond a threshold."""

import numpy as np

from forecasting.events.days import Indices
from forecasting.series.times import Bools


def run_lengths(beyond: Bools, before: int = 0) -> Indices:
    """Return how many steps up to each are beyond without a break, ``(paths, leads)``.

    Args:
        beyond: whether each step is, ``(paths, leads)``.
        before: how many steps before the first are.
    """
    lengths = np.empty(beyond.shape, dtype=np.int64)
    current = np.full(len(beyond), before)
    for lead in range(beyond.shape[1]):
        current = np.where(beyond[:, lead], current + 1, 0)
        lengths[:, lead] = current
    return lengths


def steps_at_end(beyond: Bools) -> int:
    """Return how many steps at the end are beyond without a break, from whether each is ``(n,)``."""
    within = np.flatnonzero(~beyond)
    return len(beyond) - 1 - int(within[-1]) if len(within) else len(beyond)
