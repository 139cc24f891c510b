"""Probabilities of an event from many origins at once, as joint paths of each forecast give them.

All forecasts of a model order their paths alike: the path of rank r at a lead has the quantile at (r + 0.5) / n. So the
paths beyond a threshold are those with the highest ranks, and how many they are follows from the probability of
exceeding it. The sets of paths with the highest ranks are prepared once, as bits; a run is an intersection of sets.
"""

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.events.joint.occurrence import RunEvent, Steps
from forecasting.events.joint.paths import Coupling, Ranks
from forecasting.series.times import Floats

PATHS: Final = 1_000
"""Sample paths, as many as a forecast of an event uses."""

_WORD_BITS: Final = 64
_ORIGINS_AT_ONCE: Final = 4_096

Words = npt.NDArray[np.uint64]


def event_probability(event: RunEvent, coupling: Coupling, exceedance: Floats, before: Steps) -> Floats:
    """Return the probability of an event from each origin, ``(origins,)``.

    Args:
        event: to forecast.
        coupling: of the forecasts.
        exceedance: probability that SST exceeds the threshold at each lead considered, ``(origins, leads)``.
        before: number of steps beyond the threshold without a break up to each origin, ``(origins,)``.
    """
    beyond = exceedance if event.side == "above" else 1 - exceedance
    if event.first == event.last and event.duration == 1:
        return beyond[:, 0]
    sets = _sets_of(coupling, PATHS)
    shares = [
        _share(event, sets, exceedance[part], before[part])
        for part in (slice(at, at + _ORIGINS_AT_ONCE) for at in range(0, len(before), _ORIGINS_AT_ONCE))
    ]
    lowest, highest = _at_least(event, beyond, before), np.minimum(beyond.sum(axis=1), 1.0)
    probability: Floats = np.clip(np.concatenate([np.empty(0), *shares]), lowest, highest)
    return probability


def _at_least(event: RunEvent, beyond: Floats, before: Steps) -> Floats:
    """Return a lower bound: a lead that is enough alone."""
    if event.duration == 1:
        least: Floats = beyond.max(axis=1)
        return least
    return np.where(before + 1 >= event.duration, beyond[:, 0], 0.0)


def _share(event: RunEvent, sets: Words, exceedance: Floats, before: Steps) -> Floats:
    """Return the share of paths in which the event happens, ``(origins,)``."""
    leads = np.arange(event.first - 1, event.last)
    high = np.floor(PATHS * (1 - exceedance) + 0.5).astype(np.int64)
    low = np.maximum(np.ceil(PATHS * (1 - exceedance) - 0.5).astype(np.int64), 0)
    everyone, length = sets[0, 0], event.duration
    beyond = sets[high, leads] if event.side == "above" else everyone & ~sets[low, leads]
    so_far = np.broadcast_to(everyone, beyond[:, 0].shape)
    happens = np.zeros_like(so_far)
    for lead in range(1, beyond.shape[1] + 1):
        # Paths that were beyond at every lead so far continue the run of the past.
        so_far = so_far & beyond[:, lead - 1]
        happens |= np.where((before + lead >= length)[:, None], so_far, np.uint64(0))
        if lead >= length:
            happens |= np.bitwise_and.reduce(beyond[:, lead - length : lead], axis=1)
    share: Floats = np.bitwise_count(happens).sum(axis=1, dtype=np.int64) / PATHS
    return share


@lru_cache(maxsize=8)
def _sets_of(coupling: Coupling, n: int) -> Words:
    """Return the paths whose rank at each lead is at least 0, …, n, as bits, ``(n + 1, leads, words)``."""
    ranks: Ranks = coupling.ranks(n)
    leads, words = ranks.shape[1], -(-n // _WORD_BITS)
    sets = np.zeros((n + 1, leads, words * _WORD_BITS // 8), dtype=np.uint8)
    for lead in range(leads):
        at_least = ranks[:, lead] >= np.arange(n + 1)[:, None]
        packed = np.packbits(at_least, axis=1)
        sets[:, lead, : packed.shape[1]] = packed
    return sets.view(np.uint64)
