"""All metrics: names, labels, buckets and help texts."""

import platform
from importlib.metadata import version
from typing import Final, Literal, NamedTuple, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

OTHER: Final = "other"
METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})

Reason = Literal[
    "body_too_large", "deadline", "draining", "forbidden", "not_ready", "overloaded", "rate_limited", "unauthorized"
]
Outcome = Literal["loaded", "unchanged", "failed"]

REASONS: Final[tuple[str, ...]] = (*get_args(Reason), OTHER)
OUTCOMES: Final[tuple[str, ...]] = (*get_args(Outcome), OTHER)

_REQUEST_SECONDS: Final = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_WORK_SECONDS: Final = (0.0001, *_REQUEST_SECONDS[:-3])
_WINDOWS: Final = tuple(2**power for power in range(11))


class ModelInfo(NamedTuple):
    """The labels of a loaded network; ``sha256`` is cut to twelve digits."""

    model: str
    version: str
    cell: str
    dataset: str
    device: str
    sha256: str


class Instruments:
    """All metrics, in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._build()
        self._requests()
        self._batches()
        self._models()
        self._drift()

    def _build(self) -> None:
        build = Gauge(
            "sst_build_info",
            "Always 1, labelled with the versions of the service, Python and torch.",
            ("version", "python", "torch"),
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        build.labels(version("sst-forecasting"), platform.python_version(), version("torch")).set(1)

    def _requests(self) -> None:
        self.request_seconds = self._histogram(
            "sst_request_seconds",
            "Time from the arrival of a request to the last byte of its response.",
            ("route", "method", "status"),
            _REQUEST_SECONDS,
        )
        self.in_flight = Gauge(
            "sst_requests_in_flight",
            "Requests that have arrived but have not been answered yet.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.rejected = self._counter("sst_rejected_total", "Requests refused before they were processed.", "reason")

    def _batches(self) -> None:
        self.queue_wait_seconds = self._histogram(
            "sst_queue_wait_seconds",
            "Time that the first request in a batch waited.",
            ("model",),
            _WORK_SECONDS,
        )
        self.inference_seconds = self._histogram(
            "sst_inference_seconds",
            "Duration of the network's work on a batch, including all leads.",
            ("model",),
            _WORK_SECONDS,
        )
        self.batch_windows = self._histogram("sst_batch_windows", "Number of windows in a batch.", ("model",), _WINDOWS)

    def _models(self) -> None:
        self.model_info = Gauge(
            "sst_model_info",
            "1 for each loaded network.",
            ModelInfo._fields,
            registry=self.registry,
            multiprocess_mode="livemax",
        )
        self.reloads = self._counter("sst_reloads_total", "Checks for a new release, by outcome.", "outcome")

    def _drift(self) -> None:
        self.windows = self._counter("sst_input_windows_total", "Input windows of forecasts.", "model")
        self.level_distance = self._counter(
            "sst_input_level_distance_total",
            "Sum over input windows of the distance between the window's mean and the middle of the training "
            "temperatures, in half ranges: 0 is the middle, 1 the edge. Divide its rate by that of "
            "sst_input_windows_total to get the mean distance.",
            "model",
        )
        self.spread_distance = self._counter(
            "sst_input_spread_distance_total",
            "Sum over input windows of the distance between the window's root mean square change per step and the "
            "middle of the training range, in half ranges: 0 is the middle, 1 the edge. Divide its rate by that of "
            "sst_input_windows_total to get the mean distance.",
            "model",
        )
        self.outside = self._counter(
            "sst_input_outside_training_total", "Input windows of forecasts with the warning outside_training.", "model"
        )

    def _histogram(self, name: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Histogram:
        return Histogram(name, text, labels, registry=self.registry, buckets=buckets)

    def _counter(self, name: str, text: str, label: str) -> Counter:
        return Counter(name, text, (label,), registry=self.registry)
