"""Records each batch once, for the inference statistics in the form of Triton's, and for Prometheus.

The statistics are updated at once. Prometheus follows a moment later, when the responses are out.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram

from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.base import Model, Network
from forecasting.series.times import Bools, Floats

DELAY_SECONDS: Final = 0.05
"""How long a batch waits to be counted, at most. Its requests need not wait for that, and counting many costs less."""

_WORK_SECONDS: Final = (
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
)  # fmt: skip
_WINDOWS: Final = tuple(2**power for power in range(11))


class NetworkRun(NamedTuple):
    """One run of a network on a batch."""

    network: Network
    windows: int
    waits: Sequence[float]
    seconds: float


class NetworkStatistics:
    """Counts and durations of one network since it was loaded. All methods are safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows = self._batches = 0
        self._last = 0.0
        self._spent = dict.fromkeys(("success", "fail", "queue", "compute_infer"), (0, 0.0))

    def _spend(self, name: str, count: int, seconds: float) -> None:
        before, spent = self._spent[name]
        self._spent[name] = before + count, spent + seconds

    def batch(self, run: NetworkRun) -> None:
        """Count one run of the network."""
        with self._lock:
            self._windows += run.windows
            self._batches += 1
            self._last = time.time()
            self._spend("queue", len(run.waits), sum(run.waits))
            self._spend("compute_infer", len(run.waits), run.seconds * len(run.waits))

    def request(self, seconds: float, *, succeeded: bool) -> None:
        """Count a request. It fails if it is overdue, or its client leaves."""
        with self._lock:
            self._spend("success" if succeeded else "fail", 1, seconds)

    def snapshot(self) -> dict[str, Any]:
        """Return the figures with Triton's names and units: nanoseconds, and milliseconds of Unix time."""
        with self._lock:
            batched = self._spent["queue"][0]
            # Reading and writing tensors is not part of a batch, and nothing is cached.
            unmeasured = {"compute_input": batched, "compute_output": batched, "cache_hit": 0, "cache_miss": 0}
            spent = self._spent | {name: (count, 0.0) for name, count in unmeasured.items()}
            return {
                "last_inference": int(self._last * 1_000),
                "inference_count": self._windows,
                "execution_count": self._batches,
                "inference_stats": {
                    name: {"count": count, "ns": int(seconds * 1e9)} for name, (count, seconds) in spent.items()
                },
            }


@contextmanager
def counted(statistics: Sequence[NetworkStatistics]) -> Iterator[None]:
    """Count the work in this context as a request in ``statistics``: whether it succeeded, and how long it took."""
    begin, succeeded = time.perf_counter(), False
    try:
        yield
        succeeded = True
    finally:
        for figures in statistics:
            figures.request(time.perf_counter() - begin, succeeded=succeeded)


class _Batch(NamedTuple):
    """What is counted of a batch."""

    runs: list[NetworkRun]
    windows: Floats | None
    calibrated: Bools


