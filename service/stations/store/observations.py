"""Observations in the database. Each function works in the transaction of the connection that it is given."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, and_, bindparam, exists, select

from forecasting.qartod import FAIL, MISSING, NOT_EVALUATED
from forecasting.series.times import DAY, Floats, iso_of
from service.stations.store.database import UnknownReadingError
from service.stations.store.stations import Observation, lock_stations
from service.stations.store.tables import OBSERVATIONS, STATIONS

Integers = npt.NDArray[np.int64]

Row = tuple[int, float, int, int, int, str | None]
"""The fields of an :class:`Observation`, where making objects of thousands would take too long."""

_AFTER_ALL: Final = 2**62
"""After any time that a reading may have, Unix seconds."""

# To build the statement takes a good part of the time to run it.
_VALUES: Final = (
    select(OBSERVATIONS.c.time, OBSERVATIONS.c.value)
    .where(OBSERVATIONS.c.station == bindparam("station"))
    .where(OBSERVATIONS.c.time.between(bindparam("begin"), bindparam("end")))
    .where(OBSERVATIONS.c.flag <= bindparam("worst"))
    .order_by(OBSERVATIONS.c.time, OBSERVATIONS.c.revision)
)

_FLAGGED: Final = select(*(OBSERVATIONS.c[name] for name in Observation._fields))

_COUNTING: Final = (
    _FLAGGED.where(OBSERVATIONS.c.station == bindparam("station"))
    .where(OBSERVATIONS.c.time.between(bindparam("begin"), bindparam("end")))
    .where(OBSERVATIONS.c.flag <= NOT_EVALUATED)
    .order_by(OBSERVATIONS.c.time, OBSERVATIONS.c.revision)
)

_SINCE: Final = _FLAGGED.where(
    OBSERVATIONS.c.station == bindparam("station"), OBSERVATIONS.c.time >= bindparam("begin")
).order_by(OBSERVATIONS.c.time, OBSERVATIONS.c.revision)

_BEFORE: Final = (
    _FLAGGED.where(OBSERVATIONS.c.station == bindparam("station"), OBSERVATIONS.c.time < bindparam("begin"))
    .order_by(OBSERVATIONS.c.time.desc(), OBSERVATIONS.c.revision.desc())
    .limit(bindparam("limit"))
)

_FLAGGING: Final = (
    OBSERVATIONS.update()
    .where(OBSERVATIONS.c.station == bindparam("key"), OBSERVATIONS.c.time == bindparam("at"))
    .where(OBSERVATIONS.c.revision == bindparam("of"))
    .values(flag=bindparam("flag"), tests=bindparam("tests"))
)

PERSON: Final = "person"
"""In place of the tests that gave a flag: what a person decides stays."""


def daily_means(connection: Connection, station: int, begin: int) -> list[tuple[int, float]]:
    """Return the mean of the latest revisions of each day with observations since ``begin``: its 00:00 UTC, and °C."""
    times, values = latest_values(connection, station, begin)
    days, of_day, counts = np.unique(times // DAY, return_inverse=True, return_counts=True)
    return [*zip((days * DAY).tolist(), (np.bincount(of_day, values) / counts).tolist(), strict=True)]


class Change(NamedTuple):
    """A new or revised observation: its time, the number of its revision and the value, °C."""

    time: int
    revision: int
    value: float


class Outcome(NamedTuple):
    """What a batch of readings changed."""

    new: int = 0
    revised: int = 0
    unchanged: int = 0


def add_observations(
    connection: Connection, station: int, readings: Mapping[int, float], now: int
) -> tuple[Outcome, list[Change]]:
    """Store readings that arrived at ``now`` at a station that the transaction has locked; °C by time, Unix seconds.

    A reading that is the same as the latest revision of its time is not stored again, nor is one that a person has
    corrected. Another one becomes the next revision. All count as good until they are tested, in the same transaction.

    Returns:
        What they changed, and the new or revised ones.
    """
    stored, changes, new = _revisions(connection, station, readings), list[Change](), 0
    for time, value in readings.items():
        known = stored.get(time)
        if known is None:
            new += 1
            changes.append(Change(time, 0, value))
        elif known[-1].value != value and not _is_corrected(value, known):
            changes.append(Change(time, known[-1].revision + 1, value))
    if changes:
        rows = [change._asdict() | {"station": station, "received": now} for change in changes]
        connection.execute(OBSERVATIONS.insert(), rows)
        _count_batch(connection, station, now)
    return Outcome(new, len(changes) - new, len(readings) - len(changes)), changes


def correct_observation(
    connection: Connection, station: int, time: int, now: int, *, value: float | None, flag: int
) -> Observation:
    """Give an observation the flag that a person decides, or another value, °C, which becomes the next revision.

    The values before a new one fail. The flag of missing values takes back all values of the time.

    Raises:
        UnknownReadingError: if there is none at this time.
    """
    lock_stations(connection, [station])
    at_time = and_(OBSERVATIONS.c.station == station, OBSERVATIONS.c.time == time)
    known = [Observation(*row) for row in connection.execute(_FLAGGED.where(at_time).order_by(OBSERVATIONS.c.revision))]
    if not known:
        raise UnknownReadingError(iso_of(time))
    last = known[-1]
    if value is None or value == last.value:
        new = last._replace(flag=flag, tests=PERSON)
        if new == last:
            return last
        rows = at_time if flag == MISSING else and_(at_time, OBSERVATIONS.c.revision == last.revision)
        connection.execute(OBSERVATIONS.update().where(rows).values(flag=flag, tests=PERSON))
    else:
        new = Observation(time, value, last.revision + 1, now, flag, PERSON)
        connection.execute(OBSERVATIONS.update().where(at_time).values(flag=FAIL, tests=PERSON))
        connection.execute(OBSERVATIONS.insert(), [new._asdict() | {"station": station}])
    _count_batch(connection, station, now)
    return new


def flag_observations(connection: Connection, station: int, observations: Sequence[Observation]) -> None:
    """Store the flags and tests of observations of a station that the transaction has locked."""
    if observations:
        rows = [
            {"key": station, "at": each.time, "of": each.revision, "flag": each.flag, "tests": each.tests}
            for each in observations
        ]
        connection.execute(_FLAGGING, rows)


def observations_around(connection: Connection, station: int, begin: int, before: int) -> list[Row]:
    """Return the observations of a station from ``begin`` on, and up to ``before`` earlier rows, in order of time.

    Of each time, the latest revision is returned, unless it was taken back.
    """
    earlier = _rows(connection, _BEFORE, {"station": station, "begin": begin, "limit": before})
    since = _rows(connection, _SINCE, {"station": station, "begin": begin})
    latest = {row[0]: row for row in (*reversed(earlier), *since)}
    return [row for row in latest.values() if row[4] != MISSING]


def _rows(connection: Connection, statement: Select[Any], parameters: Mapping[str, int]) -> list[Any]:
    """Return the driver's own rows: objects for thousands of them would take longer than reading them."""
    with connection.execute(statement, parameters) as result:
        return [] if result.cursor is None else [*result.cursor.fetchall()]


