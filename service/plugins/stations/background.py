"""Work that one process of all replicas does at a time, such as delivering webhooks or deleting what is old."""

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

import anyio
from sqlalchemy import BigInteger, ColumnElement, Connection, and_, cast, exists, func, literal, or_, select

from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from service.plugins.stations.store.database import StationStore, StoreError, insert_into
from service.plugins.stations.store.stations import Station, list_stations
from service.plugins.stations.store.tables import ALERTS, DELIVERIES, ISSUED_FORECASTS, LEASES

logger = logging.getLogger("service")

_PAUSE_SECONDS: Final = 2.0
"""Between two looks for work."""

_LEASE_SECONDS: Final = 60
"""After a process dies, the others wait this long before they do its work."""

_RENEWALS: Final = 4
"""In the time of a lease."""


def take_lease(connection: Connection, name: str, holder: str, seconds: int) -> bool:
    """Take or renew a lease for some seconds, in a writing transaction; return whether ``holder`` has it."""
    now = _now(connection)
    statement = insert_into(LEASES, connection.dialect.name).values(name=name, holder=holder, until=now + seconds)
    # Nobody takes a lease for longer, unless the clock was ahead.
    free = or_(LEASES.c.holder == holder, LEASES.c.until <= now, LEASES.c.until > now + seconds)
    take_free = statement.on_conflict_do_update(
        index_elements=["name"], set_={"holder": holder, "until": now + seconds}, where=free
    )
    return connection.execute(take_free.returning(LEASES.c.name)).first() is not None


def give_up_lease(connection: Connection, name: str, holder: str) -> None:
    """End the lease, if ``holder`` has it."""
    connection.execute(LEASES.delete().where(LEASES.c.name == name, LEASES.c.holder == holder))


def _now(connection: Connection) -> ColumnElement[int]:
    """Return the Unix seconds of the database server: the clocks of replicas may differ."""
    if connection.dialect.name == "postgresql":
        return cast(func.extract("epoch", func.clock_timestamp()), BigInteger)
    return literal(int(time.time()), BigInteger)


@dataclass(frozen=True)
class BackgroundTask:
    """A kind of work."""

    name: str
    due: Callable[[Connection, int], bool]
    run: Callable[[], Awaitable[None]]


class Background:
    """Does tasks when they are due. Create one in each process, and run :meth:`work` in its event loop."""

    def __init__(self, store: StationStore, tasks: Sequence[BackgroundTask]) -> None:
        self._store = store
        self._wake = {task: anyio.Event() for task in tasks}
        self._holder = uuid4().hex
        self._reported: dict[str, str] = {}

    def wake(self) -> None:
        """Look for work now, not after the pause."""
        for event in self._wake.values():
            event.set()

    async def work(self) -> None:
        """Do what is due, again and again, until cancelled. An error of one task does not end the others."""
        async with anyio.create_task_group() as group:
            for task in self._wake:
                group.start_soon(self._repeat, task)

    async def _repeat(self, task: BackgroundTask) -> None:
        while True:
            wake = self._wake[task] = anyio.Event()
            try:
                await self._do(task)
                self._reported.pop(task.name, None)
            except Exception as error:
                self._report(task, error)
            with anyio.move_on_after(_PAUSE_SECONDS):
                await wake.wait()

    async def _do(self, task: BackgroundTask) -> None:
        # Looking first needs no writing: a store without stations is not created for it.
        if not await self._store.read(task.due, int(time.time())) or not await self._renew(task):
            return
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._keep, task)
                await task.run()
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await self._store.write(give_up_lease, task.name, self._holder)

    async def _keep(self, task: BackgroundTask) -> None:
        """Renew the lease of a task until cancelled."""
        while True:
            await anyio.sleep(_LEASE_SECONDS / _RENEWALS)
            if not await self._renew(task):
                raise StoreError("another process has taken over")

    async def _renew(self, task: BackgroundTask) -> bool:
        return await self._store.write(take_lease, task.name, self._holder, _LEASE_SECONDS)

    def _report(self, task: BackgroundTask, error: Exception) -> None:
        """Log an error once, not at each look."""
        errors = [*_single(error)]
        message = "; ".join(dict.fromkeys(map(str, errors)))
        if self._reported.get(task.name) != message:
            trace = None if all(isinstance(each, StoreError) for each in errors) else error
            logger.error("%s failed and will be tried again: %s", task.name, message, exc_info=trace)
        self._reported[task.name] = message


def _single(error: Exception) -> Iterator[Exception]:
    """Yield an error, or all those of a group of them and of the groups in it."""
    if not isinstance(error, ExceptionGroup):
        yield error
        return
    for each in error.exceptions:
        yield from _single(each)


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
        before = int(self._clock()) - self._days * DAY
        deleted, after = 0, ""
        while stations := await self._store.read(list_stations, _STATIONS_AT_ONCE, after):
            for station in stations:
                while count := await self._store.write(_delete_old, station, before):
                    deleted += count
            after = stations[-1].id
        if deleted:
            logger.info("deleted %d forecasts and alerts of stations, older than %d days", deleted, self._days)


def _delete_old(connection: Connection, station: Station, before: int) -> int:
    """Delete some of the forecasts and alerts of a station from ``before`` a time that are old; return how many.

    Forecasts of times that may still be observed are not old, because intervals learn from them. The newest forecast
    and alerts with deliveries that are to be made are kept, however old they are.
    """
    if station.newest is None:
        return 0
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
    count = 0
    for old, condition in ((ISSUED_FORECASTS, forecasts), (ALERTS, alerts)):
        some = select(old.c.number).where(condition).limit(_DELETED_AT_ONCE)
        count += connection.execute(old.delete().where(old.c.number.in_(some))).rowcount
    return count
