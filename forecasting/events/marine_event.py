"""Forecasts of marine heatwaves and cold spells, from joint paths."""

from functools import lru_cache
from itertools import pairwise
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.events.baseline import PERCENTILES, Kind, days_from
from forecasting.events.definitions import MarineEvent
from forecasting.events.detection import (
    CATEGORIES,
    DAYS_AFTER,
    DAYS_BEFORE,
    LEAST_DIFFERENCE,
    LONGEST_GAP_DAYS,
    Departure,
    States,
    days_in_events,
    marine_states,
    sign_of,
)
from forecasting.events.outcomes import EventState, MarineOutcome
from forecasting.events.outlook import Arrays, EventPast, Futures, Outlook, Rows
from forecasting.events.probability import Words, packed
from forecasting.series.times import Bools, Floats

_SEED: Final = 20_180_601
_LONGEST_PAST: Final = 3_653
"""Number of days, at the end of a series, that its memory is estimated from."""

_PRIOR_PERSISTENCE: Final = 0.95
_PRIOR_DAYS: Final = 60.0
"""Share of an anomaly that remains after a day in seas in general, and the number of pairs of days it counts as."""


def continued(
    last: Floats, memory: tuple[Floats, Floats], climatology: Floats, threshold: Floats, kind: Kind
) -> Floats:
    """Return how paths go on after the ``last`` day that is known, °C ``(rows, paths)`` to ``(rows, days, paths)``.

    The anomaly of each path is an autoregression of order one about the mean anomaly of the past, with the persistence
    of the past from day to day: its ``memory``. Its spread is that which the baseline implies on the last known day and
    those after it, ``(rows, 1 + days)``: a percentile of a normal distribution.
    """
    mean, persistence = (each[:, None] for each in memory)
    spread = np.abs(threshold - climatology) / abs(NormalDist().inv_cdf(PERCENTILES[kind] / 100))
    spread = spread * (1 - persistence**2) ** 0.5
    days = climatology.shape[1] - 1
    shocks = noise(last.shape[1], days)
    departure = last - climatology[:, :1] - mean
    sst = np.empty((len(last), days, last.shape[1]))
    for i in range(days):
        departure = persistence * departure + shocks[:, i] * spread[:, i + 1, None]
        sst[:, i] = climatology[:, i + 1, None] + mean + departure
    return sst


def memory_of(values: Floats, usual: Floats) -> tuple[Floats, Floats]:
    """Return the mean anomaly of the past, °C, and the share of a departure from it that remains after a day.

    Args:
        values: of the past, °C ``(…, days)``; NaN where missing.
        usual: climatology of these days, °C ``(…, days)``.

    Returns:
        ``(…)`` each.
    """
    anomaly = values[..., -_LONGEST_PAST:] - usual[..., -_LONGEST_PAST:]
    observed = np.isfinite(anomaly)
    mean: Floats = np.where(observed, anomaly, 0.0).sum(axis=-1) / np.maximum(observed.sum(axis=-1), 1)
    departure = np.where(observed, anomaly - mean[..., None], 0.0)
    pairs = observed[..., 1:] & observed[..., :-1]
    before, after = departure[..., :-1] * pairs, departure[..., 1:] * pairs
    variance = np.asarray(((before**2).sum(axis=-1) + (after**2).sum(axis=-1)) / 2)
    share = np.divide(
        (before * after).sum(axis=-1), variance, out=np.full(variance.shape, _PRIOR_PERSISTENCE), where=variance > 0
    )
    count = pairs.sum(axis=-1)
    persistence = (share * count + _PRIOR_PERSISTENCE * _PRIOR_DAYS) / (count + _PRIOR_DAYS)
    return mean, np.clip(persistence, 0.0, 1.0)


@lru_cache(maxsize=16)
def noise(paths: int, days: int) -> Floats:
    """Return independent standard normal values, ``(paths, days)``; the same ones at each call."""
    noise = np.random.default_rng(_SEED).standard_normal((paths, days))
    noise.setflags(write=False)
    return noise


def marine_events(futures: Futures, kind: Kind, climatology: Floats, threshold: Floats) -> Arrays:
    """Return the columns of marine heatwaves or cold spells, and the probabilities ``by_category``, of many series.

    Each path continues the past, and its events are those that
    :func:`~forecasting.events.detection.find_events` finds. It goes on for six days after the horizon, because they can
    decide whether the last leads are in an event. ``climatology`` and ``threshold`` are °C ``(n, 366)``.
    """
    n, days = futures.past.shape
    day = days_from(futures.start, days + futures.steps + DAYS_AFTER)
    usual, limit = climatology[:, day], threshold[:, day]
    departure = Departure.of(futures.past, usual[:, :days], limit[:, :days], kind)
    states = marine_states(departure)
    active, count, category = states.active[:, -1], states.steps[:, -1], states.category[:, -1]
    ahead, leads = slice(days, days + futures.steps), slice(days + futures.unobserved, days + futures.steps)
    shape = n, futures.horizon
    found: Arrays = {
        "state": np.where(active, 2, count > 0),
        "days": count,
        "category": category + 1,
        "intensity": sign_of(kind) * departure.intensity[:, -1],
        "climatology": usual[:, leads],
        "threshold": limit[:, leads],
        **{name: np.zeros(shape) for name in ("probability", "likely_category", "onset_within")},
        "ends_within": np.where(active[:, None], np.ones(shape), np.nan),
        "by_category": np.zeros((n, len(CATEGORIES), futures.horizon)),
    }
    low, high = futures.ends
    beyond = high > limit[:, ahead] if sign_of(kind) > 0 else low < limit[:, ahead]
    # Without a path beyond the threshold, no lead is in an event, unless all of them are in a gap.
    before, in_gap = min(DAYS_BEFORE, days), futures.steps <= LONGEST_GAP_DAYS
    for rows in futures.parts(beyond.any(axis=1) | in_gap):
        memory = memory_of(futures.past[rows], usual[rows, :days])
        words = _beyond(futures, kind, rows, usual[rows, days:], limit[rows, days:], memory)
        extreme = departure.is_extreme[rows, days - before :, None]
        past = packed(np.broadcast_to(extreme, (*extreme.shape[:2], futures.paths)))
        by_lead = _probabilities(futures, past, words, active[rows])
        for name, values in by_lead.items():
            found[name][rows] = values
    return found