def _count_batch(connection: Connection, station: int, now: int) -> None:
    changed = STATIONS.update().where(STATIONS.c.number == station)
    connection.execute(changed.values(batches=STATIONS.c.batches + 1, received=now))


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

    Of each time from ``begin`` to ``end``, this is the latest revision unless it was taken back; with ``revisions``, it
    is each revision.
    """
    table, later = OBSERVATIONS.c, OBSERVATIONS.alias().c
    query = _FLAGGED.where(table.station == station)
    if begin is not None:
        query = query.where(table.time >= begin)
    if end is not None:
        query = query.where(table.time <= end)
    if not revisions:
        is_later = and_(later.station == station, later.time == table.time, later.revision > table.revision)
        query = query.where(table.flag != MISSING, ~exists().where(is_later))
    newest = connection.execute(query.order_by(table.time.desc(), table.revision.desc()).limit(limit))
    return [Observation(*row) for row in newest][::-1]


def first_readings(connection: Connection, station: int, begin: int, end: int) -> list[Observation]:
    """Return the first reading of each time in a period that counts, in chronological order."""
    readings = dict[int, Observation]()
    for row in connection.execute(_COUNTING, {"station": station, "begin": begin, "end": end}):
        readings.setdefault(row[0], Observation(*row))
    return [*readings.values()]


def latest_values(
    connection: Connection, station: int, begin: int, end: int | None = None, *, worst: int = NOT_EVALUATED
) -> tuple[Integers, Floats]:
    """Return the latest revision that counts of every observation of a station: times and °C, in chronological order.

    Faster than :func:`get_observations`, for thousands of values. Those with a worse flag than ``worst`` do not count:
    by default, neither suspect nor failed ones.
    """
    period = {"station": station, "begin": begin, "end": _AFTER_ALL if end is None else end, "worst": worst}
    rows = _rows(connection, _VALUES, period)
    times, values = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    is_latest = np.append(times[1:] != times[:-1], np.ones(min(len(rows), 1), dtype=np.bool_))
    return times[is_latest].astype(np.int64), values[is_latest]


def _is_corrected(value: float, known: Sequence[Observation]) -> bool:
    """Return whether a person has replaced this value, which a file or a source may send again and again."""
    return known[-1].tests == PERSON and any(each.value == value for each in known)


def _revisions(connection: Connection, station: int, times: Collection[int]) -> dict[int, list[Observation]]:
    """Return the revisions of every observation in the period of ``times``, by time."""
    stored: dict[int, list[Observation]] = {}
    if times:
        period = OBSERVATIONS.c.time.between(min(times), max(times))
        query = _FLAGGED.where(OBSERVATIONS.c.station == station, period)
        for row in connection.execute(query.order_by(OBSERVATIONS.c.time, OBSERVATIONS.c.revision)):
            stored.setdefault(row[0], []).append(Observation(*row))
    return stored
