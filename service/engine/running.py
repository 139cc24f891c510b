"""Runs work in worker threads, and counts it."""

import asyncio
import ctypes
import os
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar, copy_context
from typing import Final, Protocol, TypeVar

from service.telemetry.spans import in_thread
from service.telemetry.statistics import ModelStatistics

Returned = TypeVar("Returned")


class Reservation(Protocol):
    """What a request takes up: its place, and memory for its body and its answer.

    Attributes:
        caller: who it counts for.
    """

    caller: str

    def retain(self) -> bool:
        """Keep it until one more :meth:`release`; return False if it has been given back already."""

    def release(self) -> None:
        """Give it back, if nothing retains it any more."""


reservation: Final[ContextVar[Reservation | None]] = ContextVar("reservation", default=None)
"""The reservation of the request that the current task serves."""


class Threads(ThreadPoolExecutor):
    """Worker threads.

    Attributes:
        turns: of the work that waits for a thread. What is cancelled there is forgotten at once; the queue of the pool
            would keep it until a thread is free.
    """

    def __init__(self, count: int, name: str) -> None:
        super().__init__(count, thread_name_prefix=name)
        self.turns = asyncio.Semaphore(count)


async def run_in(threads: Threads, function: Callable[..., Returned], *arguments: object, span: str = "") -> Returned:
    """Call ``function`` in one of ``threads``, and return its result.

    Log lines have the ids of the request there too. ``span`` is the name of this part of the request in traces.
    What the request has reserved stays reserved until the function has ended, even if nobody waits for its result.
    """
    call = in_thread(span, function) if span else function
    await threads.turns.acquire()
    loop, held = asyncio.get_running_loop(), reservation.get()
    retained = held if held is not None and held.retain() else None

    def end() -> None:
        threads.turns.release()
        if retained is not None:
            retained.release()

    def end_soon(_: Future[Returned]) -> None:
        # The event loop has ended if the process was stopped meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(end)

    try:
        future = threads.submit(copy_context().run, call, *arguments)
    except RuntimeError:
        end()
        raise
    future.add_done_callback(end_soon)
    return await asyncio.wrap_future(future)


_TRIM: Final = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None


async def return_free_memory() -> None:
    """Give memory that the process no longer uses back to the system, where its C library can (glibc).

    Otherwise glibc keeps what a large request has used, and the next one in another thread takes more beside it.
    """
    if _TRIM is not None:
        # The call lets other threads run meanwhile.
        await asyncio.to_thread(_TRIM, 0)


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


async def counted(work: Awaitable[Returned], statistics: Sequence[ModelStatistics]) -> Returned:
    """Await ``work``, and count in ``statistics`` whether it succeeded, and how long it took."""
    begin = time.perf_counter()
    try:
        answer = await work
    except BaseException:
        for figures in statistics:
            figures.failed(time.perf_counter() - begin)
        raise
    for figures in statistics:
        figures.succeeded(time.perf_counter() - begin)
    return answer
