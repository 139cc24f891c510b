from service.stations.store.database import Database
from service.stations.store.observations import get_observations
from service.stations.store.stations import (
    StationSettings,
    delete_station,
    get_station,
    put_station,
)
from tests.service.stations.conftest import observe

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
        delete_station(connection, "pier")
        assert get_observations(connection, number, limit=1) == []
        put_station(connection, "pier", PIER, 200)
        assert get_station(connection, "pier").number != number
