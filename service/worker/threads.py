"""Threads that work for requests."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Final, TypeVar

from service.telemetry.tracing import in_thread
from service.worker.accounts import Turns, current

Returned = TypeVar("Returned")

_abandoned: Final[ContextVar[threading.Event | None]] = ContextVar("abandoned", default=None)
"""Set once nobody waits for the result of what runs in this thread."""


class AbandonedError(Exception):
    """Nobody waits for the result any more: the client has left, or the request is overdue."""


def stop_if_abandoned() -> None:
    """Raise :class:`AbandonedError` in a thread for whose result nobody waits. Call it between parts of long work."""
    abandoned = _abandoned.get()
    if abandoned is not None and abandoned.is_set():
        raise AbandonedError


class Worker(ThreadPoolExecutor):
    """A pool of threads that the requests of all callers share fairly: callers whose work has to wait take turns."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, thread_name_prefix=name)
        # What is cancelled while it waits is forgotten at once. The queue of the pool would keep it.
        self._turns = Turns(threads)

    async def run(self, function: Callable[..., Returned], *arguments: object, span: str = "") -> Returned:
        """Call ``function`` in a thread, and return its result.

        Log lines have the IDs of the request there too. ``span`` is the name of this part of the request in traces.
        What the request has reserved stays reserved until the function has ended, even if nobody waits for its result.
        """
        call = in_thread(span, function) if span else function
        account, loop, abandoned = current.get(), asyncio.get_running_loop(), threading.Event()
        await self._turns.take("" if account is None else account.caller, 1)
        retained = account if account is not None and account.retain() else None

        def end() -> None:
            self._turns.give_back(1)
            if retained is not None:
                retained.release()

        def end_soon(_: Future[Returned]) -> None:
            # The event loop has ended if the process was stopped meanwhile.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(end)

        context = copy_context()
        context.run(_abandoned.set, abandoned)
        try:
            future = self.submit(context.run, call, *arguments)
        except RuntimeError:
            end()
            raise
        future.add_done_callback(end_soon)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            abandoned.set()
            raise


async def run_abandonable(function: Callable[[], Returned]) -> Returned:
    """Call ``function`` in a thread of its own, and return its result. A process that stops does not wait for it."""
    future: Future[Returned] = Future()

    def run() -> None:
        # Cancelled, or the event loop has ended, if nobody waits any more.
        with suppress(InvalidStateError, RuntimeError):
            try:
                result = function()
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)

    threading.Thread(target=run, name="abandonable", daemon=True).start()
    return await asyncio.wrap_future(future)
