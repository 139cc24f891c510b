"""Readings of several stations in one transaction."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from service.stations.readings.ingestion import ingest
from service.stations.readings.readings import Readings
from service.store.database.database import Database
from service.store.observations import Outcome, add_observations
from service.store.stations import StationSettings, get_station, lock_stations, put_station
from tests.processes import wait_until

DAY = 86_400


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_batch_that_begins_a_series_holds_no_station_while_it_waits_for_another(database: Database) -> None:
    with database.writing() as connection:
        for name in ("old", "new"):
            put_station(connection, name, StationSettings("day"), 0)
        old, new = (get_station(connection, name).number for name in ("old", "new"))
        add_observations(connection, {old: {0: 15.0}}, 0)

    def send() -> dict[str, Outcome]:
        with database.writing() as connection:
            return ingest(connection, {name: Readings({DAY: 15.0}) for name in ("old", "new")}, 0)

    with ThreadPoolExecutor(1) as sender, database.writing() as connection:
        lock_stations(connection, [old])
        sent = sender.submit(send)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: connection.scalar(waiting) == 1, "the batch does not wait")
        assert lock_stations(connection, [new]) == [new], "otherwise both would wait for each other"
    assert sent.result() == {"old": Outcome(new=1), "new": Outcome(new=1)}


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_two_batches_at_different_times_do_not_both_settle_a_station(database: Database) -> None:
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day"), 0)
        ingest(connection, {"pier": Readings({0: 15.0})}, 0)

    def send() -> Readings:
        times = [day * DAY + DAY // 2 for day in range(20)]
        noons = Readings(dict.fromkeys(times, 15.0), indexes={time: i for i, time in enumerate(times)})
        with database.writing() as connection:
            ingest(connection, {"pier": noons}, 0)
        return noons

    with ThreadPoolExecutor(1) as sender, database.writing() as connection:
        ingest(connection, {"pier": Readings({day * DAY: 15.0 for day in range(20)})}, 0)
        sent = sender.submit(send)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: connection.scalar(waiting) == 1, "the batch does not wait")
    assert not sent.result().accepted
