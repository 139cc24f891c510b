"""Counting batches of forecasts for Prometheus, a moment after they have been answered."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Final, NamedTuple

import numpy as np

from forecasting.networks.forecaster import Forecaster
from forecasting.networks.forecasts import Forecasts, Rows
from forecasting.series.times import Bools, Floats

SECONDS: Final = 0.05
"""How long a batch waits to be counted, at most: its requests need not wait for that, and many together cost less."""

CountBatch = Callable[[str, int, float, float], None]
"""As :meth:`~service.telemetry.metrics.Metrics.batch`."""

CountDrift = Callable[[str, int, float, float, int], None]
"""As :meth:`~service.telemetry.metrics.Metrics.drift`."""


class _Batch(NamedTuple):
    """What is counted of a batch; attributes as those of :class:`~forecasting.networks.forecaster.Forecasts`.

    Attributes:
        waits: seconds that each network's requests had waited, the first the longest.
    """

    by_network: Sequence[tuple[Forecaster, Rows, float]]
    windows: Floats
    rms_increment: Floats
    calibrated: Bools
    waits: Mapping[Forecaster, Sequence[float]]


class BatchMetrics:
    """Counts batches: each at once, but within :meth:`on_loop` a moment later."""

    def __init__(self, count_batch: CountBatch, count_drift: CountDrift) -> None:
        self._count_batch = count_batch
        self._count_drift = count_drift
        self._waiting: deque[_Batch] = deque()
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

    def add(self, forecasts: Forecasts, waits: Mapping[Forecaster, Sequence[float]]) -> None:
        """Have a batch counted; from any thread.

        ``waits`` are the seconds that each network's requests had waited, the first the longest.
        """
        # No more than is counted is held meanwhile.
        self._waiting.append(
            _Batch(forecasts.by_network, forecasts.windows, forecasts.rms_increment, forecasts.calibrated, waits)
        )
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
        drifted: dict[Forecaster, list[tuple[Floats, Floats, Bools]]] = {}
        for batch in self._taken():
            for network, rows, seconds in batch.by_network:
                own = batch.windows[rows]
                self._count_batch(network.metadata.model, len(own), batch.waits[network][0], seconds)
                drifted.setdefault(network, []).append((own, batch.rms_increment[rows], batch.calibrated[rows]))
        for network, parts in drifted.items():
            windows, rms_increment, calibrated = (np.concatenate(some) for some in zip(*parts, strict=True))
            level, spread = network.metadata.training_range.distances(windows, rms_increment).sum(axis=1).tolist()
            self._count_drift(network.metadata.model, len(windows), level, spread, int((~calibrated).sum()))

    def _taken(self) -> Iterator[_Batch]:
        with suppress(IndexError):
            while True:
                yield self._waiting.popleft()
