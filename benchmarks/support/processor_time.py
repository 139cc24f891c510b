"""Processor time of a call."""

import time
from collections.abc import Callable


def seconds_of(call: Callable[[], object], *, during: float, warm_up: int) -> float:
    """Return seconds of processor time that a call takes on this thread, on average."""
    for _ in range(warm_up):
        call()
    calls, begin, used = 0, time.perf_counter(), time.thread_time()
    while time.perf_counter() - begin < during:
        call()
        calls += 1
    return (time.thread_time() - used) / calls
