"""The loaded releases that serve at one moment, and where the work for their networks runs."""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.networks.forecaster import Forecaster
from forecasting.networks.metadata import CELLS
from forecasting.releases.registry import ALL, BEST, Registry
from forecasting.series.timestep import TimeStep
from forecasting.universal.network.forecaster import UniversalForecaster
from service.engine.batch_forecaster import BatchForecaster, Entries, ForecastJob
from service.engine.batching import Batcher, ResultSink
from service.engine.columns.column_forecasts import ColumnForecasts
from service.engine.columns.column_job import ColumnJob
from service.engine.columns.place_columns import PlaceColumns
from service.engine.columns.series_columns import SeriesColumns
from service.engine.columns.universal_columns import UniversalColumns
from service.engine.event_forecaster import EventForecaster
from service.engine.running import Returned, Threads, counted, run_in
from service.engine.universal.entries import UniversalEntries
from service.engine.universal.forecaster import PIECE_SERIES, PIECE_VALUES, UniversalBatchForecaster
from service.engine.universal.job import UniversalJob, UniversalModels
from service.engine.universal.runner import UniversalRunner
from service.http.bodies import read_json
from service.http.large_json import LARGE_BYTES, Body
from service.telemetry.metrics import Metrics
from service.telemetry.spans import INFERENCE
from service.telemetry.statistics import NetworkRun

SMALL: Final = 64
"""Windows (series × networks × leads) up to which a request is batched. Larger requests run in worker threads."""

SMALL_VALUES: Final = 20_000
"""Values (once for each network) up to which a request is batched, since references are fitted to all of them.

A batch holds no more values than this, either.
"""

PIECE: Final = 512
"""Windows in each piece of a large request, so that several large requests advance side by side."""

Float32s = npt.NDArray[np.float32]


def is_small(job: ForecastJob) -> bool:
    """Whether a request is small enough to be answered on the event loop."""
    windows = len(job.series) * len(job.forecasters) * job.options.horizon
    return windows <= SMALL and job.steps <= SMALL_VALUES and job.options.events is None


class ModelRunner:
    """Runs one network on bare windows, as the Open Inference Protocol sends them. Small requests share a batch."""

    def __init__(
        self,
        forecaster: Forecaster,
        workers: Threads,
        seconds: float,
        metrics: Metrics,
    ) -> None:
        """Wire a runner.

        Args:
            forecaster: the network.
            workers: run what is too large for the event loop.
            seconds: how long a request may wait.
            metrics: records each run.
        """
        self.statistics = metrics.batches.statistics_of(forecaster)
        self._workers = workers
        # Not a method, which would refer back to the runner: only a garbage collection could free the network then.
        self._infer_together = partial(_infer_together, forecaster, metrics)
        self._batcher = Batcher(self._infer_together, seconds, _executor_of(forecaster, workers))

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
        return await counted(self._infer(windows, seconds), [self.statistics])

    async def _infer(self, windows: Float32s, seconds: npt.NDArray[np.float64]) -> Float32s:
        if len(windows) <= SMALL:
            return await self._batcher.submit((windows, seconds))
        pieces = list[Float32s]()
        for begin in range(0, len(windows), PIECE):
            rows = slice(begin, begin + PIECE)
            piece = [(windows[rows], seconds[rows])]
            pieces += await run_in(self._workers, self._infer_together, piece, [0.0], span=INFERENCE)
        return np.concatenate(pieces)


def _infer_together(
    forecaster: Forecaster,
    metrics: Metrics,
    jobs: Sequence[tuple[Float32s, npt.NDArray[np.float64]]],
    waits: Sequence[float],
) -> list[Float32s]:
    """Run the network once on the windows and valid times of all ``jobs``."""
    begin = time.perf_counter()
    windows = np.concatenate([values for values, _ in jobs])
    forecast = forecaster.network.infer(windows, np.concatenate([seconds for _, seconds in jobs]))
    seconds = time.perf_counter() - begin
    metrics.batches.add_run(NetworkRun(forecaster, len(windows), [*waits], seconds, seconds))
    return np.split(forecast, np.cumsum([len(values) for values, _ in jobs])[:-1])


