"""What requests take up: a place, memory for their bodies and responses, and turns of the work on them.

The accounts of all requests of a caller together may take a share of the places and of the memory. Work waits in turn:
the next work of a caller begins after the first of all others.
"""

import asyncio
import ctypes
import os
from collections import defaultdict
from contextvars import ContextVar
from http import HTTPStatus
from typing import Final

from service.http.problems import ProblemError
from service.settings import Settings

_LARGE_BYTES: Final = 32 * 2**20
"""Bytes of work after which the process gives memory back to the system."""

_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None


class Turns:
    """Lets work begin while there is room for it. Callers whose work has to wait take turns."""

    def __init__(self, capacity: int) -> None:
        """Give ``capacity`` to the work that runs at once, but let at least one work run."""
        self._free = self._capacity = capacity
        self._waiting: dict[str, dict[asyncio.Future[None], int]] = {}

    async def take(self, caller: str, size: int) -> int:
        """Wait until ``size`` is free, or all if it is more; return what to give back."""
        size = min(size, self._capacity)
        if size <= self._free and not self._waiting:
            self._free -= size
            return size
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(caller, {})[turn] = size
        try:
            await turn
        except asyncio.CancelledError:
            # The turn may have come just before.
            self.give_back(0 if turn.cancelled() else size)
            raise
        return size

    def give_back(self, size: int) -> None:
        """Free ``size``, and begin the turns that it is enough for."""
        self._free += size
        for caller in [caller for caller, turns in self._waiting.items() if any(turn.cancelled() for turn in turns)]:
            self._keep(caller, {turn: n for turn, n in self._waiting[caller].items() if not turn.cancelled()})
        while self._waiting:
            caller, turns = next(iter(self._waiting.items()))
            turn, needed = next(iter(turns.items()))
            if needed > self._free:
                return
            self._free -= needed
            turn.set_result(None)
            # The caller's next work waits behind that of all others.
            del self._waiting[caller], turns[turn]
            self._keep(caller, turns)

    def _keep(self, caller: str, turns: dict[asyncio.Future[None], int]) -> None:
        if turns:
            self._waiting[caller] = turns
        else:
            self._waiting.pop(caller, None)


class Account:
    """The account of one request."""

    __slots__ = ("_accounts", "_users", "caller", "reserved", "working")

    def __init__(self, accounts: "Accounts", caller: str) -> None:
        """Open the account of a request of ``caller`` that has just arrived."""
        self.caller = caller
        self.reserved = self.working = 0
        self._accounts = accounts
        self._users = 1
        accounts.waiting += 1
        accounts.places[caller] += 1

    def retain(self) -> bool:
        """Keep the account open until one more :meth:`release`; return False if it is closed already."""
        if self._users:
            self._users += 1
        return self._users > 0

    def release(self) -> None:
        """Close the account, unless work for the request still runs: it no longer waits, and nothing is reserved."""
        self._users -= 1
        if not self._users:
            accounts = self._accounts
            self._leave()
            accounts.reserved -= self.reserved
            accounts.waiting -= 1
            if self.working:
                accounts.end_work(self.working)

    def identify(self, caller: str) -> None:
        """Count the request for ``caller``, now that its key is known."""
        accounts = self._accounts
        if caller != self.caller:
            self._leave()
            self.caller = caller
            accounts.places[caller] += 1
            accounts.reserved_by[caller] += self.reserved
        if accounts.places[caller] > accounts.places_of_caller:
            raise overloaded(" from this caller")

    def reserve(self, size: int) -> None:
        """Reserve ``size`` bytes, including what is reserved already."""
        more, accounts = size - self.reserved, self._accounts
        if more <= 0:
            return
        if accounts.reserved + more > accounts.most_bytes:
            raise overloaded()
        if accounts.reserved_by[self.caller] + more > accounts.bytes_of_caller:
            raise overloaded(" from this caller")
        accounts.reserved += more
        accounts.reserved_by[self.caller] += more
        self.reserved = size

    async def begin_work(self, size: int) -> None:
        """Wait until there is memory for work on the request that takes ``size`` bytes."""
        self.working = await self._accounts.turns.take(self.caller, size)

    def _leave(self) -> None:
        """Take the request, and what is reserved for it, out of the share of its caller."""
        accounts, caller = self._accounts, self.caller
        accounts.places[caller] -= 1
        accounts.reserved_by[caller] -= self.reserved
        if not accounts.places[caller]:
            del accounts.places[caller], accounts.reserved_by[caller]


current: Final[ContextVar[Account | None]] = ContextVar("account", default=None)
"""The account of the request that the current task serves."""


def reserve(size: int) -> None:
    """Reserve ``size`` more bytes for the current request, such as for its response; outside of one, do nothing."""
    account = current.get()
    if account is not None:
        account.reserve(account.reserved + size)


class Accounts:
    """What the open requests of a process take up. One caller has at most ``settings.caller_share`` of it."""

    def __init__(self, settings: Settings) -> None:
        self.waiting = self.reserved = 0
        self.places: defaultdict[str, int] = defaultdict(int)
        self.reserved_by: defaultdict[str, int] = defaultdict(int)
        self.turns = Turns(settings.max_working_bytes)
        self.most_bytes = settings.max_waiting_bytes
        self.places_of_caller = max(1, int(settings.max_waiting * settings.caller_share))
        self.bytes_of_caller = int(settings.max_waiting_bytes * settings.caller_share)
        self._trimming: asyncio.Task[None] | None = None

    def end_work(self, size: int) -> None:
        """Give back the turn of work that took ``size`` bytes, and the memory of large work to the system."""
        self.turns.give_back(size)
        if size > _LARGE_BYTES and self._trimming is None:
            self._trimming = asyncio.create_task(self._trim())

    async def _trim(self) -> None:
        """Give memory that the process no longer uses back to the system, where its C library can (glibc).

        Otherwise glibc keeps what a large request has used, and the next one in another thread takes more beside it.
        """
        if _TRIM is not None:
            # The call lets other threads run meanwhile.
            await asyncio.to_thread(_TRIM, 0)
        self._trimming = None


def overloaded(whose: str = "") -> ProblemError:
    """Return the 503 for a request that there is no room for; ``whose`` says which requests take up the room."""
    detail = f"too many requests are waiting{whose}; try again in a second"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}, reason="overloaded")
