"""Forecasts of marine heatwaves and cold spells, from joint paths."""

import numpy as np

from forecasting.events.baseline import PERCENTILES, Baseline, Kind
from forecasting.events.days import days_from
from forecasting.events.definitions import MarineEvent
from forecasting.events.detection import (
    CATEGORIES,
    DAYS_AFTER,
    DAYS_BEFORE,
    Departure,
    days_in_events,
    event_days,
    sign_of,
)
from forecasting.events.kinds.continuation import continued
from forecasting.events.outcomes import EventState, MarineOutcome
from forecasting.events.outlook import Outlook
from forecasting.events.runs import steps_at_end
from forecasting.series.sst_series import SstSeries


def judge_marine(event: MarineEvent, outlook: Outlook) -> MarineOutcome:
    """Return the probability of a marine heatwave or cold spell at each lead, of its begin and of its end.

    Each path continues the past, and its events are those that
    :func:`~forecasting.events.detection.find_events` finds. It goes on for six days after the horizon, because they can
    decide whether the last leads are in an event.

    Raises:
        SeriesError: if the step is not a day, or there is no baseline.
    """
    baseline = outlook.baseline_of(PERCENTILES[event.kind])
    climatology, threshold = baseline.at(outlook.times)
    state = _state(outlook.past, baseline, event.kind)
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


def _state(past: SstSeries, baseline: Baseline, kind: Kind) -> EventState:
    """Return the state on the day of the last observation.

    Raises:
        SeriesError: if the baseline has no climatology for that day.
    """
    times = past.times
    baseline.at(times[-1:])
    day = days_from(past.start, len(past))
    departure = Departure.of(past.values, baseline.climatology[day], baseline.threshold[day], kind)
    first, last = next(reversed(event_days(departure.is_extreme)), (0, -1))
    active = last == len(past) - 1
    category = None
    if active:
        peak = first + int(np.nanargmax(departure.intensity[first:]))
        category = CATEGORIES[departure.categories(slice(peak, peak + 1))[0]]
    else:
        first = len(past) - steps_at_end(departure.is_extreme)
    days = len(past) - first
    return EventState(
        active=active,
        since=times[first].astype("datetime64[D]") if days else None,
        days=days,
        category=category,
        intensity=sign_of(kind) * float(departure.intensity[-1]),
    )
