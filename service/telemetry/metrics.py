"""The metrics for Prometheus: counts and durations of this process, or of all workers if there are several.

No label ever contains a client's string: a route or method that is not known from the start counts as ``other``.
"""

import os
import platform
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from prometheus_client import (
    CONTENT_TYPE_PLAIN_0_0_4,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Metric,
    ProcessCollector,
    generate_latest,
    multiprocess,
    values,
)
from prometheus_client.registry import Collector

from forecasting.errors import RequestError
from forecasting.releases.catalog import Catalog
from service.telemetry.batch_metrics import BatchMetrics

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"

_SIZES: Final = {"counter": 2**16, "histogram": 2**20, "gauge_livesum": 2**16, "gauge_livemax": 2**18}
"""Bytes of a worker's files, by kind: more than all routes and statuses need.

They are allocated in full before the first worker starts: prometheus_client maps them into memory, and a write to a
page that the disk has no room for kills the process with SIGBUS.
"""


@contextmanager
def shared_by_workers(workers: int) -> Iterator[None]:
    """Within this context, let worker processes that start share their metrics through a temporary folder."""
    with ExitStack() as stack:
        try:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sst-metrics-")))
            for place in range(workers):
                for kind, size in _SIZES.items():
                    (folder / f"{kind}_{place}.db").write_bytes(bytes(size))
        except OSError as error:
            where = tempfile.tempdir or "the folder of temporary files"
            needed = workers * sum(_SIZES.values()) / 2**20
            raise RequestError(
                f"{where} has no room for the {needed:.1f} MiB that {workers} workers share: {error.strerror}; free "
                "some space, or set TMPDIR to another folder",
                field="workers",
            ) from None
        os.environ[_FOLDER] = str(folder)
        stack.callback(os.environ.pop, _FOLDER)
        yield


def begin_worker(place: int) -> None:
    """Let this process count in the files of worker ``place``, from 0. Call it before creating any metrics."""
    values.ValueClass = values.MultiProcessValue(lambda: place)


def worker_ended(place: int) -> None:
    """Clear the gauges of a worker that ended (requests in flight, models). Its counts stay.

    The next worker in that ``place`` continues them.
    """
    for path in Path(os.environ[_FOLDER]).glob(f"gauge_live*_{place}.db"):
        with path.open("r+b") as file:
            # The first bytes say how much of the file is used.
            file.write(bytes(8))


OTHER: Final = "other"
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

Reason = Literal[
    "body_too_large", "deadline", "draining", "forbidden", "not_ready", "overloaded", "rate_limited", "unauthorized"
]
Outcome = Literal["loaded", "unchanged", "failed"]

_REQUEST_SECONDS: Final = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip


class ModelInfo(NamedTuple):
    """The labels of a loaded network; ``sha256`` is cut to twelve digits."""

    model: str
    version: str
    cell: str
    dataset: str
    device: str
    sha256: str


def loaded_models(catalog: Catalog) -> list[ModelInfo]:
    """Return the labels of each network of ``catalog``, for :meth:`Metrics.models`."""
    return [
        ModelInfo(
            model=f"{release.dataset}-{cell}",
            version=release.version,
            cell=cell,
            dataset=release.dataset,
            device=str(release.device),
            sha256=release.file(f"{cell}.pt").sha256[:12],
        )
        for release in catalog.releases.values()
        for cell in release.cells
    ]