class BatchMetrics:
    """Records batches."""

    def __init__(self, registry: CollectorRegistry) -> None:
        # A network keeps its figures while others come and go.
        self._statistics = WeakKeyDictionary[Network, NetworkStatistics]()
        self._waiting: deque[_Batch] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_due = False

        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(name, text, ("model",), registry=registry, buckets=buckets)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"sst_input_{name}_total", text, ("model",), registry=registry)

        def distance(name: str, of: str, middle: str) -> Counter:
            return counter(
                name,
                f"Sum over input windows of the distance between the window's {of} and the middle of the training "
                f"{middle}, in half ranges: 0 is the middle, 1 the edge. Divide its rate by that of "
                "sst_input_windows_total to get the mean distance.",
            )

        self._waited = histogram(
            "sst_queue_wait_seconds", "Time that the first request in a batch waited.", _WORK_SECONDS
        )
        self._inference = histogram(
            "sst_inference_seconds", "Duration of the network's work on a batch, including all leads.", _WORK_SECONDS
        )
        self._sizes = histogram("sst_batch_windows", "Number of windows in a batch.", _WINDOWS)
        self._windows = counter("windows", "Input windows of forecasts.")
        self._level = distance("level_distance", "mean", "temperatures")
        self._spread = distance("spread_distance", "root mean square change per step", "range")
        self._outside = counter("outside_training", "Input windows of forecasts with the warning outside_training.")

    def show(self, model: str) -> None:
        """Show the metrics of a model that is loaded, as zero until it has forecast."""
        for histogram in (self._waited, self._inference, self._sizes):
            histogram.labels(model)
        for counter in (self._windows, self._level, self._spread, self._outside):
            counter.labels(model)

    @contextmanager
    def on_loop(self) -> Iterator[None]:
        """Within this context, let the running event loop count batches, and count the rest at the end.

        Without it, each batch is counted at once.
        """
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            self._loop = None
            self.count()

    def statistics_of(self, network: Network) -> NetworkStatistics:
        """Return the statistics of a network."""
        return self._statistics.get(network) or self._statistics.setdefault(network, NetworkStatistics())

    def add(self, model: Model, forecasts: Forecasts, waits: Sequence[float], seconds: float) -> None:
        """Record a batch of forecasts; from any thread."""
        runs = [NetworkRun(network, len(forecasts), waits, seconds) for network in model.networks]
        for run in runs:
            self.statistics_of(run.network).batch(run)
        # Only the arrays that are counted stay in memory until then.
        self._waiting.append(_Batch(runs, forecasts.windows, forecasts.calibrated))
        loop = self._loop
        if loop is None:
            self.count()
        elif not self._is_due:
            self._is_due = True
            loop.call_soon_threadsafe(loop.call_later, DELAY_SECONDS, self.count)

    def add_run(self, run: NetworkRun) -> None:
        """Record a run on bare windows; from any thread."""
        self.statistics_of(run.network).batch(run)
        self.count_run(run.network.metadata.model, run.windows, run.waits[0], run.seconds)

    def count_run(self, model: str, windows: int, waited: float, seconds: float) -> None:
        """Count a run of a model: its size, the wait of its first request, and the duration of the network's work."""
        self._sizes.labels(model).observe(windows)
        self._waited.labels(model).observe(waited)
        self._inference.labels(model).observe(seconds)

    def count_drift(self, model: str, windows: int, level: float, spread: float, outside: int) -> None:
        """Count how far windows are from the training data.

        ``level`` and ``spread`` are sums over the windows of
        :meth:`~forecasting.models.training_range.TrainingRange.distances`; ``outside`` is the number of windows with
        the warning ``outside_training``.
        """
        self._windows.labels(model).inc(windows)
        self._level.labels(model).inc(level)
        self._spread.labels(model).inc(spread)
        self._outside.labels(model).inc(outside)

    def count(self) -> None:
        """Count the batches that wait; from any thread."""
        # Set first: a batch that arrives meanwhile is counted now, or schedules the next count.
        self._is_due = False
        drifted: dict[Network, list[tuple[Floats, Bools]]] = {}
        for batch in iter(self._next, None):
            for network, size, waits, seconds in batch.runs:
                self.count_run(network.metadata.model, size, waits[0], seconds)
                if batch.windows is not None:
                    drifted.setdefault(network, []).append((batch.windows, batch.calibrated))
        for network, parts in drifted.items():
            # As one: copying them costs less than counting each.
            windows, calibrated = map(np.concatenate, zip(*parts, strict=True))
            level, spread = network.metadata.training_range.distances(windows).sum(axis=1).tolist()
            self.count_drift(network.metadata.model, len(windows), level, spread, int((~calibrated).sum()))

    def _next(self) -> _Batch | None:
        with suppress(IndexError):
            return self._waiting.popleft()
        return None