def _beyond(
    futures: Futures, kind: Kind, rows: Rows, usual: Floats, limit: Floats, memory: tuple[Floats, Floats]
) -> list[Words]:
    """Return the paths that are beyond the threshold of each category on each day, ``(rows, days, words)``.

    The first has all days of ``usual`` and ``limit``, °C ``(rows, days)``; the others those that are known.
    """
    days, warm = usual.shape[1], sign_of(kind) > 0
    values = futures.values(rows)[:, :days]
    known = values.shape[1]
    departure = Departure.of(values, usual[:, :known, None], limit[:, :known, None], kind)
    extreme = departure.is_extreme
    multiples = 1 + departure.excess / np.maximum(departure.unit, LEAST_DIFFERENCE)
    flags = [extreme, *((multiples >= i) & extreme for i in range(2, len(CATEGORIES) + 1))]
    words = [futures.sets(each, highest=warm) for each in flags]
    if known < days:
        later = slice(known - 1, None)
        last = futures.by_path(values)[:, -1]
        sst = continued(last, memory, usual[:, later], limit[:, later], kind)
        after = packed(sign_of(kind) * (sst - limit[:, known:, None]) > 0)
        words[0] = np.concatenate([words[0], after], axis=1)
    return words


def _probabilities(futures: Futures, past: Words, beyond: list[Words], active: Bools) -> Arrays:
    """Return the probabilities at each lead, from the paths beyond each threshold in the past and ahead."""
    paths, before = futures.paths, past.shape[1]
    timeline = np.concatenate([past, beyond[0]], axis=1).transpose(0, 2, 1)
    ahead = days_in_events(np.ascontiguousarray(timeline))[..., before : before + futures.steps]
    leads = slice(futures.unobserved, futures.steps)
    inside, going_on = ahead[..., leads], np.bitwise_and.accumulate(ahead, axis=-1)[..., leads]
    going_on = np.where(active[:, None, None], going_on, np.uint64(0))
    new = np.bitwise_or.accumulate(inside & ~going_on, axis=-1)
    # In a gap, a day is in an event without being beyond the threshold: it has the first category.
    counts = [_count(inside), *(_count(inside & words.transpose(0, 2, 1)[..., leads]) for words in beyond[1:])]
    by_category = np.stack([one - above for one, above in pairwise([*counts, np.zeros_like(counts[0])])], axis=1)
    return {
        "probability": counts[0] / paths,
        "by_category": by_category / paths,
        "likely_category": np.concatenate([paths - counts[0][:, None], by_category], axis=1).argmax(axis=1),
        "onset_within": _count(new) / paths,
        "ends_within": np.where(active[:, None], (paths - _count(going_on)) / paths, np.nan),
    }


def _count(words: Words) -> npt.NDArray[np.int64]:
    """Return the number of paths in each set ``(rows, words, leads)``, ``(rows, leads)``."""
    count: npt.NDArray[np.int64] = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    return count


def evaluate_marine(event: MarineEvent, outlook: Outlook) -> MarineOutcome:
    """Return what :func:`marine_events` does for one series."""
    baseline = outlook.baseline_of(PERCENTILES[event.kind])
    for times in (outlook.times, outlook.past.times[-1:]):
        baseline.at(times)  # refuses days of which nothing is known
    found = marine_events(outlook.futures, event.kind, baseline.climatology[None], baseline.threshold[None])
    one = {name: values[0] for name, values in found.items()}
    active, days, category = one["state"] == 2, int(one["days"]), int(one["category"])
    return MarineOutcome(
        name=event.name,
        kind=event.kind,
        state=EventState(
            active=bool(active),
            since=outlook.past.times[-days].astype("datetime64[D]") if days else None,
            days=days,
            category=CATEGORIES[category - 1] if category else None,
            intensity=float(one["intensity"]),
        ),
        probability=one["probability"],
        category_probability=dict(zip(CATEGORIES, one["by_category"], strict=True)),
        onset_within=one["onset_within"],
        ends_within=one["ends_within"] if active else None,
        climatology=one["climatology"],
        threshold=one["threshold"],
        baseline=baseline.period,
        usual=baseline.usual,
        calibrated=outlook.calibrated,
        warnings=baseline.warnings,
        columns=one,
    )


def states_of_marine(event: MarineEvent, past: EventPast, last: int = 1) -> States:
    """Return the state of the event on each of the last days of the past."""
    series, baseline = past.past, past.baseline_of(PERCENTILES[event.kind])
    day = days_from(series.start, len(series))
    departure = Departure.of(series.values, baseline.climatology[day], baseline.threshold[day], event.kind)
    return marine_states(departure, last)
