"""The loaded releases that serve at one moment, where their networks run, and whether the process accepts work."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from http import HTTPStatus

from opentelemetry.trace import Tracer

from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.place.forecaster import Forecaster
from forecasting.models.universal.network import UniversalForecaster
from forecasting.releases.catalog import Catalog, Selection
from forecasting.series.batch import SeriesByStep
from service.engine.forecasting import SMALL_VALUES, Column, Job, forecast_jobs, timed
from service.engine.inference import ModelRunner, UniversalRunner
from service.http.problems import ProblemError
from service.telemetry.batch_metrics import NetworkStatistics, counted
from service.telemetry.metrics import Metrics
from service.telemetry.tracing import INFERENCE
from service.worker.batches import Batches
from service.worker.json_bodies import LARGE_BYTES, Body, read_json
from service.worker.threads import Worker


class Serving:
    """What one request is answered from, from its beginning to its end, whatever is loaded meanwhile."""

    def __init__(self, catalog: Catalog, worker: Worker, seconds: float, metrics: Metrics) -> None:
        """Serve the networks of ``catalog``; the other arguments are those of :class:`ModelRunner`."""
        self.catalog, self.worker = catalog, worker
        self._metrics = metrics
        self._selected: dict[tuple[str, str | None], Selection] = {}
        self._statistics: dict[Selection, Sequence[NetworkStatistics]] = {}
        self._runners = {network: ModelRunner(network, worker, seconds, metrics) for network in catalog.models}
        self._universal_runners = {
            network: UniversalRunner(network, worker, metrics)
            for release in catalog.universal.values()
            for network in release.networks.values()
        }
        # Only jobs of quick models are batched.
        self._run = partial(forecast_jobs, metrics=metrics)
        self._batches = Batches(self._run, seconds, None, lambda job: job.weight, SMALL_VALUES)

    def select(self, model: str, dataset: str | None) -> Selection:
        """Return the models that ``model`` refers to within ``dataset``."""
        selected = self._selected.get((model, dataset))
        if selected is None:
            # Only valid names are kept, and there are few of them.
            selected = self._selected[model, dataset] = self.catalog.select(model, dataset)
        return selected

    def runner(self, forecaster: Forecaster) -> ModelRunner:
        """Return the runner of one of the catalog's networks."""
        return self._runners[forecaster]

    def universal_runner(self, network: UniversalForecaster) -> UniversalRunner:
        """Return the runner of one of the catalog's universal networks."""
        return self._universal_runners[network]

    async def forecast(self, job: Job, on_columns: Callable[[list[Column]], None]) -> None:
        """Call ``on_columns`` with the columns of some series at a time, in order.

        A small job is batched with others. Of a large one, each piece is forecast and passed on in a worker thread.
        """

        def run(part: slice) -> None:
            on_columns(self._run([replace(job, series=job.series[part])], [0.0])[0])

        if not job.is_small:
            return await self.forecast_parts(job, job.lengths(), run)
        with counted(self._statistics_of(job.selection)):
            return on_columns(await self._batches.submit(job))

    async def forecast_parts(self, job: Job, lengths: Sequence[int], run: Callable[[slice], None]) -> None:
        """Call ``run`` in a worker thread for each part of series with so many values, in order."""
        with counted(self._statistics_of(job.selection)):
            # One after the other: for one request, two threads would only pass Python's lock back and forth.
            for part in job.parts(lengths):
                await self.worker.run(run, part, span=INFERENCE)

    def forecast_columns(self, job: Job, series: SeriesByStep) -> list[Forecasts]:
        """Return the forecasts of each column for series that were read. Call it in a worker thread."""
        return job.selection.forecast(series, job.options.forecast, timed(self._metrics, [0.0]))

    async def read_json(self, model: type[Body], content: bytes, max_series: int, max_bytes: int) -> Body:
        """Read a JSON body as :func:`~service.worker.json_bodies.read_json` does, a large one in a worker thread."""
        if len(content) <= LARGE_BYTES:
            return read_json(model, content, max_series, max_bytes)
        return await self.worker.run(read_json, model, content, max_series, max_bytes)

    def _statistics_of(self, selection: Selection) -> Sequence[NetworkStatistics]:
        """Return the statistics of the networks that a request names."""
        known = self._statistics.get(selection)
        if known is None:
            networks = dict.fromkeys(network for model in selection.named for network in model.networks)
            known = self._statistics[selection] = [self._metrics.batches.statistics_of(each) for each in networks]
        return known


@dataclass
class Lifecycle:
    """The state of a process."""

    serving: Serving | None = None
    withdrawn: set[str] = field(default_factory=set)
    draining: bool = False
    until: float = 0.0
    tracer: Tracer | None = None

    def ready(self) -> Serving:
        """Return the loaded models."""
        if self.serving is None:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the models are still loading; try again in a second",
                headers={"Retry-After": "1"},
                reason="not_ready",
            )
        return self.serving
