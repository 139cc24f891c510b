"""Stations that are silent, and sensors that are stuck."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from orjson import loads
from pydantic import SecretStr
from sqlalchemy import make_url

from service.plugins.stations.addresses import shown_address
from service.plugins.stations.alerts import put_watching_station
from service.plugins.stations.health import check_silence, receive, watch
from service.plugins.stations.readings import Readings
from service.plugins.stations.responses import station_detail
from service.plugins.stations.store.alerts import get_alerts
from service.plugins.stations.store.database import Database
from service.plugins.stations.store.stations import EVERYONE, StationSettings
from service.plugins.stations.store.tables import FEEDS, PULSES
from service.settings import Settings
from tests.servers.webhook_receiver import receiving
from tests.service.plugins.stations.conftest import NewStation, create
from tests.service.plugins.stations.test_alerts import alerts
from tests.service.plugins.stations.test_late_alerts import DAY, HOUR, mild, newest_step, send
from tests.service.requests import Json, answered
from tests.serving import serve

BEGIN = 1_780_000_000 // 3_600 * 3_600
WARM: Json = {"name": "warm", "kind": "threshold", "above": 22.0, "for": 1, "alert_at": 0.5}


class Pier:
    """An hourly station in a database of its own, and a clock that the test sets, in hours."""

    def __init__(self, url: str, settings: StationSettings) -> None:
        self.database = Database(make_url(url))
        self.hour = 0.0
        self.save(settings)

    @property
    def now(self) -> int:
        return BEGIN + round(3_600 * self.hour)

    def save(self, settings: StationSettings) -> None:
        with self.database.writing() as connection:
            put_watching_station(connection, "pier", settings, [], self.now)
            watch(connection, ["pier"], self.now)

    def read(self, *values: float, ago: int = 0) -> None:
        """Receive values whose last is of this hour, or of some hours ago."""
        first = BEGIN + 3_600 * (round(self.hour) - ago - len(values) + 1)
        readings = Readings({first + 3_600 * i: value for i, value in enumerate(values)})
        with self.database.writing() as connection:
            receive(connection, {"pier": readings}, self.now)

    def look(self) -> None:
        with self.database.writing() as connection:
            check_silence(connection, self.now)

    def wait(self, hours: float) -> None:
        """Let time pass in which the service looks every other minute."""
        until = self.hour + hours
        for minute in range(round(60 * hours) - 2, -2, -2):
            self.hour = until - max(minute, 0) / 60
            self.look()

    @property
    def told(self) -> list[tuple[str, str, float]]:
        """What was told, oldest first, and at which hour."""
        with self.database.reading() as connection:
            found = get_alerts(connection, 1, limit=100)[::-1]
        return [(each.event, each.kind, round((each.raised - BEGIN) / 3_600, 1)) for each in found]

    @property
    def states(self) -> dict[str, str]:
        with self.database.reading() as connection:
            return {event.name: event.state for event in station_detail(connection, "pier", EVERYONE).events}


@pytest.fixture
def new_pier(store_url: str) -> Iterator[Pier]:
    """A station without readings."""
    pier = Pier(store_url, StationSettings("hour", events=[WARM]))
    yield pier
    pier.database.close()


@pytest.fixture
def pier(new_pier: Pier) -> Pier:
    """A station whose hourly readings have come every hour."""
    pier = new_pier
    for i, value in enumerate(mild(12)):
        pier.hour = i
        pier.look()
        pier.read(value)
    assert pier.states == {"warm": "unknown", "silent": "inactive", "stuck": "inactive"}
    assert pier.told == []
    return pier


def test_a_station_is_silent_after_four_of_its_usual_intervals_until_a_reading_arrives(pier: Pier) -> None:
    pier.wait(3.9)
    assert pier.told == []
    pier.wait(0.2)
    assert pier.told == [("silent", "began", 15.0)]
    assert pier.states == {"warm": "unknown", "silent": "active", "stuck": "unknown"}
    with pier.database.reading() as connection:
        warm, silent, _ = station_detail(connection, "pier", EVERYONE).events
        (alert,) = get_alerts(connection, 1, limit=2)
    assert warm.error == f"no reading since {silent.since}"
    assert (alert.content["since"], alert.content["kind"], alert.content["sst"]) == (silent.since, "silent", 20.3)
    pier.wait(5)
    pier.read(20.4)
    assert pier.states["silent"] == "inactive"
    assert pier.told == [("silent", "began", 15.0), ("silent", "ended", 20.1)]


def test_the_same_readings_again_do_not_end_the_silence(pier: Pier) -> None:
    pier.wait(5)
    pier.read(*mild(12), ago=5)
    assert pier.states["silent"] == "active"


def test_time_in_which_the_service_was_down_does_not_count(pier: Pier) -> None:
    pier.wait(2)
    pier.hour += 20
    pier.wait(1.9)
    assert pier.told == []
    pier.hour += 7
    pier.wait(0.3)
    assert pier.told == [("silent", "began", 42.1)]


def test_a_reading_that_arrives_just_before_the_service_goes_down_is_not_long_ago(pier: Pier) -> None:
    pier.wait(1)
    pier.hour += 0.01
    pier.read(20.4)
    pier.hour += 20
    pier.wait(3.9)
    assert pier.told == []


def test_settings_that_are_saved_after_the_service_was_down_end_no_pause(pier: Pier) -> None:
    pier.wait(1)
    pier.hour += 20
    pier.save(StationSettings("hour", events=[WARM], name="Pier"))
    pier.wait(2.9)
    assert pier.told == []


def test_settings_decide_at_once_when_a_station_is_silent(pier: Pier) -> None:
    pier.wait(2)
    pier.save(StationSettings("hour", silent_after="PT90M"))
    assert pier.told == [("silent", "began", 13.0)]
    pier.save(StationSettings("hour", silent_after="off"))
    assert "silent" not in pier.states
    pier.wait(10)
    assert [kind for _, kind, _ in pier.told] == ["began", "ended"]


@pytest.mark.long
def test_a_station_that_has_only_history_is_never_silent(new_pier: Pier) -> None:
    pier = new_pier
    pier.read(*mild(200), ago=24 * 30)
    pier.wait(4)
    assert pier.told == []
    assert pier.states["silent"] == "unknown"
    pier.read(20.0)
    pier.wait(15)
    assert pier.told == []
    # Four times the time between the two arrivals.
    pier.wait(2)
    assert pier.told == [("silent", "began", 20.0)]


def test_a_station_that_was_silent_before_the_service_knew_of_it_is_shown_and_told_to_nobody(pier: Pier) -> None:
    with pier.database.writing() as connection:
        connection.execute(FEEDS.delete())
        connection.execute(PULSES.delete())
    pier.hour += 100
    pier.look()
    assert (pier.states["silent"], pier.told) == ("active", [])
    pier.read(20.1)
    pier.wait(6)
    assert pier.told == [("silent", "ended", 111.0), ("silent", "began", 115.0)]


def test_a_sensor_that_repeats_a_value_is_stuck_until_the_value_changes(
    service: httpx.Client, new_station: NewStation
) -> None:
    station, newest = new_station(step="hour"), newest_step(HOUR)
    send(service, station, newest - 30 * HOUR, [round(20 + i % 7 / 9, 2) for i in range(90)], HOUR)
    send(service, station, newest - HOUR, [20.22] * 28, HOUR)

    def stuck() -> Json:
        found: Json = answered(service.get(f"/stations/{station}"))["events"][-1]
        return found

    assert (stuck()["name"], stuck()["state"]) == ("stuck", "active")
    assert stuck()["since"] == f"{newest - 28 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    send(service, station, newest, [20.4], HOUR)
    assert stuck()["state"] == "inactive"
    assert [(each["event"], each["alert"]) for each in alerts(service, station)] == [
        ("stuck", "began"),
        ("stuck", "ended"),
    ]
    # A line of long ago is history.
    old = new_station(step="day")
    send(service, old, newest - 90 * DAY, [*(round(20 + i % 7 / 9, 2) for i in range(90)), *[20.22] * 28], DAY)
    assert alerts(service, old) == []


@pytest.mark.long
def test_a_service_notices_by_itself_that_a_station_is_silent_and_tells_its_webhooks(
    seas: Path, store_url: str
) -> None:
    settings = Settings(artifacts=seas, store=SecretStr(store_url), allow_private_addresses=True)
    with receiving() as receiver, serve(settings) as service:
        hooks: list[Json] = [
            {"url": f"{receiver.url}/warm", "events": ["warm"]},
            {"url": f"{receiver.url}/sea", "events": ["warm"], "health": False},
        ]
        station = create(service, silent_after="PT1S", events=[{"name": "warm", "above": 25}], webhooks=hooks)
        newest = newest_step(DAY)
        send(service, station, newest, [20.1, 20.2], DAY)
        received = receiver.next()
        assert received.path == "/warm"
        alert = loads(received.body)
        assert (alert["event"], alert["kind"], alert["alert"]) == ("silent", "silent", "began")
        assert alert["observed_until"] == f"{newest:%Y-%m-%dT%H:%M:%SZ}"
        (listed,) = alerts(service, station)
        assert [each["url"] for each in listed["deliveries"]] == [shown_address(hooks[0]["url"])]
