"""Stations and their observations in the database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import make_url

from service.plugins.stations.store.database import Database
from service.plugins.stations.store.observations import Outcome, get_observations
from service.plugins.stations.store.stations import (
    Observation,
    StationSettings,
    delete_station,
    get_station,
    lock_stations,
    put_station,
)
from tests.service.plugins.stations.conftest import observe

Send = Callable[[dict[int, float], int], Outcome]


@pytest.fixture
def pier(database: Database) -> int:
    """The number of a station."""
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day"), 1)
        return get_station(connection, "pier").number


def send(database: Database, station: int, readings: dict[int, float], now: int = 100) -> Outcome:
    with database.writing() as connection:
        lock_stations(connection, [station])
        return observe(connection, station, readings, now)


def stored(database: Database, station: int, *, revisions: bool = False, **period: int) -> list[Observation]:
    with database.reading() as connection:
        return get_observations(connection, station, limit=1_000, revisions=revisions, **period)


def test_the_same_batch_twice_changes_nothing(database: Database, pier: int) -> None:
    batch = {10: 14.1, 20: 14.2, 30: 14.3}
    assert send(database, pier, batch) == Outcome(new=3)
    before = stored(database, pier, revisions=True)
    assert send(database, pier, batch, now=200) == Outcome(unchanged=3)
    assert stored(database, pier, revisions=True) == before
    with database.reading() as connection:
        station = get_station(connection, "pier")
    assert (station.batches, station.received) == (1, 100)


def test_a_period_includes_both_ends_and_the_newest_come_first_if_there_are_too_many(
    database: Database, pier: int
) -> None:
    send(database, pier, {time: float(time) for time in range(0, 100, 10)})
    assert [row.time for row in stored(database, pier, begin=20, end=40)] == [20, 30, 40]
    with database.reading() as connection:
        assert [row.time for row in get_observations(connection, pier, limit=2)] == [80, 90]


def test_a_transaction_that_fails_leaves_nothing(database: Database, pier: int) -> None:
    def fail() -> None:
        with database.writing() as connection:
            observe(connection, pier, {10: 14.1}, 100)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert stored(database, pier) == []


def test_two_writers_store_each_reading_once(store_url: str, database: Database, pier: int) -> None:
    other = Database(make_url(store_url))
    batches = [{time: 10.0 + time for time in range(begin, begin + 20)} for begin in range(0, 200, 10)]

    def send_all(database: Database) -> int:
        return sum(send(database, pier, batch).new for batch in batches)

    with ThreadPoolExecutor(2) as writers:
        new = list(writers.map(send_all, [database, other]))
    other.close()
    assert sum(new) == 210
    assert [row.revision for row in stored(database, pier, revisions=True)] == [0] * 210


PIER = StationSettings("day", "The pier", 54.2, -8.5, "fahrenheit", "ocean-daily-gru", 7)


def test_a_station_is_created_once_and_says_when_its_settings_changed(database: Database) -> None:
    with database.writing() as connection:
        assert put_station(connection, "pier", PIER, 100)
        assert not put_station(connection, "pier", PIER, 200)
        station = get_station(connection, "pier")
        assert (station.settings, station.created, station.changed, station.newest) == (PIER, 100, 100, None)
        put_station(connection, "pier", StationSettings("hour"), 200)
        station = get_station(connection, "pier")
    assert (station.settings, station.created, station.changed) == (StationSettings("hour"), 100, 200)


def test_a_deleted_station_takes_its_readings_along(database: Database) -> None:
    with database.writing() as connection:
        put_station(connection, "pier", PIER, 100)
        number = get_station(connection, "pier").number
        observe(connection, number, {10: 14.0})
        delete_station(connection, "pier", 100)
        assert get_observations(connection, number, limit=1) == []
        put_station(connection, "pier", PIER, 200)
        assert get_station(connection, "pier").number != number
