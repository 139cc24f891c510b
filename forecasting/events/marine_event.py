"""Forecasts of marine heatwaves and cold spells, from joint paths."""

from typing import Final

import numpy as np

from forecasting.events.baseline import PERCENTILES, Baseline, Kind
from forecasting.events.days import days_from
from forecasting.events.definitions import MarineEvent
from forecasting.events.detection import (
    CATEGORIES,
    LEAST_DAYS,
    LONGEST_GAP_DAYS,
    Departure,
    days_in_events,
    event_days,
    sign_of,
)
from forecasting.events.outcomes import EventState, MarineOutcome
from forecasting.events.outlook import Outlook
from forecasting.events.runs import steps_at_end
from forecasting.series.sst_series import SstSeries

_DAYS_BEFORE: Final = 2 * LEAST_DAYS - 1 + LONGEST_GAP_DAYS
"""Days of the past that decide whether the first lead is in an event: an event, a gap, and a run that is too short."""

_DAYS_AFTER: Final = LONGEST_GAP_DAYS - 1 + LEAST_DAYS
"""Days after the horizon that decide whether the last lead is in an event: the rest of a gap, and an event."""


def judge_marine(event: MarineEvent, outlook: Outlook) -> MarineOutcome:
    """Return the probability of a marine heatwave or cold spell at each lead, of its begin and of its end.

    Each path continues the past, and its events are those that
    :func:`~forecasting.events.detection.find_events` finds. After the horizon, each path keeps its last anomaly from
    the climatology for six days, because they can decide whether the last leads are in an event.

    Raises:
        SeriesError: if the step is not a day, or there is no baseline.
    """
    baseline = outlook.baseline_of(PERCENTILES[event.kind])
    climatology, threshold = baseline.at(outlook.times)
    state = _state(outlook.past, baseline, event.kind)
    before = min(_DAYS_BEFORE, len(outlook.past))
    departure = _departure(outlook, baseline, event.kind, before)
    leads = slice(before, before + len(outlook.times))
    inside = days_in_events(departure.is_extreme)[:, leads]
    category = departure.categories(leads)
    in_active = np.logical_and.accumulate(inside, axis=1) if state.active else np.zeros_like(inside)
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
        calibrated=outlook.calibrated,
        warnings=(*outlook.warnings, *baseline.warnings),
    )


def _departure(outlook: Outlook, baseline: Baseline, kind: Kind, before: int) -> Departure:
    """Return the departure of each path, with days of the past before it and days after the horizon behind it."""
    past, paths = outlook.past.values[-before:], outlook.paths
    start = outlook.times[0] - np.timedelta64(before, "D")
    day = days_from(start, before + paths.shape[1] + _DAYS_AFTER)
    climatology, threshold = baseline.climatology[day], baseline.threshold[day]
    anomaly = paths[:, -1:] - climatology[-_DAYS_AFTER - 1]
    sst = np.hstack([np.broadcast_to(past, (len(paths), before)), paths, climatology[-_DAYS_AFTER:] + anomaly])
    return Departure.of(sst, climatology, threshold, kind)


def _state(past: SstSeries, baseline: Baseline, kind: Kind) -> EventState:
    """Return the state on the last day of the past.

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
