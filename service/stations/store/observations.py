"""Observations in the database. Each function works in the transaction of the connection that it is given."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, and_, bindparam, exists, func, or_, select

from forecasting.qartod import FAIL, MISSING, NOT_EVALUATED
from forecasting.series.times import Floats, iso_of
from service.stations.store.database import parts
from service.stations.store.errors import UnknownReadingError
from service.stations.store.stations import lock_stations
from service.stations.store.tables import OBSERVATIONS, STATIONS

DAY: Final = 86_400

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

Integers = npt.NDArray[np.int64]

Row = tuple[int, float, int, int, int, str | None]
"""The fields of an :class:`Observation`, where making objects of thousands would take too long."""

_STATIONS_AT_ONCE: Final = 200
"""Stations in one statement, each with several conditions."""

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

_FLAGGED: Final = select(
    OBSERVATIONS.c.time,
    OBSERVATIONS.c.value,
    OBSERVATIONS.c.revision,
    OBSERVATIONS.c.received,
    OBSERVATIONS.c.flag,
    OBSERVATIONS.c.tests,
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
    rows = connection.execute(_DAILY, {"station": station, "begin": begin})
    return [(number * DAY, value) for number, value in rows]


class Observation(NamedTuple):
    """An observation, or one revision of it.

    Attributes:
        time: Unix seconds.
        value: °C.
        revision: 0 for the first reading of this time.
        received: when it arrived, Unix seconds.
        flag: its QARTOD flag; missing if it was taken back.
        tests: the tests that it fails, or :data:`PERSON`; separated by commas. None if it fails none.
    """

    time: int
    value: float
    revision: int
    received: int
    flag: int = NOT_EVALUATED
    tests: str | None = None

    @property
    def failed(self) -> list[str]:
        """The tests that it fails, one by one."""
        return self.tests.split(",") if self.tests else []


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
    connection: Connection,
    readings: Mapping[int, Mapping[int, float]],
    now: int,
    changed: Callable[[int, Sequence[Change]], object] = lambda station, changes: None,
) -> dict[int, Outcome]:
    """Store readings that arrived at ``now``, and return what they changed; both by the number of the station.

    A reading that is the same as the latest revision of its time is not stored again, nor is one that a person has
    corrected. Another one becomes the next revision. All count as good until they are tested, in the same transaction:
    ``changed`` is called with each station that has new or revised readings, once they are stored, and with these.
    Two transactions that write to the same station wait for each other. A station that no longer exists is left out.
    """
    stations = lock_stations(connection, sorted(readings))
    outcomes: dict[int, Outcome] = {}
    for some in parts(stations, _STATIONS_AT_ONCE):
        stored = _stored_of(connection, {station: readings[station] for station in some})
        rows, by_station = [], dict[int, list[Change]]()
        for station in some:
            changes, outcomes[station] = _changes(readings[station], stored[station])
            by_station[station] = changes
            rows += [change._asdict() | {"station": station, "received": now} for change in changes]
        if rows:
            connection.execute(OBSERVATIONS.insert(), rows)
        _count_batch(connection, [station for station in some if by_station[station]], now)
        for station in filter(by_station.get, some):
            changed(station, by_station[station])
    return outcomes


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
    _count_batch(connection, [station], now)
    return new


def flag_observations(connection: Connection, station: int, observations: Sequence[Observation]) -> None:
    """Store the flags and tests of observations of a station that the transaction has locked."""
    if observations:
        rows = [
            {"key": station, "at": each.time, "of": each.revision, "flag": each.flag, "tests": each.tests}
            for each in observations
        ]
        connection.execute(_FLAGGING, rows)


def observations_around(
    connection: Connection, station: int, begin: int, before: int, since: Sequence[Row] | None = None
) -> list[Row]:
    """Return the observations of a station from ``begin`` on, and up to ``before`` earlier rows, in order of time.

    Of each time, the latest revision is returned, unless it was taken back. ``since`` are those from ``begin`` on, if
    they are known.
    """
    earlier = _rows(connection, _BEFORE, {"station": station, "begin": begin, "limit": before})
    if since is None:
        since = _rows(connection, _SINCE, {"station": station, "begin": begin})
    latest = {row[0]: row for row in (*reversed(earlier), *since)}
    return [row for row in latest.values() if row[4] != MISSING]


def _rows(connection: Connection, statement: Select[Any], parameters: Mapping[str, int]) -> list[Any]:
    """Return the driver's own rows: objects for thousands of them would take longer than reading them."""
    with connection.execute(statement, parameters) as result:
        return [] if result.cursor is None else [*result.cursor.fetchall()]


