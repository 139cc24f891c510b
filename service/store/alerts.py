"""Alerts about the events of stations, in the database.

Each function works in the transaction of the connection that it is given.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from service.store.database.tables import ALERTS


@dataclass(frozen=True, slots=True)
class NewAlert:
    """An alert that is not stored yet.

    Attributes:
        station: the number of the station.
        event: the name of the event.
        kind: what happened.
        raised: when the readings arrived that raised it, Unix seconds.
        observed_until: the time of the last of them.
        content: what webhooks tell of it.
    """

    station: int
    event: str
    kind: str
    raised: int
    observed_until: int
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Alert(NewAlert):
    """An alert in the database, with its ``number``."""

    number: int


def add_alert(connection: Connection, alert: NewAlert) -> int:
    """Store an alert, and return its number."""
    number: int = connection.execute(ALERTS.insert().returning(ALERTS.c.number), asdict(alert)).scalar_one()
    return number


def change_alert(connection: Connection, number: int, **changed: Any) -> bool:
    """Change these columns of an alert; return False if it was deleted."""
    return connection.execute(ALERTS.update().where(ALERTS.c.number == number).values(**changed)).rowcount > 0


def get_alerts(
    connection: Connection,
    station: int,
    begin: int | None = None,
    end: int | None = None,
    *,
    after: tuple[int, int] | None = None,
    limit: int,
) -> list[Alert]:
    """Return the newest ``limit`` alerts of a station, newest first.

    Args:
        connection: of a transaction.
        station: the number of the station.
        begin: the earliest time at which they were raised.
        end: the latest.
        after: ``raised`` and the number of the alert that they come after, in this order.
        limit: the most alerts to return.
    """
    query = select(ALERTS).where(ALERTS.c.station == station)
    if begin is not None:
        query = query.where(ALERTS.c.raised >= begin)
    if end is not None:
        query = query.where(ALERTS.c.raised <= end)
    if after is not None:
        raised, number = after
        earlier = or_(ALERTS.c.raised < raised, and_(ALERTS.c.raised == raised, ALERTS.c.number < number))
        query = query.where(ALERTS.c.raised <= raised, earlier)
    rows = connection.execute(query.order_by(ALERTS.c.raised.desc(), ALERTS.c.number.desc()).limit(limit))
    return [
        Alert(row.station, row.event, row.kind, row.raised, row.observed_until, row.content, row.number) for row in rows
    ]
