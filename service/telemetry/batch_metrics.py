"""Records each batch once, for the inference statistics and for Prometheus.

The statistics are updated at once. Prometheus follows a moment later, when the answers are out.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import numpy as np

from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.base import Model, Network
from forecasting.series.times import Bools, Floats
from service.telemetry.statistics import ModelStatistics, NetworkRun, Statistics

DELAY_SECONDS: Final = 0.05
"""How long a batch waits to be counted, at most. Its requests need not wait for that, and counting many costs less."""

_LARGE: Final = 256
"""Windows of a batch that is counted by itself."""

_Drift = tuple[Floats, Bools]
"""The windows of a network, and whether they are like the training data."""

CountBatch = Callable[[str, int, float, float], None]
"""Has the signature of :meth:`~service.telemetry.metrics.Metrics.batch`."""

CountDrift = Callable[[str, int, float, float, int], None]
"""Has the signature of :meth:`~service.telemetry.metrics.Metrics.drift`."""


class _Batch(NamedTuple):
    """What is counted of a batch.

    Attributes:
        runs: of each network.
        windows: that a network with a fixed window forecast from, °C ``(n, window)``; None for other networks.
        calibrated: whether each is like the training data, ``(n,)``.
    """

    runs: list[NetworkRun]
    windows: Floats | None
    calibrated: Bools


class BatchMetrics:
    """Records batches.

    Attributes:
        statistics: of each network.
    """

    def __init__(self, count_batch: CountBatch, count_drift: CountDrift) -> None:
        self.statistics = Statistics()
        self._count_batch = count_batch
        self._count_drift = count_drift
        self._waiting: deque[_Batch] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_due = False

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

    def statistics_of(self, network: Network) -> ModelStatistics:
        """Return the statistics of a network."""
        return self.statistics.setdefault(network, ModelStatistics())

    def add(self, model: Model, forecasts: Forecasts, waits: list[float], seconds: float) -> None:
        """Record a batch of forecasts; from any thread.

        Args:
            model: that forecast.
            forecasts: what it returned.
            waits: seconds that each request has waited, the longest first.
            seconds: duration of the batch.
        """
        runs = [NetworkRun(network, len(forecasts), waits, seconds, seconds) for network in model.networks]
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
        self._count_run(run)

    def _count_run(self, run: NetworkRun) -> None:
        self._count_batch(run.network.metadata.model, run.windows, run.waits[0], run.seconds)

    def count(self) -> None:
        """Count the batches that wait; from any thread."""
        # Set first: a batch that arrives meanwhile is counted now, or schedules the next count.
        self._is_due = False
        drifted: dict[Network, list[_Drift]] = {}
        for batch in self._pop_waiting():
            for run in batch.runs:
                self._count_run(run)
                if batch.windows is not None:
                    drifted.setdefault(run.network, []).append((batch.windows, batch.calibrated))
        for network, waiting in drifted.items():
            for windows, calibrated in _joined(waiting):
                level, spread = network.metadata.training_range.distances(windows).sum(axis=1).tolist()
                self._count_drift(network.metadata.model, len(windows), level, spread, int((~calibrated).sum()))

    def _pop_waiting(self) -> Iterator[_Batch]:
        with suppress(IndexError):
            while True:
                yield self._waiting.popleft()


def _joined(parts: Sequence[_Drift]) -> Iterator[_Drift]:
    """Yield large parts as they are, and small ones as one: copying those costs less than counting each of them."""
    yield from (part for part in parts if len(part[0]) >= _LARGE)
    small = [part for part in parts if len(part[0]) < _LARGE]
    if small:
        windows, calibrated = zip(*small, strict=True)
        yield np.concatenate(windows), np.concatenate(calibrated)