def _count_batch(connection: Connection, stations: Sequence[int], now: int) -> None:
    changed = STATIONS.update().where(STATIONS.c.number.in_(stations))
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


def first_readings(connection: Connection, periods: Mapping[int, tuple[int, int]]) -> dict[int, list[Observation]]:
    """Return the first reading of each time in a period that counts, in chronological order, for each station.

    ``periods`` are the earliest and the latest time, by the number of the station.
    """
    readings: dict[int, dict[int, Observation]] = {station: {} for station in periods}
    table = OBSERVATIONS.c
    query = _FLAGGED.add_columns(table.station).where(table.flag <= NOT_EVALUATED)
    for some in parts([*periods], _STATIONS_AT_ONCE):
        within = [and_(table.station == station, table.time.between(*periods[station])) for station in some]
        for *observation, station in connection.execute(query.where(or_(*within)).order_by(table.time, table.revision)):
            first = Observation(*observation)
            readings[station].setdefault(first.time, first)
    return {station: [*by_time.values()] for station, by_time in readings.items()}


def latest_values(
    connection: Connection, station: int, begin: int, end: int | None = None, *, worst: int = NOT_EVALUATED
) -> tuple[Integers, Floats]:
    """Return the latest revision that counts of every observation of a station: times and °C, in chronological order.

    Faster than :func:`get_observations`, for thousands of values. Those with a worse flag than ``worst`` do not count:
    by default, neither suspect nor failed ones.
    """
    period = {"station": station, "begin": begin, "end": _AFTER_ALL if end is None else end, "worst": worst}
    rows = _rows(connection, _VALUES, period)
    times = np.fromiter((row[0] for row in rows), np.int64, len(rows))
    is_latest = np.ones(len(rows), dtype=np.bool_)
    is_latest[:-1] = times[1:] != times[:-1]
    return times[is_latest], np.fromiter((row[1] for row in rows), np.float64, len(rows))[is_latest]


def _changes(readings: Mapping[int, float], stored: Mapping[int, list[Observation]]) -> tuple[list[Change], Outcome]:
    """Return the rows to add for a station, and what they are."""
    changes, new = list[Change](), 0
    for time, value in readings.items():
        known = stored.get(time)
        if known is None:
            new += 1
            changes.append(Change(time, 0, value))
        elif known[-1].value != value and not _is_corrected(value, known):
            changes.append(Change(time, known[-1].revision + 1, value))
    return changes, Outcome(new, len(changes) - new, len(readings) - len(changes))


def _is_corrected(value: float, known: Sequence[Observation]) -> bool:
    """Return whether a person has replaced this value, which a file or a source may send again and again."""
    return known[-1].tests == PERSON and any(each.value == value for each in known)


def _stored_of(
    connection: Connection, readings: Mapping[int, Mapping[int, float]]
) -> dict[int, dict[int, list[Observation]]]:
    """Return the revisions of every observation in the period of each station's readings, by time."""
    stored: dict[int, dict[int, list[Observation]]] = {station: {} for station in readings}
    table = OBSERVATIONS.c
    periods = [
        and_(table.station == station, table.time.between(min(times), max(times)))
        for station, times in readings.items()
        if times
    ]
    if not periods:
        return stored
    query = _FLAGGED.add_columns(table.station).where(or_(*periods))
    for *observation, station in connection.execute(query.order_by(table.station, table.time, table.revision)):
        stored[station].setdefault(observation[0], []).append(Observation(*observation))
    return stored
