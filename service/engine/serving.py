"""The loaded releases that serve at one moment, and where the work for their networks runs."""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.network import UniversalForecaster
from forecasting.releases.registry import Registry
from forecasting.releases.selection import Selection
from forecasting.series.by_step import SeriesByStep
from service.engine.forecasting import PIECE, SMALL, SMALL_VALUES, Column, Job, forecast_jobs, timed
from service.engine.universal.runner import UniversalRunner
from service.telemetry.metrics import Metrics
from service.telemetry.spans import INFERENCE
from service.telemetry.statistics import NetworkRun, counted
from service.worker.batches import Batches
from service.worker.json_bodies import LARGE_BYTES, Body, read_json
from service.worker.threads import Returned, Worker

Float32s = npt.NDArray[np.float32]


class ModelRunner:
    """Runs one network on bare windows, as the Open Inference Protocol sends them. Small requests share a batch."""

    def __init__(self, forecaster: Forecaster, worker: Worker, seconds: float, metrics: Metrics) -> None:
        """Wire a runner.

        Args:
            forecaster: the network.
            worker: runs what is too large for the event loop.
            seconds: how long a request may wait.
            metrics: records each run.
        """
        self.statistics = metrics.batches.statistics_of(forecaster)
        self._worker = worker
        # Not a method, which would refer back to the runner: only a garbage collection could free the network then.
        self._infer_together = partial(_infer_together, forecaster, metrics)
        self._batches = Batches(self._infer_together, seconds, _executor_of(forecaster, worker))

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

    def __init__(self, registry: Registry, worker: Worker, seconds: float, metrics: Metrics) -> None:
        """Serve the networks of ``registry``; the other arguments are those of :class:`ModelRunner`."""
        self.registry = registry
        self._metrics = metrics
        self._selected: dict[tuple[str, str | None], Selection] = {}
        self._worker = worker
        self._runners = {network: ModelRunner(network, worker, seconds, metrics) for network in registry.models}
        self._universal_runners = {
            network: UniversalRunner(network, worker, metrics)
            for loaded in registry.universal.by_dataset.values()
            for network in loaded.networks.networks.values()
        }
        # Only jobs of quick models are batched.
        self._run = partial(forecast_jobs, metrics=metrics)
        self._batches = Batches(self._run, seconds, None, lambda job: job.weight, SMALL_VALUES)

    def select(self, model: str, dataset: str | None) -> Selection:
        """Return the models that ``model`` refers to within ``dataset``.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        selected = self._selected.get((model, dataset))
        if selected is None:
            # Only valid names are kept, and there are few of them.
            selected = self._selected[model, dataset] = self.registry.select(model, dataset)
        return selected

    def resolve(self, model: str, dataset: str | None) -> list[Forecaster]:
        """Return the networks of a place that ``model`` refers to within ``dataset``.

        Raises:
            UnknownNameError: if there is no such model or dataset.
            RequestError: if a full name contradicts ``dataset``.
        """
        _, networks = self.registry.resolve(model, dataset)
        return networks

    def runner(self, forecaster: Forecaster) -> ModelRunner:
        """Return the runner of one of the registry's networks."""
        return self._runners[forecaster]

    def universal_runner(self, network: UniversalForecaster) -> UniversalRunner:
        """Return the runner of one of the registry's universal networks."""
        return self._universal_runners[network]

    async def forecast(self, job: Job) -> list[Column]:
        """Return the columns of a small job, batched with others.

        Raises:
            ProblemError: 504 if its turn did not come in time.
        """
        return await self._counted(self._batches.submit(job), job)

    async def forecast_pieces(self, job: Job, on_columns: Callable[[list[Column]], None]) -> None:
        """Call ``on_columns`` with the columns of some series at a time, in order, in a worker thread."""
        await self._counted(self._forecast_pieces(job, on_columns), job)

    def forecast_columns(self, job: Job, series: SeriesByStep) -> list[Forecasts]:
        """Return the forecasts of each column for series that were read. Call it in a worker thread."""
        return job.selection.forecast(series, job.options.forecast, timed(self._metrics, [0.0]))

    async def run_in_worker(self, function: Callable[..., Returned], *arguments: object, span: str = "") -> Returned:
        """Call ``function`` in a worker thread, and return its result; ``span`` is its name in traces."""
        return await self._worker.run(function, *arguments, span=span)

    async def read_json(self, model: type[Body], content: bytes, max_series: int, max_bytes: int) -> Body:
        """Read a JSON body as :func:`~service.worker.json_bodies.read_json` does, a large one in a worker thread."""
        if len(content) <= LARGE_BYTES:
            return read_json(model, content, max_series, max_bytes)
        return await self.run_in_worker(read_json, model, content, max_series, max_bytes)

    async def _forecast_pieces(self, job: Job, on_columns: Callable[[list[Column]], None]) -> None:
        def run(piece: Job) -> None:
            on_columns(self._run([piece], [0.0])[0])

        for piece in job.pieces():
            # One after the other: for one request, two threads would only pass Python's lock back and forth.
            await self.run_in_worker(run, piece, span=INFERENCE)

    async def _counted(self, work: Awaitable[Returned], job: Job) -> Returned:
        networks = dict.fromkeys(network for model in job.selection.named for network in model.networks)
        return await counted(work, [self._metrics.batches.statistics_of(network) for network in networks])


def _executor_of(forecaster: Forecaster, worker: Worker) -> Worker | None:
    """Return where batches run: None is the event loop. For a GPU it is ``worker``, since the loop would only wait."""
    return None if forecaster.device.type == "cpu" else worker
