"""The states of events, alerts and their deliveries, in the database.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, exists, func, or_, select

from service.stations.store.database import insert_into
from service.stations.store.tables import ALERTS, DELIVERIES, EVENT_STATES, STATIONS

_AT_ONCE: Final = 500
"""Stations or alerts in one statement."""


@dataclass(frozen=True, slots=True)
class StoredState:
    """The state of an event of a station.

    Attributes:
        station: the number of the station.
        event: the name of the event.
        content: JSON of the state, and of the batch of readings and the definition that it belongs to.
    """

    station: int
    event: str
    content: dict[str, Any]


def get_states(connection: Connection, stations: Sequence[int]) -> dict[int, dict[str, dict[str, Any]]]:
    """Return the content of the states of each station that has any, by event."""
    states: dict[int, dict[str, dict[str, Any]]] = {}
    for begin in range(0, len(stations), _AT_ONCE):
        some = EVENT_STATES.c.station.in_(stations[begin : begin + _AT_ONCE])
        for row in connection.execute(select(EVENT_STATES).where(some)):
            states.setdefault(row.station, {})[row.event] = row.content
    return states


def put_states(connection: Connection, states: Sequence[StoredState]) -> None:
    """Store states in place of those of the same events."""
    if not states:
        return
    statement = insert_into(connection, EVENT_STATES)
    replacing = statement.on_conflict_do_update(
        index_elements=["station", "event"], set_={"content": statement.excluded.content}
    )
    connection.execute(replacing, [asdict(state) for state in states])


def keep_states(connection: Connection, station: int, events: Sequence[str]) -> None:
    """Delete the states of all other events of a station."""
    others = EVENT_STATES.c.event.not_in(events)
    connection.execute(EVENT_STATES.delete().where(EVENT_STATES.c.station == station, others))


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


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """A delivery that is not stored yet.

    Attributes:
        alert: the number of the alert.
        url: of the webhook.
        key: tells the receiver that a repeated delivery is the same one.
        next_attempt: when to deliver it, Unix seconds.
    """

    alert: int
    url: str
    key: str
    next_attempt: int


@dataclass(frozen=True, slots=True)
class Attempted:
    """The outcome of a delivery so far.

    Attributes:
        attempts: how often it was tried.
        next_attempt: when it is tried next; None once it is delivered or given up.
        delivered: when it was delivered; None if it was not.
        status: of HTTP, at the last attempt that was answered.
        error: of the last attempt; None if it was delivered.
    """

    attempts: int = 0
    next_attempt: int | None = None
    delivered: int | None = None
    status: int | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivery in the database.

    Attributes:
        number: of the delivery.
        alert: the number of the alert.
        url: of the webhook.
        key: tells the receiver that a repeated delivery is the same one.
        attempted: the outcome so far.
    """

    number: int
    alert: int
    url: str
    key: str
    attempted: Attempted


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery that is to be tried now.

    Attributes:
        number: of the delivery.
        url: of the webhook.
        key: tells the receiver that a repeated delivery is the same one.
        attempts: how often it was tried before.
        raised: when the alert was raised, Unix seconds.
        content: of the alert.
        webhooks: of the station now, with their secrets; None if it has none.
    """

    number: int
    url: str
    key: str
    attempts: int
    raised: int
    content: dict[str, Any]
    webhooks: list[dict[str, Any]] | None


def add_deliveries(connection: Connection, deliveries: Sequence[NewDelivery]) -> None:
    """Store deliveries, to be tried at their times."""
    if deliveries:
        connection.execute(DELIVERIES.insert(), [asdict(delivery) for delivery in deliveries])


def deliveries_of(connection: Connection, alerts: Sequence[int]) -> dict[int, list[Delivery]]:
    """Return the deliveries of alerts, in the order in which they were stored, by the number of the alert."""
    deliveries: dict[int, list[Delivery]] = {}
    for begin in range(0, len(alerts), _AT_ONCE):
        some = DELIVERIES.c.alert.in_(alerts[begin : begin + _AT_ONCE])
        for row in connection.execute(select(DELIVERIES).where(some).order_by(DELIVERIES.c.number)):
            attempted = Attempted(row.attempts, row.next_attempt, row.delivered, row.status, row.error)
            deliveries.setdefault(row.alert, []).append(Delivery(row.number, row.alert, row.url, row.key, attempted))
    return deliveries


def is_delivery_due(connection: Connection, now: int) -> bool:
    """Return whether a delivery is to be tried by now."""
    return bool(connection.scalar(select(exists().where(DELIVERIES.c.next_attempt <= now))))


def pending_deliveries(connection: Connection) -> tuple[int, int | None]:
    """Return how many deliveries are to be tried at some time, and when the oldest of their alerts was raised."""
    query = select(func.count(), func.min(ALERTS.c.raised)).select_from(DELIVERIES.join(ALERTS))
    count, oldest = connection.execute(query.where(DELIVERIES.c.next_attempt.is_not(None))).one()
    return count, oldest


def due_deliveries(connection: Connection, now: int, limit: int) -> list[DueDelivery]:
    """Return up to ``limit`` deliveries that are to be tried by now, those that have waited longest first."""
    columns = (DELIVERIES.c.number, DELIVERIES.c.url, DELIVERIES.c.key, DELIVERIES.c.attempts)
    query = (
        select(*columns, ALERTS.c.raised, ALERTS.c.content, STATIONS.c.webhooks)
        .join_from(DELIVERIES, ALERTS)
        .join(STATIONS)
        .where(DELIVERIES.c.next_attempt <= now)
        .order_by(DELIVERIES.c.next_attempt, DELIVERIES.c.number)
        .limit(limit)
    )
    return [DueDelivery(*row) for row in connection.execute(query)]


def put_attempt(connection: Connection, delivery: int, attempted: Attempted) -> None:
    """Store the outcome of a delivery, if its station still exists."""
    connection.execute(DELIVERIES.update().where(DELIVERIES.c.number == delivery).values(**asdict(attempted)))
