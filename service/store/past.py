"""What the observations of a station were lately, and at this time of earlier years.

Each function works in the transaction of the connection that it is given, and takes the latest revisions.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Select, and_, exists, func, select

from service.store.tables import OBSERVATIONS

YEAR: Final = 31_556_952
"""Seconds of a year of 365.2425 days."""

DAY: Final = 86_400


class PastValue(NamedTuple):
    """A value of the past: its time, Unix seconds, and the value, °C."""

    time: int
    value: float


def daily_means(connection: Connection, station: int, begin: int) -> list[PastValue]:
    """Return the mean of each day with observations since ``begin``, at 00:00 UTC.

    Args:
        connection: of a transaction.
        station: the number of the station.
        begin: the earliest time.
    """
    day = (OBSERVATIONS.c.time // DAY).label("day")
    query = _latest(station, day, func.avg(OBSERVATIONS.c.value)).where(OBSERVATIONS.c.time >= begin)
    return [PastValue(number * DAY, value) for number, value in connection.execute(query.group_by(day).order_by(day))]


def same_season(connection: Connection, station: int, time: int, seconds: int) -> list[PastValue]:
    """Return the observations of earlier years that are at most ``seconds`` from the time of the year of ``time``.

    Args:
        connection: of a transaction.
        station: the number of the station.
        time: Unix seconds.
        seconds: less than half a year.
    """
    table = OBSERVATIONS.c
    query = _latest(station, table.time, table.value).where(
        table.time <= time - YEAR + seconds, (time - table.time + seconds) % YEAR <= 2 * seconds
    )
    return [PastValue(*row) for row in connection.execute(query)]


def _latest(station: int, *columns: Any) -> Select[Any]:
    table, later = OBSERVATIONS.c, OBSERVATIONS.alias().c
    is_later = and_(later.station == station, later.time == table.time, later.revision > table.revision)
    return select(*columns).where(table.station == station, ~exists().where(is_later))
