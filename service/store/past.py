"""The recent observations of a station."""

from typing import Final, NamedTuple

from sqlalchemy import Connection, bindparam, exists, func, select

from forecasting.qartod import NOT_EVALUATED
from service.store.database.tables import OBSERVATIONS

DAY: Final = 86_400


class PastValue(NamedTuple):
    """A value of the past: its time, Unix seconds, and the value, °C."""

    time: int
    value: float


_LATER: Final = OBSERVATIONS.alias().c

# To build this statement takes longer than to run it.
_DAILY: Final = (
    select((OBSERVATIONS.c.time // DAY).label("day"), func.avg(OBSERVATIONS.c.value))
    .where(OBSERVATIONS.c.station == bindparam("station"), OBSERVATIONS.c.time >= bindparam("begin"))
    .where(OBSERVATIONS.c.flag <= NOT_EVALUATED)
    .where(
        ~exists().where(
            _LATER.station == OBSERVATIONS.c.station,
            _LATER.time == OBSERVATIONS.c.time,
            _LATER.revision > OBSERVATIONS.c.revision,
            _LATER.flag <= NOT_EVALUATED,
        )
    )
    .group_by("day")
    .order_by("day")
)


def daily_means(connection: Connection, station: int, begin: int) -> list[PastValue]:
    """Return the mean of the latest revisions of each day with observations since ``begin``, at 00:00 UTC.

    Args:
        connection: of a transaction.
        station: the number of the station.
        begin: the earliest time.
    """
    rows = connection.execute(_DAILY, {"station": station, "begin": begin})
    return [PastValue(number * DAY, value) for number, value in rows]
