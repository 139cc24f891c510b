"""The state of each event that a station watches, and the alerts that a change of it raises."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, NamedTuple, Self
from uuid import uuid4

from sqlalchemy import Connection

from forecasting.events.detection import Category
from forecasting.events.kinds.heat_stress import FIRST_ACTIVE_LEVEL, LEVELS
from forecasting.events.outcomes import AlertLevel
from forecasting.series.times import iso_of, seconds_of
from forecasting.series.units import from_celsius
from service.engine.forecast_json import rounded
from service.stations.store.alerts import (
    NewAlert,
    NewDelivery,
    StoredState,
    add_alert,
    add_deliveries,
    change_alert,
    get_states,
    keep_states,
    put_states,
)
from service.stations.store.forecasts import IssuedForecast
from service.stations.store.stations import (
    EVERYONE,
    Station,
    StationSettings,
    Writer,
    get_station,
    lock_webhooks,
    put_station,
    select_stations,
)
from service.stations.store.tables import STATIONS
from service.stations.webhooks import InputWebhook, stored_webhooks

Json = dict[str, Any]
"""The forecast of an event, as :func:`service.engine.events.event_json.outcome_json` writes it."""

EventCategory = Category | AlertLevel

AlertKind = Literal["began", "category_changed", "ended", "expected"]

_HEAT_STRESS: Final = "degree_heating_weeks"
_REARMED_BELOW: Final = 0.5
"""Share of ``alert_at`` that the probability has to fall below before an event is expected again."""


@dataclass(frozen=True, slots=True)
class EventState:
    """The state of an event at the end of a station's readings.

    Attributes:
        active: whether it is on: for degree heating weeks, from the level ``Warning`` on. None if it is not known.
        since: first day or time of the event; None if it is not active, or for degree heating weeks.
        category: of a marine heatwave or cold spell, None if it is not active; the level of degree heating weeks.
        probability: that the event occurs at one of the steps ahead; if it is active, that it continues. For degree
            heating weeks, that some step ahead reaches a higher level.
        error: why it is not known.
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
    """The last announcement of an event.

    Attributes:
        active: whether it is on.
        category: of it, if it is on.
        expected: whether it was announced as likely since it was last on or unlikely.
    """

    active: bool = False
    category: EventCategory | None = None
    expected: bool = False


class Change(NamedTuple):
    """The announcement to make of an event now.

    Attributes:
        kind: what happened; None for nothing.
        announced: what is known to all afterwards.
    """

    kind: AlertKind | None
    announced: Announced


def change_of(before: Announced, state: EventState, alert_at: float) -> Change:
    """Return what to announce of an event that was last announced as ``before``.

    An event is said to be expected once its probability reaches ``alert_at``, and again only after it was on, or its
    probability was less than half of that. An active event is not expected; only a higher level of heat stress is.
    """
    if state.active is None or state.probability is None:
        return Change(None, before)
    if state.active != before.active:
        return Change("began" if state.active else "ended", _announced(state))
    if state.active and state.category != before.category:
        return Change("category_changed", _announced(state))
    may_rise = not state.active or state.category in LEVELS
    if may_rise and not before.expected and state.probability >= alert_at:
        return Change("expected", before._replace(expected=True))
    unlikely = state.probability < alert_at * _REARMED_BELOW
    return Change(None, before._replace(expected=before.expected and not unlikely))


def to_json(state: EventState, announced: Announced) -> Json:
    """Return a state and what was announced of it as they are stored."""
    return {"state": asdict(state), "announced": announced._asdict()}


def from_json(stored: Json) -> tuple[EventState, Announced]:
    """Return what :func:`to_json` wrote."""
    return EventState(**stored["state"]), Announced(**stored["announced"])


def _announced(state: EventState) -> Announced:
    return Announced(bool(state.active), state.category if state.active else None)


def _probability_above(level: int, by_level: dict[str, list[float]]) -> float:
    """Return the highest probability, at any step ahead, of a level above this one."""
    higher = [by_level[name] for name in LEVELS[level + 1 :] if name in by_level]
    return round(min(1.0, max(map(sum, zip(*higher, strict=True)), default=0.0)), 4)


_AT_ONCE: Final = 500
"""Stations in one statement."""

