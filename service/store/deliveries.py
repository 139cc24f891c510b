"""Deliveries of alerts to webhooks, in the database.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, exists, func, select

from service.store.database.tables import ALERTS, DELIVERIES, STATIONS

_AT_ONCE: Final = 500
"""Alerts in one statement."""


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
