"""Observations in the database. Each function works in the transaction of the connection that it is given."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Select, and_, bindparam, exists, func, select

from forecasting.qartod import FAIL, GOOD, MISSING, NOT_EVALUATED
from forecasting.series.times import DAY, Floats, iso_of
from service.plugins.stations.store.database import AFTER_ALL, BEFORE_ALL, UnknownReadingError, by_period, parts
from service.plugins.stations.store.stations import Observation, lock_stations
from service.plugins.stations.store.tables import OBSERVATIONS, STATIONS

Integers = npt.NDArray[np.int64]

# To build these statements takes longer than to run them for one station.
_READING: Final = OBSERVATIONS.c
_OF_STATIONS: Final = _READING.station.in_(bindparam("stations", expanding=True))
_IN_PERIOD: Final = _READING.time.between(bindparam("begin"), bindparam("end"))
_FLAGGED: Final = select(*(_READING[name] for name in Observation._fields))
_EARLIER: Final = OBSERVATIONS.alias().c

_VALUES: Final = (
    select(_READING.time, _READING.value)
    .where(_READING.station == bindparam("station"), _IN_PERIOD, _READING.flag <= bindparam("worst"))
    .order_by(_READING.time, _READING.revision)
)
_COUNTING: Final = (
    select(_READING.station, _READING.time, _READING.value)
    .where(_OF_STATIONS, _IN_PERIOD, _READING.flag <= NOT_EVALUATED)
    .order_by(_READING.station, _READING.time, _READING.revision)
)
_EARLIER_TIME: Final = (
    select(_EARLIER.time)
    .where(_EARLIER.station == STATIONS.c.number, _EARLIER.time < bindparam("begin"))
    .where(_EARLIER.revision == 0, _EARLIER.flag != MISSING)
    .order_by(_EARLIER.time.desc())
    .limit(1)
    .offset(bindparam("skipped"))
    .correlate(STATIONS)
    .scalar_subquery()
)
_FIRST_TIMES: Final = select(STATIONS.c.number, func.coalesce(_EARLIER_TIME, BEFORE_ALL)).where(
    STATIONS.c.number.in_(bindparam("stations", expanding=True))
)
_RECENT: Final = (
    select(_READING.station, *_FLAGGED.selected_columns)
    .where(_OF_STATIONS, _IN_PERIOD)
    .order_by(_READING.station, _READING.time, _READING.revision)
)
_FLAGGING: Final = (
    OBSERVATIONS.update()
    .where(_READING.station == bindparam("key"), _READING.time == bindparam("at"), _READING.revision == bindparam("of"))
    .values(flag=bindparam("flag"), tests=bindparam("tests"))
)
_COUNTED: Final = (
    STATIONS.update()
    .where(STATIONS.c.number.in_(bindparam("stations", expanding=True)))
    .values(batches=STATIONS.c.batches + 1, received=bindparam("now"))
)

PERSON: Final = "person"
"""In place of the tests that gave a flag: what a person decides stays."""


def daily_means(connection: Connection, station: int, begin: int) -> list[tuple[int, float]]:
    """Return the mean of the latest revisions of each day with observations since ``begin``: its 00:00 UTC, and °C."""
    times, values = latest_values(connection, station, begin)
    days, of_day, counts = np.unique(times // DAY, return_inverse=True, return_counts=True)
    return [*zip((days * DAY).tolist(), (np.bincount(of_day, values) / counts).tolist(), strict=True)]


class Outcome(NamedTuple):
    """What a batch of readings changed."""

    new: int = 0
    revised: int = 0
    unchanged: int = 0


def recent_observations(
    connection: Connection, periods: Mapping[int, tuple[int, int]], before: int
) -> dict[int, list[Observation]]:
    """Return the observations of stations in chronological order, with all revisions, by the number of the station.

    Those in the period of each station, Unix seconds, both ends included, and those of at least the ``before`` times
    before it that have not been taken back. A station without any is left out.
    """
    # In one statement with the other, PostgreSQL may read the whole table.
    longer = dict[int, tuple[int, int]]()
    for parameters in by_period(periods):
        firsts = connection.execute(_FIRST_TIMES, {**parameters, "skipped": before - 1})
        longer |= {station: (first, parameters["end"]) for station, first in firsts}
    recent: dict[int, list[Observation]] = {}
    for parameters in by_period(longer):
        for station, own in groupby(_rows(connection, _RECENT, parameters), itemgetter(0)):
            recent[station] = [Observation._make(row[1:]) for row in own]
    return recent


def add_observations(
    connection: Connection,
    readings: Mapping[int, Mapping[int, float]],
    known: Mapping[int, Sequence[Observation]],
    now: int,
) -> dict[int, tuple[Outcome, list[Observation]]]:
    """Store readings that arrived at ``now`` at stations that the transaction has locked.

    A reading that is the same as the latest revision of its time is not stored again, nor is one that a person has
    corrected. Another one becomes the next revision. All count as good until they are tested, in the same transaction.
    """
    added = {station: _added(own, known.get(station, ()), now) for station, own in readings.items()}
    rows = [{**each._asdict(), "station": station} for station, (_, changes) in added.items() for each in changes]
    if rows:
        connection.execute(OBSERVATIONS.insert(), rows)
        _count_batches(connection, [station for station, (_, changes) in added.items() if changes], now)
    return added


def _added(readings: Mapping[int, float], known: Sequence[Observation], now: int) -> tuple[Outcome, list[Observation]]:
    stored: dict[int, list[Observation]] = {}
    for each in known:
        stored.setdefault(each.time, []).append(each)
    changes, new = list[Observation](), 0
    for time, value in readings.items():
        revisions = stored.get(time)
        if revisions is None:
            new += 1
            changes.append(Observation(time, value, 0, now, GOOD))
        elif revisions[-1].value != value and not _is_corrected(value, revisions):
            changes.append(Observation(time, value, revisions[-1].revision + 1, now, GOOD))
    return Outcome(new, len(changes) - new, len(readings) - len(changes)), changes


def correct_observation(
    connection: Connection, station: int, time: int, now: int, *, value: float | None, flag: int
) -> tuple[Observation, Observation]:
    """Give an observation the flag that a person decides, or another value, °C, which becomes the next revision.

    The values before a new one fail. The flag of missing values takes back all values of the time.
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
            return last, last
        rows = at_time if flag == MISSING else and_(at_time, OBSERVATIONS.c.revision == last.revision)
        connection.execute(OBSERVATIONS.update().where(rows).values(flag=flag, tests=PERSON))
    else:
        new = Observation(time, value, last.revision + 1, now, flag, PERSON)
        connection.execute(OBSERVATIONS.update().where(at_time).values(flag=FAIL, tests=PERSON))
        connection.execute(OBSERVATIONS.insert(), [new._asdict() | {"station": station}])
    _count_batches(connection, [station], now)
    return last, new


