"""Whether an event came at the times that forecasts were about, and how good their probabilities were.

A state that takes several days is known only once readings of the days around it have arrived. Until then, and where
the readings begin too late, it is NaN: such a forecast is not scored yet.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from forecasting.events.baseline import Indices
from forecasting.events.detection import DAYS_AFTER, DAYS_BEFORE, days_in_events
from forecasting.events.heat_stress import LEVELS, WINDOW_DAYS, alert_levels, degree_heating_weeks
from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import PERSISTENCE, EventScore, score_event
from forecasting.scores.verification import Observed
from forecasting.series.times import Bools, Floats, Times
from forecasting.series.timestep import TimeStep

Temperatures = npt.NDArray[np.floating[Any]]


class ScoredEvent(NamedTuple):
    """What is scored together: an event of one name, and of heat stress one alert level and those above."""

    name: str
    level: AlertLevel | None = None

    @property
    def order(self) -> tuple[str, int]:
        """Where it comes among others."""
        return self.name, 0 if self.level is None else LEVELS.index(self.level)


class EventVerification(BaseModel, frozen=True):
    """How good the probabilities of an event were at one lead."""

    event: str
    level: AlertLevel | None = None
    lead: int
    score: EventScore


@dataclass(frozen=True, eq=False)
class EventPairs:
    """Probabilities that an event is on, and whether it was: 1, 0, or NaN where that is not known; all ``(n,)``.

    Attributes:
        until: the time of the last observation. Forecasts from the same time depend on each other.
        before: whether it was on then.
        weights: how many cases each counts for; None if each is one.
    """

    lead: Indices
    until: Times
    probability: Floats
    before: Floats
    happened: Floats
    weights: Floats | None = None

    def verify(
        self, event: ScoredEvent, leads: Iterable[int], rows: Indices | None = None
    ) -> Iterator[EventVerification]:
        """Yield the scores at each of ``leads`` at which anything is known, of some rows or of all."""
        known = np.isfinite(self.happened) & np.isfinite(self.probability) & np.isfinite(self.before)
        rows = np.flatnonzero(known) if rows is None else rows[known[rows]]
        for lead in leads:
            at = rows[self.lead[rows] == lead]
            if len(at):
                _, groups = np.unique(self.until[at], return_inverse=True)
                weights = None if self.weights is None else self.weights[at]
                references = {PERSISTENCE: self.before[at]}
                score = score_event(self.probability[at], self.happened[at], references, groups, lead, weights)
                yield EventVerification(event=event.name, level=event.level, lead=lead, score=score)


def beyond(sst: Floats, threshold: Floats, sign: Floats) -> Floats:
    """Return whether temperatures are beyond the threshold of an event, whose sign is one of ``SIGNS``."""
    return np.where(np.isfinite(sst) & np.isfinite(threshold), sign * (sst - threshold) > 0, np.nan)


def at_least(levels: Floats, level: AlertLevel) -> Floats:
    """Return whether alert levels, as indices in ``LEVELS``, are ``level`` or higher."""
    return np.where(np.isfinite(levels), levels >= LEVELS.index(level), np.nan)


MARGIN_DAYS: Final = (WINDOW_DAYS, DAYS_AFTER + 1)
"""Days before the first and after the last valid time whose readings may decide the state."""


def marine_states(valid: Times, leads: Indices, threshold: Floats, sign: float, observed: Observed) -> Floats:
    """Return whether each valid day was in a marine heatwave or cold spell: 1, 0, or NaN where that is not known.

    Days are in events as :func:`~forecasting.events.detection.find_events` finds them: a missing day is not beyond the
    threshold. Of several thresholds for one day, the one with the smallest lead counts, as it was issued last.

    Args:
        valid: days of the forecasts, UTC ``(n,)``: a row for each lead of each forecast.
        leads: Leads of the rows, in days ``(n,)``.
        threshold: issued threshold, °C ``(n,)``.
        sign: 1 for heatwaves, −1 for cold spells.
        observed: readings of :data:`MARGIN_DAYS` around the valid days too.
    """
    if not len(valid):
        return np.zeros(0)
    position, days = _positions(valid, observed.step, DAYS_BEFORE, DAYS_AFTER)
    sst, limit = observed.at(days), np.full(len(days), np.nan)
    farthest_first = np.argsort(-leads, kind="stable")
    limit[position[farthest_first]] = threshold[farthest_first]
    return states_of_days(sst, limit, sign)[position]


def states_of_days(sst: Temperatures, threshold: Temperatures, sign: float) -> Floats:
    """Return whether each of consecutive days was in a marine heatwave or cold spell: 1, 0, or NaN where not known.

    Args:
        sst: what was observed, °C ``(..., days)``, NaN where nothing was.
        threshold: as it was issued, °C ``(..., days)``, NaN where no forecast was for that day.
        sign: 1 for heatwaves, −1 for cold spells.
    """
    beyond = sign * (sst - threshold) > 0
    is_open = _outside_readings(sst) | (np.isnan(threshold) & np.isfinite(sst))
    at_least, at_most = days_in_events(beyond), days_in_events(beyond | is_open)
    states: Floats = np.where((at_least == at_most) & np.isfinite(sst), at_least.astype(np.float64), np.nan)
    return states


def heat_stress_levels(valid: Times, maximum_monthly_mean: Floats, observed: Observed) -> Floats:
    """Return the alert level of heat stress on each valid day, as its index in ``LEVELS``; NaN where it is not known.

    Days without a reading add nothing, as in the forecast, but the readings must begin 83 days before.

    Args:
        valid: days of the forecasts, UTC ``(n,)``.
        maximum_monthly_mean: issued mean, °C ``(n,)``.
        observed: readings of :data:`MARGIN_DAYS` around the valid days too.
    """
    if not len(valid):
        return np.zeros(0)
    position, days = _positions(valid, observed.step, WINDOW_DAYS - 1, 0)
    sst = observed.at(days)
    first = int(np.isfinite(sst).argmax())
    # Most forecasts say the same of a day, which is computed once.
    distinct, rows = np.unique(np.stack([position, maximum_monthly_mean]), axis=1, return_inverse=True)
    last = distinct[0].astype(np.int64)
    window = last[:, None] + np.arange(1 - WINDOW_DAYS, 1)
    levels = _levels(sst[window], distinct[1][:, None])[:, 0]
    return np.where(window[:, 0] >= first, levels, np.nan)[rows.ravel()]


def levels_of_days(sst: Temperatures, maximum_monthly_mean: Temperatures) -> Floats:
    """Return the alert level of heat stress on each of consecutive days that has 83 days before it.

    Args:
        sst: what was observed, °C ``(..., days)``, NaN where nothing was.
        maximum_monthly_mean: as it was issued, °C, of the shape of ``sst`` or ``(..., 1)``.

    Returns:
        Its index in ``LEVELS``, ``(..., days - 83)``; NaN where it is not known, as in :func:`heat_stress_levels`.
    """
    levels = _levels(sst, maximum_monthly_mean)
    begun = np.logical_or.accumulate(np.isfinite(sst), axis=-1)[..., : levels.shape[-1]]
    known: Floats = np.where(begun, levels, np.nan)
    return known


def _levels(sst: Temperatures, maximum_monthly_mean: Temperatures) -> Floats:
    """Return the alert level of each day that has 83 days before it; NaN without a reading on that day."""
    departures = sst.astype(np.float64) - maximum_monthly_mean
    hotspots, today = np.nan_to_num(departures), departures[..., WINDOW_DAYS - 1 :]
    levels = alert_levels(hotspots[..., WINDOW_DAYS - 1 :], degree_heating_weeks(hotspots))
    known: Floats = np.where(np.isfinite(today), levels.astype(np.float64), np.nan)
    return known


def _positions(valid: Times, step: TimeStep, before: int, after: int) -> tuple[Indices, Times]:
    """Return the index of each valid day among all days, and those: from ``before`` the first to ``after`` the last."""
    position = np.round(step.position(valid, valid.min())).astype(np.int64)
    start = step.shift(valid.min(keepdims=True), -before)[0]
    return position + before, step.range(start, before + int(position.max()) + 1 + after)


def _outside_readings(sst: Temperatures) -> Bools:
    """Return which days are before the first reading or after the last."""
    known = np.isfinite(sst)
    begun, goes_on = (np.logical_or.accumulate(each, axis=-1) for each in (known, known[..., ::-1]))
    outside: Bools = ~(begun & goes_on[..., ::-1])
    return outside
