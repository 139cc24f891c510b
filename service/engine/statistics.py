"""What each network has done in this process: counts and durations, as Triton's statistics have them."""

import threading
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from forecasting.networks.forecaster import Forecaster


class ModelStatistics:
    """Of one network, since it was loaded. Every method may be called from any thread; durations are in seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows = self._batches = self._batched = self._succeeded = self._failed = 0
        self._queued_seconds = self._computed_seconds = self._success_seconds = self._failure_seconds = 0.0
        self._last = 0.0

    def batch(self, windows: int, waits: Sequence[float], seconds: float) -> None:
        """Count one run of the network, which took ``seconds`` for requests that had waited so long."""
        with self._lock:
            self._windows += windows
            self._batches += 1
            self._batched += len(waits)
            self._queued_seconds += sum(waits)
            # Each request of a batch has had to wait for all of it.
            self._computed_seconds += seconds * len(waits)
            self._last = time.time()

    def succeeded(self, seconds: float) -> None:
        """Count a request that was answered after ``seconds``."""
        with self._lock:
            self._succeeded += 1
            self._success_seconds += seconds

    def failed(self, seconds: float) -> None:
        """Count a request that was not: overdue, or its client gone."""
        with self._lock:
            self._failed += 1
            self._failure_seconds += seconds

    def snapshot(self) -> dict[str, Any]:
        """The figures so far, in Triton's names and units: nanoseconds, and milliseconds of Unix time."""
        with self._lock:
            return {
                "last_inference": int(self._last * 1_000),
                "inference_count": self._windows,
                "execution_count": self._batches,
                "inference_stats": {
                    "success": _duration(self._succeeded, self._success_seconds),
                    "fail": _duration(self._failed, self._failure_seconds),
                    "queue": _duration(self._batched, self._queued_seconds),
                    # Reading and writing tensors is no part of a batch, and nothing is cached.
                    "compute_input": _duration(self._batched, 0.0),
                    "compute_infer": _duration(self._batched, self._computed_seconds),
                    "compute_output": _duration(self._batched, 0.0),
                    "cache_hit": _duration(0, 0.0),
                    "cache_miss": _duration(0, 0.0),
                },
            }


Statistics = WeakKeyDictionary[Forecaster, ModelStatistics]
"""Of every network that is loaded; each keeps its figures while others come and go."""


def _duration(count: int, seconds: float) -> dict[str, int]:
    return {"count": count, "ns": int(seconds * 1e9)}
