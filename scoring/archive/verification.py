"""Verification of an archive: of its forecasts, and of the probabilities of events."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from pydantic import BaseModel

from forecasting.evaluation.event_states import (
    EventPairs,
    EventVerification,
    ScoredEvent,
    at_least,
    beyond,
    heat_stress_levels,
    marine_states,
)
from forecasting.events.columns import STATES
from forecasting.events.heat_stress import LEVEL_PROBABILITIES, LEVELS
from forecasting.references.baselines import REFERENCE_COLUMNS
from forecasting.scores.events import PERSISTENCE, SIGNS
from forecasting.scores.verification import Indices, LeadVerification, Observed, Pairs, Verification
from forecasting.series.times import SECONDS, Floats
from forecasting.wording import listed
from scoring.archive.archive import SIDE, THRESHOLD
from scoring.archive.issued import IssuedForecasts
from scoring.archive.observed import Observations
from scoring.archive.others import OtherStations
from scoring.errors import ScoringError, kind_of
from scoring.tables.output import PREFIX

_BY_LEAD: Final = re.compile(r"event_(.+)_by_lead")
_LOWER: Final = re.compile(r"lower_(\d+)")
_ACTIVE: Final = STATES[2]
_KEYS: Final = ["station", "asked", "step", "observed_until", "lead", "time"]

Key = tuple[str, str, str | None]
"""The model that the user asked for, the step, and the month."""


class Group(BaseModel, frozen=True):
    """Scores of the forecasts that belong together."""

    asked: str
    step: str
    month: str | None
    leads: tuple[LeadVerification, ...]
    events: tuple[EventVerification, ...]


class ArchiveVerification(BaseModel, frozen=True):
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
) -> ArchiveVerification:
    """Score the forecasts at each of ``leads``; baselines are those that were issued with them, and ``others``."""
    common = Counter[str]()
    replayed = 0
    forecast_stations: set[str] = set()
    verified_stations: set[str] = set()
    scores, events = Verification[Key](), defaultdict[Key, list[EventVerification]](list)

    def add_events(event: ScoredEvent, pairs: EventPairs, rows: pd.DataFrame) -> None:
        for key, at in _grouped(rows, by_month=by_month):
            events[key].extend(pairs.verify(event, leads, at))

    for lead in leads:
        frame = forecasts.at(lead).assign(lead=lead)
        frame["observed"] = observations.at(frame)
        theirs = {other.name: other.at(frame) for other in others}
        common.update({name: int(np.isfinite(values).sum()) for name, values in theirs.items()})
        known = frame[frame["observed"].notna()]
        replayed += int(known["replayed"].sum())
        forecast_stations |= {*frame["station"].unique()}
        verified_stations |= {*known["station"].unique()}
        for event, rows in _threshold_events(known):
            add_events(event, _threshold_pairs(rows), rows)
        for _, at in _parts(frame, ["asked", "step"]):
            rows = frame.iloc[at]
            pairs = _pairs(rows, {name: values[at] for name, values in theirs.items()})
            scores.add(lead, pairs, dict(_grouped(rows, by_month=by_month)))
    _require_common(others, common, forecasts, leads)
    for event, rows in _state_events(forecasts):
        add_events(event, _state_pairs(event, rows, observations), rows)
    return ArchiveVerification(
        issued=scores.issued,
        verified=scores.verified,
        replayed=replayed,
        stations=len(verified_stations),
        missing=_missing(forecast_stations, observations),
        absent=tuple(sorted(forecast_stations - observations.stations())),
        groups=tuple(
            Group(asked=asked, step=step, month=month, leads=scores.leads(key, asked), events=_in_order(events[key]))
            for key in sorted(scores.groups(), key=lambda key: tuple(map(str, key)))
            for asked, step, month in [key]
        ),
    )


def _require_common(
    others: Sequence[OtherStations], common: Mapping[str, int], forecasts: IssuedForecasts, leads: Sequence[int]
) -> None:
    """Refuse other forecasts that have none in common with ours."""
    other = next((other for other in others if not common[other.name]), None)
    if other is None:
        return
    ours = forecasts.at(leads[0])
    raise ScoringError(
        f"{other.path}: has no forecast of the same station from the same time at the same lead: its forecasts are "
        f"{other.describe(str(ours['step'].iloc[0]))}, but ours are from {forecasts.period()}, {leads[0]} to "
        f"{leads[-1]} steps ahead, for {listed(sorted(ours['station'].unique()), 5)}; the reference time is that of "
        "the last observation"
    )


def _in_order(events: list[EventVerification]) -> tuple[EventVerification, ...]:
    return tuple(sorted(events, key=lambda each: (ScoredEvent(each.event, each.level).order, each.lead)))


def _missing(stations: set[str], observations: Observations) -> dict[str, int]:
    """Return how many of the stations have observations that cannot be used, by reason."""
    errors = [observations.errors[name] for name in sorted(stations & observations.errors.keys())]
    return dict(Counter(map(kind_of, errors)))


def _grouped(rows: pd.DataFrame, *, by_month: bool) -> Iterator[tuple[Key, Indices]]:
    """Yield the indices of the rows of each group."""
    months = rows["observed_until"].dt.strftime("%Y-%m") if by_month else pd.Series("", index=rows.index)
    for (asked, step, month), at in _parts(rows, [rows["asked"], rows["step"], months]):
        yield (str(asked), str(step), str(month) or None), at


def _parts(rows: pd.DataFrame, by: list[Any]) -> Iterator[tuple[Any, Indices]]:
    """Yield the indices of the rows that have the same values, by these."""
    for key, at in rows.groupby(by).indices.items():
        yield key, np.asarray(at)


def _values(rows: pd.DataFrame, name: str) -> Floats:
    values: Floats = rows[name].to_numpy(dtype="float64")
    return values


def _pairs(rows: pd.DataFrame, others: Mapping[str, Floats]) -> Pairs:
    levels = [int(match[1]) for name in rows.columns if (match := _LOWER.fullmatch(name))]
    return Pairs(
        observed=_values(rows, "observed"),
        forecast=_values(rows, "sst"),
        references={name: _values(rows, PREFIX + name) for name in REFERENCE_COLUMNS},
        others=others,
        intervals={level: (_values(rows, f"lower_{level}"), _values(rows, f"upper_{level}")) for level in levels},
    )


def _threshold_events(rows: pd.DataFrame) -> Iterator[tuple[ScoredEvent, pd.DataFrame]]:
    """Yield each threshold event, and those of the rows that have it; all of them have been ``observed``, in °C."""
    for name in (match[1] for column in rows.columns if (match := _BY_LEAD.fullmatch(column))):
        columns = {f"event_{name}_{column}": column for column in ("by_lead", THRESHOLD, SIDE)}
        if {*columns} <= {*rows.columns}:
            yield ScoredEvent(name), rows.dropna(subset=[*columns]).rename(columns=columns)


def _threshold_pairs(rows: pd.DataFrame) -> EventPairs:
    limit, sign = _values(rows, THRESHOLD), _values(rows.assign(sign=rows[SIDE].map(SIGNS)), "sign")
    return EventPairs(
        lead=rows["lead"].to_numpy(),
        until=rows["observed_until"].to_numpy(),
        probability=_values(rows, "by_lead"),
        before=beyond(_values(rows, PREFIX + PERSISTENCE), limit, sign),
        happened=beyond(_values(rows, "observed"), limit, sign),
    )


def _state_events(forecasts: IssuedForecasts) -> Iterator[tuple[ScoredEvent, pd.DataFrame]]:
    """Yield each marine heatwave, cold spell, and level of heat stress, and the rows that have it, of all leads."""
    events = [ScoredEvent(name) for name in forecasts.marine_events()]
    events += [ScoredEvent(name, level) for name in forecasts.heat_stress_events() for level in LEVEL_PROBABILITIES]
    if not events:
        return
    # The days around a forecast, which decide on a state, are those of other leads and other forecasts.
    all_rows = pd.concat([forecasts.at(lead).assign(lead=lead) for lead in forecasts.leads()], ignore_index=True)
    for event in events:
        columns = {"probability": "probability", "threshold": "limit", "climatology": "climatology", "state": "state"}
        if event.level is not None:
            columns = {LEVEL_PROBABILITIES[event.level]: "probability", "mmm": "limit", "alert": "state"}
        named = {f"event_{event.name}_{column}": name for column, name in columns.items()}
        rows = all_rows[[*_KEYS, *named]].rename(columns=named)
        yield event, rows.dropna(subset=[*named.values()]).reset_index(drop=True)


def _state_pairs(event: ScoredEvent, rows: pd.DataFrame, observations: Observations) -> EventPairs:
    happened = np.full(len(rows), np.nan)
    for (station, _, step), at in _parts(rows, ["station", "asked", "step"]):
        part = rows.iloc[at]
        observed = observations.on_grid((str(station), str(step)), part["time"].to_numpy().astype(SECONDS)[0])
        if observed is not None:
            happened[at] = _happened(event, part, observed)
    states = rows["state"]
    active = states == _ACTIVE if event.level is None else at_least(states.map(LEVELS.index).to_numpy(), event.level)
    return EventPairs(
        lead=rows["lead"].to_numpy(),
        until=rows["observed_until"].to_numpy(),
        probability=_values(rows, "probability"),
        before=np.asarray(active, dtype=np.float64),
        happened=happened,
    )


def _happened(event: ScoredEvent, rows: pd.DataFrame, observed: Observed) -> Floats:
    """Return whether the days of one station were in the event."""
    times, limit = rows["time"].to_numpy().astype(SECONDS), _values(rows, "limit")
    if event.level is not None:
        return at_least(heat_stress_levels(times, limit, observed), event.level)
    sign = 1.0 if (limit - _values(rows, "climatology")).mean() > 0 else -1.0
    return marine_states(times, rows["lead"].to_numpy(), limit, sign, observed)