_HELD: Final = ("began", "category_changed", "ended")
"""Alerts that a suspect reading does not raise."""


class Judged(NamedTuple):
    """A forecast that is being stored, and the events that it has judged.

    Attributes:
        forecast: that rests on readings that count.
        definitions: of the events, as they are stored with the station.
        doubt: why the newest reading does not count; None if it does.
        doubted: the forecast if it did.
    """

    forecast: IssuedForecast
    definitions: Sequence[Json]
    doubt: str | None = None
    doubted: IssuedForecast | None = None


class _Transition(NamedTuple):
    """What becomes of an event.

    Attributes:
        definition: of the event.
        state: with the readings that count.
        before: what was announced of it before.
        change: what to announce now.
        held: the alert that a suspect reading would raise: its state and kind, and the forecast that has judged it.
        known: the alert that is held since an earlier reading: its number and kind.
    """

    definition: Json
    state: EventState
    before: Announced
    change: Change
    held: tuple[EventState, AlertKind, IssuedForecast] | None
    known: Json | None


def raise_alerts(connection: Connection, judged: Sequence[Judged]) -> int:
    """Store the state of each judged event, and an alert with its deliveries for each change of one.

    Call it in the transaction that stores the forecasts, with forecasts that were not stored before. A forecast of
    replayed history changes states, and raises no alerts. A change that rests on a suspect reading is an alert that is
    held, without deliveries, until the reading is confirmed.

    Returns:
        The number of alerts that are to be delivered.
    """
    watching = [each for each in judged if each.definitions]
    numbers = [each.forecast.station for each in watching]
    states = get_states(connection, numbers)
    stations = {
        station.number: station
        for begin in range(0, len(numbers), _AT_ONCE)
        for station in select_stations(connection, STATIONS.c.number.in_(numbers[begin : begin + _AT_ONCE]))
    }
    stored, alerts = list[StoredState](), 0
    for each in watching:
        forecast, station = each.forecast, stations.get(each.forecast.station)
        if station is None:
            continue
        for transition in _transitions(each, station, states.get(station.number, {})):
            content = to_json(transition.state, transition.change.announced)
            content |= {"definition": transition.definition, "batch": forecast.batch}
            content["held"] = _announce(connection, station, each, transition)
            stored.append(StoredState(station.number, transition.definition["name"], content))
            alerts += transition.change.kind is not None
    put_states(connection, stored)
    return alerts


def _transitions(judged: Judged, station: Station, states: dict[str, Json]) -> Iterator[_Transition]:
    """Yield what becomes of each event that is still watched, and not judged from later readings already."""
    forecast, doubted = judged.forecast, judged.doubted
    watched = {event["name"]: event for event in station.settings.events or ()}
    for i, (definition, event) in enumerate(zip(judged.definitions, forecast.content["events"], strict=True)):
        name = definition["name"]
        known = states.get(name)
        if not is_same_event(definition, watched.get(name)) or (known and known["batch"] >= forecast.batch):
            continue
        before = from_json(known)[1] if known else Announced()
        state, alert_at = EventState.of(event), watched[name]["alert_at"]
        waiting = (known or {}).get("held")
        # A person may confirm a reading days later.
        is_late = forecast.replayed and waiting is None
        change = Change(None, before) if is_late else change_of(before, state, alert_at)
        held = None
        if doubted is not None and (waiting or not doubted.replayed) and change.kind not in _HELD:
            other = EventState.of(doubted.content["events"][i])
            what = change_of(change.announced, other, alert_at).kind
            held = (other, what, doubted) if what is not None and what in _HELD else None
        yield _Transition(definition, state, before, change, held, waiting)


def _announce(connection: Connection, station: Station, judged: Judged, transition: _Transition) -> Json | None:
    """Store the alerts of a transition; return the one that is held now."""
    known, kind, held = transition.known, transition.change.kind, transition.held
    if known is not None and known["kind"] != kind and (held is None or known["kind"] != held[1]):
        drop_alert(connection, known, "the readings that followed do not confirm it")
        known = None
    if kind is not None:
        content = _content(station, transition, transition.state, kind, judged.forecast)
        content |= {"status": "raised", "reason": None}
        is_known = known is not None and known["kind"] == kind
        number = _put(connection, station, judged.forecast, content, known if is_known else None)
        _deliver(connection, station, number, content)
    if held is None:
        return None
    state, held_kind, forecast = held
    content = _content(station, transition, state, held_kind, forecast) | {"status": "held", "reason": judged.doubt}
    return {"number": _put(connection, station, forecast, content, known), "kind": held_kind, "content": content}


