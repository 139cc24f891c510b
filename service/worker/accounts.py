"""What requests take up: a place, memory for their bodies and responses, and turns of the work on them.

The accounts of all requests of a caller together may take a share of the places and of the memory. Work waits in turn:
the next work of a caller begins after the first of all others.
"""

import asyncio
import ctypes
import os
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
    """The account of one request.

    Attributes:
        caller: the key or the address that the request counts for.
        held: the bytes that are reserved for its body and its response.
        working: the bytes that are reserved for the work on it, if it is large.
    """

    __slots__ = ("_accounts", "_users", "caller", "held", "working")

    def __init__(self, accounts: "Accounts", caller: str) -> None:
        self.caller = caller
        self.held = 0
        self.working = 0
        self._accounts = accounts
        self._users = 1

    def retain(self) -> bool:
        """Keep the account open until one more :meth:`release`; return False if it is closed already."""
        if self._users:
            self._users += 1
        return self._users > 0

    def release(self) -> None:
        """Close the account, unless work for the request still runs."""
        self._users -= 1
        if not self._users:
            self._accounts.close(self)

    def identify(self, caller: str) -> None:
        """Count the request for ``caller``, now that its key is known.

        Raises:
            ProblemError: 503 if the caller has too many requests open.
        """
        self._accounts.move(self, caller)

    def reserve(self, size: int) -> None:
        """Reserve ``size`` bytes, including what is reserved already.

        Raises:
            ProblemError: 503 if all requests together, or those of the caller, would hold too much. The request keeps
                what it held.
        """
        if size > self.held:
            self._accounts.reserve(self, size - self.held)

    async def begin_work(self, size: int) -> None:
        """Wait until there is memory for work on the request that takes ``size`` bytes."""
        self.working = await self._accounts.turns.take(self.caller, size)


current: Final[ContextVar[Account | None]] = ContextVar("account", default=None)
"""The account of the request that the current task serves."""


def reserve(size: int) -> None:
    """Reserve ``size`` more bytes for the current request, such as for its response; outside of one, do nothing.

    Raises:
        ProblemError: 503 if there is no room for them.
    """
    account = current.get()
    if account is not None:
        account.reserve(account.held + size)


class _Share:
    """What the open requests of one caller take up."""

    __slots__ = ("held", "places")

    def __init__(self) -> None:
        self.places = self.held = 0


class Accounts:
    """The accounts of all requests of a process. One caller has at most ``settings.caller_share`` of it.

    Attributes:
        waiting: the number of open requests.
        turns: those of the work on large requests.
    """

    def __init__(self, settings: Settings) -> None:
        self.waiting = 0
        self.turns = Turns(settings.max_working_bytes)
        self._held = 0
        self._shares: dict[str, _Share] = {}
        self._most_bytes = settings.max_waiting_bytes
        self._places_of_caller = max(1, int(settings.max_waiting * settings.caller_share))
        self._bytes_of_caller = int(settings.max_waiting_bytes * settings.caller_share)
        self._trimming: asyncio.Task[None] | None = None

    def open(self, caller: str) -> Account:
        """Open the account of a request of ``caller`` that has just arrived."""
        self.waiting += 1
        self._share(caller).places += 1
        return Account(self, caller)

    def move(self, account: Account, caller: str) -> None:
        """Count a request for another caller, as :meth:`Account.identify` describes."""
        if caller != account.caller:
            self._leave(account)
            account.caller = caller
            share = self._share(caller)
            share.places += 1
            share.held += account.held
        if self._shares[caller].places > self._places_of_caller:
            raise overloaded(" from this caller")

    def reserve(self, account: Account, more: int) -> None:
        """Reserve ``more`` bytes for a request, as :meth:`Account.reserve` describes."""
        share = self._shares[account.caller]
        if self._held + more > self._most_bytes:
            raise overloaded()
        if share.held + more > self._bytes_of_caller:
            raise overloaded(" from this caller")
        self._held += more
        share.held += more
        account.held += more

    def close(self, account: Account) -> None:
        """Close the account of a request: it no longer waits, and holds nothing."""
        self._leave(account)
        self._held -= account.held
        self.waiting -= 1
        if account.working:
            self.turns.give_back(account.working)
        if account.working > _LARGE_BYTES and self._trimming is None:
            self._trimming = asyncio.create_task(self._trim())

    async def _trim(self) -> None:
        await return_free_memory()
        self._trimming = None

    def _share(self, caller: str) -> _Share:
        share = self._shares.get(caller)
        if share is None:
            share = self._shares[caller] = _Share()
        return share

    def _leave(self, account: Account) -> None:
        """Take a request, and what it holds, out of the share of its caller."""
        share = self._shares[account.caller]
        share.places -= 1
        share.held -= account.held
        if not share.places:
            del self._shares[account.caller]


def overloaded(whose: str = "") -> ProblemError:
    """Return the 503 for a request that there is no room for; ``whose`` says which requests take up the room."""
    detail = f"too many requests are waiting{whose}; try again in a second"
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": "1"}, reason="overloaded")


async def return_free_memory() -> None:
    """Give memory that the process no longer uses back to the system, where its C library can (glibc).

    Otherwise glibc keeps what a large request has used, and the next one in another thread takes more beside it.
    """
    if _TRIM is not None:
        # The call lets other threads run meanwhile.
        await asyncio.to_thread(_TRIM, 0)
