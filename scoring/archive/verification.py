"""Verification of the probabilities of events: beyond a threshold, in a marine event, or under heat stress."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel

from forecasting.evaluation.event_states import heat_stress_levels, marine_states
from forecasting.events.columns import STATES
from forecasting.events.heat_stress import LEVEL_PROBABILITIES, LEVELS
from forecasting.events.outcomes import AlertLevel
from forecasting.scores.events import PERSISTENCE, SIGNS, verify_states, verify_threshold
from forecasting.scores.verification import (
    Intervals,
    LeadVerification,
    Observed,
    common_pairs,
    quantiles_of,
    verify_lead,
)
from forecasting.series.times import SECONDS, Floats, Times
from forecasting.wording import listed
from scoring.archive.archive import SIDE, THRESHOLD
from scoring.archive.issued import IssuedForecasts
from scoring.archive.observed import Observations
from scoring.archive.others import OtherStations
from scoring.errors import ScoringError, kind_of
from scoring.events import EventVerification
from scoring.tables.output import BASELINES, PREFIX

_BY_LEAD: Final = re.compile(r"event_(.+)_by_lead")


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
    """One event to score: a marine heatwave or cold spell, or heat stress at a level and above."""

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
        return states.map(LEVELS.index) >= LEVELS.index(self.level)

    def happened(self, rows: pd.DataFrame, observed: Observed) -> Floats:
        """Return whether the days of one station were in the event: 1, 0, or NaN where that is not known."""
        times, limit = _times(rows), _values(rows, "limit")
        if self.level is None:
            sign = 1.0 if (limit - _values(rows, "climatology")).mean() > 0 else -1.0
            return marine_states(times, rows["lead"].to_numpy(dtype="int64"), limit, sign, observed)
        levels = heat_stress_levels(times, limit, observed)
        return np.where(np.isfinite(levels), levels >= LEVELS.index(self.level), np.nan)


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


AS_ISSUED: Final = "issued"
"""The kind of the intervals in an archive."""

_OTHER: Final = "other_"
"""Before the name of other forecasts in their column."""

_LOWER: Final = re.compile(r"lower_(\d+)")


Key = tuple[str, str, str | None]
"""The model that the user asked for, the step, and the month."""


class Group(BaseModel, frozen=True):
    """Scores of the forecasts that belong together."""

    asked: str
    step: str
    month: str | None
    leads: tuple[LeadVerification, ...]
    events: tuple[EventVerification, ...]


class Verification(BaseModel, frozen=True):
    """Scores of an archive."""

    issued: int
    verified: int
    replayed: int
    stations: int
    missing: dict[str, int]
    absent: tuple[str, ...]
    groups: tuple[Group, ...]


def verify_archive(
    forecasts: IssuedForecasts,
    observations: Observations,
    leads: Sequence[int],
    others: Sequence[OtherStations] = (),
    *,
    by_month: bool,
) -> Verification:
    """Score the forecasts at each of ``leads``; baselines are those that were issued with them, and ``others``."""
    common = np.zeros(len(others), dtype=np.int64)
    issued = verified = replayed = 0
    forecast_stations: set[str] = set()
    verified_stations: set[str] = set()
    groups: dict[Key, list[LeadVerification]] = {}
    events: dict[Key, list[EventVerification]] = {}
    for lead in leads:
        frame = forecasts.at(lead)
        frame["observed"] = observations.at(frame)
        frame = frame.assign(**{_OTHER + other.name: other.at(frame) for other in others})
        common += frame[[_OTHER + other.name for other in others]].notna().sum().to_numpy(dtype=np.int64)
        known = frame[frame["observed"].notna()]
        issued, verified, replayed = issued + len(frame), verified + len(known), replayed + int(known["replayed"].sum())
        forecast_stations |= {*frame["station"].unique()}
        verified_stations |= {*known["station"].unique()}
        for key, rows in _grouped(known, by_month=by_month):
            events.setdefault(key, []).extend(verify_events(lead, rows))
        for _, rows in known.groupby(["asked", "step"]):
            pairs, baselines = _comparable(rows)
            for key, part in _grouped(pairs, by_month=by_month):
                columns = {name: PREFIX + name for name in baselines} | {
                    each.name: _OTHER + each.name for each in others
                }
                groups.setdefault(key, []).append(_scores(lead, key[0], part, columns))
    _require_common(others, common.tolist(), forecasts, leads)
    for event, cases in with_states(forecasts, observations).items():
        for key, rows in _grouped(cases, by_month=by_month):
            for lead in leads:
                events.setdefault(key, []).extend(verify_event(event, lead, rows))
    parts = [
        Group(asked=key[0], step=key[1], month=key[2], leads=tuple(groups[key]), events=_by_event(events[key]))
        for key in sorted(groups, key=lambda key: tuple(map(str, key)))
    ]
    return Verification(
        issued=issued,
        verified=verified,
        replayed=replayed,
        stations=len(verified_stations),
        missing=_missing(forecast_stations, observations),
        absent=tuple(sorted(forecast_stations - observations.stations())),
        groups=tuple(parts),
    )


def _require_common(
    others: Sequence[OtherStations], common: Sequence[int], forecasts: IssuedForecasts, leads: Sequence[int]
) -> None:
    """Refuse other forecasts that have none in common with ours."""
    other = next((other for other, count in zip(others, common, strict=True) if not count), None)
    if other is None:
        return
    ours = forecasts.at(leads[0])
    raise ScoringError(
        f"{other.path}: has no forecast of the same station from the same time at the same lead: its forecasts are "
        f"{other.describe(str(ours['step'].iloc[0]))}, but ours are from {forecasts.period()}, {leads[0]} to "
        f"{leads[-1]} steps ahead, for {listed(sorted(ours['station'].unique()), 5)}; the reference time is that of "
        "the last observation"
    )


def _by_event(events: list[EventVerification]) -> tuple[EventVerification, ...]:
    levels = (None, *LEVELS)
    return tuple(sorted(events, key=lambda event: (event.event, levels.index(event.level), event.lead)))


def _missing(stations: set[str], observations: Observations) -> dict[str, int]:
    """Return how many of the stations have observations that cannot be used, by reason."""
    errors = [observations.errors[name] for name in sorted(stations & observations.errors.keys())]
    return dict(Counter(map(kind_of, errors)))


def _grouped(rows: pd.DataFrame, *, by_month: bool) -> Iterator[tuple[Key, pd.DataFrame]]:
    months = rows["observed_until"].dt.strftime("%Y-%m") if by_month else pd.Series("", index=rows.index)
    for (asked, step, month), part in rows.groupby([rows["asked"], rows["step"], months]):
        yield (str(asked), str(step), str(month) or None), part


def _comparable(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the pairs that all models are scored on, and the baselines that are scored."""
    common = common_pairs(
        _values(rows, "observed"), _values(rows, "sst"), {name: _values(rows, PREFIX + name) for name in BASELINES}
    )
    return rows[common.counts], common.baselines


def _scores(lead: int, model: str, rows: pd.DataFrame, columns: Mapping[str, str]) -> LeadVerification:
    predicted, intervals = _values(rows, "sst"), _intervals(rows)
    baselines = {name: _values(rows, column) for name, column in columns.items()}
    return verify_lead(
        lead,
        _values(rows, "observed"),
        predicted,
        baselines,
        model=model,
        intervals={AS_ISSUED: intervals},
        quantiles=quantiles_of(predicted, intervals),
    )


def _intervals(rows: pd.DataFrame) -> Intervals:
    """Return the bounds of the levels that any of the rows has."""
    levels = sorted(int(match[1]) for name in rows.columns if (match := _LOWER.fullmatch(name)))
    return {
        level: (_values(rows, f"lower_{level}"), _values(rows, f"upper_{level}"))
        for level in levels
        if rows[f"lower_{level}"].notna().any()
    }
