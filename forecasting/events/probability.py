"""The probability of a run of steps beyond a threshold, from how the leads of a forecast depend on each other."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.events.definitions import Side, ThresholdEvent
from forecasting.events.detection import run_lengths
from forecasting.events.paths import Coupling, Ranks
from forecasting.series.times import DAY, YEAR, Bools, Floats
from forecasting.series.timestep import TimeStep

Steps = npt.NDArray[np.int64]

LEAST_YEARS: Final = 2
"""Earlier years that a climatological frequency needs."""

_HALF_WINDOW_SECONDS: Final = 15 * DAY
"""How far from the time of year earlier cases count for the climatological frequency."""


@dataclass(frozen=True, slots=True)
class RunEvent:
    """Consecutive steps beyond a threshold that are long enough at one of some leads.

    A run may have begun before the first lead.
    """

    side: Side
    duration: int
    first: int
    last: int

    @classmethod
    def of(cls, event: ThresholdEvent, horizon: int) -> "RunEvent":
        """Return what ``event`` asks for, within ``horizon`` leads unless it says how many."""
        return cls(event.side, event.duration, 1, horizon if event.within is None else event.within)

    @classmethod
    def at(cls, side: Side, lead: int) -> "RunEvent":
        """Return SST beyond the threshold at one ``lead``."""
        return cls(side, 1, lead, lead)


@dataclass(frozen=True, eq=False)
class History:
    """An event in the whole of one series, seen from each of its steps.

    Attributes:
        happened: 1 if the event happened at the leads that follow a step, 0 if not; NaN if one of them was not
            observed, or the series ends before; ``(n,)``.
        run: number of steps beyond the threshold without a break up to each, ``(n,)``. A missing value is a break.
    """

    event: RunEvent
    step: TimeStep
    happened: Floats
    run: Steps

    @classmethod
    def of(cls, event: RunEvent, step: TimeStep, values: Floats, threshold: float | Floats) -> "History":
        """Find the event in ``values`` °C ``(n,)``; the threshold, °C, is one for all steps or one for each."""
        beyond: Bools = values > threshold if event.side == "above" else values < threshold
        run = run_lengths(beyond)
        leads = event.last - event.first + 1
        known = _totals(np.isfinite(values), event) == leads
        happened = np.where(known, _totals(run >= event.duration, event) > 0, np.nan)
        return cls(event, step, happened, run)

    def climatology(self, origins: Steps) -> Floats:
        """Return how often the event happened around the same time of earlier years, known at each origin.

        Cases count if they are within 15 days of the same time of year, in any year before that of the origin. NaN
        if fewer than two years have any.

        Args:
            origins: steps of the series, ``(origins,)``.
        """
        half, per_year = _HALF_WINDOW_SECONDS // self.step.seconds, YEAR / self.step.seconds
        known = np.isfinite(self.happened)
        cases, events = _running(known), _running(np.where(known, self.happened, 0.0))
        total, count, years = np.zeros((3, len(origins)))
        for year in range(1, int(len(known) / per_year) + 2):
            centre = origins - round(year * per_year)
            end = np.clip(np.minimum(centre + half, origins - self.event.last) + 1, 0, len(known))
            begin = np.minimum(np.clip(centre - half, 0, len(known)), end)
            here = cases[end] - cases[begin]
            count += here
            total += events[end] - events[begin]
            years += here > 0
        return np.where(years >= LEAST_YEARS, total / np.maximum(count, 1), np.nan)

    def persistence(self, origins: Steps) -> Floats:
        """Return how often the event happened after the present state, known at each origin.

        The state is the number of steps beyond the threshold so far, up to the duration of the event. One case is
        added in which the state persisted, so that without any earlier case the forecast is 1 beyond the threshold for
        long enough, else 0.

        Args:
            origins: steps of the series, ``(origins,)``.
        """
        state = np.minimum(self.run, self.event.duration)
        known = np.isfinite(self.happened)
        end = np.clip(origins - self.event.last + 1, 0, len(known))
        frequency = np.empty(len(origins))
        for value in range(self.event.duration + 1):
            cases = known & (state == value)
            count, total = _running(cases)[end], _running(np.where(cases, self.happened, 0.0))[end]
            here = state[origins] == value
            frequency[here] = (total[here] + (value == self.event.duration)) / (count[here] + 1)
        return frequency


def _totals(flags: Bools, event: RunEvent) -> Floats:
    """Return how many of the considered leads after each step have a flag, ``(n,)``; 0 for leads after the end."""
    n, running = len(flags), _running(flags)
    first, after = np.arange(n) + event.first, np.arange(n) + event.last + 1
    totals: Floats = np.where(after <= n, running[np.minimum(after, n)] - running[np.minimum(first, n)], 0.0)
    return totals


def _running(values: Floats | Bools) -> Floats:
    """Return the sum of the values before each place, ``(n + 1,)``."""
    sums: Floats = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return sums


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
    sets = paths_at_least(coupling, PATHS)
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
def paths_at_least(coupling: Coupling, n: int) -> Words:
    """Return the paths whose rank at each lead is at least 0, …, n, as bits, ``(n + 1, leads, words)``."""
    ranks: Ranks = coupling.ranks(n)
    leads, words = ranks.shape[1], -(-n // _WORD_BITS)
    sets = np.zeros((n + 1, leads, words * _WORD_BITS // 8), dtype=np.uint8)
    for lead in range(leads):
        at_least = ranks[:, lead] >= np.arange(n + 1)[:, None]
        packed = np.packbits(at_least, axis=1)
        sets[:, lead, : packed.shape[1]] = packed
    return sets.view(np.uint64)


def packed(flags: Bools) -> Words:
    """Return the flags of paths ``(…, paths)`` as bits in the order of :func:`paths_at_least`."""
    bits = np.packbits(flags, axis=-1)
    whole = np.zeros((*bits.shape[:-1], -(-flags.shape[-1] // _WORD_BITS) * _WORD_BITS // 8), dtype=np.uint8)
    whole[..., : bits.shape[-1]] = bits
    return whole.view(np.uint64)
