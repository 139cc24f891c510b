"""Observations in the database. Each function works in the transaction of the connection that it is given."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, and_, bindparam, exists, or_, select

from forecasting.series.times import Floats
from service.store.database.tables import OBSERVATIONS, STATIONS
from service.store.stations import lock_stations

Item = TypeVar("Item")
Integers = npt.NDArray[np.int64]

_STATIONS_AT_ONCE: Final = 200
"""Stations in one statement. SQLite takes up to 32 766 parameters."""

_AFTER_ALL: Final = 2**62
"""After any time that a reading may have, Unix seconds."""

# To build the statement takes a good part of the time to run it.
_VALUES: Final = (
    select(OBSERVATIONS.c.time, OBSERVATIONS.c.value)
    .where(OBSERVATIONS.c.station == bindparam("station"))
    .where(OBSERVATIONS.c.time.between(bindparam("begin"), bindparam("end")))
    .order_by(OBSERVATIONS.c.time, OBSERVATIONS.c.revision)
)


class Observation(NamedTuple):
    """An observation, or one revision of it.

    Attributes:
        time: Unix seconds.
        value: °C.
        revision: 0 for the first reading of this time.
        received: when it arrived, Unix seconds.
    """

    time: int
    value: float
    revision: int
    received: int


class Outcome(NamedTuple):
    """What a batch of readings changed."""

    new: int = 0
    revised: int = 0
    unchanged: int = 0

    @property
    def has_changes(self) -> bool:
        """Whether there are new or revised readings."""
        return self.new + self.revised > 0


def add_observations(
    connection: Connection, readings: Mapping[int, Mapping[int, float]], now: int
) -> dict[int, Outcome]:
    """Store readings, and return what they changed.

    A reading that is the same as the latest revision of its time is not stored again. Another one becomes the next
    revision. Two transactions that write to the same station wait for each other.

    Args:
        connection: of a writing transaction.
        readings: °C by time, for each station, which its number names. A station that no longer exists is left out.
        now: when they arrived.
    """
    stations = lock_stations(connection, sorted(readings))
    outcomes: dict[int, Outcome] = {}
    for some in _chunks(stations):
        latest = _latest_of(connection, {station: readings[station] for station in some})
        rows = []
        for station in some:
            changes, outcomes[station] = _changes(readings[station], latest[station])
            rows += [change._asdict() | {"station": station, "received": now} for change in changes]
        if rows:
            connection.execute(OBSERVATIONS.insert(), rows)
        changed = [station for station in some if outcomes[station].has_changes]
        connection.execute(
            STATIONS.update().where(STATIONS.c.number.in_(changed)).values(batches=STATIONS.c.batches + 1, received=now)
        )
    return outcomes


def get_observations(
    connection: Connection,
    station: int,
    begin: int | None = None,
    end: int | None = None,
    *,
    limit: int,
    revisions: bool = False,
) -> list[Observation]:
    """Return the newest ``limit`` observations of a station in chronological order.

    Args:
        connection: of a transaction.
        station: the number of the station.
        begin: the earliest time.
        end: the latest time.
        limit: the most observations, or revisions, to return.
        revisions: whether to return every revision, not only the latest of each time.
    """
    table, later = OBSERVATIONS.c, OBSERVATIONS.alias().c
    query = select(table.time, table.value, table.revision, table.received).where(table.station == station)
    if begin is not None:
        query = query.where(table.time >= begin)
    if end is not None:
        query = query.where(table.time <= end)
    if not revisions:
        is_later = and_(later.station == station, later.time == table.time, later.revision > table.revision)
        query = query.where(~exists().where(is_later))
    newest = connection.execute(query.order_by(table.time.desc(), table.revision.desc()).limit(limit))
    return [Observation(*row) for row in newest][::-1]


def first_readings(connection: Connection, periods: Mapping[int, tuple[int, int]]) -> dict[int, list[Observation]]:
    """Return the first reading of each time in a period, in chronological order, for each station.

    Args:
        connection: of a transaction.
        periods: the earliest and the latest time, by the number of the station.
    """
    readings: dict[int, list[Observation]] = {station: [] for station in periods}
    table = OBSERVATIONS.c
    query = select(table.station, table.time, table.value, table.revision, table.received).order_by(table.time)
    for some in _chunks([*periods]):
        within = [and_(table.station == station, table.time.between(*periods[station])) for station in some]
        for station, *observation in connection.execute(query.where(table.revision == 0, or_(*within))):
            readings[station].append(Observation(*observation))
    return readings


def latest_values(connection: Connection, station: int, begin: int, end: int | None = None) -> tuple[Integers, Floats]:
    """Return the latest revision of every observation of a station: times and °C, in chronological order.

    Faster than :func:`get_observations`, for thousands of values.

    Args:
        connection: of a transaction.
        station: the number of the station.
        begin: the earliest time.
        end: the latest; None for any.
    """
    period = {"station": station, "begin": begin, "end": _AFTER_ALL if end is None else end}
    with connection.execute(_VALUES, period) as result:
        # The driver's own rows: objects for thousands of them would take longer than reading them.
        rows = [] if result.cursor is None else result.cursor.fetchall()
    times = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    is_latest = np.append(times[1:] != times[:-1], [True] * bool(rows))
    return times[is_latest], np.fromiter((row[1] for row in rows), np.float64, len(rows))[is_latest]


class _Change(NamedTuple):
    time: int
    revision: int
    value: float


def _changes(readings: Mapping[int, float], latest: Mapping[int, Observation]) -> tuple[list[_Change], Outcome]:
    """Return the rows to add for a station, and what they are."""
    changes, new = list[_Change](), 0
    for time, value in readings.items():
        known = latest.get(time)
        if known is None:
            new += 1
            changes.append(_Change(time, 0, value))
        elif known.value != value:
            changes.append(_Change(time, known.revision + 1, value))
    return changes, Outcome(new, len(changes) - new, len(readings) - len(changes))


def _latest_of(
    connection: Connection, readings: Mapping[int, Mapping[int, float]]
) -> dict[int, dict[int, Observation]]:
    """Return the latest revision of every observation in the period of each station's readings, by time."""
    latest: dict[int, dict[int, Observation]] = {station: {} for station in readings}
    table = OBSERVATIONS.c
    periods = [
        and_(table.station == station, table.time.between(min(times), max(times)))
        for station, times in readings.items()
        if times
    ]
    if not periods:
        return latest
    query = select(table.station, table.time, table.value, table.revision, table.received).where(or_(*periods))
    for station, *observation in connection.execute(query.order_by(table.station, table.time, table.revision)):
        latest[station][observation[0]] = Observation(*observation)
    return latest


def _chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for begin in range(0, len(items), _STATIONS_AT_ONCE):
        yield items[begin : begin + _STATIONS_AT_ONCE]
