"""Pulses: writes that show that the database takes writes, and when something was last at work."""

import asyncio
import math
import time
from typing import Final

from sqlalchemy import Connection, select

from service.plugins.stations.metrics import StoreState
from service.plugins.stations.store.database import Database, StoreError, put_rows, takes_writes
from service.plugins.stations.store.tables import PULSES
from service.worker.threads import Worker

SERVICE: Final = "service"
"""The pulse of the background work of all processes."""

_PROOF: Final = "proof"
"""The pulse of health checks."""

_WAIT_SECONDS: Final = 2
"""How long health checks wait for a write."""

_KEPT_SECONDS: Final = 5
"""How long the outcome of a write stands for that of the next ones."""

_SLOW_SECONDS: Final = 10
"""How long it stands while a further write takes long, as behind those of others."""

_FIRST_SECONDS: Final = 10
"""How long a service that starts waits for its first use of the database."""


def record_pulse(connection: Connection, now: int, name: str) -> int | None:
    """Store that ``name`` is at work at a time in Unix seconds; return the time that was stored before, None if none.

    Who records a pulse learns of the gap before it, and nobody after: each name belongs to one caller. If the clock was
    set back, the time before is later than ``now``.
    """
    before = last_pulse(connection, name)
    put_rows(connection, PULSES, [{"name": name, "time": now}])
    return before


def last_pulse(connection: Connection, name: str) -> int | None:
    """Return when ``name`` was last at work, in Unix seconds; None if it never was."""
    return connection.scalar(select(PULSES.c.time).where(PULSES.c.name == name))


_NOT_WRITABLE: Final = "the database of stations cannot be written; ask the operator of the service"

_UNPROVEN: Final = StoreState(
    True, f"the database of stations did not take a write within {_WAIT_SECONDS} seconds; try again later"
)


class WriteProof:
    """Proves that the database takes writes, by a write every few seconds at most. Create one in each process."""

    def __init__(self, database: Database) -> None:
        self._database = database
        # Does not wait for the threads of other transactions.
        self._threads = Worker(1, "store-proof")
        self._writing: asyncio.Task[StoreState] | None = None
        self._state = _UNPROVEN
        self._at = -math.inf

    async def begin(self) -> None:
        """Use the database for the first time, if there is one and it responds soon."""
        await asyncio.wait({self._written()}, timeout=_FIRST_SECONDS)

    async def state(self) -> StoreState:
        """Return whether the database takes writes, as a write of the last seconds proves; after two seconds at most.

        Without a database, none is created.
        """
        writing = self._written()
        done, _ = await asyncio.wait({writing}, timeout=_WAIT_SECONDS)
        if done:
            return writing.result()
        return self._state if time.monotonic() - self._at < _SLOW_SECONDS else _UNPROVEN

    async def refusal(self) -> str | None:
        """Return why the database cannot be written, or created; None if it can."""
        trouble = (await self.state()).trouble
        # What the file tells is not seconds old.
        return trouble or (None if self._database.is_writable else _NOT_WRITABLE)

    def close(self) -> None:
        """Wait for a write that has begun."""
        self._threads.shutdown(cancel_futures=True)

    def _written(self) -> asyncio.Task[StoreState]:
        """Return the task that writes, or has written a short time ago."""
        # Looking for a file writes nothing, so that it need not be seldom.
        is_recent = self._state.exists and time.monotonic() - self._at < _KEPT_SECONDS
        if self._writing is None or (self._writing.done() and not is_recent):
            self._writing = asyncio.create_task(self._keep())
        return self._writing

    async def _keep(self) -> StoreState:
        self._state = await self._threads.run(self._write)
        self._at = time.monotonic()
        return self._state

    def _write(self) -> StoreState:
        database = self._database
        try:
            if not database.exists:
                return StoreState(False, None if database.is_writable else _NOT_WRITABLE)
            with database.writing() as connection:
                if not takes_writes(connection):
                    return StoreState(True, _NOT_WRITABLE)
                record_pulse(connection, int(time.time()), _PROOF)
        except (StoreError, OSError) as error:
            return StoreState(True, str(error))
        return StoreState(True, None)
