"""Statistics by which simulated series are compared with real ones."""

from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STATISTICS: Final = (
    "RMS increment",
    "autocorrelation 1",
    "autocorrelation 2",
    "variance ratio 7",
    "variance ratio 30",
    "kurtosis",
    "clustering",
)
"""The root mean square of the increments is in °C; the autocorrelations are those of the increments at lags 1 and 2; a
variance ratio is the variance of changes over 7 or 30 steps relative to a random walk; the kurtosis is that of the
increments; clustering is the correlation of their mean size with that 30 steps earlier."""

_RUN: Final = 15
_APART: Final = 30


def series_statistics(sst: Floats) -> Floats:
    """Return :data:`STATISTICS` of one series, °C ``(steps,)``, NaN where missing."""
    increments = np.diff(sst)
    known = increments[np.isfinite(increments)]
    variance = known.var()
    centred = increments - known.mean()
    return np.array(
        [
            np.sqrt((known**2).mean()),
            *(np.nanmean(centred[lag:] * centred[:-lag]) / variance for lag in (1, 2)),
            *(_growth(sst, steps) / _growth(sst, 1) for steps in (7, 30)),
            np.nanmean(centred**4) / variance**2,
            _clustering(np.abs(centred)),
        ]
    )


def _growth(sst: Floats, steps: int) -> float:
    return float(np.nanmean((sst[steps:] - sst[:-steps]) ** 2)) / steps


def _clustering(sizes: Floats) -> float:
    known = np.isfinite(sizes)
    kernel = np.ones(_RUN)
    counts = np.convolve(known, kernel, "valid")
    means = np.convolve(np.where(known, sizes, 0.0), kernel, "valid")
    means = np.where(counts > _RUN / 2, means / np.maximum(counts, 1), np.nan)
    early, late = means[:-_APART], means[_APART:]
    both = np.isfinite(early) & np.isfinite(late)
    return float(np.corrcoef(early[both], late[both])[0, 1])