def _put(connection: Connection, station: Station, forecast: IssuedForecast, content: Json, known: Json | None) -> int:
    """Store an alert, in place of the one that is held for it; return its number."""
    alert = NewAlert(
        station.number, content["event"], content["alert"], forecast.issued, forecast.observed_until, content
    )
    changed = {"raised": alert.raised, "observed_until": alert.observed_until, "content": content}
    if known is not None and change_alert(connection, known["number"], **changed):
        number: int = known["number"]
        return number
    return add_alert(connection, alert)


def _content(
    station: Station, transition: _Transition, state: EventState, kind: AlertKind, forecast: IssuedForecast
) -> Json:
    """Return what webhooks tell of an alert."""
    units, newest = station.settings.units, station.newest
    is_last = newest is not None and newest.time == forecast.observed_until
    return {
        "alert": kind,
        "station": station.id,
        "name": station.settings.name,
        "event": transition.definition["name"],
        "kind": transition.definition["kind"],
        "raised": iso_of(forecast.issued),
        "observed_until": iso_of(forecast.observed_until),
        "sst": float(rounded(from_celsius(newest.value, units))) if newest is not None and is_last else None,
        "units": units,
        "since": state.since,
        "category": state.category,
        "previous_category": transition.before.category,
        "probability": state.probability,
    }


def _deliver(connection: Connection, station: Station, alert: int, content: Json) -> None:
    """Store the deliveries of an alert to the webhooks of its event."""
    urls = [
        webhook["url"]
        for webhook in station.settings.webhooks or ()
        if webhook["events"] is None or content["event"] in webhook["events"]
    ]
    raised = seconds_of(content["raised"])
    add_deliveries(connection, [NewDelivery(alert, url, uuid4().hex, raised) for url in urls])


_NOT_ITS_STATE: Final = "alert_at"
"""What may change of an event that stays the same event."""


def put_watching_station(
    connection: Connection,
    station_id: str,
    settings: StationSettings,
    webhooks: Sequence[InputWebhook],
    now: int,
    writer: Writer = EVERYONE,
) -> tuple[bool, Station]:
    """Create a station, or give it other settings. Return whether it is new, and the station.

    An event that has changed begins without a state.

    Args:
        connection: of a writing transaction.
        station_id: chosen by clients.
        settings: without webhooks.
        webhooks: that receive alerts.
        now: Unix seconds.
        writer: who sends them.

    Raises:
        NotOwnerError: if the station belongs to another writer.
        RequestError: if a new webhook has no secret.
        StepChangeError: if the station has readings at another step.
    """
    stored = stored_webhooks(webhooks, lock_webhooks(connection, station_id, writer))
    is_new = put_station(connection, station_id, replace(settings, webhooks=stored), now, writer)
    station = get_station(connection, station_id)
    if not is_new:
        events = {event["name"]: event for event in station.settings.events or ()}
        states = get_states(connection, [station.number]).get(station.number, {})
        kept = [name for name, state in states.items() if is_same_event(state["definition"], events.get(name))]
        for name in states.keys() - kept:
            if held := states[name].get("held"):
                drop_alert(connection, held, "the event of the station was changed")
        keep_states(connection, station.number, kept)
    return is_new, station


def drop_alert(connection: Connection, held: Json, reason: str) -> None:
    """Drop an alert that is held, as the state of its event has it."""
    change_alert(connection, held["number"], content=held["content"] | {"status": "dropped", "reason": reason})


def is_same_event(definition: Json, other: Json | None) -> bool:
    """Return whether two stored events have the same state, whenever that is worth an alert."""
    return other is not None and _compared(definition) == _compared(other)


def _compared(definition: Json) -> Json:
    return {name: value for name, value in definition.items() if name != _NOT_ITS_STATE}
