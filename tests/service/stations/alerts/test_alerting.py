from dataclasses import replace
from typing import Any

import pytest

from service.stations.alerts.alerting import Judged, raise_alerts
from service.stations.alerts.watching import put_watching_station
from service.store.alerts import get_alerts
from service.store.database.database import Database
from service.store.deliveries import deliveries_of
from service.store.event_states import get_states
from service.store.issued_forecasts import IssuedForecast
from service.store.stations import StationSettings, get_station, put_station

WARM: dict[str, Any] = {"kind": "threshold", "name": "warm", "above": 20.0, "for": 1, "alert_at": 0.5}
COLD: dict[str, Any] = {"kind": "threshold", "name": "cold", "below": 5.0, "for": 1, "alert_at": 0.5}
HOOKS: list[dict[str, Any]] = [
    {"url": "https://all.example", "secret": "s" * 16, "events": None},
    {"url": "https://cold.example", "secret": "s" * 16, "events": ["cold"]},
]


def put(database: Database, events: list[dict[str, Any]]) -> int:
    """Create a station, or give it other events, and return its number."""
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day", events=events, webhooks=HOOKS), 1)
        return get_station(connection, "pier").number


def forecast(station: int, batch: int, *active: bool) -> IssuedForecast:
    """Return the forecast of a batch that finds each event active or not."""
    events = [
        {
            "name": event["name"],
            "kind": "threshold",
            "state": {"active": is_active, "since": "2026-07-01T00:00:00Z", "steps": int(is_active)},
            "probability": 0.1,
        }
        for event, is_active in zip((WARM, COLD), active, strict=False)
    ]
    return IssuedForecast(station, batch, 100 + batch, 0, False, "gru", "1", {"events": events})


def issue(database: Database, issued: IssuedForecast, *events: dict[str, Any]) -> list[str]:
    """Raise the alerts of a forecast, and return all alerts so far, oldest first."""
    with database.writing() as connection:
        raise_alerts(connection, [Judged(issued, events)])
    with database.reading() as connection:
        return [f"{alert.event} {alert.kind}" for alert in get_alerts(connection, issued.station, limit=10)][::-1]


def test_webhooks_are_told_of_the_events_that_they_ask_for(database: Database) -> None:
    station = put(database, [WARM, COLD])
    assert issue(database, forecast(station, 1, True, True), WARM, COLD) == ["warm began", "cold began"]
    with database.reading() as connection:
        alerts = get_alerts(connection, station, limit=10)
        deliveries = deliveries_of(connection, [alert.number for alert in alerts])
    urls = {alert.event: [delivery.url for delivery in deliveries[alert.number]] for alert in alerts}
    assert urls == {"warm": ["https://all.example"], "cold": ["https://all.example", "https://cold.example"]}


@pytest.mark.parametrize("batch", [1, 2], ids=["an earlier batch", "the same batch"])
def test_a_forecast_that_comes_after_that_of_later_readings_tells_nothing(database: Database, batch: int) -> None:
    station = put(database, [WARM])
    assert issue(database, forecast(station, 2, True), WARM) == ["warm began"]
    assert issue(database, forecast(station, batch, False), WARM) == ["warm began"]
    with database.reading() as connection:
        assert get_states(connection, [station])[station]["warm"]["state"]["active"]


def test_an_event_that_was_changed_while_it_was_judged_tells_nothing(database: Database) -> None:
    station = put(database, [{**WARM, "above": 22.0}])
    assert issue(database, forecast(station, 1, True), WARM) == []
    put(database, [{**WARM, "alert_at": 0.05}])
    assert issue(database, forecast(station, 2, False), WARM) == ["warm expected"]


def test_a_replayed_forecast_changes_the_state_and_tells_nothing(database: Database) -> None:
    station = put(database, [WARM])
    assert issue(database, replace(forecast(station, 1, True), replayed=True), WARM) == []
    with database.reading() as connection:
        assert get_states(connection, [station])[station]["warm"]["state"]["active"]
    assert issue(database, forecast(station, 2, True), WARM) == ["warm began"]


def test_an_alert_that_waits_is_stored_once_and_sent_once(database: Database) -> None:
    station = put(database, [WARM])

    def alerts(batch: int, *, active: bool, doubted: bool) -> list[tuple[str, str, int]]:
        issued = forecast(station, batch, active)
        held = forecast(station, batch, True) if doubted else None
        with database.writing() as connection:
            raise_alerts(connection, [Judged(issued, [WARM], "a doubt" if doubted else None, held)])
            found = get_alerts(connection, station, limit=10)
            sent = deliveries_of(connection, [alert.number for alert in found])
        return [(alert.kind, alert.content["status"], len(sent.get(alert.number, ()))) for alert in found]

    for batch in (1, 1, 2):
        assert alerts(batch, active=False, doubted=True) == [("began", "held", 0)]
    for batch in (3, 3, 4):
        assert alerts(batch, active=True, doubted=False) == [("began", "raised", 1)]
    assert alerts(5, active=True, doubted=True) == [("began", "raised", 1)]


def test_an_alert_that_waits_is_dropped_if_its_event_is_removed(database: Database) -> None:
    station = put(database, [WARM])
    with database.writing() as connection:
        raise_alerts(connection, [Judged(forecast(station, 1, False), [WARM], "a doubt", forecast(station, 1, True))])
        put_watching_station(connection, "pier", StationSettings("day"), [], 2)
        (alert,) = get_alerts(connection, station, limit=10)
    assert (alert.content["status"], alert.content["reason"]) == ("dropped", "the event of the station was changed")
