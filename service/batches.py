"""Counting batches of forecasts for Prometheus, a moment after they have been answered."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final

import numpy as np

from forecasting.forecast import Forecasts
from forecasting.forecaster import Forecaster

SECONDS: Final = 0.05
"""How long a batch waits to be counted, at most: its requests need not wait for that, and many together cost less."""

Batch = tuple[Forecasts, Mapping[Forecaster, Sequence[float]]]
"""What was forecast, and by network the seconds that its requests had waited, the first the longest."""

CountBatch = Callable[[str, int, float, float], None]
"""As :meth:`~service.metrics.Metrics.batch`."""

CountDrift = Callable[[str, int, float, float, int], None]
"""As :meth:`~service.metrics.Metrics.drift`."""


class Batches:
    """Those that are yet to be counted: none, but within :meth:`on_loop`."""

    def __init__(self, count_batch: CountBatch, count_drift: CountDrift) -> None:
        self._count_batch = count_batch
        self._count_drift = count_drift
        self._waiting: deque[Batch] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_due = False

    @contextmanager
    def on_loop(self) -> Iterator[None]:
        """Have the running loop count, while this lasts, and at its end whatever waits."""
        self._loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            self._loop = None
            self.count()

    def add(self, batch: Batch) -> None:
        """Have a batch counted; from any thread."""
        self._waiting.append(batch)
        loop = self._loop
        if loop is None:
            self.count()
        elif not self._is_due:
            self._is_due = True
            loop.call_soon_threadsafe(loop.call_later, SECONDS, self.count)

    def count(self) -> None:
        """Count those that wait; in any thread."""
        # First, so that a batch which comes meanwhile is counted now or has itself counted later.
        self._is_due = False
        by_network: dict[Forecaster, list[tuple[Forecasts, slice | list[int]]]] = {}
        for forecasts, waits in self._taken():
            for network, rows, seconds in forecasts.by_network:
                n = len(forecasts) if isinstance(rows, slice) else len(rows)
                self._count_batch(network.metadata.model, n, waits[network][0], seconds)
                by_network.setdefault(network, []).append((forecasts, rows))
        for network, some in by_network.items():
            windows = np.concatenate([one.windows[rows] for one, rows in some])
            activity = np.concatenate([one.activity[rows] for one, rows in some])
            outside = np.concatenate([~one.calibrated[rows] for one, rows in some])
            level, spread = network.metadata.training_range.distances(windows, activity).sum(axis=1).tolist()
            self._count_drift(network.metadata.model, len(windows), level, spread, int(outside.sum()))

    def _taken(self) -> Iterator[Batch]:
        with suppress(IndexError):
            while True:
                yield self._waiting.popleft()
