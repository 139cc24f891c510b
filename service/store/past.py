"""The recent observations of a station, and those at this time of earlier years.

Each function works in the transaction of the connection that it is given, and takes the latest revisions.
"""

from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, Connection, Select, and_, bindparam, exists, func, select

from service.store.database.tables import OBSERVATIONS

YEAR: Final = 31_556_952
"""Seconds of a year of 365.2425 days."""

DAY: Final = 86_400


class PastValue(NamedTuple):
    """A value of the past: its time, Unix seconds, and the value, °C."""

    time: int
    value: float


def _latest(*columns: Any) -> Select[Any]:
    """Select from the latest revisions of the observations of ``:station``."""
    table, later = OBSERVATIONS.c, OBSERVATIONS.alias().c
    is_later = and_(later.station == table.station, later.time == table.time, later.revision > table.revision)
    return select(*columns).where(table.station == bindparam("station"), ~exists().where(is_later))


# To build these statements takes longer than to run them.
_DAILY: Final = (
    _latest((OBSERVATIONS.c.time // DAY).label("day"), func.avg(OBSERVATIONS.c.value))
    .where(OBSERVATIONS.c.time >= bindparam("begin"))
    .group_by("day")
    .order_by("day")
)
_SAME_SEASON: Final = _latest(OBSERVATIONS.c.time, OBSERVATIONS.c.value).where(
    OBSERVATIONS.c.time <= bindparam("end"),
    (bindparam("reach", type_=BigInteger) - OBSERVATIONS.c.time) % YEAR <= bindparam("width"),
)


def daily_means(connection: Connection, station: int, begin: int) -> list[PastValue]:
    """Return the mean of each day with observations since ``begin``, at 00:00 UTC.

    Args:
        connection: of a transaction.
        station: the number of the station.
        begin: the earliest time.
    """
    rows = connection.execute(_DAILY, {"station": station, "begin": begin})
    return [PastValue(number * DAY, value) for number, value in rows]


def same_season(connection: Connection, station: int, time: int, seconds: int) -> list[PastValue]:
    """Return the observations of earlier years that are at most ``seconds`` from the time of year of ``time``.

    Args:
        connection: of a transaction.
        station: the number of the station.
        time: Unix seconds.
        seconds: less than half a year.
    """
    parameters = {"end": time - YEAR + seconds, "reach": time + seconds, "width": 2 * seconds}
    return [PastValue(*row) for row in connection.execute(_SAME_SEASON, {"station": station, **parameters})]