class Metrics:
    """All metrics of one application. All methods are safe to call from any thread.

    prometheus_client shares values between processes if ``PROMETHEUS_MULTIPROC_DIR`` was set when it was first
    imported; see :func:`shared_by_workers`. A process then has one application, and metrics of the
    process itself (CPU, memory, open files) are left out, since they would describe whichever worker answers.
    """

    def __init__(self, routes: Iterable[str] = ()) -> None:
        """Create the metrics, with these route templates (such as ``/models/{model}``) as labels."""
        self.registry = registry = CollectorRegistry()
        self.shared = values.ValueClass is not values.MutexValue
        self._routes = frozenset(routes)
        build = Gauge(
            "sst_build_info",
            "Always 1, labelled with the versions of the service, Python and torch.",
            ("version", "python", "torch"),
            registry=registry,
            multiprocess_mode="livemax",
        )
        build.labels(version("sst-forecasting"), platform.python_version(), version("torch")).set(1)
        self._request_seconds = Histogram(
            "sst_request_seconds",
            "Time from the arrival of a request to the last byte of its response.",
            ("route", "method", "status"),
            registry=registry,
            buckets=_REQUEST_SECONDS,
        )
        # Children and their methods are looked up once: labels() costs more than counting.
        self._requests: dict[tuple[str, str, int], Callable[[float], None]] = {}
        in_flight = Gauge(
            "sst_requests_in_flight",
            "Requests that have arrived but have not been answered yet.",
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.started: Callable[[float], None] = in_flight.inc
        self.ended: Callable[[float], None] = in_flight.dec
        self._rejected = Counter(
            "sst_rejected_total",
            "Requests refused before they were processed; sst_request_seconds counts them too.",
            ("reason",),
            registry=registry,
        )
        self._reloads = Counter(
            "sst_reloads_total",
            "Checks for new releases by all workers: loaded, failed (or an unreadable folder), or unchanged.",
            ("outcome",),
            registry=registry,
        )
        for counter, labels in ((self._rejected, get_args(Reason)), (self._reloads, get_args(Outcome))):
            for label in labels:
                counter.labels(label)
        self._info = Gauge(
            "sst_model_info",
            "1 for each loaded network.",
            ModelInfo._fields,
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._infos: frozenset[ModelInfo] = frozenset()
        self.batches = BatchMetrics(registry)
        self._source: Collector = multiprocess.MultiProcessCollector(None) if self.shared else registry
        if not self.shared:
            ProcessCollector(registry=registry)

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that ended after ``seconds``. Call :attr:`ended` as well.

        ``route`` is the template of the route that answered, and ``status`` the status that was sent.
        """
        observe = self._requests.get((route, method, status))
        if observe is None:
            # Only known labels are kept, so that clients cannot fill the memory with names that they make up.
            known = (route if route in self._routes else OTHER, method if method in METHODS else OTHER, status)
            observe = self._requests[known] = self._request_seconds.labels(*known).observe
        observe(seconds)

    def rejected(self, reason: Reason) -> None:
        """Count a request that is refused before it is processed. It also counts as a request when it is answered."""
        self._rejected.labels(reason).inc()

    def models(self, infos: Iterable[ModelInfo]) -> None:
        """Show these networks as the loaded ones. Others disappear."""
        loaded = frozenset(infos)
        for info in loaded:
            self._info.labels(*info).set(1)
            self.batches.show(info.model)
        # A sample cannot be removed from a file that processes share. At 0, it is left out of the exposition.
        for info in self._infos - loaded:
            self._info.labels(*info).set(0)
        self._infos = loaded

    def reloaded(self, outcome: Outcome) -> None:
        """Count a check for a new release."""
        self._reloads.labels(outcome).inc()

    def exposition(self, further: Iterable[Metric] = ()) -> tuple[bytes, str]:
        """Return these and ``further`` metrics in Prometheus's text format, and its media type."""
        self.batches.count()
        return generate_latest(_VisibleMetrics(self._source, further)), CONTENT_TYPE_PLAIN_0_0_4


class _VisibleMetrics(NamedTuple):
    """Metrics without unloaded models, and without creation times, which shared values do not have.

    Further ones follow them.
    """

    source: Collector
    further: Iterable[Metric]

    def collect(self) -> Iterator[Metric]:
        for metric in self.source.collect():
            metric.samples = [
                sample
                for sample in metric.samples
                if not (sample.name == "sst_model_info" and sample.value == 0) and not sample.name.endswith("_created")
            ]
            yield metric
        yield from self.further
