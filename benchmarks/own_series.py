"""Clients' series on one core: a long comparison, the latency of small requests meanwhile, and a long file."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from statistics import median, quantiles
from typing import Final

import httpx
import numpy as np

from benchmarks.support.payloads import simple_bodies
from benchmarks.support.servers import SERVICE, Server, serving

_ROUNDS: Final = 5
_DAYS: Final = 3_653
_COMPARE: Final = replace(SERVICE, path="/compare")


def measure() -> Iterator[str]:
    """Yield a line for each length of a comparison, for small requests during one, and for each file."""
    small = simple_bodies(1)[0]
    with _one_core(), serving(_COMPARE, _months(60)) as server:
        for n, body in ((1_000, _months(1_000)), (10_000, _months(10_000))):
            seconds = [_seconds(lambda body=body: server.post(body)) for _ in range(_ROUNDS)]  # type: ignore[misc]
            yield f"POST /compare, {n} months × three models and four references: {median(seconds):.2f} s"
        alone, during = _waits(server, small, None), _waits(server, small, _months(10_000))
        yield f"POST /forecast alone: p50 {_percentile(alone, 50):.1f} ms, p99 {_percentile(alone, 99):.1f} ms"
        p50, p99 = _percentile(during, 50), _percentile(during, 99)
        yield f"POST /forecast during such comparisons: p50 {p50:.1f} ms, p99 {p99:.1f} ms"
        for n in (_DAYS, 36_000):
            seconds = [_seconds(lambda n=n: _read(server.port, _file(n))) for _ in range(_ROUNDS)]  # type: ignore[misc]
            yield f"POST /series, a CSV of {n} days: {median(seconds):.2f} s"


def _read(port: int, content: bytes) -> None:
    answer = httpx.post(f"http://127.0.0.1:{port}/series", content=content, timeout=60)
    answer.raise_for_status()


def _waits(server: Server, small: bytes, large: bytes | None) -> list[float]:
    """Latencies of small requests, ms, one after another while large ones run, or for a second."""
    client = Server(SERVICE, server.port, server.process)
    done = threading.Event()

    def compare() -> None:
        if large is None:
            time.sleep(1)
        else:
            for _ in range(_ROUNDS):
                server.post(large)
        done.set()

    thread = threading.Thread(target=compare)
    thread.start()
    waits = []
    while not done.is_set():
        waits.append(1_000 * _seconds(lambda: client.post(small)))
    thread.join()
    client.close()
    return waits


def _percentile(values: list[float], percent: int) -> float:
    return quantiles(values, n=100)[percent - 1]


def _months(n: int) -> bytes:
    noise = np.random.default_rng(0).normal(0, 0.4, n)
    values = (23 + 3 * np.sin(np.arange(n) * np.pi / 6) + noise).round(2).tolist()
    return json.dumps({"dataset": "nino12", "series": [{"start": "1000-01-01", "values": values}]}).encode()


def _file(n: int) -> bytes:
    days = np.datetime64("1900-01-01") + np.arange(n)
    return "\n".join(["time,sst", *(f"{day},{15 + i % 70 / 10:.1f}" for i, day in enumerate(days))]).encode()


def _seconds(call: Callable[[], object]) -> float:
    begin = time.perf_counter()
    call()
    return time.perf_counter() - begin


@contextmanager
def _one_core() -> Iterator[None]:
    """Run this process, and those that it starts, on one core."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
