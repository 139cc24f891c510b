"""The cheap test: which values change by more than usual, so that a forecast is worth its time."""

from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Bools, Floats

_LEAST_RATIO: Final = 2.5
"""Changes below this many mean changes are not doubtful."""

_CHANGES: Final = 60
"""Changes before a value that it is compared with."""

Steps = npt.NDArray[np.int64]


def last_kept(kept: Floats) -> tuple[Steps, Steps]:
    """Return the last step that is not NaN before each step, −1 without, and how many there are, ``(n,)`` each."""
    known = np.isfinite(kept)
    last = np.maximum.accumulate(np.where(known, np.arange(len(kept)), -1))
    return np.concatenate([[-1], last[:-1]]), np.concatenate([[0], np.cumsum(known)[:-1]])


def doubtful_steps(values: Floats, kept: Floats, margin: float) -> Bools:
    """Return where ``values`` differ from the last kept one by more than usual, ``(n,)``; False where they are NaN.

    Args:
        values: °C, ``(n,)``; NaN where missing.
        kept: the values that later ones are compared with, °C ``(n,)``; NaN where missing or left out.
        margin: change that is never doubtful, °C.
    """
    origins, counts = last_kept(kept)
    known = kept[np.isfinite(kept)]
    if len(known) < 2:
        return np.zeros(len(values), dtype=np.bool_)
    total = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(known)))])
    until = np.clip(counts - 1, 0, len(total) - 1)
    since = np.maximum(until - _CHANGES, 0)
    usual = (total[until] - total[since]) / np.maximum(until - since, 1)
    change = np.abs(values - kept[origins])
    doubtful: Bools = (origins >= 0) & (change > np.maximum(_LEAST_RATIO * usual, margin))
    return doubtful


def doubtful_ends(values: Floats, last: int) -> Steps:
    """Return the rows in which one of the ``last`` values changes by more than usual.

    Args:
        values: of several series, °C ``(n, steps)``; NaN where missing.
        last: number of values at the end.
    """
    recent = values[:, -(_CHANGES + last + 1) :]
    if recent.shape[1] <= last + 1:
        return np.empty(0, dtype=np.int64)
    known = np.isfinite(recent)
    source = np.maximum.accumulate(np.where(known, np.arange(recent.shape[1]), 0), axis=1)
    changes = np.abs(np.diff(np.take_along_axis(recent, source, axis=1), axis=1))
    changes[~known[:, 1:] | ~np.isfinite(changes)] = 0.0
    before, end = changes[:, :-last], changes[:, -last:]
    usual = before.sum(axis=1) / np.maximum(known[:, 1:-last].sum(axis=1), 1)
    return np.flatnonzero(end.max(axis=1) > _LEAST_RATIO * usual)
