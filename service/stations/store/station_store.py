"""The store, called from the event loop."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from typing import Concatenate, Final, ParamSpec, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry
from sqlalchemy import URL, Connection, func, select

from service.stations.store.database import Database, StoreError
from service.stations.store.tables import ALERTS, DELIVERIES, FETCHES, OBSERVATIONS, STATIONS
from service.telemetry.station_metrics import StationFigures, StationMetrics, StoreCall
from service.worker.threads import Worker

P = ParamSpec("P")
R = TypeVar("R")
Work: TypeAlias = Callable[Concatenate[Connection, P], R]
"""What is done with a connection, in one transaction."""

_THREADS: Final = 4
_LONG_THREADS: Final = 1

_FIGURES_SECONDS: Final = 2
"""How long metrics wait for the database."""


class StationStore:
    """The database of stations. A slow one holds up its own threads, and not those that forecast.

    Attributes:
        metrics: Counts the readings and forecasts that go through it.
    """

    def __init__(self, url: URL, metrics: StationMetrics | None = None) -> None:
        self.metrics = metrics or StationMetrics(CollectorRegistry())
        self._database = Database(url)
        self._threads = Worker(_THREADS, "store")
        self._long = Worker(_LONG_THREADS, "store-long")

    async def read(self, work: Work[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work`` with a connection for reading and the arguments, and return its result.

        Raises:
            StoreError: as the work does, or if the database cannot be used.
        """
        return await self._call("read", self._threads, self._database.reading, work, *args, **kwargs)

    async def read_long(self, work: Work[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work`` as :meth:`read` does, but one long work at a time, so that short ones do not wait for it."""
        return await self._call("read_long", self._long, self._database.reading, work, *args, **kwargs)

    async def write(self, work: Work[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work`` in a transaction that is on disk when this returns.

        Raises:
            StoreError: as the work does, or if the database cannot be used. Nothing is stored then.
        """
        return await self._call("write", self._threads, self._database.writing, work, *args, **kwargs)

    async def run(self, work: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call ``work``, which uses no database, beside the transactions."""
        return await self._threads.run(partial(work, *args, **kwargs))

    async def figures(self) -> StationFigures | None:
        """Return the figures of all stations for metrics; None if the database cannot be used soon."""
        try:
            return await asyncio.wait_for(self.read(_figures), _FIGURES_SECONDS)
        except (StoreError, TimeoutError):
            return None

    def close(self) -> None:
        """Wait for transactions that have begun, and close the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._long.shutdown(cancel_futures=True)
        self._database.close()

    async def _call(
        self,
        kind: StoreCall,
        threads: Worker,
        transaction: Callable[[], AbstractContextManager[Connection]],
        work: Work[P, R],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R:
        """Call ``work`` in one of ``threads``, and count how long that takes, the wait for a thread included."""

        def run() -> R:
            with transaction() as connection:
                return work(connection, *args, **kwargs)

        begin = time.perf_counter()
        try:
            return await threads.run(run, span=f"store.{kind}")
        finally:
            self.metrics.store_call(kind, time.perf_counter() - begin)


def _figures(connection: Connection) -> StationFigures:
    newest = select(func.max(OBSERVATIONS.c.time)).where(OBSERVATIONS.c.station == STATIONS.c.number).scalar_subquery()
    each = select(newest.label("newest")).select_from(STATIONS).subquery()
    alerts = select(func.count(), func.min(ALERTS.c.raised)).select_from(DELIVERIES.join(ALERTS))
    count, oldest = connection.execute(select(func.count(), func.min(each.c.newest)).select_from(each)).one()
    pending, raised = connection.execute(alerts.where(DELIVERIES.c.next_attempt.is_not(None))).one()
    failing = connection.scalar(select(func.count()).select_from(FETCHES).where(FETCHES.c.failures > 0)) or 0
    return StationFigures(count, oldest, pending, raised, failing)
