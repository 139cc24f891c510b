"""Stations with years of days, written into a store without the service."""

from collections.abc import Iterator
from datetime import date, timedelta
from itertools import islice
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection, text

from forecasting.series.times import DAY, YEAR, Floats
from service.plugins.stations.store.database import Database
from service.plugins.stations.store.stations import StationSettings, ends_of, put_station

_WALKS: Final = 199
"""Different series; each station has one of them at a level of its own."""

_ROWS_AT_ONCE: Final = 100_000


def station_id(i: int) -> str:
    """Return the ID of the ``i``-th station."""
    return f"buoy{i:05}"


def series_of(i: int, days: int, first: date) -> Floats:
    """Return the °C of the ``i``-th station from ``first`` on, ``(days,)``.

    Shorter series are the beginnings of longer ones.
    """
    rounded: Floats = np.round(_level(i) + _walk(i, days, first), 2)
    return rounded


def _level(i: int) -> int:
    return 13 + i % 5


def _walk(i: int, days: int, first: date) -> Floats:
    random = np.random.default_rng(i % _WALKS)
    shocks, anomaly, anomalies = 0.25 * random.normal(size=days), 0.0, np.empty(days)
    for day in range(days):
        anomaly = 0.96 * anomaly + shocks[day]
        anomalies[day] = anomaly
    # Coldest in the middle of February.
    season = -4 * np.cos(2 * np.pi * (first.timetuple().tm_yday - 45 + np.arange(days)) * DAY / YEAR)
    walk: Floats = season + anomalies
    return walk


def fill(database: Database, stations: int, days: int, first: date, events: list[dict[str, Any]] | None = None) -> None:
    """Store ``days`` values of each of ``stations``, from ``first`` on; all watch the same ``events``."""
    now = _unix(first) + days * DAY
    with database.writing() as connection:
        for i in range(stations):
            latitude, longitude = 43 + i % 4 / 10, -40 + i % 300 / 10
            settings = StationSettings("day", None, latitude, longitude, events=events)
            put_station(connection, station_id(i), settings, now)
        ends = ends_of(connection, [station_id(i) for i in range(stations)])
        numbers = {name: end.number for name, end in ends.items()}
        _insert(connection, _rows(numbers, days, first))
        connection.execute(text("UPDATE stations SET batches = 1, received = :now"), {"now": now})
    with database.writing() as connection:
        connection.execute(text("ANALYZE"))


def size_of(database: Database) -> int:
    """Return the bytes of all tables and indexes."""
    with database.reading() as connection:
        if connection.dialect.name == "postgresql":
            query = "SELECT sum(pg_total_relation_size(relid)) FROM pg_stat_user_tables"
        else:
            query = (
                "SELECT (page_count - freelist_count) * page_size "
                "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
            )
        return int(connection.execute(text(query)).scalar_one())


def times_of(first: date, day: int) -> str:
    """Return the time of the ``day``-th value."""
    return f"{first + timedelta(days=day)}T00:00:00Z"


def _unix(day: date) -> int:
    return int(np.datetime64(day, "s").astype(np.int64))


def _rows(numbers: dict[str, int], days: int, first: date) -> Iterator[tuple[int, int, int, float, int]]:
    begin = _unix(first)
    walks = [_walk(i, days, first) for i in range(min(_WALKS, len(numbers)))]
    for i in range(len(numbers)):
        number, values = numbers[station_id(i)], np.round(_level(i) + walks[i % _WALKS], 2).tolist()
        for day, value in enumerate(values):
            yield number, begin + day * DAY, 0, value, begin + days * DAY


def _insert(connection: Connection, rows: Iterator[tuple[int, int, int, float, int]]) -> None:
    """Insert into the table of observations as fast as the driver can."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        with driver.cursor().copy("COPY observations (station, time, revision, value, received) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        return
    while some := list(islice(rows, _ROWS_AT_ONCE)):
        driver.executemany(
            "INSERT INTO observations (station, time, revision, value, received) VALUES (?,?,?,?,?)", some
        )
