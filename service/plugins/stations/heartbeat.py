"""The heartbeat: a call once a minute that stays away when the service does not do its work, a dead man's switch."""

import logging
import time
from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from service.plugins.stations.background import BackgroundTask
from service.plugins.stations.outbound import Outbound, OutboundError
from service.plugins.stations.store.alerts import is_delivery_due
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.pulse import SERVICE, last_pulse, record_pulse

logger = logging.getLogger("service")

_SECONDS: Final = 60
"""Between two heartbeats of all processes."""

STUCK_SECONDS: Final = 300
"""Deliveries are stuck if one has been due for this long, and no attempt was made."""

_CALL_SECONDS: Final = 10.0


class Heartbeat:
    """Records once a minute that the background work runs, and tells a monitor so. Create one in each process."""

    def __init__(
        self, store: StationStore, url: str, outbound: Outbound, clock: Callable[[], float] = time.time
    ) -> None:
        """Call ``url``; if it is empty, only record, and only once there is a database."""
        self._store = store
        self._url = url
        self._outbound = outbound
        self._clock = clock
        self._trouble: str | None = None

    @property
    def task(self) -> BackgroundTask:
        """What runs in the background."""
        return BackgroundTask("heartbeat", self._is_due, self.run)

    async def run(self) -> None:
        """Write to the database, then call the monitor unless deliveries are stuck."""
        is_stuck = await self._store.write(_beat, int(self._clock()))
        if self._url:
            stuck = f"a delivery of an alert has been due for more than {STUCK_SECONDS // 60} minutes"
            self._report(stuck if is_stuck else await self._call())

    def _is_due(self, connection: Connection, now: int) -> bool:
        if not self._url and not self._store.database.exists:
            return False
        before = last_pulse(connection, SERVICE)
        # It is later than now if the clock was set back.
        return before is None or not before <= now < before + _SECONDS

    async def _call(self) -> str | None:
        """Call the monitor; return why it was not reached."""
        try:
            response = await self._outbound.send("GET", self._url, seconds=_CALL_SECONDS)
        except OutboundError as error:
            return str(error)
        return None if response.is_success else f"the monitor responded with status {response.status_code}"

    def _report(self, trouble: str | None) -> None:
        """Log why there is no heartbeat once, not every minute."""
        if trouble is not None and trouble != self._trouble:
            logger.error("no heartbeat was sent to SST_HEARTBEAT_URL: %s", trouble)
        self._trouble = trouble


def _beat(connection: Connection, now: int) -> bool:
    """Record the pulse of the service; return whether deliveries are stuck."""
    record_pulse(connection, now, SERVICE)
    return is_delivery_due(connection, now - STUCK_SECONDS)
