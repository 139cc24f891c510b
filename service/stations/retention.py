"""Deletes forecasts and alerts that are older than the operator wants to keep."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, and_, exists, func, or_, select

from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from service.stations.background import BackgroundTask
from service.stations.store.station_store import StationStore
from service.stations.store.stations import Station, list_stations
from service.stations.store.tables import ALERTS, DELIVERIES, ISSUED_FORECASTS

logger = logging.getLogger("service")

_SECONDS: Final = 3_600
"""Between two looks."""

_STATIONS_AT_ONCE: Final = 100
_DELETED_AT_ONCE: Final = 100
"""Forecasts in one transaction. Other writers wait meanwhile."""

_MORE_STEPS: Final = 2
"""Steps that a forecast is kept for after its last lead, whose reading may be late."""

_LONGEST_MONTH: Final = 31 * DAY

Old = Mapping[Table, ColumnElement[bool]]
"""Which forecasts and alerts of a station are old."""


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
        while found := await self._store.read(_find, after, int(self._clock()) - self._days * DAY):
            for old in filter(None, found.values()):
                while count := await self._store.write(_delete, old):
                    deleted += count
            after = [*found][-1]
        if deleted:
            logger.info("deleted %d forecasts and alerts of stations, older than %d days", deleted, self._days)


def _find(connection: Connection, after: str, before: int) -> dict[str, Old | None]:
    """Return some stations, in the order of their IDs, with what to delete of each; None if there is nothing."""
    found: dict[str, Old | None] = {}
    for station in list_stations(connection, _STATIONS_AT_ONCE, after):
        old = _old(station, before)
        anything = select(or_(*(exists().where(condition) for condition in old.values()))) if old else None
        found[station.id] = old if anything is not None and connection.scalar(anything) else None
    return found


def _delete(connection: Connection, old: Old) -> int:
    """Delete some of the rows that are old, with the deliveries of alerts; return how many."""
    count = 0
    for table, condition in old.items():
        some = select(table.c.number).where(condition).limit(_DELETED_AT_ONCE)
        count += connection.execute(table.delete().where(table.c.number.in_(some))).rowcount
    return count


def _old(station: Station, before: int) -> Old:
    """Return which forecasts and alerts from ``before`` a time are old; none without readings.

    Forecasts of times that may still be observed are not old, because intervals learn from them. The newest forecast
    and alerts with deliveries that are to be made are kept, however old they are.
    """
    if station.newest is None:
        return {}
    step = TimeStep.parse(station.settings.step)
    step_seconds = _LONGEST_MONTH if step.calendar_month else step.seconds
    ended_before = station.newest.time - _MORE_STEPS * step_seconds
    table, other = ISSUED_FORECASTS.c, ISSUED_FORECASTS.alias("other").c
    newest = select(other.number).where(other.station == station.number).order_by(other.batch.desc()).limit(1)
    # The horizon of the station may have changed since.
    leads = func.json_array_length(table.content["timestamps"])
    forecasts = and_(
        table.station == station.number,
        table.observed_until < ended_before,
        table.issued < before,
        table.observed_until + leads * step_seconds < ended_before,
        table.number != newest.scalar_subquery(),
    )
    is_pending = exists().where(DELIVERIES.c.alert == ALERTS.c.number, DELIVERIES.c.next_attempt.is_not(None))
    alerts = and_(ALERTS.c.station == station.number, ALERTS.c.raised < before, ~is_pending)
    return {ISSUED_FORECASTS: forecasts, ALERTS: alerts}
