"""How fetching goes for each station that has a source.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from service.stations.store.tables import FETCHES, STATIONS

_CLOCK_SECONDS: Final = 60
"""How far the clocks of replicas may be apart."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """How fetching goes for a station. Times are Unix seconds.

    Attributes:
        station: its number.
        next_attempt: when it is fetched again.
        attempted: when it was last fetched; None if it was not.
        succeeded: when that last succeeded.
        failures: number of failures in a row since then.
        error: why the last attempt failed; None if it succeeded.
        content: what the last successful fetch stored.
        until: the time of the newest reading that the source has given; None before the first.
    """

    station: int
    next_attempt: int
    attempted: int | None = None
    succeeded: int | None = None
    failures: int = 0
    error: str | None = None
    content: dict[str, Any] | None = None
    until: int | None = None


def schedule_fetch(connection: Connection, station: int, now: int | None) -> None:
    """Fetch a station at ``now`` for the first time; with None, no longer."""
    connection.execute(FETCHES.delete().where(FETCHES.c.station == station))
    if now is not None:
        connection.execute(FETCHES.insert().values(asdict(Fetch(station, now))))


def is_fetch_due(connection: Connection, now: int) -> bool:
    """Return whether any station is to be fetched by ``now``."""
    return bool(connection.scalar(select(exists().where(_is_due(now)))))


def failing_fetches(connection: Connection) -> int:
    """Return at how many stations the last fetch failed."""
    return connection.scalar(select(func.count()).select_from(FETCHES).where(FETCHES.c.failures > 0)) or 0


def due_fetches(connection: Connection, now: int) -> list[tuple[str, dict[str, Any], Fetch]]:
    """Return the ID and the source of all stations to be fetched by ``now``, those first that have waited longest."""
    query = (
        select(STATIONS.c.id, STATIONS.c.source, *FETCHES.c)
        .join(STATIONS, STATIONS.c.number == FETCHES.c.station)
        .where(_is_due(now))
        .order_by(FETCHES.c.next_attempt, FETCHES.c.station)
    )
    return [(name, source, Fetch(*columns)) for name, source, *columns in connection.execute(query)]


def get_fetches(connection: Connection, stations: Sequence[int]) -> dict[int, Fetch]:
    """Return how fetching goes, by the number of the station; those without a source are left out."""
    if not stations:
        return {}
    rows = connection.execute(select(FETCHES).where(FETCHES.c.station.in_(stations)))
    return {row.station: Fetch(*row) for row in rows}


def record_fetch(connection: Connection, fetch: Fetch, source: dict[str, Any]) -> None:
    """Store how a fetch went, unless the station has another source by now."""
    if has_source(connection, fetch.station, source):
        connection.execute(FETCHES.update().where(FETCHES.c.station == fetch.station).values(asdict(fetch)))


def has_source(connection: Connection, station: int, source: dict[str, Any]) -> bool:
    """Return whether a station still has this source; no other transaction changes it meanwhile."""
    stored = select(STATIONS.c.source).where(STATIONS.c.number == station).with_for_update()
    return bool(connection.scalar(stored) == source)


def _is_due(now: int) -> ColumnElement[bool]:
    """Return whether a station is to be fetched by ``now``.

    One that was fetched after ``now`` has been scheduled by a clock that was ahead, perhaps by days. A first fetch is
    due whenever its station was created.
    """
    wrong_clock = or_(FETCHES.c.attempted.is_(None), FETCHES.c.attempted > now + _CLOCK_SECONDS)
    return or_(FETCHES.c.next_attempt <= now, wrong_clock)
