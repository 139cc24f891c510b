"""Runs networks on bare windows, as the Open Inference Protocol sends them."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.annual_cycle import COEFFICIENTS
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.network import UniversalForecaster
from forecasting.series.times import SECONDS, Floats, unix_seconds
from service.engine.forecasting import PIECE, SMALL
from service.telemetry.batch_metrics import NetworkRun, counted
from service.telemetry.metrics import Metrics
from service.telemetry.tracing import INFERENCE
from service.worker.batches import Batches
from service.worker.threads import Worker

Float32s = npt.NDArray[np.float32]
_PIECE: Final = 128
"""Windows of a large request that are forecast at once."""


class ModelRunner:
    """Runs one network on bare windows, as the Open Inference Protocol sends them. Small requests share a batch."""

    def __init__(self, forecaster: Forecaster, worker: Worker, seconds: float, metrics: Metrics) -> None:
        """Wire a runner."""
        self.statistics = metrics.batches.statistics_of(forecaster)
        self._worker = worker
        # Not a method, which would refer back to the runner: only a garbage collection could free the network then.
        self._infer_together = partial(_infer_together, forecaster, metrics)
        # A GPU works while a thread waits for it. On a processor, the event loop itself runs the batches.
        executor = None if forecaster.device.type == "cpu" else worker
        self._batches = Batches(self._infer_together, seconds, executor)

    async def infer(self, windows: Float32s, seconds: Floats) -> Float32s:
        """Run the network itself."""
        with counted([self.statistics]):
            if len(windows) <= SMALL:
                return await self._batches.submit((windows, seconds))
            pieces = list[Float32s]()
            for begin in range(0, len(windows), PIECE):
                rows = slice(begin, begin + PIECE)
                piece = [(windows[rows], seconds[rows])]
                pieces += await self._worker.run(self._infer_together, piece, [0.0], span=INFERENCE)
            return np.concatenate(pieces)


def _infer_together(
    forecaster: Forecaster,
    metrics: Metrics,
    jobs: Sequence[tuple[Float32s, Floats]],
    waits: Sequence[float],
) -> list[Float32s]:
    """Run the network once on the windows and valid times of all ``jobs``."""
    begin = time.perf_counter()
    windows = np.concatenate([values for values, _ in jobs])
    forecast = forecaster.network.infer(windows, np.concatenate([seconds for _, seconds in jobs]))
    seconds = time.perf_counter() - begin
    metrics.batches.add_run(NetworkRun(forecaster, len(windows), waits, seconds))
    return np.split(forecast, np.cumsum([len(values) for values, _ in jobs])[:-1])


class UniversalRunner:
    """Runs one universal network in worker threads."""

    def __init__(self, network: UniversalForecaster, worker: Worker, metrics: Metrics) -> None:
        """Run ``network`` in ``worker``, and record each run in ``metrics``."""
        self.network = network
        self.statistics = metrics.batches.statistics_of(network)
        self._worker = worker
        self._metrics = metrics

    async def infer(self, windows: Floats, seconds: Floats, latitudes: Floats, longitudes: Floats) -> Floats:
        """Forecast all leads after each window."""
        with counted([self.statistics]):
            return await self._worker.run(self._infer, windows, seconds, latitudes, longitudes, span=INFERENCE)

    def _infer(self, windows: Floats, seconds: Floats, latitudes: Floats, longitudes: Floats) -> Floats:
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
            self._metrics.batches.add_run(NetworkRun(self.network, len(pieces[-1]), [0.0], duration))
        return np.concatenate(pieces)