class Serving:
    """What one request is answered from, from its beginning to its end, whatever is loaded meanwhile."""

    def __init__(self, registry: Registry, workers: Threads, seconds: float, metrics: Metrics) -> None:
        """Serve the networks of ``registry``; the other arguments are those of :class:`ModelRunner`."""
        self.registry = registry
        self.statistics = {network: metrics.batches.statistics_of(network) for network in registry.models}
        self._selected: dict[tuple[str, str | None], list[Forecaster] | UniversalModels] = {}
        self._workers = workers
        self._runners = {network: ModelRunner(network, workers, seconds, metrics) for network in registry.models}
        self._universal_runners = {
            network: UniversalRunner(network, workers, metrics)
            for loaded in registry.universal.by_dataset.values()
            for network in loaded.networks.networks.values()
        }
        self._batch_forecaster = BatchForecaster(registry.models, metrics, registry.universal)
        self._event_forecaster = EventForecaster(metrics, registry.universal)
        self._universal_forecaster = UniversalBatchForecaster(metrics)
        self._place_columns = PlaceColumns(metrics, registry.universal)
        self._universal_columns = UniversalColumns(self._universal_forecaster)
        self._places = {name: TimeStep.parse(loaded.report.step) for name, loaded in registry.releases.items()}
        executor = _executor_of(registry.models[0], workers) if registry.models else None
        self._batcher = Batcher(self._batch_forecaster.run, seconds, executor, lambda job: job.steps, SMALL_VALUES)

    def select(self, model: str, dataset: str | None) -> list[Forecaster] | UniversalModels:
        """Return the networks that ``model`` refers to within ``dataset``: those of a place, or universal ones.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        selected = self._selected.get((model, dataset))
        if selected is None:
            selected = self.universal(model, dataset) or self.resolve(model, dataset)
            # Only valid names are kept, and there are few of them.
            self._selected[model, dataset] = selected
        return selected

    def resolve(self, model: str, dataset: str | None) -> list[Forecaster]:
        """Return the networks of a place that ``model`` refers to within ``dataset``.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        _, networks = self.registry.resolve(model, dataset)
        return networks

    def universal(self, model: str, dataset: str | None) -> UniversalModels | None:
        """Return the universal networks that ``model`` refers to within ``dataset``; None if it is a place's model.

        Without a dataset or a full name, the step of each series chooses the release.

        Raises:
            UnknownNameError: if a universal release has no such model.
            RequestError: if a full name contradicts ``dataset``.
        """
        releases = self.registry.universal
        chosen = self.registry.find_universal(model, dataset)
        if chosen is not None:
            return UniversalModels(releases, self._places, *chosen)
        if not dataset and model in (BEST, ALL, *CELLS):
            return UniversalModels(releases, self._places, None, model)
        return None

    def runner(self, forecaster: Forecaster) -> ModelRunner:
        """Return the runner of one of the registry's networks."""
        return self._runners[forecaster]

    def universal_runner(self, network: UniversalForecaster) -> UniversalRunner:
        """Return the runner of one of the registry's universal networks."""
        return self._universal_runners[network]

    async def forecast(self, job: ForecastJob) -> list[Entries]:
        """Return the entries of the answer, in a list for each network of ``job``.

        Raises:
            ProblemError: 504 if its turn did not come in time.
        """
        if is_small(job):
            return await self._counted(self._batcher.submit(job), job)
        results: list[Entries] = [[] for _ in job.forecasters]

        def keep(piece: list[Entries]) -> None:
            for entries, more in zip(results, piece, strict=True):
                entries += more

        await self.forecast_pieces(job, keep)
        return results

    async def forecast_pieces(self, job: ForecastJob, on_entries: Callable[[list[Entries]], None]) -> None:
        """Forecast a large request: call ``on_entries`` with some entries at a time, in order, in a worker thread."""
        await self._counted(self._forecast_pieces(job, on_entries), job)

    async def forecast_universal(self, job: UniversalJob, on_entries: Callable[[list[UniversalEntries]], None]) -> None:
        """Call ``on_entries`` with the entries of some series at a time, in order, in a worker thread."""

        def run(piece: UniversalJob) -> None:
            on_entries(self._universal_forecaster.run(piece))

        size = (
            PIECE_SERIES if job.options.events is None else job.options.events.piece(PIECE_SERIES, job.options.horizon)
        )
        for piece in job.pieces(size, PIECE_VALUES):
            await self.run_in_worker(run, piece, span=INFERENCE)

    def forecast_columns(self, job: ColumnJob, columns: SeriesColumns) -> list[ColumnForecasts]:
        """Return the forecasts of each network of ``job``. Call it in a worker thread."""
        if job.universal is not None:
            return self._universal_columns.run(job.universal, columns)
        return self._place_columns.run(job.forecasters, columns, job.options)

    def enqueue(self, job: ForecastJob, answer: ResultSink[list[Entries]]) -> None:
        """Forecast a small request without a task: ``answer`` gets the result, and has to count the request."""
        self._batcher.enqueue(job, answer)

    async def run_in_worker(self, function: Callable[..., Returned], *arguments: object, span: str = "") -> Returned:
        """Call ``function`` in a worker thread, and return its result; ``span`` is its name in traces."""
        return await run_in(self._workers, function, *arguments, span=span)

    async def read_json(self, model: type[Body], content: bytes, max_series: int, max_bytes: int) -> Body:
        """Read a JSON body as :func:`~service.http.bodies.read_json` does, a large one in a worker thread."""
        if len(content) <= LARGE_BYTES:
            return read_json(model, content, max_series, max_bytes)
        return await self.run_in_worker(read_json, model, content, max_series, max_bytes)

    async def _forecast_pieces(self, job: ForecastJob, on_entries: Callable[[list[Entries]], None]) -> None:
        events = job.options.events

        def run(piece: ForecastJob) -> None:
            if events is None:
                on_entries(self._batch_forecaster.run([piece], [0.0])[0])
            else:
                on_entries(self._event_forecaster.run(piece))

        size = PIECE if events is None else events.piece(PIECE, job.options.horizon)
        for piece in job.pieces(size, SMALL_VALUES):
            # One after the other: for one request, two threads would only pass Python's lock back and forth.
            await self.run_in_worker(run, piece, span=INFERENCE)

    async def _counted(self, work: Awaitable[Returned], job: ForecastJob) -> Returned:
        return await counted(work, [self.statistics[network] for network in job.forecasters])


def _executor_of(forecaster: Forecaster, workers: Threads) -> Threads | None:
    """Return where batches run: None is the event loop. For a GPU it is ``workers``, since the loop would only wait."""
    return None if forecaster.device.type == "cpu" else workers
