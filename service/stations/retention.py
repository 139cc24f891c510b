"""Deletes forecasts and alerts that are older than the operator wants to keep."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from service.stations.background import BackgroundTask
from service.stations.store.station_store import StationStore
from service.stations.store.stations import Station, list_stations
from service.stations.store.tables import ALERTS, DELIVERIES, ISSUED_FORECASTS


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


logger = logging.getLogger("service")

_SECONDS: Final = 3_600
"""Between two looks."""

_STATIONS_AT_ONCE: Final = 100
_DELETED_AT_ONCE: Final = 100
"""Forecasts in one transaction. Other writers wait meanwhile."""

_MORE_STEPS: Final = 2
"""Steps that a forecast is kept for after its last lead, whose reading may be late."""

_LONGEST_MONTH: Final = 31 * DAY


class Retention:
    """Deletes what is old. Create one in each process."""

    def __init__(self, store: StationStore, days: int, clock: Callable[[], float] = time.time) -> None:
        """Keep the forecasts and alerts of the last ``days``."""
        self._store = store
        self._days = days
        self._clock = clock
        self._next = 0.0

    @property
    def task(self) -> BackgroundTask:
        """What runs in the background."""
        return BackgroundTask("retention", lambda _, now: now >= self._next, self.run)

    async def run(self) -> None:
        """Delete all that is old, a little in each transaction."""
        self._next = self._clock() + _SECONDS
        deleted, after = 0, ""
        while expiries := await self._store.read(_expiries, after, int(self._clock()) - self._days * DAY):
            for expiry in filter(None, expiries.values()):
                while count := await self._store.write(delete_expired, expiry, _DELETED_AT_ONCE):
                    deleted += count
            after = [*expiries][-1]
        if deleted:
            logger.info("deleted %d forecasts and alerts of stations, older than %d days", deleted, self._days)


def _expiries(connection: Connection, after: str, issued_before: int) -> dict[str, Expiry | None]:
    """Return some stations, in the order of their IDs, with what to delete of each; None if there is nothing."""
    stations = list_stations(connection, _STATIONS_AT_ONCE, after)
    expiries = {station.id: _expiry_of(station, issued_before) for station in stations}
    return {name: expiry if expiry and has_expired(connection, expiry) else None for name, expiry in expiries.items()}


def _expiry_of(station: Station, issued_before: int) -> Expiry | None:
    """Return what is old at a station; None without readings.

    Forecasts of times that may still be observed are not old, because intervals learn from them.
    """
    if station.newest is None:
        return None
    step = TimeStep.parse(station.settings.step)
    seconds = _LONGEST_MONTH if step.calendar_month else step.seconds
    return Expiry(station.number, issued_before, station.newest.time - _MORE_STEPS * seconds, seconds)
