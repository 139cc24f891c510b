"""Verification of the probabilities of events: beyond a threshold, in a marine event, or under heat stress."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from forecasting.evaluation.event_states import heat_stress_levels, marine_states
from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import PERSISTENCE, SIGNS, EventScore, verify_states, verify_threshold
from forecasting.scores.verification import Observed
from forecasting.series.times import SECONDS, Floats, Times
from scoring.archive.archive import SIDE, THRESHOLD
from scoring.archive.issued import IssuedForecasts
from scoring.archive.observed import Observations
from scoring.events.columns import ALERT_LEVELS, LEVEL_PROBABILITIES, STATES
from scoring.tables.rows import PREFIX

_BY_LEAD: Final = re.compile(r"event_(.+)_by_lead")


class EventVerification(BaseModel, frozen=True):
    """How good the probabilities of an event were at one lead.

    Attributes:
        event: name of its columns.
        level: of heat stress, which is on at this alert level and above; None for other events.
        lead: in steps.
        score: Brier score, skill over persistence of state, and reliability.
    """

    event: str
    level: AlertLevel | None = None
    lead: int
    score: EventScore


def verify_events(lead: int, rows: pd.DataFrame) -> Iterator[EventVerification]:
    """Score each threshold event of forecasts at one lead, which have a column ``observed``, in °C."""
    for name in (match[1] for column in rows.columns if (match := _BY_LEAD.fullmatch(column))):
        columns = [f"event_{name}_by_lead", f"event_{name}_{THRESHOLD}", f"event_{name}_{SIDE}"]
        known = rows[rows[columns].notna().all(axis=1)] if set(columns) <= set(rows.columns) else rows.iloc[:0]
        score = (
            verify_threshold(
                lead,
                observed=_values(known, "observed"),
                probability=_values(known, columns[0]),
                threshold=_values(known, columns[1]),
                sign=np.array([SIGNS[side] for side in known[columns[2]]]),
                persistence=_values(known, PREFIX + PERSISTENCE),
                observed_until=known["observed_until"].to_numpy(),
            )
            if len(known)
            else None
        )
        if score is not None:
            yield EventVerification(event=name, lead=lead, score=score)


_ACTIVE: Final = STATES[2]


class StateEvent(NamedTuple):
    """One event to score: a marine heatwave or cold spell, or heat stress at a level and above.

    Attributes:
        name: of its columns.
        level: of heat stress; None for other events.
    """

    name: str
    level: AlertLevel | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The columns of an archive that verify an event, and their names here."""
        columns = {"probability": "probability", "threshold": "limit", "climatology": "climatology", "state": "state"}
        if self.level is not None:
            columns = {LEVEL_PROBABILITIES[self.level]: "probability", "mmm": "limit", "alert": "state"}
        return {f"event_{self.name}_{column}": name for column, name in columns.items()}

    def is_on(self, states: pd.Series) -> pd.Series:
        """Return whether the event was on, from its states at last observations."""
        if self.level is None:
            return states == _ACTIVE
        return states.map(ALERT_LEVELS.index) >= ALERT_LEVELS.index(self.level)

    def happened(self, rows: pd.DataFrame, observed: Observed) -> Floats:
        """Return whether the days of one station were in the event: 1, 0, or NaN where that is not known."""
        times, limit = _times(rows), _values(rows, "limit")
        if self.level is None:
            sign = 1.0 if (limit - _values(rows, "climatology")).mean() > 0 else -1.0
            return marine_states(times, rows["lead"].to_numpy(dtype="int64"), limit, sign, observed)
        levels = heat_stress_levels(times, limit, observed)
        return np.where(np.isfinite(levels), levels >= ALERT_LEVELS.index(self.level), np.nan)


def with_states(forecasts: IssuedForecasts, observations: Observations) -> dict[StateEvent, pd.DataFrame]:
    """Return the forecasts of each event that has a state, with what was observed.

    There is a row for each lead of each forecast, with its station, ``asked``, ``step``, ``observed_until``, ``lead``,
    ``probability``, ``active`` (whether the event was on at the last observation) and ``happened`` (1, 0, or NaN where
    that is not known).
    """
    events = [StateEvent(name) for name in forecasts.marine_events()]
    events += [StateEvent(name, level) for name in forecasts.heat_stress_events() for level in LEVEL_PROBABILITIES]
    if not events:
        return {}
    # The days around a forecast, which decide on a state, are those of other leads and other forecasts.
    rows = pd.concat([forecasts.at(lead).assign(lead=lead) for lead in forecasts.leads()], ignore_index=True)
    return {event: _with_states(rows, event, observations) for event in events}


def verify_event(event: StateEvent, lead: int, rows: pd.DataFrame) -> Iterator[EventVerification]:
    """Score an event at one lead, from some of the rows of :func:`with_states`."""
    at = rows[rows["lead"] == lead]
    score = verify_states(
        lead,
        happened=_values(at, "happened"),
        probability=_values(at, "probability"),
        before=_values(at, "active"),
        observed_until=at["observed_until"].to_numpy(),
    )
    if score is not None:
        yield EventVerification(event=event.name, level=event.level, lead=lead, score=score)


def _with_states(rows: pd.DataFrame, event: StateEvent, observations: Observations) -> pd.DataFrame:
    keys = ["station", "asked", "step", "observed_until", "lead", "time"]
    named = rows[[*keys, *event.columns]].rename(columns=event.columns)
    known = named.dropna(subset=[*event.columns.values()]).reset_index(drop=True)
    happened = np.full(len(known), np.nan)
    for (station, _, step), part in known.groupby(["station", "asked", "step"], sort=False):
        observed = observations.on_grid((str(station), str(step)), _times(part)[0])
        if observed is not None:
            happened[part.index.to_numpy()] = event.happened(part, observed)
    return known.assign(happened=happened, active=event.is_on(known["state"]).astype("float64"))


def _times(rows: pd.DataFrame) -> Times:
    return rows["time"].to_numpy().astype(SECONDS)


def _values(rows: pd.DataFrame, name: str) -> Floats:
    values: Floats = rows[name].to_numpy(dtype="float64")
    return values
