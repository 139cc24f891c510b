"""The states of events, alerts and their deliveries, in the database.

Each function works in the transaction of the connection that it is given.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, or_, select

from service.plugins.stations.store.database import AFTER_ALL, BEFORE_ALL, parts, put_rows
from service.plugins.stations.store.tables import ALERTS, DELIVERIES, EVENT_STATES, STATIONS

Json = dict[str, Any]


_STATES: Final = select(EVENT_STATES).where(EVENT_STATES.c.station.in_(bindparam("stations", expanding=True)))


def get_states(connection: Connection, stations: Sequence[int]) -> dict[int, dict[str, Json]]:
    """Return the state of each event of stations, as :func:`put_states` stored it, by number and name."""
    states: dict[int, dict[str, Json]] = {}
    for some in parts(stations):
        for row in connection.execute(_STATES, {"stations": some}):
            states.setdefault(row.station, {})[row.event] = row.content
    return states


def put_states(connection: Connection, states: Mapping[tuple[int, str], Json]) -> None:
    """Store the states of events, by number of the station and name, in place of those before."""
    rows = [{"station": station, "event": event, "content": content} for (station, event), content in states.items()]
    put_rows(connection, EVENT_STATES, rows)


def keep_states(connection: Connection, station: int, events: Sequence[str]) -> None:
    """Delete the states of all other events of a station."""
    others = EVENT_STATES.c.event.not_in(events)
    connection.execute(EVENT_STATES.delete().where(EVENT_STATES.c.station == station, others))


class Alert(NamedTuple):
    """An alert about an event of a station. Times are Unix seconds."""

    station: int
    event: str
    kind: str
    raised: int
    observed_until: int
    content: Json
    number: int = 0


def put_alert(connection: Connection, alert: Alert) -> int:
    """Store an alert in place of the one with its number, if there is that one, and return its number."""
    columns = alert._asdict()
    number: int = columns.pop("number")
    if number and connection.execute(ALERTS.update().where(ALERTS.c.number == number).values(**columns)).rowcount:
        return number
    new: int = connection.execute(ALERTS.insert().returning(ALERTS.c.number), columns).scalar_one()
    return new


def change_alert(connection: Connection, number: int, content: Json) -> None:
    """Change what an alert tells, if it still exists."""
    connection.execute(ALERTS.update().where(ALERTS.c.number == number).values(content=content))


def get_alerts(
    connection: Connection,
    station: int,
    begin: int = BEFORE_ALL,
    end: int = AFTER_ALL,
    *,
    after: tuple[int, int] | None = None,
    limit: int,
) -> list[Alert]:
    """Return the newest ``limit`` alerts of a station, newest first.

    Those raised from ``begin`` to ``end`` that come ``after`` this time of raising and number in this order.
    """
    table, (raised, number) = ALERTS.c, after or (end, AFTER_ALL)
    earlier = and_(table.raised.between(begin, min(end, raised)), or_(table.raised < raised, table.number < number))
    query = select(*(table[name] for name in Alert._fields)).where(table.station == station, earlier)
    rows = connection.execute(query.order_by(table.raised.desc(), table.number.desc()).limit(limit))
    return [Alert(*row) for row in rows]


Channel = Literal["webhook", "notify"]


class Delivery(NamedTuple):
    """A delivery of an alert to an address, and its outcome so far. Times are Unix seconds."""

    alert: int
    url: str
    key: str
    next_attempt: int | None
    attempts: int = 0
    delivered: int | None = None
    status: int | None = None
    error: str | None = None
    number: int = 0
    channel: Channel = "webhook"

    @property
    def state(self) -> Literal["waiting", "delivered", "given_up"]:
        """What became of it so far."""
        if self.delivered is not None:
            return "delivered"
        return "given_up" if self.next_attempt is None else "waiting"


_DELIVERY: Final = tuple(DELIVERIES.c[name] for name in Delivery._fields)


class DueDelivery(NamedTuple):
    """A delivery that is to be tried now."""

    delivery: Delivery
    raised: int
    content: Json
    webhooks: list[Json] | None
    notify: list[str] | None


def put_deliveries(connection: Connection, deliveries: Sequence[Delivery]) -> None:
    """Store new deliveries."""
    if deliveries:
        rows = [delivery._asdict() for delivery in deliveries]
        for row in rows:
            del row["number"]
        connection.execute(DELIVERIES.insert(), rows)


def deliveries_of(connection: Connection, alerts: Sequence[int]) -> dict[int, list[Delivery]]:
    """Return the deliveries of alerts, in the order in which they were stored, by the number of the alert."""
    deliveries: dict[int, list[Delivery]] = {}
    query = select(*_DELIVERY).where(DELIVERIES.c.alert.in_(alerts)).order_by(DELIVERIES.c.number)
    for row in connection.execute(query):
        deliveries.setdefault(row.alert, []).append(Delivery(*row))
    return deliveries


def is_delivery_due(connection: Connection, now: int) -> bool:
    """Return whether a delivery is to be tried by now."""
    return bool(connection.scalar(select(exists().where(DELIVERIES.c.next_attempt <= now))))


def due_deliveries(connection: Connection, now: int, limit: int) -> list[DueDelivery]:
    """Return up to ``limit`` deliveries that are to be tried by now, those that have waited longest first."""
    query = (
        select(ALERTS.c.raised, ALERTS.c.content, STATIONS.c.webhooks, STATIONS.c.notify, *_DELIVERY)
        .join_from(DELIVERIES, ALERTS)
        .join(STATIONS)
        .where(DELIVERIES.c.next_attempt <= now)
        .order_by(DELIVERIES.c.next_attempt, DELIVERIES.c.number)
        .limit(limit)
    )
    return [DueDelivery(Delivery(*row[4:]), *row[:4]) for row in connection.execute(query)]


def put_attempt(connection: Connection, delivery: Delivery) -> None:
    """Store the outcome of a delivery, if its station still exists."""
    outcome = {name: getattr(delivery, name) for name in ("attempts", "next_attempt", "delivered", "status", "error")}
    connection.execute(DELIVERIES.update().where(DELIVERIES.c.number == delivery.number).values(**outcome))
