"""The metrics for Prometheus: counts and durations of this process, or of all workers if there are several.

No label ever contains a client's string: a route, method, model or reason that is not known from the start counts as
``other``.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Metric,
    ProcessCollector,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.registry import Collector

from forecasting.releases.catalog import Catalog
from service.telemetry.batch_metrics import BatchMetrics
from service.telemetry.instruments import METHODS, OTHER, OUTCOMES, REASONS, Instruments, ModelInfo, Outcome, Reason
from service.telemetry.station_metrics import StationMetrics

Observe = Callable[[float], None]


def loaded_models(catalog: Catalog) -> list[ModelInfo]:
    """Return the labels of each network of ``catalog``, for :meth:`Metrics.models`."""
    return [
        ModelInfo(
            model=f"{release.dataset}-{cell}",
            version=release.version,
            cell=cell,
            dataset=release.dataset,
            device=str(release.device),
            sha256=release.sha256(cell)[:12],
        )
        for release in catalog.releases.values()
        for cell in release.cells
    ]


class Metrics:
    """All metrics of one application. All methods are safe to call from any thread.

    prometheus_client shares values between processes if ``PROMETHEUS_MULTIPROC_DIR`` was set when it was first
    imported; see :mod:`service.telemetry.shared_metrics`. A process then has one application, and metrics of the
    process itself (CPU, memory, open files) are left out, since they would describe whichever worker answers.

    Attributes:
        shared: whether :meth:`exposition` covers all processes that share the folder.
        started: call it with the number of requests that have arrived.
        ended: call it with the number of requests that were answered.
        batches: records every batch, here and in the inference statistics.
        stations: counts the readings and forecasts of stations.
    """

    def __init__(self, routes: Iterable[str] = ()) -> None:
        """Create the metrics, with these route templates (such as ``/models/{model}``) as labels."""
        registry = CollectorRegistry()
        self.shared = values.ValueClass is not values.MutexValue
        self._instruments = instruments = Instruments(registry)
        self._routes = frozenset(routes)
        # Children and their methods are looked up once: labels() costs more than counting.
        self.started: Callable[[float], None] = instruments.in_flight.inc
        self.ended: Callable[[float], None] = instruments.in_flight.dec
        self._requests: dict[tuple[str, str, int], Observe] = {}
        self._rejects = {reason: instruments.rejected.labels(reason).inc for reason in REASONS}
        self._reloads = {outcome: instruments.reloads.labels(outcome).inc for outcome in OUTCOMES}
        self._infos: frozenset[ModelInfo] = frozenset()
        self._models = {OTHER: _Model(instruments, OTHER)}
        self.batches = BatchMetrics(self.batch, self.drift)
        self.stations = StationMetrics(registry)
        self._source: Collector = multiprocess.MultiProcessCollector(None) if self.shared else registry
        if not self.shared:
            ProcessCollector(registry=registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that ended after ``seconds``. Call :attr:`ended` as well.

        ``route`` is the template of the route that answered, and ``status`` the status that was sent.
        """
        observe = self._requests.get((route, method, status))
        if observe is None:
            observe = self._find_request(route, method, status)
        observe(seconds)

    def _find_request(self, route: str, method: str, status: int) -> Observe:
        # Only known labels are cached, so that clients cannot fill the memory with names that they make up.
        known = (route if route in self._routes else OTHER, method if method in METHODS else OTHER, status)
        if known not in self._requests:
            self._requests[known] = self._instruments.request_seconds.labels(*known).observe
        return self._requests[known]

    def rejected(self, reason: Reason) -> None:
        """Count a request that is refused before it is processed. It also counts as a request when it is answered."""
        self._rejects.get(reason, self._rejects[OTHER])()

    def batch(self, model: str, windows: int, waited_seconds: float, inference_seconds: float) -> None:
        """Count a batch of a model: its size, the wait of its first request, and the duration of the network's work."""
        child = self._models.get(model) or self._models[OTHER]
        child.batch_windows(windows)
        child.waited(waited_seconds)
        child.inference(inference_seconds)

    def drift(self, model: str, windows: int, level_sum: float, spread_sum: float, outside: int) -> None:
        """Count how far windows are from the training data.

        ``level_sum`` and ``spread_sum`` are sums over the windows of
        :meth:`~forecasting.models.training_range.TrainingRange.distances`; ``outside`` is the number of windows with
        the warning ``outside_training``.
        """
        child = self._models.get(model) or self._models[OTHER]
        child.windows(windows)
        child.level(level_sum)
        child.spread(spread_sum)
        child.outside(outside)

    def models(self, infos: Iterable[ModelInfo]) -> None:
        """Show these networks as the loaded ones. Others disappear."""
        loaded = frozenset(infos)
        for info in loaded:
            self._instruments.model_info.labels(*info).set(1)
            if info.model not in self._models:
                self._models[info.model] = _Model(self._instruments, info.model)
        # A sample cannot be removed from a file that processes share. At 0, it is left out of the exposition.
        for info in self._infos - loaded:
            self._instruments.model_info.labels(*info).set(0)
        self._infos = loaded

    def reloaded(self, outcome: Outcome) -> None:
        """Count a check for a new release."""
        self._reloads.get(outcome, self._reloads[OTHER])()

    def exposition(self, further: Iterable[Metric] = ()) -> tuple[bytes, str]:
        """Return these and ``further`` metrics in Prometheus's text format, and its media type."""
        self.batches.count()
        return generate_latest(_VisibleMetrics(self._source, further)), CONTENT_TYPE_PLAIN_0_0_4


class _Model:
    """The metrics of one model."""

    def __init__(self, instruments: Instruments, model: str) -> None:
        self.batch_windows: Observe = instruments.batch_windows.labels(model).observe
        self.waited: Observe = instruments.queue_wait_seconds.labels(model).observe
        self.inference: Observe = instruments.inference_seconds.labels(model).observe
        self.windows: Observe = instruments.windows.labels(model).inc
        self.level: Observe = instruments.level_distance.labels(model).inc
        self.spread: Observe = instruments.spread_distance.labels(model).inc
        self.outside: Observe = instruments.outside.labels(model).inc


class _VisibleMetrics:
    """Metrics without unloaded models, and without creation times, which shared values do not have.

    Further ones follow them.
    """

    def __init__(self, source: Collector, further: Iterable[Metric]) -> None:
        self.source = source
        self.further = further

    def collect(self) -> Iterator[Metric]:
        for metric in self.source.collect():
            metric.samples = [
                sample
                for sample in metric.samples
                if not (sample.name == "sst_model_info" and sample.value == 0) and not sample.name.endswith("_created")
            ]
            yield metric
        yield from self.further
