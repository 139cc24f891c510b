"""Gaps in series: where they are, and how short ones are filled."""

import numpy as np
import numpy.typing as npt

from forecasting.series.times import Floats


def missing_runs(values: Floats) -> npt.NDArray[np.intp]:
    """Return the begin and end (exclusive) of each run of NaN in ``values`` ``(n,)``: ``(runs, 2)``."""
    edges = np.diff(np.concatenate(([0], np.isnan(values).astype(np.int8), [0])))
    return np.stack([np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)], axis=1)


def fill_gaps(values: Floats, limit: int) -> Floats:
    """Interpolate linearly across gaps of up to ``limit`` values with a value on either side.

    Longer gaps, and gaps at the start or end, stay. A window that ends in an observed value is therefore filled from
    its own past alone.

    Args:
        values: one series ``(n,)``, or many ``(…, n)``.
        limit: the longest gap to fill, in values.
    """
    filled = values.copy()
    missing, length = np.flatnonzero(np.isnan(values)), values.shape[-1]
    if not len(missing):
        return filled
    # The number of the gap that each missing value is in, in memory order; no gap continues into the next series.
    gap = np.zeros(len(missing), dtype=np.int64)
    np.cumsum((missing[1:] - missing[:-1] > 1) | (missing[1:] % length == 0), out=gap[1:])
    lengths = np.bincount(gap)
    before = missing[lengths.cumsum() - lengths] - 1
    after = before + lengths + 1
    fillable = (lengths <= limit) & ((before + 1) % length > 0) & (after % length > 0)
    flat = filled.reshape(-1)
    first = np.where(fillable, flat.take(before, mode="clip"), np.nan)
    slope = (flat.take(after, mode="clip") - first) / (lengths + 1)
    flat[missing] = slope[gap] * (missing - before[gap]) + first[gap]
    return filled
