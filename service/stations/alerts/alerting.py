"""Raises alerts when a forecast is issued: compares the state of each event with what was last announced."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

from sqlalchemy import Connection

from forecasting.series.times import iso_of
from forecasting.series.units import from_celsius
from service.engine.forecast_json import rounded
from service.stations.alerts.event_states import Announced, Change, EventState, change_of, from_json, to_json
from service.stations.alerts.watching import is_same_event
from service.store.alerts import NewAlert, add_alert
from service.store.database.tables import STATIONS
from service.store.deliveries import NewDelivery, add_deliveries
from service.store.event_states import StoredState, get_states, put_states
from service.store.issued_forecasts import IssuedForecast
from service.store.stations import Station, select_stations

_AT_ONCE: Final = 500
"""Stations in one statement."""

Json = dict[str, Any]


class Judged(NamedTuple):
    """A forecast that is being stored, and the events that it has judged, as they are stored with the station."""

    forecast: IssuedForecast
    definitions: Sequence[Json]


class _Transition(NamedTuple):
    definition: Json
    event: Json
    state: EventState
    before: Announced
    change: Change


def raise_alerts(connection: Connection, judged: Sequence[Judged]) -> int:
    """Store the state of each judged event, and an alert with its deliveries for each change of one.

    Call it in the transaction that stores the forecasts, with forecasts that were not stored before. A forecast of
    replayed history changes states, and raises no alerts.

    Returns:
        The number of alerts.
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
            name = transition.definition["name"]
            content = to_json(transition.state, transition.change.announced)
            content |= {"definition": transition.definition, "batch": forecast.batch}
            stored.append(StoredState(station.number, name, content))
            if transition.change.kind is not None:
                _raise(connection, station, forecast, transition)
                alerts += 1
    put_states(connection, stored)
    return alerts


def _transitions(judged: Judged, station: Station, states: dict[str, Json]) -> Iterator[_Transition]:
    """Yield what becomes of each event that is still watched, and not judged from later readings already."""
    forecast = judged.forecast
    watched = {event["name"]: event for event in station.settings.events or ()}
    for definition, event in zip(judged.definitions, forecast.content["events"], strict=True):
        name = definition["name"]
        known = states.get(name)
        if not is_same_event(definition, watched.get(name)) or (known and known["batch"] >= forecast.batch):
            continue
        before = from_json(known)[1] if known else Announced()
        state = EventState.of(event)
        change = Change(None, before) if forecast.replayed else change_of(before, state, watched[name]["alert_at"])
        yield _Transition(definition, event, state, before, change)


def _raise(connection: Connection, station: Station, forecast: IssuedForecast, transition: _Transition) -> None:
    kind, state = transition.change.kind, transition.state
    name = transition.definition["name"]
    assert kind is not None
    units, newest = station.settings.units, station.newest
    is_last = newest is not None and newest.time == forecast.observed_until
    content = {
        "alert": kind,
        "station": station.id,
        "name": station.settings.name,
        "event": name,
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
    alert = NewAlert(station.number, name, kind, forecast.issued, forecast.observed_until, content)
    number = add_alert(connection, alert)
    urls = [
        webhook["url"]
        for webhook in station.settings.webhooks or ()
        if webhook["events"] is None or name in webhook["events"]
    ]
    add_deliveries(connection, [NewDelivery(number, url, uuid4().hex, forecast.issued) for url in urls])
