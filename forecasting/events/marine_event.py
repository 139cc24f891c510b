"""Forecasts of marine heatwaves and cold spells, from joint paths."""

from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np

from forecasting.events.baseline import PERCENTILES, Baseline, Kind, days_from
from forecasting.events.definitions import MarineEvent
from forecasting.events.detection import (
    CATEGORIES,
    DAYS_AFTER,
    DAYS_BEFORE,
    Departure,
    States,
    days_in_events,
    marine_states,
    sign_of,
)
from forecasting.events.outcomes import EventState, MarineOutcome
from forecasting.events.outlook import EventPast, Outlook
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats

_SEED: Final = 20_180_601
_LONGEST_PAST: Final = 3_653
"""Number of days, at the end of a series, that its memory is estimated from."""

_PRIOR_PERSISTENCE: Final = 0.95
_PRIOR_DAYS: Final = 60.0
"""Share of an anomaly that remains after a day in seas in general, and the number of pairs of days it counts as."""


def continued(paths: Floats, past: SstSeries, baseline: Baseline, climatology: Floats, threshold: Floats) -> Floats:
    """Return daily paths that go on until the end of ``climatology``, °C ``(paths, days)``.

    After its last day, the anomaly of each path is an autoregression of order one about the mean anomaly of the past,
    with the persistence of the past from day to day. Its spread is that which the baseline implies: a percentile of a
    normal distribution.

    Args:
        paths: °C, ``(paths, known days)``.
        past: before the first day.
        baseline: what is usual at the place.
        climatology: on each day, °C ``(days,)``.
        threshold: likewise.
    """
    known, days = paths.shape[1], len(climatology)
    if known >= days:
        return paths[:, :days]
    mean, persistence = memory_of(past.values, baseline.climatology[days_from(past.start, len(past))])
    later = slice(known, days)
    spread = np.abs(threshold[later] - climatology[later]) / abs(NormalDist().inv_cdf(baseline.percentile / 100))
    shocks = noise(len(paths), days - known) * (spread * (1 - persistence**2) ** 0.5)
    sst = np.empty((len(paths), days))
    sst[:, :known] = paths
    departure = paths[:, -1] - climatology[known - 1] - mean
    for i, day in enumerate(range(known, days)):
        departure = persistence * departure + shocks[:, i]
        sst[:, day] = climatology[day] + mean + departure
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


def evaluate_marine(event: MarineEvent, outlook: Outlook) -> MarineOutcome:
    """Return the probability of a marine heatwave or cold spell at each lead, of its begin and of its end.

    Each path continues the past, and its events are those that
    :func:`~forecasting.events.detection.find_events` finds. It goes on for six days after the horizon, because they can
    decide whether the last leads are in an event.
    """
    baseline = outlook.baseline_of(PERCENTILES[event.kind])
    climatology, threshold = baseline.at(outlook.times)
    state = _state(event, outlook, baseline)
    before = min(DAYS_BEFORE, len(outlook.past))
    departure = _departure(outlook, baseline, event.kind, before)
    ahead = slice(before, before + outlook.ahead.shape[1])
    leads = slice(before + outlook.unobserved, ahead.stop)
    since_past = days_in_events(departure.is_extreme)[:, ahead]
    inside = since_past[:, outlook.unobserved :]
    category = departure.categories(leads)
    in_active = np.zeros_like(inside)
    if state.active:
        in_active = np.logical_and.accumulate(since_past, axis=1)[:, outlook.unobserved :]
    return MarineOutcome(
        name=event.name,
        kind=event.kind,
        state=state,
        probability=inside.mean(axis=0),
        category_probability={name: (inside & (category == i)).mean(axis=0) for i, name in enumerate(CATEGORIES)},
        onset_within=np.logical_or.accumulate(inside & ~in_active, axis=1).mean(axis=0),
        ends_within=(~in_active).mean(axis=0) if state.active else None,
        climatology=climatology,
        threshold=threshold,
        baseline=baseline.period,
        usual=baseline.usual,
        calibrated=outlook.calibrated,
        warnings=baseline.warnings,
    )


def _departure(outlook: Outlook, baseline: Baseline, kind: Kind, before: int) -> Departure:
    """Return the departure of each path, with days of the past before it and days after the horizon behind it."""
    past = outlook.past.values[-before:]
    steps = outlook.ahead.shape[1] + DAYS_AFTER
    day = days_from(outlook.past.times[-1] - np.timedelta64(before - 1, "D"), before + steps)
    climatology, threshold = baseline.climatology[day], baseline.threshold[day]
    paths = outlook.paths[:, :steps]
    paths = continued(paths, outlook.past, baseline, climatology[before:], threshold[before:])
    sst = np.hstack([np.broadcast_to(past, (len(paths), before)), paths])
    return Departure.of(sst, climatology, threshold, kind)


def states_of_marine(event: MarineEvent, past: EventPast, last: int = 1) -> States:
    """Return the state of the event on each of the last days of the past."""
    return marine_states(_past_departure(past, past.baseline_of(PERCENTILES[event.kind]), event.kind), last)


def _past_departure(past: EventPast, baseline: Baseline, kind: Kind) -> Departure:
    series = past.past
    day = days_from(series.start, len(series))
    return Departure.of(series.values, baseline.climatology[day], baseline.threshold[day], kind)


def _state(event: MarineEvent, past: EventPast, baseline: Baseline) -> EventState:
    """Return the state on the day of the last observation."""
    times = past.past.times
    baseline.at(times[-1:])
    departure = _past_departure(past, baseline, event.kind)
    (active,), (days,), (category,) = marine_states(departure)
    return EventState(
        active=bool(active),
        since=times[-days].astype("datetime64[D]") if days else None,
        days=int(days),
        category=CATEGORIES[category] if active else None,
        intensity=sign_of(event.kind) * float(departure.intensity[-1]),
    )
