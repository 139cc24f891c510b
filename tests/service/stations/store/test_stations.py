from dataclasses import replace

import pytest

from service.stations.store.database import Database, StepChangeError, UnknownStationError
from service.stations.store.observations import add_observations, get_observations
from service.stations.store.stations import (
    StationSettings,
    delete_station,
    get_station,
    list_stations,
    put_station,
)

PIER = StationSettings("day", "The pier", 54.2, -8.5, "fahrenheit", "ocean-daily-gru", 7)


def test_a_station_is_created_once_and_keeps_its_settings(database: Database) -> None:
    with database.writing() as connection:
        assert put_station(connection, "pier", PIER, 100)
        assert not put_station(connection, "pier", PIER, 200)
        station = get_station(connection, "pier")
    assert (station.settings, station.created, station.changed, station.newest) == (PIER, 100, 100, None)


def test_settings_can_change_later(database: Database) -> None:
    with database.writing() as connection:
        put_station(connection, "pier", PIER, 100)
        put_station(connection, "pier", StationSettings("hour"), 200)
        station = get_station(connection, "pier")
    assert (station.settings, station.created, station.changed) == (StationSettings("hour"), 100, 200)


def test_the_step_of_a_station_with_readings_cannot_change(database: Database) -> None:
    with database.writing() as connection:
        put_station(connection, "pier", PIER, 100)
        add_observations(connection, get_station(connection, "pier").number, {10: 14.0}, 100)
        put_station(connection, "pier", replace(PIER, name=None), 200)
        with pytest.raises(StepChangeError, match="'day', which cannot change"):
            put_station(connection, "pier", replace(PIER, step="hour"), 300)
        assert get_station(connection, "pier").settings == replace(PIER, name=None)


def test_pages_of_stations_hold_each_station_once(database: Database) -> None:
    ids = [f"s{i}" for i in range(7)]
    pages = []
    with database.writing() as connection:
        for name in reversed(ids):
            put_station(connection, name, PIER, 100)
        after = ""
        while page := list_stations(connection, 3, after):
            pages.append([station.id for station in page])
            after = page[-1].id
    assert pages == [ids[:3], ids[3:6], ids[6:]]


def test_a_deleted_station_takes_its_readings_along(database: Database) -> None:
    with database.writing() as connection:
        put_station(connection, "pier", PIER, 100)
        number = get_station(connection, "pier").number
        add_observations(connection, number, {10: 14.0}, 100)
        delete_station(connection, "pier")
        assert get_observations(connection, number, limit=1) == []
        put_station(connection, "pier", PIER, 200)
        assert get_station(connection, "pier").number != number


def test_an_unknown_station_is_named(database: Database) -> None:
    with database.writing() as connection:
        for work in (get_station, delete_station):
            with pytest.raises(UnknownStationError, match="no station 'pier': create it with PUT /stations/pier"):
                work(connection, "pier")
