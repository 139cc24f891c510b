"""The newest weather of stations, and the forecasts of it that were given to theirs.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, select

from forecasting.series.timestep import TimeStep
from service.plugins.stations.store.database import parts, put_rows
from service.plugins.stations.store.stations import WEATHER_KIND, Fetch, StationSettings, has_source, record_fetch
from service.plugins.stations.store.tables import FETCHES, ISSUED_FORECASTS, STATIONS, WEATHER

Json = dict[str, Any]

_MOST: Final = 500
"""Forecasts of the weather of one station that are read at most."""

_EVERY: Final = 3 * 3_600
"""Seconds between those that are read."""


def get_weather(connection: Connection, stations: Sequence[int]) -> dict[int, tuple[int, Json]]:
    """Return when the newest weather of stations was fetched, Unix seconds, and its content, by their numbers."""
    rows = (
        row
        for some in parts(stations)
        for row in connection.execute(select(WEATHER).where(WEATHER.c.station.in_(some)))
    )
    return {row.station: (row.fetched, row.content) for row in rows}


def put_weather(connection: Connection, fetched: Sequence[tuple[Fetch, StationSettings, Json]], now: int) -> None:
    """Store the newest weather of stations and how their fetches went, except where the settings have changed."""
    rows = []
    for fetch, settings, content in fetched:
        assert settings.weather is not None
        if not has_source(connection, fetch.station, settings.weather, WEATHER_KIND):
            continue
        columns = STATIONS.c.latitude, STATIONS.c.longitude, STATIONS.c.step
        current = connection.execute(select(*columns).where(STATIONS.c.number == fetch.station)).one()
        if tuple(current) == (settings.latitude, settings.longitude, settings.step):
            rows.append({"station": fetch.station, "fetched": now, "content": content})
            record_fetch(connection, fetch, settings.weather)
    put_rows(connection, WEATHER, rows)


def forecasts_of_weather(
    connection: Connection, begins: Mapping[int, tuple[int, TimeStep]]
) -> dict[int, list[tuple[int, Json]]]:
    """Return the weather that was given to the forecasts of stations from a time on, oldest first.

    Weather of another source or position, which the station had before, is left out. Of steps shorter than three hours,
    those are returned whose nearest step is a multiple of that after the time.
    """
    issued, fetches = ISSUED_FORECASTS.c, FETCHES.c
    found: dict[int, list[tuple[int, Json]]] = {}
    for station, (begin, step) in begins.items():
        since = select(fetches.since).where(fetches.station == station, fetches.kind == WEATHER_KIND)
        steps = (issued.observed_until - begin + step.seconds // 2) // step.seconds
        query = select(issued.observed_until, issued.weather).where(
            issued.station == station,
            issued.observed_until >= begin,
            issued.weather.is_not(None),
            issued.replayed.is_(False),
            issued.issued >= since.scalar_subquery(),
            steps % max(1, _EVERY // step.seconds) == 0,
        )
        by_time = {row.observed_until: row.weather for row in connection.execute(query.order_by(issued.batch))}
        found[station] = sorted(by_time.items())[-_MOST:]
    return found
