"""How far a figure of a test part may be off by chance, where errors that follow each other are alike."""

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.series.timestep import Floats

REPLICATES: Final = 1_000
_SEED: Final = 20_260_101


Groups = npt.NDArray[np.intp]
"""Which time, counted from 0 on, each value belongs to, ``(n,)``: several series share their times."""


def long_run_error(values: Floats, groups: Groups, lead: int = 1) -> float:
    """Standard error of the mean of ``values`` ``(n,)``, NaN where there is none.

    Newey and West (1987, Econometrica 55, 703): autocovariances weighted down to zero over as many lags as the cube
    root of the number of times, and ``lead`` at least, since forecasts so far ahead overlap.
    """
    known = np.isfinite(values)
    n = int(known.sum())
    centred = np.bincount(groups, np.where(known, values - np.nanmean(values), 0.0))
    lags = min(max(lead, math.ceil(len(centred) ** (1 / 3))), len(centred) - 1)
    covariance = [float(centred[k:] @ centred[: len(centred) - k]) / n for k in range(lags + 1)]
    weighted = sum((1 - k / (lags + 1)) * covariance[k] for k in range(1, lags + 1))
    return math.sqrt(max(covariance[0] + 2 * weighted, 0.0) / n)


def coverage_error(share_of_width: Floats, level: int, groups: Groups, lead: int = 1) -> float:
    """Standard error that the coverage of well calibrated intervals would have here.

    The hits of intervals that cover too much say nothing of chance: all 1, they do not vary. So the hits are counted
    that intervals of just the right width would have had.

    Args:
        share_of_width: absolute error over half-width, ``(n,)``, NaN where there is none.
        level: percent.
        groups: the time of each.
        lead: of the forecasts.
    """
    right = np.nanquantile(share_of_width, level / 100)
    hits = np.where(np.isfinite(share_of_width), share_of_width <= right, np.nan)
    return long_run_error(hits, groups, lead)


class BlockBootstrap:
    """Resamples of a part in blocks, the same for whatever is measured on it.

    The circular block bootstrap of Politis and Romano (1992, in Exploring the Limits of Bootstrap, 263), with blocks as
    long as the square root of the part, and as the lead at least.
    """

    def __init__(self, n: int, lead: int = 1) -> None:
        self.n = n
        self.block = min(max(math.ceil(math.sqrt(n)), lead), n)
        blocks = math.ceil(n / self.block)
        self._starts: npt.NDArray[np.int64] = np.random.default_rng(_SEED).integers(0, n, (REPLICATES, blocks))

    def totals(self, values: Floats) -> Floats:
        """Sum of ``values`` ``(n,)``, NaN left out, in each resample, ``(REPLICATES,)``."""
        known = np.where(np.isfinite(values), values, 0.0)
        running = np.concatenate([[0.0], np.cumsum(np.concatenate([known, known[: self.block]]))])
        of_block = running[self.block : self.block + self.n] - running[: self.n]
        totals: Floats = of_block[self._starts].sum(axis=1)
        return totals


def skill_interval(error: Floats, reference: Floats, bootstrap: BlockBootstrap) -> tuple[float, float] | None:
    """What 95 % of resamples say of the skill 1 − RMSE / RMSE of the reference.

    Args:
        error: of the forecast, ``(n,)`` in order of time, NaN where there is none.
        reference: of the reference.
        bootstrap: of ``n``.

    Returns:
        Lower and upper bound; None where the reference has no error.
    """
    both = np.isfinite(error) & np.isfinite(reference)
    own, other = (bootstrap.totals(np.where(both, one**2, np.nan)) for one in (error, reference))
    if not (other > 0).all():
        return None
    low, high = np.quantile(1 - np.sqrt(own / other), (0.025, 0.975))
    return float(low), float(high)
