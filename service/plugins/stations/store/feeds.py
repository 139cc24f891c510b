"""How readings arrive at stations, in the database. Each function works in the transaction of its connection."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, select

from service.plugins.stations.store.database import parts, put_rows
from service.plugins.stations.store.stations import NUMBERED_STATIONS, Station, fetch_stations
from service.plugins.stations.store.tables import FEEDS, OBSERVATIONS, PULSES, STATIONS

_KEPT: Final = 9
"""Arrivals of a station that are kept."""


class Feed(NamedTuple):
    """How readings arrive at a station. Times are Unix seconds."""

    station: int
    arrivals: Sequence[int] = ()
    live: bool = False
    silent_at: int | None = None
    silent_since: int | None = None
    stuck_since: int | None = None
    down: int = 0

    @property
    def interval(self) -> float:
        """The usual time between arrivals, the median, in seconds; 0 before the second."""
        pauses = sorted(later - earlier for earlier, later in zip(self.arrivals, self.arrivals[1:], strict=False))
        return float(pauses[len(pauses) // 2]) if pauses else 0.0

    def after_arrival(self, now: int) -> "Feed":
        """Return the feed after a batch with new readings."""
        return self._replace(arrivals=[*self.arrivals, now][-_KEPT:], down=0)

    def after_pause(self, seconds: int) -> "Feed":
        """Return the feed after some seconds in which nothing could arrive."""
        silent_at = None if self.silent_at is None else self.silent_at + seconds
        return self._replace(down=self.down + seconds, silent_at=silent_at)


_FEEDS: Final = select(FEEDS).where(FEEDS.c.station.in_(bindparam("stations", expanding=True)))


def get_feeds(connection: Connection, stations: Sequence[int]) -> dict[int, Feed]:
    """Return how readings arrive at stations, by their numbers; those without readings are left out."""
    rows = (row for some in parts(stations) for row in connection.execute(_FEEDS, {"stations": some}))
    return {row.station: Feed(*row) for row in rows}


def put_feeds(connection: Connection, feeds: Sequence[Feed]) -> None:
    """Store how readings arrive at stations, in place of what was known before."""
    put_rows(connection, FEEDS, [feed._asdict() for feed in feeds])


_IS_UNKNOWN: Final = and_(STATIONS.c.batches > 0, ~exists().where(FEEDS.c.station == STATIONS.c.number))


def _has_become_silent(now: int) -> ColumnElement[bool]:
    return FEEDS.c.silent_at <= now


def is_silence_due(connection: Connection, now: int, pulse: str, pause: int) -> bool:
    """Return whether a station has become silent by ``now``, or the pulse of those that watch is too old."""
    is_fresh = exists().where(PULSES.c.name == pulse, PULSES.c.time.between(now - pause, now))
    has_stations = exists().where(STATIONS.c.number.is_not(None))
    return bool(connection.scalar(select((~is_fresh & has_stations) | exists().where(_has_become_silent(now)))))


def silent_feeds(connection: Connection, now: int, limit: int) -> list[Feed]:
    """Return feeds of stations that have become silent by ``now``, those that have waited longest first."""
    query = select(FEEDS).where(_has_become_silent(now)).order_by(FEEDS.c.silent_at, FEEDS.c.station).limit(limit)
    return [Feed(*row) for row in connection.execute(query)]


def unwatched_stations(connection: Connection, limit: int) -> list[Station]:
    """Return stations with readings from before the service watched how these arrive."""
    numbers = connection.scalars(select(STATIONS.c.number).where(_IS_UNKNOWN).limit(limit)).all()
    return fetch_stations(connection, NUMBERED_STATIONS, numbers)


def last_arrivals(connection: Connection, station: int) -> list[int]:
    """Return when the last batches of the stored readings of a station arrived, the newest last."""
    received = OBSERVATIONS.c.received
    query = select(received).where(OBSERVATIONS.c.station == station).distinct().order_by(received.desc()).limit(_KEPT)
    return [*connection.scalars(query)][::-1]


def feeds_before_silence(connection: Connection, time: int) -> list[Feed]:
    """Return the feeds of stations that were not silent by a time, Unix seconds, and may become so."""
    return [Feed(*row) for row in connection.execute(select(FEEDS).where(FEEDS.c.silent_at > time))]
