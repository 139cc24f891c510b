"""Forecasts that were issued, in the database. Nothing changes them.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from service.store.stations import Station, get_station, numbers_of
from service.store.tables import ISSUED_FORECASTS, STATIONS

_AT_ONCE: Final = 500
"""Stations in one statement."""


@dataclass(frozen=True, slots=True)
class IssuedForecast:
    """A forecast that was issued for a station.

    Attributes:
        station: the number of the station.
        batch: the number of the batch of readings that it was issued for.
        issued: when the readings arrived, Unix seconds.
        observed_until: the time of the last observation that it rests on.
        replayed: whether the readings arrived after the time that the forecast begins with.
        model: the network or reference that made it.
        version: of its release.
        content: its times, temperatures in °C and warnings, in the form of an answer to ``POST /forecast``.
    """

    station: int
    batch: int
    issued: int
    observed_until: int
    replayed: bool
    model: str
    version: str
    content: dict[str, Any]


def add_forecasts(connection: Connection, forecasts: Sequence[IssuedForecast]) -> None:
    """Store forecasts. One for a batch that has a forecast already, or for a deleted station, is left out."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(ISSUED_FORECASTS).on_conflict_do_nothing(index_elements=["station", "batch"])
    numbers = sorted({forecast.station for forecast in forecasts})
    present: set[int] = set()
    for begin in range(0, len(numbers), _AT_ONCE):
        query = select(STATIONS.c.number).where(STATIONS.c.number.in_(numbers[begin : begin + _AT_ONCE]))
        present |= {*connection.scalars(query.order_by(STATIONS.c.number).with_for_update())}
    rows = [asdict(forecast) for forecast in forecasts if forecast.station in present]
    if rows:
        connection.execute(statement, rows)


def stations_without_forecast(connection: Connection, station_ids: Sequence[str]) -> list[Station]:
    """Return those of the stations whose last batch of readings has no forecast yet."""
    pending = []
    numbers = [*numbers_of(connection, station_ids).values()]
    issued = ISSUED_FORECASTS.c
    has_forecast = exists().where(issued.station == STATIONS.c.number, issued.batch == STATIONS.c.batches)
    for begin in range(0, len(numbers), _AT_ONCE):
        some = STATIONS.c.number.in_(numbers[begin : begin + _AT_ONCE])
        query = select(STATIONS.c.id).where(some, STATIONS.c.batches > 0, ~has_forecast)
        pending += [get_station(connection, name) for name in connection.scalars(query).all()]
    return pending


def get_forecasts(
    connection: Connection, station: int, begin: int | None = None, end: int | None = None, *, limit: int
) -> list[IssuedForecast]:
    """Return the newest ``limit`` forecasts of a station, in the order of ``observed_until`` and of issue.

    Args:
        connection: of a transaction.
        station: the number of the station.
        begin: the earliest ``observed_until``.
        end: the latest.
        limit: the most forecasts to return.
    """
    table = ISSUED_FORECASTS.c
    query = select(ISSUED_FORECASTS).where(table.station == station)
    if begin is not None:
        query = query.where(table.observed_until >= begin)
    if end is not None:
        query = query.where(table.observed_until <= end)
    rows = connection.execute(query.order_by(table.observed_until.desc(), table.number.desc()).limit(limit))
    return [_forecast_of(row) for row in rows][::-1]


def newest_forecasts(connection: Connection, stations: Sequence[int]) -> dict[int, IssuedForecast]:
    """Return the newest forecast of each of the stations that has one, by the number of the station."""
    table = ISSUED_FORECASTS.alias()
    newest = (
        select(table.c.number)
        .where(table.c.station == STATIONS.c.number)
        .order_by(table.c.observed_until.desc(), table.c.number.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = select(ISSUED_FORECASTS).join_from(STATIONS, ISSUED_FORECASTS, ISSUED_FORECASTS.c.number == newest)
    forecasts: dict[int, IssuedForecast] = {}
    for begin in range(0, len(stations), _AT_ONCE):
        rows = connection.execute(query.where(STATIONS.c.number.in_(stations[begin : begin + _AT_ONCE])))
        forecasts |= {row.station: _forecast_of(row) for row in rows}
    return forecasts


def _forecast_of(row: Row[Any]) -> IssuedForecast:
    return IssuedForecast(**{name: getattr(row, name) for name in IssuedForecast.__slots__})
