"""The events that a station watches, their states, and the alerts that a change raises."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, NamedTuple, Self
from uuid import uuid4

import numpy as np
from pydantic import Field, Tag, TypeAdapter
from sqlalchemy import Connection

from forecasting.events.baseline import POSITION, Baseline, Position, require_days
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.detection import Category
from forecasting.events.event_schema import (
    BY_KIND,
    DIFFERENT_NAMES,
    MAX_EVENTS,
    MAX_NAME,
    InputHeatStress,
    InputMarineEvent,
    InputThresholdEvent,
)
from forecasting.events.heat_stress import FIRST_ACTIVE_LEVEL, LEVELS
from forecasting.events.outcomes import AlertLevel
from forecasting.forecasts.json import rounded
from forecasting.requests import ONE_LINE, Finite, tag
from forecasting.series.times import iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius, to_celsius
from service.engine.events import EventOptions, event_options, read_baseline
from service.engine.reading import AnyBaseline, InputBaseline
from service.stations.store.alerts import (
    Alert,
    Delivery,
    change_alert,
    get_states,
    keep_states,
    put_alert,
    put_deliveries,
    put_states,
)
from service.stations.store.forecasts import IssuedForecast
from service.stations.store.stations import (
    EVERYONE,
    NUMBERED_STATIONS,
    Station,
    StationSettings,
    Writer,
    fetch_stations,
    get_station,
    lock_station,
    put_station,
)
from service.stations.webhooks import InputWebhook, receivers, stored_webhooks

DEFAULT_ALERT_AT: Final = 0.5

_DAILY: Final = "marine heatwaves, cold spells, degree heating weeks and percentiles of the day of the year"
_BY_DAY: Final = frozenset({"climatology", "threshold"})

Json = dict[str, Any]

EventKind = Literal["threshold", "marine_heatwave", "marine_cold_spell", "degree_heating_weeks"]

Name = Annotated[
    str,
    Field(min_length=1, max_length=MAX_NAME, pattern=ONE_LINE, description="The names of a station's events differ."),
]
AlertAt = Annotated[
    Finite, Field(gt=0, le=1, description="The probability from which on the alert `expected` is raised.")
]


class StationThresholdEvent(InputThresholdEvent):
    """SST above or below a threshold, for some steps in a row."""

    name: Name
    alert_at: AlertAt = DEFAULT_ALERT_AT


class StationMarineEvent(InputMarineEvent):
    """A marine heatwave or cold spell. It needs daily values, and ten years of them or a baseline."""

    name: Name
    alert_at: AlertAt = DEFAULT_ALERT_AT


class StationHeatStress(InputHeatStress):
    """Degree heating weeks. They need daily values."""

    name: Name
    alert_at: AlertAt = DEFAULT_ALERT_AT


StationEvent = StationThresholdEvent | StationMarineEvent | StationHeatStress

StationEvents = Annotated[
    tuple[
        Annotated[
            Annotated[StationThresholdEvent, Tag(tag("InputThresholdEvent"))]
            | Annotated[StationMarineEvent, Tag(tag("InputMarineEvent"))]
            | Annotated[StationHeatStress, Tag(tag("InputHeatStress"))],
            BY_KIND,
        ],
        ...,
    ],
    Field(max_length=MAX_EVENTS, fail_fast=True),
    DIFFERENT_NAMES,
]
"""The events of a station."""

_EVENTS: Final = TypeAdapter[tuple[StationEvent, ...]](StationEvents)


def stored_events(events: Sequence[StationEvent]) -> list[Json] | None:
    """Return events as they are stored, in the units of the station; None without any."""
    return [event.model_dump(mode="json", by_alias=True, exclude_none=True) for event in events] or None


def check_events(
    events: Sequence[StationEvent],
    baseline: AnyBaseline | None,
    position: Position,
    horizon: int,
    step: str,
    units: Units,
) -> None:
    """Check what a station is to watch, before it has any readings.

    Raises:
        RequestError: if an event looks further ahead than ``horizon``, or has a temperature that no sea has.
        SeriesError: if an event needs daily values and the step is not a day, or the baseline cannot be one.
    """
    if isinstance(read_baseline(baseline, units, position), Position):
        Baseline.of_position(position, "marine_heatwave")
    options = event_options(events, 0, baseline, horizon, units)
    for definition in () if options is None else options.definitions:
        if not isinstance(definition, ThresholdEvent) or isinstance(definition.threshold, Percentile):
            require_days(TimeStep.parse(step), _DAILY)


def options_of(events: Sequence[Json] | None, horizon: int, units: Units) -> EventOptions | None:
    """Return what a forecast evaluates for a station with these stored ``events``; None without any."""
    return event_options(_EVENTS.validate_python(events, context=[]), 0, None, horizon, units) if events else None


def needs_whole_past(settings: StationSettings) -> bool:
    """Return whether some event of a station is evaluated from all of its readings, and not only the newest."""
    has_climatology = settings.baseline == POSITION or "climatology" in (settings.baseline or ())
    for event in settings.events or ():
        if event["kind"] == "degree_heating_weeks":
            needs_all = "mmm" not in event
        else:
            is_percentile = isinstance(event.get("above", event.get("below")), dict)
            needs_all = not has_climatology and (event["kind"] != "threshold" or is_percentile)
        if needs_all:
            return True
    return False


def stored_baseline(baseline: AnyBaseline | None) -> Json | str | None:
    """Return a baseline as it is stored, in the units of the station."""
    return baseline.model_dump(mode="json", exclude_none=True) if isinstance(baseline, InputBaseline) else baseline


def parse_baseline(stored: Json | str | None) -> AnyBaseline | None:
    """Return a baseline as it was sent."""
    if isinstance(stored, str):
        return POSITION
    return None if stored is None else InputBaseline.model_validate(stored, context=[])


def baseline_in_celsius(baseline: Json | str | None, units: Units) -> AnyBaseline | None:
    """Return a stored baseline in °C."""
    if baseline is None or isinstance(baseline, str) or units == "celsius":
        return parse_baseline(baseline)
    by_day = {name: to_celsius(np.asarray(baseline[name]), units).tolist() for name in _BY_DAY & baseline.keys()}
    return parse_baseline(baseline | by_day)


EventCategory = Category | AlertLevel

AlertKind = Literal["began", "category_changed", "ended", "expected"]

_HELD: Final = ("began", "category_changed", "ended")
"""Alerts that a suspect reading does not raise."""

_HEAT_STRESS: Final = "degree_heating_weeks"

_REARMED_BELOW: Final = 0.5
"""Share of ``alert_at`` that the probability has to fall below before an event is expected again."""

_NOT_ITS_STATE: Final = "alert_at"
"""What may change of an event that stays the same event."""


class EventState(NamedTuple):
    """The state of an event at the end of a station's readings.

    Attributes:
        active: Whether it is on: for degree heating weeks, from the level ``Warning`` on. None if it is not known.
        since: The first day or time of the event; None if it is not active, or for degree heating weeks.
        category: The category of a marine heatwave or cold spell, None if it is not active; or that of heat stress.
        probability: The probability that the event occurs at one of the steps ahead; if it is active, that it goes on.
            For degree heating weeks, that some step ahead reaches a higher level.
        error: Why it is not known.
    """

    active: bool | None
    since: str | None = None
    category: EventCategory | None = None
    probability: float | None = None
    error: str | None = None

    @classmethod
    def of(cls, event: Json) -> Self:
        """Return the state that the forecast of an event begins with."""
        if "error" in event:
            return cls(None, error=event["error"])
        if event["kind"] == _HEAT_STRESS:
            level = LEVELS.index(event["alert"])
            return cls(
                active=level >= FIRST_ACTIVE_LEVEL,
                category=event["alert"],
                probability=_probability_above(level, event["alert_probability"]),
            )
        state = event["state"]
        active: bool = state["active"]
        since = state["since"] if active else None
        if event["kind"] == "threshold":
            return cls(active, since, probability=event["probability"])
        ahead = event["probability"][:1] if active else event["onset_within"][-1:]
        return cls(active, since, state["category"], ahead[0])


class Announced(NamedTuple):
    """The last announcement of an event; ``expected`` if it was said to be likely since it was last on or unlikely."""

    active: bool = False
    category: EventCategory | None = None
    expected: bool = False


def change_of(before: Announced, state: EventState, alert_at: float) -> tuple[AlertKind | None, Announced]:
    """Return what to announce now of an event that was last announced as ``before``, and what is known to all then.

    An event is said to be expected once its probability reaches ``alert_at``, and again only after it was on, or its
    probability was less than half of that. An active event is not expected; only a higher level of heat stress is.
    """
    if state.active is None or state.probability is None:
        return None, before
    now = Announced(bool(state.active), state.category if state.active else None)
    if state.active != before.active:
        return ("began" if state.active else "ended"), now
    if state.active and state.category != before.category:
        return "category_changed", now
    may_rise = not state.active or state.category in LEVELS
    if may_rise and not before.expected and state.probability >= alert_at:
        return "expected", before._replace(expected=True)
    unlikely = state.probability < alert_at * _REARMED_BELOW
    return None, before._replace(expected=before.expected and not unlikely)


def _probability_above(level: int, by_level: dict[str, list[float]]) -> float:
    """Return the highest probability, at any step ahead, of a level above this one."""
    higher = [by_level[name] for name in LEVELS[level + 1 :] if name in by_level]
    return round(min(1.0, max(map(sum, zip(*higher, strict=True)), default=0.0)), 4)


class Draft(NamedTuple):
    """A forecast before it is stored, and the events that it has evaluated.

    Attributes:
        forecast: The forecast from the readings that count; its intervals are plain.
        step: The step of the station.
        is_universal: Whether a universal release made it, so that its intervals are recalibrated.
        events: The definitions of the events, as they are stored with the station.
        doubt: Why the newest reading does not count; None if it does.
        doubted: The forecast if it did, which is not stored; None if no event depends on it.
    """

    forecast: IssuedForecast
    step: TimeStep
    is_universal: bool
    events: Sequence[Json] = ()
    doubt: str | None = None
    doubted: IssuedForecast | None = None

    @property
    def leads(self) -> int:
        """The number of leads."""
        return len(self.forecast.content["timestamps"])


def raise_alerts(connection: Connection, drafts: Sequence[Draft]) -> int:
    """Store the state of each event that forecasts have evaluated, and an alert with its deliveries for each change.

    Call it in the transaction that stores the forecasts, with those that were not stored before. A forecast of replayed
    history changes states, and raises no alerts. A change that rests on a suspect reading is an alert that is held,
    without deliveries, until the reading is confirmed.

    Returns:
        The number of alerts that are to be delivered.
    """
    watching = {draft.forecast.station: draft for draft in drafts if draft.events}
    if not watching:
        return 0
    states, changed, alerts = get_states(connection, [*watching]), dict[tuple[int, str], Json](), 0
    for station in fetch_stations(connection, NUMBERED_STATIONS, [*watching]):
        draft = watching[station.number]
        watched = {event["name"]: event for event in station.settings.events or ()}
        for i, event in enumerate(draft.events):
            name = event["name"]
            known = states.get(station.number, {}).get(name)
            is_old = known is not None and known["batch"] >= draft.forecast.batch
            if _is_same_event(event, watched.get(name)) and not is_old:
                state, is_raised = _advance(connection, station, draft, i, watched[name]["alert_at"], known)
                changed[station.number, name] = state
                alerts += is_raised
    put_states(connection, changed)
    return alerts


def _advance(
    connection: Connection, station: Station, draft: Draft, i: int, alert_at: float, known: Json | None
) -> tuple[Json, bool]:
    """Store the alerts that a draft raises of its event ``i``.

    Returns:
        The state to store of the event, and whether an alert is to be delivered.
    """
    forecast, doubted, event = draft.forecast, draft.doubted, draft.events[i]
    state = EventState.of(forecast.content["events"][i])
    before = Announced(**known["announced"]) if known else Announced()
    waiting = known["held"] if known else None
    kind, announced = None, before
    # A person may confirm a reading days later.
    if not forecast.replayed or waiting is not None:
        kind, announced = change_of(before, state, alert_at)
    held: Json | None = None
    if doubted is not None and (waiting or not doubted.replayed) and kind not in _HELD:
        doubted_state = EventState.of(doubted.content["events"][i])
        doubted_kind, _ = change_of(announced, doubted_state, alert_at)
        if doubted_kind in _HELD:
            alert = _alert(station, event, doubted_state, before, doubted_kind, doubted, "held", draft.doubt)
            held = {"kind": doubted_kind, "content": alert.content}
    if waiting is not None and waiting["kind"] not in (kind, held and held["kind"]):
        _drop(connection, waiting, "the readings that followed do not confirm it")
        waiting = None
    if kind is not None:
        raised = _alert(station, event, state, before, kind, forecast, "raised", None)
        number = waiting["number"] if waiting is not None and waiting["kind"] == kind else 0
        _deliver(connection, station, raised._replace(number=number))
    if held is not None:
        held["number"] = put_alert(connection, alert._replace(number=waiting["number"] if waiting else 0))
    content = {
        "state": state._asdict(),
        "announced": announced._asdict(),
        "definition": event,
        "batch": forecast.batch,
        "held": held,
    }
    return content, kind is not None


def _alert(
    station: Station,
    event: Json,
    state: EventState,
    before: Announced,
    kind: AlertKind,
    forecast: IssuedForecast,
    status: Literal["raised", "held"],
    reason: str | None,
) -> Alert:
    """Return an alert with what webhooks tell of it."""
    newest = station.newest
    is_last = newest is not None and newest.time == forecast.observed_until
    content = {
        "alert": kind,
        "station": station.id,
        "name": station.settings.name,
        "event": event["name"],
        "kind": event["kind"],
        "raised": iso_of(forecast.issued),
        "observed_until": iso_of(forecast.observed_until),
        "sst": _sst(station) if is_last else None,
        "units": station.settings.units,
        "since": state.since,
        "category": state.category,
        "previous_category": before.category,
        "probability": state.probability,
        "status": status,
        "reason": reason,
    }
    return Alert(station.number, event["name"], kind, forecast.issued, forecast.observed_until, content)


def _sst(station: Station) -> float | None:
    """Return the newest observation of a station, in its units."""
    newest = station.newest
    return None if newest is None else float(rounded(from_celsius(newest.value, station.settings.units)))


def trial_alert(station: Station, event: str | None, now: int) -> Json:
    """Return what a test delivery tells: the fields of an alert, and ``test``.

    Args:
        station: The station.
        event: The name of an event that the webhook receives; None if it has none.
        now: When it is sent, Unix seconds.
    """
    kinds = {each["name"]: each["kind"] for each in station.settings.events or ()}
    return {
        "test": True,
        "alert": "test",
        "station": station.id,
        "name": station.settings.name,
        "event": event,
        "kind": kinds.get(event or ""),
        "raised": iso_of(now),
        "observed_until": None if station.newest is None else iso_of(station.newest.time),
        "sst": _sst(station),
        "units": station.settings.units,
        **dict.fromkeys(("since", "category", "previous_category", "probability")),
        "status": "test",
        "reason": None,
    }


def _deliver(connection: Connection, station: Station, alert: Alert) -> None:
    """Store an alert, and its deliveries to the webhooks of its event."""
    number = put_alert(connection, alert)
    hooks = receivers(station.settings.webhooks, alert.event, alert.content["kind"])
    put_deliveries(connection, [Delivery(number, hook["url"], uuid4().hex, alert.raised) for hook in hooks])


def put_watching_station(
    connection: Connection,
    station_id: str,
    settings: StationSettings,
    webhooks: Sequence[InputWebhook],
    now: int,
    writer: Writer = EVERYONE,
) -> bool:
    """Create a station, or give it other settings and these ``webhooks``. Return whether it is new.

    An event that has changed begins without a state.

    Raises:
        NotOwnerError: if the station belongs to another writer.
        RequestError: if the URL of a new webhook is partly hidden.
        StepChangeError: if the station has readings at another step.
    """
    before = lock_station(connection, station_id, writer)
    stored = stored_webhooks(webhooks, before and before.webhooks, now)
    is_new = put_station(connection, station_id, replace(settings, webhooks=stored), now, writer)
    if not is_new:
        number = get_station(connection, station_id).number
        events = {event["name"]: event for event in settings.events or ()}
        states = get_states(connection, [number]).get(number, {})
        kept = [name for name, state in states.items() if _is_same_event(state["definition"], events.get(name))]
        for name in states.keys() - kept:
            if held := states[name]["held"]:
                _drop(connection, held, "the event of the station was changed")
        keep_states(connection, number, kept)
    return is_new


def _drop(connection: Connection, held: Json, reason: str) -> None:
    """Drop an alert that is held, as the state of its event has it."""
    change_alert(connection, held["number"], held["content"] | {"status": "dropped", "reason": reason})


def _is_same_event(definition: Json, other: Json | None) -> bool:
    """Return whether two stored events have the same state, whenever that is worth an alert."""
    if other is None:
        return False
    return {**definition, _NOT_ITS_STATE: None} == {**other, _NOT_ITS_STATE: None}
