"""The store, called from the event loop."""

import time
from collections.abc import Callable
from functools import partial
from typing import Concatenate, Final, ParamSpec, TypeVar

from prometheus_client import CollectorRegistry
from sqlalchemy import URL, Connection

from service.engine.running import Threads, run_in
from service.store.database.database import Database
from service.telemetry.station_metrics import StationMetrics, StoreCall

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

_THREADS: Final = 4
_LONG_THREADS: Final = 1


class StationStore:
    """The database of stations. A slow one holds up its own threads, and not those that forecast.

    Attributes:
        metrics: counts the readings and forecasts that go through it.
    """

    def __init__(self, url: URL, metrics: StationMetrics | None = None) -> None:
        self.metrics = metrics or StationMetrics(CollectorRegistry())
        self._database = Database(url)
        self._threads = Threads(_THREADS, "store")
        self._long = Threads(_LONG_THREADS, "store-long")

    async def read(
        self,
        work: Callable[Concatenate[Connection, Parameters], Returned],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Returned:
        """Call ``work`` with a connection for reading and the arguments, and return its result.

        Raises:
            StoreError: as the work does, or if the database cannot be used.
        """
        return await self._timed(
            "read", self._threads, self._reading, lambda connection: work(connection, *args, **kwargs)
        )

    async def read_long(
        self,
        work: Callable[Concatenate[Connection, Parameters], Returned],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Returned:
        """Call ``work`` as :meth:`read` does, but one long work at a time, so that short ones do not wait for it."""
        return await self._timed(
            "read_long", self._long, self._reading, lambda connection: work(connection, *args, **kwargs)
        )

    async def write(
        self,
        work: Callable[Concatenate[Connection, Parameters], Returned],
        /,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Returned:
        """Call ``work`` in a transaction that is on disk when this returns.

        Raises:
            StoreError: as the work does, or if the database cannot be used. Nothing is stored then.
        """

        def run() -> Returned:
            with self._database.writing() as connection:
                return work(connection, *args, **kwargs)

        return await self._timed("write", self._threads, run)

    async def run(
        self, work: Callable[Parameters, Returned], /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> Returned:
        """Call ``work``, which uses no database, beside the transactions."""
        return await run_in(self._threads, partial(work, *args, **kwargs))

    def close(self) -> None:
        """Wait for transactions that have begun, and close the connections."""
        self._threads.shutdown(cancel_futures=True)
        self._long.shutdown(cancel_futures=True)
        self._database.close()

    async def _timed(
        self, kind: StoreCall, threads: Threads, work: Callable[..., Returned], *arguments: object
    ) -> Returned:
        """Call ``work`` in one of ``threads``, and count how long that takes, the wait for a thread included."""
        begin = time.perf_counter()
        try:
            return await run_in(threads, work, *arguments, span=f"store.{kind}")
        finally:
            self.metrics.store_call(kind, time.perf_counter() - begin)

    def _reading(self, work: Callable[[Connection], Returned]) -> Returned:
        with self._database.reading() as connection:
            return work(connection)
