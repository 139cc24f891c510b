"""Deletes forecasts and alerts that are older than the operator wants to keep."""

import logging
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from service.stations.background import BackgroundTask
from service.stations.station_store import StationStore
from service.store.expiry import Expiry, delete_expired, has_expired
from service.store.stations import Station, list_stations

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
