"""Deletes old forecasts and alerts of a station from the database.

Each function works in the transaction of the connection that it is given.
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from service.store.database.tables import ALERTS, DELIVERIES, ISSUED_FORECASTS


@dataclass(frozen=True, slots=True)
class Expiry:
    """Which forecasts and alerts of a station are old. Times are Unix seconds.

    Attributes:
        station: its number.
        issued_before: forecasts that were issued, and alerts that were raised, before it are old.
        ended_before: forecasts with a later last valid time are not.
        step_seconds: the longest time between two valid times.
    """

    station: int
    issued_before: int
    ended_before: int
    step_seconds: int


def has_expired(connection: Connection, expiry: Expiry) -> bool:
    """Return whether anything is to be deleted."""
    forecasts, alerts = exists().where(_old_forecasts(expiry)), exists().where(_old_alerts(expiry))
    return bool(connection.scalar(select(forecasts | alerts)))


def delete_expired(connection: Connection, expiry: Expiry, limit: int) -> int:
    """Delete up to ``limit`` forecasts and as many alerts, with their deliveries; return how many.

    The newest forecast and alerts with deliveries that are to be made are kept, however old they are.
    """
    count = 0
    for table, old in ((ISSUED_FORECASTS, _old_forecasts(expiry)), (ALERTS, _old_alerts(expiry))):
        some = select(table.c.number).where(old).limit(limit)
        count += connection.execute(table.delete().where(table.c.number.in_(some))).rowcount
    return count


def _old_forecasts(expiry: Expiry) -> ColumnElement[bool]:
    table, other = ISSUED_FORECASTS.c, ISSUED_FORECASTS.alias("other").c
    newest = (
        select(other.number)
        .where(other.station == expiry.station)
        .order_by(other.batch.desc())
        .limit(1)
        .scalar_subquery()
    )
    # The horizon of the station may have changed since.
    leads = func.json_array_length(table.content["timestamps"])
    return and_(
        table.station == expiry.station,
        table.observed_until < expiry.ended_before,
        table.issued < expiry.issued_before,
        table.observed_until + leads * expiry.step_seconds < expiry.ended_before,
        table.number != newest,
    )


def _old_alerts(expiry: Expiry) -> ColumnElement[bool]:
    is_pending = exists().where(DELIVERIES.c.alert == ALERTS.c.number, DELIVERIES.c.next_attempt.is_not(None))
    return and_(ALERTS.c.station == expiry.station, ALERTS.c.raised < expiry.issued_before, ~is_pending)