def flag_observations(connection: Connection, observations: Mapping[int, Sequence[Observation]]) -> None:
    """Store the flags and tests of observations of stations that the transaction has locked."""
    rows = [
        {"key": station, "at": each.time, "of": each.revision, "flag": each.flag, "tests": each.tests}
        for station, own in observations.items()
        for each in own
    ]
    if rows:
        connection.execute(_FLAGGING, rows)


def _rows(connection: Connection, statement: Select[Any], parameters: Mapping[str, Any]) -> list[Any]:
    """Return the driver's own rows: objects for thousands of them would take longer than reading them."""
    with connection.execute(statement, parameters) as result:
        return [] if result.cursor is None else [*result.cursor.fetchall()]


def _count_batches(connection: Connection, stations: Sequence[int], now: int) -> None:
    for some in parts(stations):
        connection.execute(_COUNTED, {"stations": some, "now": now})


def judge_again(connection: Connection, station: int, now: int) -> None:
    """Let a forecast be due for a station that has readings, as if a batch of them had arrived."""
    connection.execute(_COUNTED.where(STATIONS.c.batches > 0), {"stations": [station], "now": now})


def get_observations(
    connection: Connection,
    station: int,
    begin: int = BEFORE_ALL,
    end: int = AFTER_ALL,
    *,
    limit: int,
    revisions: bool = False,
) -> list[Observation]:
    """Return the newest ``limit`` observations of a station in chronological order.

    Of each time from ``begin`` to ``end``, this is the latest revision unless it was taken back; with ``revisions``, it
    is each revision.
    """
    table, later = OBSERVATIONS.c, OBSERVATIONS.alias().c
    query = _FLAGGED.where(table.station == station, table.time.between(begin, end))
    if not revisions:
        is_later = and_(later.station == station, later.time == table.time, later.revision > table.revision)
        query = query.where(table.flag != MISSING, ~exists().where(is_later))
    newest = connection.execute(query.order_by(table.time.desc(), table.revision.desc()).limit(limit))
    return [Observation(*row) for row in newest][::-1]


def first_readings(connection: Connection, periods: Mapping[int, tuple[int, int]]) -> dict[int, dict[int, float]]:
    """Return the first reading that counts of each time in the period of each station: °C by time, in their order."""
    readings: dict[int, dict[int, float]] = {station: {} for station in periods}
    for parameters in by_period(periods):
        for station, time, value in connection.execute(_COUNTING, parameters):
            readings[station].setdefault(time, value)
    return readings


def latest_values(
    connection: Connection, station: int, begin: int, end: int = AFTER_ALL, *, worst: int = NOT_EVALUATED
) -> tuple[Integers, Floats]:
    """Return the latest revision that counts of every observation of a station: times and °C, in chronological order.

    Faster than :func:`get_observations`, for thousands of values. Those with a worse flag than ``worst`` do not count:
    by default, neither suspect nor failed ones.
    """
    rows = _rows(connection, _VALUES, {"station": station, "begin": begin, "end": end, "worst": worst})
    times, values = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    is_latest = np.append(times[1:] != times[:-1], np.ones(min(len(rows), 1), dtype=np.bool_))
    return times[is_latest].astype(np.int64), values[is_latest]


def _is_corrected(value: float, known: Sequence[Observation]) -> bool:
    """Return whether a person has replaced this value, which a file or a source may send again and again."""
    return known[-1].tests == PERSON and any(each.value == value for each in known)
