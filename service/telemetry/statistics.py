"""The inference statistics of each network in this process, in the form of Triton's."""

import threading
import time
from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from forecasting.models.base import Network

Returned = TypeVar("Returned")


class NetworkRun(NamedTuple):
    """One run of a network on a batch: recorded once, for the statistics and for Prometheus.

    Attributes:
        network: the network that ran.
        windows: number of windows in its batch.
        waits: seconds that each of its requests had waited, the longest first.
        seconds: duration of the network's own work.
        batch_seconds: duration of the whole batch, which each request had to wait for.
    """

    network: Network
    windows: int
    waits: list[float]
    seconds: float
    batch_seconds: float


class ModelStatistics:
    """Statistics of one network since it was loaded. All methods are safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows = self._batches = self._batched = self._succeeded = self._failed = 0
        self._queued_seconds = self._computed_seconds = self._success_seconds = self._failure_seconds = 0.0
        self._last = 0.0

    def batch(self, run: NetworkRun) -> None:
        """Count one run of the network."""
        with self._lock:
            self._windows += run.windows
            self._batches += 1
            self._batched += len(run.waits)
            self._queued_seconds += sum(run.waits)
            self._computed_seconds += run.batch_seconds * len(run.waits)
            self._last = time.time()

    def succeeded(self, seconds: float) -> None:
        """Count a request that was answered after ``seconds``."""
        with self._lock:
            self._succeeded += 1
            self._success_seconds += seconds

    def failed(self, seconds: float) -> None:
        """Count a request that was not answered, because it was overdue or its client left."""
        with self._lock:
            self._failed += 1
            self._failure_seconds += seconds

    def snapshot(self) -> dict[str, Any]:
        """Return the figures with Triton's names and units: nanoseconds, and milliseconds of Unix time."""
        with self._lock:
            return {
                "last_inference": int(self._last * 1_000),
                "inference_count": self._windows,
                "execution_count": self._batches,
                "inference_stats": {
                    "success": _duration(self._succeeded, self._success_seconds),
                    "fail": _duration(self._failed, self._failure_seconds),
                    "queue": _duration(self._batched, self._queued_seconds),
                    # Reading and writing tensors is not part of a batch, and nothing is cached.
                    "compute_input": _duration(self._batched, 0.0),
                    "compute_infer": _duration(self._batched, self._computed_seconds),
                    "compute_output": _duration(self._batched, 0.0),
                    "cache_hit": _duration(0, 0.0),
                    "cache_miss": _duration(0, 0.0),
                },
            }


Statistics = WeakKeyDictionary[Network, ModelStatistics]
"""Statistics of every loaded network; a network keeps its figures while others come and go."""


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": int(seconds * 1e9)}


async def counted(work: Awaitable[Returned], statistics: Sequence[ModelStatistics]) -> Returned:
    """Await ``work``, and count in ``statistics`` whether it succeeded, and how long it took."""
    begin = time.perf_counter()
    try:
        result = await work
    except BaseException:
        for figures in statistics:
            figures.failed(time.perf_counter() - begin)
        raise
    for figures in statistics:
        figures.succeeded(time.perf_counter() - begin)
    return result
