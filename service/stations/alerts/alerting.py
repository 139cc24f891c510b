"""Raises alerts when a forecast is issued: compares the state of each event with what was last announced."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection

from forecasting.series.times import iso_of, seconds_of
from forecasting.series.units import from_celsius
from service.engine.forecast_json import rounded
from service.stations.alerts.event_states import AlertKind, Announced, Change, EventState, change_of, from_json, to_json
from service.stations.alerts.watching import drop_alert, is_same_event
from service.store.alerts import NewAlert, add_alert, change_alert
from service.store.database.tables import STATIONS
from service.store.deliveries import NewDelivery, add_deliveries
from service.store.event_states import StoredState, get_states, put_states
from service.store.issued_forecasts import IssuedForecast
from service.store.stations import Station, select_stations

_AT_ONCE: Final = 500
"""Stations in one statement."""

_HELD: Final = ("began", "category_changed", "ended")
"""Alerts that a suspect reading does not raise."""

Json = dict[str, Any]


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
