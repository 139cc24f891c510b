"""Runs work in worker threads, and counts it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import TypeVar

from service.telemetry.statistics import ModelStatistics

Returned = TypeVar("Returned")


async def run_in(workers: Executor, function: Callable[..., Returned], *arguments: object) -> Returned:
    """Call ``function`` in one of ``workers``, and return its result."""
    return await asyncio.get_running_loop().run_in_executor(workers, function, *arguments)


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
