"""Runs work in worker threads, and counts it."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor, Future, InvalidStateError
from contextlib import suppress
from contextvars import copy_context
from typing import TypeVar

from service.telemetry.spans import in_thread
from service.telemetry.statistics import ModelStatistics

Returned = TypeVar("Returned")


async def run_in(workers: Executor, function: Callable[..., Returned], *arguments: object, span: str = "") -> Returned:
    """Call ``function`` in one of ``workers``, and return its result.

    Log lines have the ids of the request there too. ``span`` is the name of this part of the request in traces.
    """
    call = in_thread(span, function) if span else function
    return await asyncio.get_running_loop().run_in_executor(workers, copy_context().run, call, *arguments)


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
