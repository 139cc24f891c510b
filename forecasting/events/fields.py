"""Events of many daily series at once, such as the cells of a grid, whose last observations are of the same day.

The results are those of :func:`~forecasting.events.evaluate.evaluate` series by series. Sets of sample paths are bits
of words, so that the days of all paths of a series cost a few operations.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from forecasting.events.baseline import PERCENTILES, Kind, days_from
from forecasting.events.detection import (
    CATEGORIES,
    DAYS_AFTER,
    DAYS_BEFORE,
    LONGEST_GAP_DAYS,
    Departure,
    days_in_events,
    marine_states,
    sign_of,
)
from forecasting.events.heat_stress import LEVELS, WINDOW_DAYS, alert_levels, degree_heating_weeks
from forecasting.events.marine_event import memory_of, noise
from forecasting.events.outcomes import MEDIAN_AND_BOUNDS
from forecasting.events.paths import Coupling, middles
from forecasting.events.probability import Words, paths_at_least
from forecasting.series.times import Floats

Arrays = dict[str, npt.NDArray[Any]]
"""Results by the name of what they are, ``(n,)`` or ``(n, horizon)``."""

_AT_ONCE: Final = 256
"""Series whose paths are held at once."""


@dataclass(frozen=True, eq=False)
class Futures:
    """The past and the forecasts of many series.

    Attributes:
        past: °C, ``(n, days)``; NaN where missing.
        start: the first day of ``past``.
        quantiles: returns the quantiles of the forecasts of some series at probabilities ``(m,)``, °C
            ``(series, steps, m)``, ascending.
        steps: number of days after the past that are known.
        coupling: how these days are related.
        horizon: number of leads.
        paths: number of sample paths.
    """

    past: Floats
    start: np.datetime64
    quantiles: Callable[["npt.NDArray[np.intp] | slice", tuple[float, ...]], Floats]
    steps: int
    coupling: Coupling
    horizon: int
    paths: int

    def sorted_paths(self, rows: "npt.NDArray[np.intp] | slice") -> Floats:
        """Return the values of the paths of some series, ascending on each day, °C ``(series, steps, paths)``."""
        return self.quantiles(rows, middles(self.paths))

    def extremes(self) -> tuple[Floats, Floats]:
        """Return the lowest and the highest value of all paths at each lead, °C ``(n, horizon)`` each."""
        ends = middles(self.paths)
        both = self.quantiles(slice(None), (ends[0], ends[-1]))[:, : self.horizon]
        return both[..., 0], both[..., 1]


def marine_events(futures: Futures, kind: Kind, climatology: Floats, threshold: Floats) -> Arrays:
    """Evaluate marine heatwaves or cold spells; see :func:`~forecasting.events.marine_event.evaluate_marine`.

    Args:
        futures: the series.
        kind: of event.
        climatology: usual SST on each day of the year, °C ``(n, 366)``.
        threshold: likewise.
    """
    n, days = futures.past.shape
    horizon = futures.horizon
    day = days_from(futures.start, days + horizon + DAYS_AFTER)
    usual, limit = climatology[:, day], threshold[:, day]
    departure = Departure.of(futures.past, usual[:, :days], limit[:, :days], kind)
    found = _states(departure, kind)
    leads = slice(days, days + horizon)
    found |= {"climatology": usual[:, leads], "threshold": limit[:, leads]}
    active = found["state"] == 2
    found |= {name: np.zeros((n, horizon)) for name in ("probability", "likely_category", "onset_within")}
    found["ends_within"] = np.where(active[:, None], np.ones((n, horizon)), np.nan)
    low, high = futures.extremes()
    beyond = high > limit[:, leads] if sign_of(kind) > 0 else low < limit[:, leads]
    # Without a path beyond the threshold, no lead is in an event, unless all leads are in a gap.
    possible = np.flatnonzero(beyond.any(axis=1) | (horizon <= LONGEST_GAP_DAYS))
    before = min(DAYS_BEFORE, days)
    for begin in range(0, len(possible), _AT_ONCE):
        rows = possible[begin : begin + _AT_ONCE]
        ahead = _Ahead(futures, kind, rows, usual[rows, days:], limit[rows, days:])
        extreme = departure.is_extreme[rows, days - before :]
        by_lead = ahead.probabilities(extreme, active[rows], memory_of(futures.past[rows], usual[rows, :days]))
        for name, values in by_lead.items():
            found[name][rows] = values
    return found


def _states(departure: Departure, kind: Kind) -> Arrays:
    """Return the state on the last day, from the departure ``(n, days)``."""
    active, days, category = (part[:, -1] for part in marine_states(departure))
    return {
        "state": np.where(active, 2, days > 0),
        "days": days,
        "category": category + 1,
        "intensity": sign_of(kind) * departure.intensity[:, -1],
    }


@dataclass(frozen=True, eq=False)
class _Ahead:
    """The days after the past of some series.

    Attributes:
        usual: °C, ``(rows, horizon + 6)``.
        limit: likewise.
    """

    futures: Futures
    kind: Kind
    rows: npt.NDArray[np.intp]
    usual: Floats
    limit: Floats

    def probabilities(
        self, extreme: npt.NDArray[np.bool_], active: npt.NDArray[np.bool_], memory: tuple[Floats, Floats]
    ) -> Arrays:
        """Return the probabilities at each lead.

        Args:
            extreme: whether the last days of the past are beyond the threshold, ``(rows, before)``.
            active: whether the last day is in an event, ``(rows,)``.
            memory: the mean anomaly of the past and its persistence, ``(rows,)`` each.
        """
        futures, days, paths = self.futures, self.usual.shape[1], self.futures.paths
        steps, horizon, before = min(futures.steps, days), futures.horizon, extreme.shape[1]
        values = futures.sorted_paths(self.rows)[:, :steps]
        at_least = paths_at_least(futures.coupling, paths)
        everyone = at_least[0, 0]
        beyond = self._beyond(values, at_least)
        later = [beyond[0]]
        if steps < days:
            ranks = futures.coupling.ranks(paths)[:, steps - 1]
            later.append(self._continued(values[:, -1][:, ranks], steps, *memory))
        past = np.where(extreme[..., None], everyone, np.uint64(0))
        timeline = np.concatenate([past, *later], axis=1).transpose(0, 2, 1)
        inside = days_in_events(np.ascontiguousarray(timeline))[..., before : before + horizon]
        going_on = np.bitwise_and.accumulate(inside, axis=-1)
        going_on[~active] = 0
        new = np.bitwise_or.accumulate(inside & ~going_on, axis=-1)
        # In a gap, a day is in an event without being beyond the threshold: it has the first category.
        counts = [_count(inside), *(_count(inside & words.transpose(0, 2, 1)[..., :horizon]) for words in beyond[1:])]
        by_category = [one - above for one, above in pairwise([*counts, np.zeros_like(counts[0])])]
        return {
            "probability": counts[0] / paths,
            "likely_category": np.stack([paths - counts[0], *by_category]).argmax(axis=0),
            "onset_within": _count(new) / paths,
            "ends_within": np.where(active[:, None], 1 - _count(going_on) / paths, np.nan),
        }

    def _beyond(self, values: Floats, at_least: Words) -> list[Words]:
        """Return the paths that are beyond the threshold of each category on each day, ``(rows, steps, words)``."""
        steps, paths = values.shape[1], values.shape[2]
        departure = Departure.of(values, self.usual[:, :steps, None], self.limit[:, :steps, None], self.kind)
        multiples = np.floor(1 + departure.excess / np.maximum(departure.unit, 1e-6))
        counts = [departure.is_extreme.sum(axis=2)]
        counts += [((multiples >= i) & departure.is_extreme).sum(axis=2) for i in range(2, len(CATEGORIES) + 1)]
        days = np.arange(steps)
        if sign_of(self.kind) > 0:
            return [at_least[paths - count, days] for count in counts]
        return [at_least[0, 0] & ~at_least[count, days] for count in counts]

    def _continued(self, last: Floats, known: int, mean: Floats, persistence: Floats) -> Words:
        """Return the paths that are beyond the threshold on the days after the known ones, ``(rows, days, words)``.

        See :func:`~forecasting.events.marine_event.continued`.
        """
        usual, limit, sign = self.usual, self.limit, sign_of(self.kind)
        score = abs(NormalDist().inv_cdf(PERCENTILES[self.kind] / 100))
        shocks = noise(self.futures.paths, usual.shape[1] - known)
        departure = last - usual[:, known - 1, None] - mean[:, None]
        extreme = np.empty((len(last), usual.shape[1] - known, last.shape[1]), dtype=np.bool_)
        scale = (1 - persistence**2) ** 0.5
        for i, day in enumerate(range(known, usual.shape[1])):
            spread = np.abs(limit[:, day] - usual[:, day]) / score * scale
            departure = persistence[:, None] * departure + shocks[:, i] * spread[:, None]
            sst = usual[:, day, None] + mean[:, None] + departure
            extreme[:, i] = sign * (sst - limit[:, day, None]) > 0
        return _packed(extreme)


def _count(words: Words) -> npt.NDArray[np.int64]:
    """Return the number of paths in each set ``(rows, words, leads)``, ``(rows, leads)``."""
    count: npt.NDArray[np.int64] = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return count


def _packed(flags: npt.NDArray[np.bool_]) -> Words:
    """Return the flags of paths ``(…, paths)`` as bits in the order of :func:`paths_at_least`."""
    packed = np.packbits(flags, axis=-1)
    whole = np.zeros((*packed.shape[:-1], -(-packed.shape[-1] // 8) * 8), dtype=np.uint8)
    whole[..., : packed.shape[-1]] = packed
    return whole.view(np.uint64)


def heat_stress(futures: Futures, maximum_monthly_mean: Floats) -> Arrays:
    """Evaluate degree heating weeks; see :func:`~forecasting.events.heat_stress.evaluate_heat_stress`.

    Args:
        futures: the series.
        maximum_monthly_mean: °C, ``(n,)``.
    """
    n, horizon = len(futures.past), futures.horizon
    past = np.full((n, WINDOW_DAYS), np.nan)
    recent = futures.past[:, -WINDOW_DAYS:]
    past[:, WINDOW_DAYS - recent.shape[1] :] = recent
    hotspots = np.nan_to_num(past - maximum_monthly_mean[:, None])
    without = degree_heating_weeks(np.concatenate([hotspots, np.zeros((n, horizon))], axis=1))
    found: Arrays = {
        "mmm": maximum_monthly_mean,
        "now": without[:, 0],
        "alert": alert_levels(hotspots[:, -1], without[:, 0]),
        **{name: without[:, 1:].copy() for name in ("median", "lower", "upper")},
        **{f"level_{i}": np.full((n, horizon), float(i == 0)) for i in range(len(LEVELS))},
    }
    _, high = futures.extremes()
    possible = np.flatnonzero((high > maximum_monthly_mean[:, None]).any(axis=1))
    ranks = futures.coupling.ranks(futures.paths)[:, :horizon]
    for begin in range(0, len(possible), _AT_ONCE):
        rows = possible[begin : begin + _AT_ONCE]
        values = futures.sorted_paths(rows)[:, :horizon]
        ahead = np.take_along_axis(values, ranks.T[None], axis=2).transpose(0, 2, 1)
        known = np.broadcast_to(hotspots[rows, None], (len(rows), futures.paths, WINDOW_DAYS))
        all_hotspots = np.concatenate([known, ahead - maximum_monthly_mean[rows, None, None]], axis=2)
        weeks = degree_heating_weeks(all_hotspots)[..., 1:]
        levels = alert_levels(all_hotspots[..., WINDOW_DAYS:], weeks)
        quantiles = np.quantile(weeks, MEDIAN_AND_BOUNDS, axis=1)
        for name, quantile in zip(("median", "lower", "upper"), quantiles, strict=True):
            found[name][rows] = quantile
        for i in range(len(LEVELS)):
            found[f"level_{i}"][rows] = (levels == i).mean(axis=1)
    return found
