"""What serves at one moment: the loaded releases, and for each of their networks a lane that work goes through."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Executor
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from forecasting.errors import SeriesError
from forecasting.forecaster import Forecaster
from forecasting.registry import Registry
from forecasting.series import SstSeries
from forecasting.timestep import Floats
from service.batching import Answer, Batcher, Job, Result, Run
from service.metrics import Metrics
from service.statistics import ModelStatistics, Statistics
from service.writing import Json, Wanted, write

SMALL: Final = 64
"""Calls' worth of windows (series × leads) up to which a request is batched; larger ones run apart, in pieces."""

SMALL_VALUES: Final = 20_000
"""The same for values in all: references are fitted to every one of them."""

PIECE: Final = 256
"""Series that a large request is split into, so that several such requests advance side by side."""

Entries = list[Json | SeriesError]
Float32s = npt.NDArray[np.float32]
Returned = TypeVar("Returned")


def is_small(lengths: Sequence[int], horizon: int) -> bool:
    """Whether series of these lengths cost little enough to be forecast on the event loop."""
    return len(lengths) * horizon <= SMALL and sum(lengths) <= SMALL_VALUES


def _pieces(series: Sequence[SstSeries]) -> Iterator[Sequence[SstSeries]]:
    """In order, each of at most :data:`PIECE` series, and :data:`SMALL_VALUES` values unless one alone has more."""
    begin = values = 0
    for i, one in enumerate(series):
        values += len(one)
        if i > begin and (i - begin == PIECE or values > SMALL_VALUES):
            yield series[begin:i]
            begin, values = i, len(one)
    yield series[begin:]


class Lane:
    """The way through one network."""

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
        self._model = forecaster.metadata.model
        # A GPU would leave the event loop idle; a CPU would have to do the same work, and the switch of threads too.
        apart = None if forecaster.device.type == "cpu" else workers
        self._forecasts = Batcher(self._forecast_together, seconds, apart)
        self._inferences = Batcher(self._infer_together, seconds, apart)

    async def forecast(self, series: Sequence[SstSeries], wanted: Wanted) -> Entries:
        """Forecast what follows each of ``series``: its entry in the answer, or what is wrong with it.

        Raises:
            ProblemError: 504 if the network was not free in time.
        """
        return await self._counted(self._forecast(series, wanted))

    def put(self, series: Sequence[SstSeries], wanted: Wanted, answer: Answer[Entries]) -> None:
        """The same for few series, without a task: ``answer`` is told; the statistics are left to it."""
        self._forecasts.put((series, wanted), answer)

    async def _forecast(self, series: Sequence[SstSeries], wanted: Wanted) -> Entries:
        if is_small([len(one) for one in series], wanted.horizon):
            return await self._forecasts.submit((series, wanted))
        entries: Entries = []
        for piece in _pieces(series):
            # One after the other: two threads would hand Python's lock back and forth for one request.
            entries += await self._apart(self._forecast_together, (piece, wanted))
        return entries

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
        return await self._counted(self._infer(windows, seconds))

    async def _infer(self, windows: Float32s, seconds: npt.NDArray[np.float64]) -> Float32s:
        if len(windows) <= SMALL:
            return await self._inferences.submit((windows, seconds))
        pieces = []
        for begin in range(0, len(windows), PIECE):
            rows = slice(begin, begin + PIECE)
            pieces.append(await self._apart(self._infer_together, (windows[rows], seconds[rows])))
        return np.concatenate(pieces)

    async def _apart(self, run: Run[Job, Result], job: Job) -> Result:
        """A job too large for the event loop."""
        (result,) = await asyncio.get_running_loop().run_in_executor(self._workers, run, [job], [0.0])
        return result

    async def _counted(self, work: Awaitable[Returned]) -> Returned:
        begin = time.perf_counter()
        try:
            answer = await work
        except BaseException:
            self.statistics.failed(time.perf_counter() - begin)
            raise
        self.statistics.succeeded(time.perf_counter() - begin)
        return answer

    def _forecast_together(
        self, jobs: Sequence[tuple[Sequence[SstSeries], Wanted]], waits: Sequence[float]
    ) -> list[Entries]:
        begin = time.perf_counter()
        series = [one for many, _ in jobs for one in many]
        asked = [wanted for many, wanted in jobs for _ in many]
        horizons = np.asarray([wanted.horizon for wanted in asked])
        forecasts = self.forecaster.forecast_each(series, horizons, seen=self._count_drift)
        self._count_batch(len(series), waits, time.perf_counter() - begin)
        rows, alike = forecasts.row.tolist(), dict[Wanted, list[int]]()
        for k, i in enumerate(rows):
            alike.setdefault(asked[i], []).append(k)
        done: dict[int, Json | SeriesError] = dict(forecasts.failures)
        for wanted, some in alike.items():
            entries = write(forecasts, some, self.forecaster.metadata.errors, wanted)
            done.update(zip([rows[k] for k in some], entries, strict=True))
        following = iter(range(len(series)))
        return [[done[next(following)] for _ in many] for many, _ in jobs]

    def _infer_together(
        self, jobs: Sequence[tuple[Float32s, npt.NDArray[np.float64]]], waits: Sequence[float]
    ) -> list[Float32s]:
        begin = time.perf_counter()
        windows = np.concatenate([values for values, _ in jobs])
        forecast = self.forecaster.network.infer(windows, np.concatenate([seconds for _, seconds in jobs]))
        self._count_batch(len(windows), waits, time.perf_counter() - begin)
        return np.split(forecast, np.cumsum([len(values) for values, _ in jobs])[:-1])

    def _count_batch(self, windows: int, waits: Sequence[float], seconds: float) -> None:
        self._metrics.batch(self._model, windows, waits[0], seconds)
        self.statistics.batch(windows, waits, seconds)

    def _count_drift(self, windows: Floats, moved: Floats, outside: npt.NDArray[np.bool_]) -> None:
        level, spread = self.forecaster.metadata.training_range.distances(windows, moved)
        self._metrics.drift(self._model, len(windows), float(level.sum()), float(spread.sum()), int(outside.sum()))


class Serving:
    """A request takes one of these at its beginning, and is answered from it whatever is loaded meanwhile."""

    def __init__(
        self, registry: Registry, workers: Executor, seconds: float, metrics: Metrics, statistics: Statistics
    ) -> None:
        """See :class:`Lane`."""
        self.registry = registry
        self._workers = workers
        self._lanes = {one: Lane(one, workers, seconds, metrics, statistics.of(one)) for one in registry.models}

    def lane(self, forecaster: Forecaster) -> Lane:
        """The lane of one of the registry's networks."""
        return self._lanes[forecaster]

    async def apart(self, function: Callable[..., Returned], *arguments: object) -> Returned:
        """What ``function`` returns, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)
