"""The events that a station watches, their states, and the alerts that a change raises."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Final, Literal, NamedTuple
from uuid import uuid4

import numpy as np
from pydantic import Field, Tag, TypeAdapter
from sqlalchemy import Connection

from forecasting.errors import RequestError
from forecasting.events.baseline import POSITION, Baseline, Position, require_days
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.event_schema import (
    BY_KIND,
    DIFFERENT_NAMES,
    MAX_EVENTS,
    MAX_NAME,
    InputHeatStress,
    InputMarineEvent,
    InputThresholdEvent,
)
from forecasting.forecasts.json import rounded
from forecasting.requests import ONE_LINE, Finite, tag
from forecasting.series.times import DAY, iso_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import Units, from_celsius, to_celsius
from service.engine.events import EventOptions, event_options, read_baseline
from service.engine.reading import AnyBaseline, InputBaseline
from service.plugins.stations.audit import audit_settings
from service.plugins.stations.durations import MOST_DAYS, alert_seconds, first_told, shifted, shown_duration
from service.plugins.stations.event_changes import Change, History, Told, changes_of
from service.plugins.stations.notify import stored_notify
from service.plugins.stations.store.alerts import (
    Alert,
    Channel,
    Delivery,
    change_alert,
    get_states,
    keep_states,
    put_alert,
    put_deliveries,
    put_states,
)
from service.plugins.stations.store.database import take_turns
from service.plugins.stations.store.observations import judge_again
from service.plugins.stations.store.stations import (
    EVERYONE,
    NUMBERED_STATIONS,
    Caller,
    Station,
    StationSettings,
    fetch_stations,
    get_station,
    lock_station_to_put,
    lock_stations,
    put_station,
)
from service.plugins.stations.webhooks import HEALTH, InputWebhook, receivers, stored_webhooks

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
    """Check what a station is to watch, before it has any readings."""
    for i, event in enumerate(events):
        if event.name in HEALTH:
            raise RequestError(
                f"events[{i}].name: every station has the event {event.name!r} already: choose another name",
                field=f"events[{i}].name",
            )
    if isinstance(read_baseline(baseline, units, position), Position):
        Baseline.of_position(position, "marine_heatwave")
    options = event_options(events, 0, baseline, horizon, units)
    for definition in () if options is None else options.definitions:
        if not isinstance(definition, ThresholdEvent) or isinstance(definition.threshold, Percentile):
            require_days(TimeStep.parse(step), _DAILY)


def options_of(settings: StationSettings, horizon: int) -> EventOptions | None:
    """Return what a forecast of a station evaluates; None without events."""
    if not settings.events:
        return None
    events = _EVENTS.validate_python(settings.events, context=[])
    return event_options(events, 0, None, horizon, settings.units)


def steps_of_alerts(settings: StationSettings) -> int:
    """Return how many of the last steps of a station may raise an alert, with the step before them."""
    # And one more, as readings are at the beginning of a step and may arrive before its end.
    return alert_seconds(settings) // TimeStep.parse(settings.step).seconds + 3


def too_late(settings: StationSettings, newest: int, now: int) -> str | None:
    """Return a warning if readings that arrived ``now`` are too old to raise an alert; None if they may raise one."""
    if not (settings.events or settings.webhooks or settings.notify) or newest >= first_told(settings, now):
        return None
    late = now - shifted(newest, 1, TimeStep.parse(settings.step))
    # Up to the next hour: nobody needs the seconds.
    delay = shown_duration(-(-late // 3_600) * 3_600)
    always = f"; if they always arrive so late, set alert_within to {delay} or more" if late < MOST_DAYS * DAY else ""
    return (
        f"these readings raise no alerts: they arrived {delay} after the end of their newest step, and alerts are "
        f"raised within {shown_duration(alert_seconds(settings))}{always}"
    )


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


_HELD: Final = ("began", "category_changed", "ended")
"""Alerts that a suspect reading does not raise."""

_NOT_ITS_STATE: Final = "alert_at"
"""What may change of an event that stays the same event."""

_STEPS_UNTIL_LATE: Final = 2


def _judged_by(settings: StationSettings) -> tuple[object, ...]:
    """Return what a forecast and the states of events depend on, besides the readings."""
    names = "latitude", "longitude", "events", "baseline", "model", "horizon", "alert_within"
    # Events are in the units of the station.
    return settings.units if settings.events else None, *(getattr(settings, name) for name in names)


class Judgement(NamedTuple):
    """What the readings of a station say of its events, at a moment. Times are Unix seconds."""

    station: int
    batch: int
    arrived: int
    units: Units
    events: Sequence[Json]
    histories: Sequence[History]
    doubt: str | None = None
    doubted: Sequence[History] | None = None


def raise_alerts(connection: Connection, judgements: Sequence[Judgement]) -> int:
    """Store the state of each event of stations, and an alert with its deliveries for each change.

    A change that is older than the station's ``alert_within`` raises none. One that rests on a suspect reading is an
    alert that is held, without deliveries, until the reading is confirmed. A batch of readings that was judged before,
    or is older than one that was, changes nothing.
    """
    watching = {each.station: each for each in judgements if each.events}
    if not watching:
        return 0
    lock_stations(connection, [*watching])
    states, changed, alerts = get_states(connection, [*watching]), dict[tuple[int, str], Json](), 0
    for station in fetch_stations(connection, NUMBERED_STATIONS, [*watching]):
        judgement = watching[station.number]
        watched = {event["name"]: event for event in station.settings.events or ()}
        for i, event in enumerate(judgement.events):
            name = event["name"]
            known = states.get(station.number, {}).get(name)
            is_old = known is not None and known["batch"] >= judgement.batch
            is_same = judgement.units == station.settings.units and _is_same_event(event, watched.get(name))
            if is_same and not is_old:
                state, count = _advance(connection, station, judgement, i, watched[name]["alert_at"], known)
                changed[station.number, name] = state
                alerts += count
    put_states(connection, changed)
    return alerts


def _advance(
    connection: Connection, station: Station, judgement: Judgement, i: int, alert_at: float, known: Json | None
) -> tuple[Json, int]:
    """Store the alerts that a judgement raises of its event ``i``."""
    event, history = judgement.events[i], judgement.histories[i]
    step, begin = TimeStep.parse(station.settings.step), first_told(station.settings, judgement.arrived)
    told = Told.read(known["announced"]) if known else Told()
    waiting = known["held"] if known else None
    changes, now_told = changes_of(told, history.steps, begin, alert_at)
    alerts = [_alert(station, event, change, judgement, step) for change in changes]
    held: Json | None = None
    if judgement.doubted is not None and not any(change.kind in _HELD for change in changes):
        doubted, _ = changes_of(now_told, judgement.doubted[i].steps, begin, alert_at)
        for change in (change for change in doubted if change.kind in _HELD):
            alert = _alert(station, event, change, judgement, step, "held", judgement.doubt)
            held = {"kind": change.kind, "content": alert.content}
    kinds = {alert.kind for alert in alerts}
    if waiting is not None and waiting["kind"] not in (*kinds, held and held["kind"]):
        drop_alert(connection, waiting, "the readings that followed do not confirm it")
        waiting = None
    for raised in alerts:
        number = 0
        if waiting is not None and waiting["kind"] == raised.kind:
            number, waiting = waiting["number"], None
        deliver_alert(connection, station, raised._replace(number=number))
    if held is not None:
        held["number"] = put_alert(connection, alert._replace(number=waiting["number"] if waiting else 0))
    content = {
        "state": history.state._asdict(),
        "announced": now_told._asdict(),
        "definition": event,
        "batch": judgement.batch,
        "held": held,
    }
    return content, len(alerts)


def _alert(
    station: Station,
    event: Json,
    change: Change,
    judgement: Judgement,
    step: TimeStep,
    status: Literal["raised", "held"] = "raised",
    reason: str | None = None,
) -> Alert:
    """Return the alert of a change of an event."""
    (time, sst, state), newest, arrived = change.step, station.newest, judgement.arrived
    if newest is not None and 2 * abs(newest.time - time) < step.seconds:
        # A reading that was there before is not late because the settings have changed since.
        time, arrived = newest.time, newest.received
    fields = lateness(time, step, arrived) | {
        "sst": _in_units(sst, station),
        "since": state.since,
        "category": state.category,
        "previous_category": change.previous,
        "probability": state.probability,
        "status": status,
        "reason": reason,
    }
    return alert_of(station, event["name"], event["kind"], change.kind, judgement.arrived, time, fields)


def lateness(time: int, step: TimeStep, arrived: int) -> Json:
    """Return how late the reading of the step at ``time`` arrived, Unix seconds, as alerts tell it."""
    end = shifted(time, 1, step)
    return {"late": arrived > shifted(time, 1 + _STEPS_UNTIL_LATE, step), "delay_seconds": max(0, arrived - end)}


def alert_of(
    station: Station, name: str, kind: str, alert: str, raised: int, observed_until: int | None, fields: Json
) -> Alert:
    """Return an alert about an event of a station, with what webhooks tell of it."""
    newest = station.newest
    content = {
        "alert": alert,
        "station": station.id,
        "name": station.settings.name,
        "event": name,
        "kind": kind,
        "raised": iso_of(raised),
        "observed_until": None if observed_until is None else iso_of(observed_until),
        "sst": None if newest is None else _in_units(newest.value, station),
        "units": station.settings.units,
        **dict.fromkeys(("since", "category", "previous_category", "probability")),
        "late": False,
        "delay_seconds": 0,
        "status": "raised",
        "reason": None,
    }
    return Alert(station.number, name, alert, raised, observed_until or raised, content | fields)


def _in_units(celsius: float, station: Station) -> float:
    """Return a temperature in the units of a station."""
    return float(rounded(from_celsius(celsius, station.settings.units)))


def trial_alert(station: Station, event: str | None, now: int) -> Json:
    """Return what a test delivery tells: the fields of an alert, and ``test``."""
    kinds = {each["name"]: each["kind"] for each in station.settings.events or ()}
    observed_until = None if station.newest is None else station.newest.time
    alert = alert_of(station, event or "", kinds.get(event or "", ""), "test", now, observed_until, {"status": "test"})
    return {"test": True, **alert.content, "event": event, "kind": kinds.get(event or "")}


def deliver_alert(connection: Connection, station: Station, alert: Alert) -> None:
    """Store an alert, and its deliveries to the webhooks of its event and to all other addresses."""
    number = put_alert(connection, alert)
    hooks = receivers(station.settings.webhooks, alert.event, alert.content["kind"])
    to: list[tuple[str, Channel]] = [(hook["url"], "webhook") for hook in hooks]
    to += [(address, "notify") for address in station.settings.notify or ()]
    deliveries = [Delivery(number, url, uuid4().hex, alert.raised, channel=channel) for url, channel in to]
    put_deliveries(connection, deliveries)


def put_watching_station(
    connection: Connection,
    station_id: str,
    settings: StationSettings,
    webhooks: Sequence[InputWebhook],
    now: int,
    caller: Caller = EVERYONE,
    owner: str | None = None,
) -> bool:
    """Create a station, or give it other settings and these ``webhooks``. Return whether it is new.

    An event that has changed begins without a state. If the settings change what readings mean, a forecast is due,
    which judges the events anew.
    """
    # Two calls at once would both find a place for one more station, and nothing that was there before.
    take_turns(connection, "stations")
    exists = lock_station_to_put(connection, station_id, caller) is not None
    before = get_station(connection, station_id) if exists else None
    stored = stored_webhooks(webhooks, None if before is None else before.settings.webhooks, now)
    notify = stored_notify(settings.notify, None if before is None else before.settings.notify)
    settings = replace(settings, webhooks=stored, notify=notify)
    is_new = put_station(connection, station_id, settings, now, caller, owner)
    after = get_station(connection, station_id)
    audit_settings(connection, before, after, now, caller)
    if before is not None and _judged_by(before.settings) != _judged_by(settings):
        judge_again(connection, before.number, now)
    if before is not None:
        number = after.number
        events = {event["name"]: event for event in settings.events or ()}
        states = get_states(connection, [number]).get(number, {})
        are_same_units = before.settings.units == settings.units
        kept = [
            name
            for name, state in states.items()
            if are_same_units and _is_same_event(state["definition"], events.get(name))
        ]
        for name in states.keys() - kept:
            if held := states[name]["held"]:
                drop_alert(connection, held, "the event of the station was changed")
        keep_states(connection, number, kept)
    return is_new


def drop_alert(connection: Connection, held: Json, reason: str) -> None:
    """Drop an alert that is held, as the state of its event has it."""
    change_alert(connection, held["number"], held["content"] | {"status": "dropped", "reason": reason})


def _is_same_event(definition: Json, other: Json | None) -> bool:
    """Return whether two stored events have the same state, whenever that is worth an alert."""
    if other is None:
        return False
    return {**definition, _NOT_ITS_STATE: None} == {**other, _NOT_ITS_STATE: None}
