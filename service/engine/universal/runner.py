"""Runs universal networks on bare windows, as the Open Inference Protocol sends them."""

import time
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.models.universal.network import UniversalForecaster
from forecasting.series.times import SECONDS, Floats, unix_seconds
from service.telemetry.metrics import Metrics
from service.telemetry.spans import INFERENCE
from service.telemetry.statistics import NetworkRun, counted
from service.worker.threads import Worker

_PIECE: Final = 128
"""Windows of a large request that are forecast at once."""

Float64s = npt.NDArray[np.float64]


class UniversalRunner:
    """Runs one universal network in worker threads."""

    def __init__(self, network: UniversalForecaster, worker: Worker, metrics: Metrics) -> None:
        """Run ``network`` in ``worker``, and record each run in ``metrics``."""
        self.network = network
        self.statistics = metrics.batches.statistics_of(network)
        self._worker = worker
        self._metrics = metrics

    async def infer(self, windows: Floats, seconds: Float64s, latitudes: Float64s, longitudes: Float64s) -> Floats:
        """Forecast all leads after each window.

        Args:
            windows: °C, ``(n, window)``, NaN where missing; the last value must not be missing.
            seconds: Unix seconds of the step after each window, ``(n,)``.
            latitudes: degrees north, ``(n,)``; NaN without a position.
            longitudes: degrees east, ``(n,)``; NaN without a position.

        Returns:
            The mean, then the quantiles, °C, ``(n, horizon, 1 + levels)``.
        """
        work = self._worker.run(self._infer, windows, seconds, latitudes, longitudes, span=INFERENCE)
        return await counted(work, [self.statistics])

    def _infer(self, windows: Floats, seconds: Float64s, latitudes: Float64s, longitudes: Float64s) -> Floats:
        coefficients = np.full((len(windows), COEFFICIENTS), np.nan, dtype=np.float32)
        placed = np.isfinite(latitudes)
        if placed.any():
            coefficients[placed] = GlobalClimatology.load().coefficients(latitudes[placed], longitudes[placed])
        last = unix_seconds(self.network.step.shift(np.rint(seconds).astype(np.int64).view(SECONDS), -1))
        pieces = []
        for begin in range(0, len(windows), _PIECE):
            rows = slice(begin, begin + _PIECE)
            start = time.perf_counter()
            pieces.append(self.network.predict(windows[rows], last[rows], coefficients[rows]))
            duration = time.perf_counter() - start
            self._metrics.batches.add_run(NetworkRun(self.network, len(pieces[-1]), [0.0], duration, duration))
        return np.concatenate(pieces)
