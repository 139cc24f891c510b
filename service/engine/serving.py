"""What serves at one moment: the loaded releases, and where work for their networks runs."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.networks.forecaster import Forecaster
from forecasting.releases.registry import Registry
from service.engine.batch_forecaster import BatchForecaster, Entries, ForecastJob
from service.engine.batching import Batcher, ResultSink
from service.engine.statistics import ModelStatistics, Statistics
from service.telemetry.metrics import Metrics

SMALL: Final = 64
"""Calls' worth of windows (series × networks × leads) up to which a request is batched; larger ones run apart."""

SMALL_VALUES: Final = 20_000
"""The same for values in all, once a network: references are fitted to every one. A batch holds no more either."""

PIECE: Final = 512
"""Windows that a large request is split into, so that several such requests advance side by side."""

Float32s = npt.NDArray[np.float32]
Returned = TypeVar("Returned")


def is_small(job: ForecastJob) -> bool:
    """Whether a request costs little enough to be answered on the event loop."""
    windows = len(job.series) * len(job.forecasters) * job.options.horizon
    return windows <= SMALL and job.steps <= SMALL_VALUES


class ModelRunner:
    """Runs one network on bare windows, as the Open Inference Protocol sends them: small requests in one batch."""

    def __init__(
        self,
        forecaster: Forecaster,
        workers: Executor,
        seconds: float,
        metrics: Metrics,
        statistics: ModelStatistics,
    ) -> None:
        """``workers`` run what is too large for the event loop; ``seconds`` is how long a request may wait."""
        self.forecaster = forecaster
        self.statistics = statistics
        self._workers = workers
        self._metrics = metrics
        self._batcher = Batcher(self._infer_together, seconds, _apart(forecaster, workers))

    async def infer(self, windows: Float32s, seconds: npt.NDArray[np.float64]) -> Float32s:
        """Run the network itself.

        Args:
            windows: °C, ``(n, window)``, finite.
            seconds: valid times, Unix seconds ``(n,)``.

        Returns:
            °C, ``(n,)``.

        Raises:
            ProblemError: 504 if the network was not free in time.
        """
        return await _counted(self._infer(windows, seconds), [self.statistics])

    async def _infer(self, windows: Float32s, seconds: npt.NDArray[np.float64]) -> Float32s:
        if len(windows) <= SMALL:
            return await self._batcher.submit((windows, seconds))
        loop, pieces = asyncio.get_running_loop(), list[Float32s]()
        for begin in range(0, len(windows), PIECE):
            rows = slice(begin, begin + PIECE)
            piece = [(windows[rows], seconds[rows])]
            pieces += await loop.run_in_executor(self._workers, self._infer_together, piece, [0.0])
        return np.concatenate(pieces)

    def _infer_together(
        self, jobs: Sequence[tuple[Float32s, npt.NDArray[np.float64]]], waits: Sequence[float]
    ) -> list[Float32s]:
        begin = time.perf_counter()
        windows = np.concatenate([values for values, _ in jobs])
        forecast = self.forecaster.network.infer(windows, np.concatenate([seconds for _, seconds in jobs]))
        seconds = time.perf_counter() - begin
        self._metrics.batch(self.forecaster.metadata.model, len(windows), waits[0], seconds)
        self.statistics.batch(len(windows), waits, seconds)
        return np.split(forecast, np.cumsum([len(values) for values, _ in jobs])[:-1])


class Serving:
    """A request takes one of these at its beginning, and is answered from it whatever is loaded meanwhile."""

    def __init__(
        self, registry: Registry, workers: Executor, seconds: float, metrics: Metrics, statistics: Statistics
    ) -> None:
        """Arguments as :class:`ModelRunner` has them; ``statistics`` of all networks that have been loaded."""
        self.registry = registry
        self.statistics = {one: statistics.setdefault(one, ModelStatistics()) for one in registry.models}
        self._resolved: dict[tuple[str, str | None], list[Forecaster]] = {}
        self._workers = workers
        self._runners = {one: ModelRunner(one, workers, seconds, metrics, own) for one, own in self.statistics.items()}
        self._batch_forecaster = BatchForecaster(self.statistics, metrics)
        apart = _apart(registry.models[0], workers) if registry.models else None
        self._batcher = Batcher(self._batch_forecaster.run, seconds, apart, lambda job: job.steps, SMALL_VALUES)

    def resolve(self, model: str, dataset: str | None) -> list[Forecaster]:
        """The networks that ``model`` means within ``dataset``.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        found = self._resolved.get((model, dataset))
        if found is None:
            # Only names that mean something are kept, of which there are few.
            _, found = self.registry.resolve(model, dataset)
            self._resolved[model, dataset] = found
        return found

    def runner(self, forecaster: Forecaster) -> ModelRunner:
        """What runs one of the registry's networks."""
        return self._runners[forecaster]

    async def forecast(self, job: ForecastJob) -> list[Entries]:
        """The entries of the answer by each network that is asked; its own networks are counted.

        Raises:
            ProblemError: 504 if its turn did not come in time.
        """
        if is_small(job):
            return await self._counted(self._batcher.submit(job), job)
        found: list[Entries] = [[] for _ in job.forecasters]

        def keep(piece: list[Entries]) -> None:
            for entries, more in zip(found, piece, strict=True):
                entries += more

        await self.forecast_pieces(job, keep)
        return found

    async def forecast_pieces(self, job: ForecastJob, take: Callable[[list[Entries]], None]) -> None:
        """The same for a large request: ``take`` gets some of the entries at a time, in order, off the event loop."""
        await self._counted(self._forecast_pieces(job, take), job)

    def enqueue(self, job: ForecastJob, answer: ResultSink[list[Entries]]) -> None:
        """The same for a small request, without a task: ``answer`` is told, and has to count."""
        self._batcher.enqueue(job, answer)

    async def run_in_worker(self, function: Callable[..., Returned], *arguments: object) -> Returned:
        """What ``function`` returns, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)

    async def _forecast_pieces(self, job: ForecastJob, take: Callable[[list[Entries]], None]) -> None:
        def run(piece: ForecastJob) -> None:
            take(self._batch_forecaster.run([piece], [0.0])[0])

        for piece in job.pieces(PIECE, SMALL_VALUES):
            # One after the other: two threads would hand Python's lock back and forth for one request.
            await self.run_in_worker(run, piece)

    async def _counted(self, work: Awaitable[Returned], job: ForecastJob) -> Returned:
        return await _counted(work, [self.statistics[one] for one in job.forecasters])


def _apart(forecaster: Forecaster, workers: Executor) -> Executor | None:
    """Where batches run: a GPU would leave the event loop idle; a CPU has the same work to do, and none to wait for."""
    return None if forecaster.device.type == "cpu" else workers


async def _counted(work: Awaitable[Returned], statistics: Sequence[ModelStatistics]) -> Returned:
    begin = time.perf_counter()
    try:
        answer = await work
    except BaseException:
        for one in statistics:
            one.failed(time.perf_counter() - begin)
        raise
    for one in statistics:
        one.succeeded(time.perf_counter() - begin)
    return answer
